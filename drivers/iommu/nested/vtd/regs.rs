// SPDX-License-Identifier: GPL-2.0

//! Registers (chapter 11), and how the unit is told to do something.

use super::hw::Registers;
use kernel::prelude::*;

/// Version.
pub(crate) const VER: usize = 0x00;
/// Capabilities, 64 bits.
pub(crate) const CAP: usize = 0x08;
/// Extended capabilities, 64 bits.
pub(crate) const ECAP: usize = 0x10;
/// Global command.
pub(crate) const GCMD: usize = 0x18;
/// Global status.
pub(crate) const GSTS: usize = 0x1c;
/// Root table address, 64 bits.
pub(crate) const RTADDR: usize = 0x20;
/// Fault status.
pub(crate) const FSTS: usize = 0x34;
/// Fault event control.
pub(crate) const FECTL: usize = 0x38;
/// Protected memory enable.
pub(crate) const PMEN: usize = 0x64;
/// Invalidation queue head, 64 bits.
pub(crate) const IQH: usize = 0x80;
/// Invalidation queue tail, 64 bits, of which the upper half is reserved.
pub(crate) const IQT: usize = 0x88;
/// Invalidation queue address, 64 bits.
pub(crate) const IQA: usize = 0x90;
/// Page request queue head, 64 bits.
pub(crate) const PQH: usize = 0xc0;
/// Page request queue tail, 64 bits.
pub(crate) const PQT: usize = 0xc8;
/// Page request queue address, 64 bits, with the size in its low bits: 0 for one page.
pub(crate) const PQA: usize = 0xd0;
/// Page request status.
pub(crate) const PRS: usize = 0xdc;
/// Page request event control.
pub(crate) const PECTL: usize = 0xe0;

/// The size of a fault recording register in bytes; where they are is in CAP.
pub(crate) const FRCD_SIZE: usize = 16;
/// In the upper half of one: there is a fault in it. Written, the register is free again.
pub(crate) const FRCD_F: u64 = 1 << 63;

/// In IQH and IQT, where the index of a descriptor of 256 bits is.
pub(crate) const IQ_SHIFT: u32 = 5;
/// In PQH and PQT, where the index of a descriptor is.
pub(crate) const PQ_SHIFT: u32 = 5;
/// PRS.PPR: there are page requests. Cleared by writing it.
pub(crate) const PRS_PENDING: u32 = 1 << 0;
/// PRS.PRO: page requests were lost, as the queue was full, and all are from then on until this
/// is cleared by writing it.
pub(crate) const PRS_OVERFLOW: u32 = 1 << 1;
/// PECTL.IM: the interrupt is masked.
pub(crate) const PECTL_IM: u32 = 1 << 31;
/// CAP.PLMR and CAP.PHMR: there are protected memory regions.
pub(crate) const CAP_PROTECTED: u64 = 1 << 5 | 1 << 6;
/// IQA.DW: descriptors have 256 bits.
pub(crate) const IQA_DW: u64 = 1 << 11;
/// RTADDR.TTM: scalable mode.
pub(crate) const RTADDR_SCALABLE: u64 = 1 << 10;
/// FECTL.IM: the interrupt is masked.
pub(crate) const FECTL_IM: u32 = 1 << 31;
/// PMEN.EPM, and PMEN.PRS which follows it.
pub(crate) const PMEN_EPM: u32 = 1 << 31;
pub(crate) const PMEN_PRS: u32 = 1 << 0;

/// GSTS: translation is on.
const GSTS_TES: u32 = 1 << 31;
/// GSTS: the invalidation queue is on.
const GSTS_QIES: u32 = 1 << 26;
/// GSTS: interrupt remapping is on.
const GSTS_IRES: u32 = 1 << 25;

/// What somebody else has switched on, if something is.
pub(crate) fn in_use(regs: &impl Registers) -> Option<&'static str> {
    let status = regs.read32(GSTS);

    [
        (GSTS_TES, "translation"),
        (GSTS_QIES, "the invalidation queue"),
        (GSTS_IRES, "interrupt remapping"),
    ]
    .into_iter()
    .find_map(|(bit, name)| (status & bit != 0).then_some(name))
}

/// What stays as it is until it is changed: TE, EAFL, QIE, IRE and CFI. All else in GCMD acts once.
const PERSISTENT: u32 = 1 << 31 | 1 << 28 | 1 << 26 | 1 << 25 | 1 << 23;

/// Something that GCMD has the unit do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Take over RTADDR.
    SetRootTable,
    /// Flush the write buffer.
    FlushWrites,
    /// Switch translation on or off.
    Translation(bool),
    /// Switch the invalidation queue on or off.
    Queue(bool),
}

/// Has the unit do something, and waits until it has. One at a time.
///
/// # Errors
///
/// - [`ETIMEDOUT`]
pub(crate) fn command(regs: &impl Registers, command: Command) -> Result {
    let now = regs.read32(GSTS) & PERSISTENT;
    // The bit in GCMD, the same in GSTS, and what it is when all is done.
    let (bit, write, read) = match command {
        Command::SetRootTable => (1 << 30, true, true),
        // Set for as long as it takes.
        Command::FlushWrites => (1 << 27, true, false),
        Command::Translation(on) => (GSTS_TES, on, on),
        Command::Queue(on) => (GSTS_QIES, on, on),
    };
    let mut looks = 0;

    regs.write32(
        GCMD,
        match write {
            true => now | bit,
            false => now & !bit,
        },
    );
    while (regs.read32(GSTS) & bit != 0) != read {
        regs.pause(looks)?;
        looks += 1;
    }
    Ok(())
}

/// The value of FSTS.
#[derive(Clone, Copy)]
pub(crate) struct Status(pub(crate) u32);

impl Status {
    /// Fault recording overflow: more faults than there are records.
    const PFO: u32 = 1 << 0;
    const PPF: u32 = 1 << 1;
    const IQE: u32 = 1 << 4;
    const ICE: u32 = 1 << 5;
    const ITE: u32 = 1 << 6;

    /// Faults were lost.
    pub(crate) const OVERFLOW: u32 = Self::PFO;

    /// Nothing answers any more.
    pub(crate) fn is_gone(self) -> bool {
        self.0 == u32::MAX
    }

    /// The queue stands at a descriptor that the unit does not know.
    pub(crate) fn iqe(self) -> bool {
        self.0 & Self::IQE != 0
    }

    /// A device did not answer.
    pub(crate) fn ite(self) -> bool {
        self.0 & Self::ITE != 0
    }

    /// The errors of the queue, of which each is cleared by writing it.
    pub(crate) fn queue_errors(self) -> u32 {
        self.0 & (Self::IQE | Self::ICE | Self::ITE)
    }

    /// Whether there is one.
    pub(crate) fn is_queue_error(self) -> bool {
        self.queue_errors() != 0
    }

    /// There are fault records.
    pub(crate) fn pending(self) -> bool {
        self.0 & Self::PPF != 0
    }

    /// Faults were lost.
    pub(crate) fn overflowed(self) -> bool {
        self.0 & Self::PFO != 0
    }

    /// The index of the oldest record.
    pub(crate) fn first(self) -> usize {
        // CAST: 8 bits.
        ((self.0 >> 8) & 0xff) as usize
    }
}
