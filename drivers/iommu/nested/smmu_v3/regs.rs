// SPDX-License-Identifier: GPL-2.0

//! Registers of the SMMU (Arm IHI 0070, chapter 6.3), Non-secure programming interface.
//!
//! Two 64 KiB pages. Page 1 holds the queue pointers that a hypervisor might want to hand out
//! separately; on an SMMU without that purpose it is there all the same.

use kernel::{
    device::Bound,
    io::{
        mem::{
            DevresIoMem,
            IoMem, //
        },
        poll::read_poll_timeout,
        register,
        register::{
            Array,
            LocatedRegister, //
        },
        Io,
        IoCapable,
        IoLoc,
        MmioBackend,
        Region, //
    },
    new_spinlock_irq,
    platform,
    prelude::*,
    sync::{
        Arc,
        SpinLockIrq, //
    },
    time::Delta, //
};

use super::arch::features::RawIds;

/// Size in bytes of the register file: page 0 and page 1.
const SIZE: usize = 0x2_0000;

/// How long to wait for the hardware to acknowledge a register write.
const ACK_TIMEOUT: Delta = Delta::from_secs(1);

/// How long to sleep between two looks at an acknowledgment.
const ACK_POLL: Delta = Delta::from_micros(10);

register! {
    /// SMMU_IDR0 to SMMU_IDR5: what is implemented. Decoded by `arch::features`.
    pub(crate) IDR(u32)[6] @ 0x0 {}

    /// SMMU_IIDR: implementer, product, variant and revision.
    pub(crate) IIDR(u32) @ 0x18 {}

    /// SMMU_AIDR: version of the architecture.
    pub(crate) AIDR(u32) @ 0x1c {}
}

register! {
    /// SMMU_CR0: what is switched on. Each change takes effect when `CR0ACK` shows it.
    pub(crate) CR0(u32) @ 0x20 {
        /// Check Translated transactions against the stream's EATS instead of letting all pass.
        4:4     atschk => bool;
        /// Process the command queue.
        3:3     cmdqen => bool;
        /// Write events into the event queue.
        2:2     evtqen => bool;
        /// Write page requests into the PRI queue.
        1:1     priqen => bool;
        /// Translate. Without it transactions get the attributes of `GBPA`.
        0:0     smmuen => bool;
    }

    /// SMMU_CR0ACK: the bits of `CR0` that have taken effect.
    pub(crate) CR0ACK(u32) @ 0x24 {}

    /// SMMU_CR1: attributes of the SMMU's own accesses to tables and queues.
    ///
    /// Shareability as in `MAIR`-less encodings: 0 none, 2 outer, 3 inner. Cacheability: 0 none,
    /// 1 write-back, 2 write-through. May change only while everything in `CR0` is off.
    pub(crate) CR1(u32) @ 0x28 {
        /// Tables: shareability.
        11:10   table_sh;
        /// Tables: outer cacheability.
        9:8     table_oc;
        /// Tables: inner cacheability.
        7:6     table_ic;
        /// Queues: shareability.
        5:4     queue_sh;
        /// Queues: outer cacheability.
        3:2     queue_oc;
        /// Queues: inner cacheability.
        1:0     queue_ic;
    }

    /// SMMU_CR2: behaviour. May change only while everything in `CR0` is off.
    pub(crate) CR2(u32) @ 0x2c {
        /// Private TLB maintenance: ignore broadcast invalidations of the CPUs.
        2:2     ptm => bool;
        /// Record C_BAD_STREAMID for streams outside of the table.
        1:1     recinvsid => bool;
        /// EL2 contexts are EL2-E2H contexts.
        0:0     e2h => bool;
    }

    /// SMMU_GBPA: what happens to transactions while `CR0` SMMUEN is 0.
    pub(crate) GBPA(u32) @ 0x44 {
        /// Written as 1 to update, reads as 1 until the update has taken effect.
        31:31   update => bool;
        /// Abort all transactions instead of letting them bypass.
        20:20   abort => bool;
    }

    /// SMMU_IRQ_CTRL: which interrupts may be raised, subject to `IRQ_CTRLACK`.
    pub(crate) IRQ_CTRL(u32) @ 0x50 {
        /// Event queue became non-empty or overflowed.
        2:2     evtq => bool;
        /// PRI queue became non-empty or overflowed.
        1:1     priq => bool;
        /// A global error became active.
        0:0     gerror => bool;
    }

    /// SMMU_IRQ_CTRLACK: the bits of `IRQ_CTRL` that have taken effect.
    pub(crate) IRQ_CTRLACK(u32) @ 0x54 {}

    /// SMMU_GERROR: global errors. An error is active while its bit differs from `GERRORN`.
    pub(crate) GERROR(u32) @ 0x60 {
        /// Service failure mode was entered.
        8:8     sfm_err => bool;
        /// A GERROR MSI was aborted.
        7:7     msi_gerror_abt_err => bool;
        /// A PRI queue MSI was aborted.
        6:6     msi_priq_abt_err => bool;
        /// An event queue MSI was aborted.
        5:5     msi_evtq_abt_err => bool;
        /// The MSI of a CMD_SYNC was aborted.
        4:4     msi_cmdq_abt_err => bool;
        /// A write to the PRI queue was aborted.
        3:3     priq_abt_err => bool;
        /// A write to the event queue was aborted.
        2:2     evtq_abt_err => bool;
        /// The command queue stopped at a command that cannot be executed.
        0:0     cmdq_err => bool;
    }

    /// SMMU_GERRORN: acknowledged global errors, toggled by software.
    pub(crate) GERRORN(u32) @ 0x64 {}

    /// SMMU_GERROR_IRQ_CFG0: MSI address for global errors, 0 for the wired interrupt.
    pub(crate) GERROR_IRQ_CFG0(u64) @ 0x68 {}
}

register! {
    /// SMMU_STRTAB_BASE: the stream table, see [`table_base`].
    pub(crate) STRTAB_BASE(u64) @ 0x80 {}

    /// SMMU_STRTAB_BASE_CFG: form of the stream table.
    pub(crate) STRTAB_BASE_CFG(u32) @ 0x88 {
        /// 0 linear, 1 two-level.
        17:16   format;
        /// Two-level: StreamID bits resolved by the second level; 6, 8 or 10.
        10:6    split;
        /// StreamID bits that the table covers.
        5:0     log2size;
    }

    /// SMMU_CMDQ_BASE: the command queue, see [`queue_base`].
    pub(crate) CMDQ_BASE(u64) @ 0x90 {}

    /// SMMU_CMDQ_PROD: where software writes the next command.
    pub(crate) CMDQ_PROD(u32) @ 0x98 {}

    /// SMMU_CMDQ_CONS: where the hardware reads the next command.
    pub(crate) CMDQ_CONS(u32) @ 0x9c {
        /// Why the command at this position cannot be executed; UNKNOWN unless
        /// `GERROR`.CMDQ_ERR is active.
        30:24   err;
    }

    /// SMMU_EVTQ_BASE: the event queue, see [`queue_base`].
    pub(crate) EVTQ_BASE(u64) @ 0xa0 {}

    /// SMMU_EVTQ_IRQ_CFG0: MSI address for events, 0 for the wired interrupt.
    pub(crate) EVTQ_IRQ_CFG0(u64) @ 0xb0 {}

    /// SMMU_PRIQ_BASE: the PRI queue, see [`queue_base`].
    pub(crate) PRIQ_BASE(u64) @ 0xc0 {}

    /// SMMU_PRIQ_IRQ_CFG0: MSI address for page requests, 0 for the wired interrupt.
    pub(crate) PRIQ_IRQ_CFG0(u64) @ 0xd0 {}
}

register! {
    /// SMMU_EVTQ_PROD: where the hardware writes the next event.
    pub(crate) EVTQ_PROD(u32) @ 0x1_00a8 {}

    /// SMMU_EVTQ_CONS: where software reads the next event.
    pub(crate) EVTQ_CONS(u32) @ 0x1_00ac {}

    /// SMMU_PRIQ_PROD: where the hardware writes the next page request.
    pub(crate) PRIQ_PROD(u32) @ 0x1_00c8 {}

    /// SMMU_PRIQ_CONS: where software reads the next page request.
    pub(crate) PRIQ_CONS(u32) @ 0x1_00cc {}
}

/// The base register of a table at `address`: physical address bits 51:6, and in bit 62 the hint
/// that the SMMU's reads of it may allocate in caches.
pub(super) const fn table_base(address: u64) -> u64 {
    1 << 62 | address
}

/// The base register of a queue of `1 << log2` entries at `address`: bits 51:5 of the physical
/// address, log2 of the length in bits 4:0, and in bit 62 the hint that the SMMU's accesses to it
/// may allocate in caches.
pub(super) const fn queue_base(address: u64, log2: u32) -> u64 {
    1 << 62 | address | log2 as u64
}

/// The mapped register file of one SMMU.
///
/// May outlive the binding of the driver to the device: each access then fails with `ENODEV`.
/// Accesses are ordered like the kernel's `readl()` and `writel()`: a write comes after all earlier
/// stores to memory as the SMMU sees them, a read before all later memory accesses.
#[pin_data]
pub(crate) struct Regs {
    io: DevresIoMem<SIZE>,
    /// Serialises the toggling of `GERRORN`, whose bits have several owners. Innermost lock.
    #[pin]
    gerrorn: SpinLockIrq<()>,
}

/// The registers, for as long as they are certain to be there.
#[derive(Clone, Copy)]
pub(crate) struct Present<'a>(&'a IoMem<'a, SIZE>);

impl Present<'_> {
    /// Reads the register at `location`: of 32 bits, and a constant.
    #[inline(always)]
    pub(crate) fn read<T, L>(self, location: L) -> T
    where
        L: IoLoc<Region<SIZE>, T>,
        MmioBackend: IoCapable<L::IoType>,
    {
        self.0.read(location)
    }

    /// Writes `value` to its register, of 32 bits.
    #[inline(always)]
    pub(crate) fn write<T, L, V>(self, value: V)
    where
        L: IoLoc<Region<SIZE>, T>,
        V: LocatedRegister<Region<SIZE>, Location = L, Value = T>,
        MmioBackend: IoCapable<L::IoType>,
    {
        self.0.write_reg(value);
    }
}

impl Regs {
    /// Maps the registers of `pdev`.
    ///
    /// `ENODEV` if it has none, `EINVAL` if the region is too small.
    pub(crate) fn new(pdev: &platform::Device<Bound>) -> Result<Arc<Self>> {
        let io = pdev
            .io_request_by_index(0)
            .ok_or(ENODEV)?
            .iomap_sized::<SIZE>()?
            .into_devres()?;

        Arc::pin_init(
            pin_init!(Self {
                io,
                gerrorn <- new_spinlock_irq!((), "Regs::gerrorn"),
            }),
            GFP_KERNEL,
        )
    }

    /// Runs `f` on the registers, which cannot go away meanwhile. Any context; `f` must not sleep.
    /// `ENODEV` after unbind.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(Present<'_>) -> R) -> Result<R> {
        self.io.try_access_with(|io| f(Present(io))).ok_or(ENODEV)
    }

    /// Reads the register at `location`. Any context; `ENODEV` after unbind.
    #[inline]
    pub(crate) fn read<T, L>(&self, location: L) -> Result<T>
    where
        L: IoLoc<Region<SIZE>, T>,
        MmioBackend: IoCapable<L::IoType>,
    {
        self.with(|regs| regs.0.try_read(location))?
    }

    /// Writes `value` to its register. Any context; `ENODEV` after unbind.
    #[inline]
    pub(crate) fn write<T, L, V>(&self, value: V) -> Result
    where
        L: IoLoc<Region<SIZE>, T>,
        V: LocatedRegister<Region<SIZE>, Location = L, Value = T>,
        MmioBackend: IoCapable<L::IoType>,
    {
        self.with(|regs| regs.0.try_write_reg(value))?
    }

    /// Reads the identification registers.
    pub(crate) fn raw_ids(&self) -> Result<RawIds> {
        let mut idr = [0; 6];

        for (i, idr) in idr.iter_mut().enumerate() {
            *idr = self.read(IDR::try_at(i).ok_or(EINVAL)?)?.into_raw();
        }
        Ok(RawIds {
            idr,
            iidr: self.read(IIDR)?.into_raw(),
            aidr: self.read(AIDR)?.into_raw(),
        })
    }

    /// Writes CR0 and sleeps until it has taken effect. `ETIMEDOUT` if it does not.
    pub(crate) fn set_cr0(&self, cr0: CR0) -> Result {
        self.write(cr0)?;
        self.wait(|| Ok(self.read(CR0ACK)?.into_raw() == cr0.into_raw()))
    }

    /// Writes IRQ_CTRL and sleeps until it has taken effect. `ETIMEDOUT` if it does not.
    pub(crate) fn set_irq_ctrl(&self, ctrl: IRQ_CTRL) -> Result {
        self.write(ctrl)?;
        self.wait(|| Ok(self.read(IRQ_CTRLACK)?.into_raw() == ctrl.into_raw()))
    }

    /// Makes the SMMU abort all transactions while it is disabled. May sleep; `ETIMEDOUT` if the
    /// SMMU does not follow.
    pub(crate) fn abort_when_disabled(&self) -> Result {
        let settled = || Ok(!self.read(GBPA)?.update());

        self.wait(settled)?;
        self.write(self.read(GBPA)?.with_abort(true).with_update(true))?;
        self.wait(settled)
    }

    /// The global errors that are active.
    pub(crate) fn active_errors(&self) -> Result<GERROR> {
        let acknowledged = self.read(GERRORN)?.into_raw();

        Ok(GERROR::from(self.read(GERROR)?.into_raw() ^ acknowledged))
    }

    /// Acknowledges the active global errors in `errors`.
    ///
    /// The caller serialises this with whoever else would acknowledge the same errors: a toggle too
    /// many makes an error active again that is not there.
    pub(crate) fn acknowledge(&self, errors: GERROR) -> Result {
        let _guard = self.gerrorn.lock();
        let acknowledged = self.read(GERRORN)?.into_raw();

        self.write(GERRORN::from(acknowledged ^ errors.into_raw()))
    }

    fn wait(&self, mut done: impl FnMut() -> Result<bool>) -> Result {
        read_poll_timeout(&mut done, |done| *done, ACK_POLL, ACK_TIMEOUT)?;
        Ok(())
    }
}
