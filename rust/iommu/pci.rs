// SPDX-License-Identifier: GPL-2.0

//! PCI devices: where they are, whose requester IDs they use, ATS, PRI and PASID.
//!
//! C headers: [`include/linux/pci.h`](srctree/include/linux/pci.h),
//! [`include/linux/pci-ats.h`](srctree/include/linux/pci-ats.h)

use super::bindings;
use core::ptr::NonNull;
use kernel::{
    device::Device,
    error::to_result,
    prelude::*, //
};

/// Of the ATS capability register: how many invalidations are taken, 0 for 32.
const ATS_QUEUE_DEPTH: u16 = 0x1f;

/// The bits of an element of a bitmap.
const BITS_PER_LONG: usize = usize::BITS as usize;

/// Whose requester ID comes out of a bridge upstream.
enum Forwarded {
    /// Its that sent the transaction.
    Unchanged,
    /// This.
    As(u16),
    /// An IOMMU's, which is at the bridge.
    Translated,
}

/// A function on the way from a root bus to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The number of the bus that the function is on.
    pub bus: u8,
    /// The device number there.
    pub device: u8,
    /// The function number.
    pub function: u8,
}

/// A PCI function: a device behind an IOMMU, or a bridge that leads to one.
///
/// PCIe requires PASID to be enabled before and disabled after ATS (PCIe base 10.5.1.3).
///
/// # Invariants
///
/// The pointer is valid for `'a`.
pub struct PciEndpoint<'a>(
    NonNull<bindings::pci_dev>,
    core::marker::PhantomData<&'a Device>,
);

impl<'a> PciEndpoint<'a> {
    /// `dev` as a PCI function, if it is one.
    pub fn new(dev: &'a Device) -> Option<Self> {
        // SAFETY: `dev` is valid; what is returned is null or contains it.
        let pdev = unsafe { bindings::rust_helper_dev_to_pci(super::raw_dev(dev)) };

        // SAFETY: `dev` is valid for `'a`.
        unsafe { Self::from_raw(pdev) }
    }

    /// # Safety
    ///
    /// `pdev` must be null or valid for `'a`.
    unsafe fn from_raw(pdev: *mut bindings::pci_dev) -> Option<Self> {
        // INVARIANT: By this function's requirement.
        NonNull::new(pdev).map(|p| Self(p, core::marker::PhantomData))
    }

    /// The segment: PCI domain number.
    pub fn segment(&self) -> u32 {
        // CAST: Domain numbers are not negative.
        // SAFETY: Valid by the type's invariant.
        unsafe { bindings::rust_helper_pci_domain_nr(self.0.as_ptr()) as u32 }
    }

    /// The number of the bus.
    pub fn bus(&self) -> u8 {
        // SAFETY: Valid by the type's invariant; a function keeps its bus.
        unsafe { (*(*self.0.as_ptr()).bus).number }
    }

    /// The device and function number: 5 and 3 bits.
    pub fn devfn(&self) -> u8 {
        // CAST: Device and function numbers are of 8 bits.
        // SAFETY: Valid by the type's invariant; they don't change.
        unsafe { (*self.0.as_ptr()).devfn as u8 }
    }

    /// The requester ID: bus, device and function number.
    pub fn requester_id(&self) -> u16 {
        u16::from_be_bytes([self.bus(), self.devfn()])
    }

    /// Whether the function is a bridge to another bus.
    pub fn is_bridge(&self) -> bool {
        // SAFETY: Valid by the type's invariant; the type does not change.
        let header = unsafe { (*self.0.as_ptr()).hdr_type };

        u32::from(header) != bindings::PCI_HEADER_TYPE_NORMAL
    }

    /// Whether the function's driver takes over from what firmware had it do in reserved memory: a
    /// display or a USB controller.
    pub fn leaves_reserved_memory(&self) -> bool {
        // SAFETY: Valid by the type's invariant; the class does not change.
        let class = unsafe { (*self.0.as_ptr()).class } >> 8;

        class >> 8 == bindings::PCI_BASE_CLASS_DISPLAY || class == bindings::PCI_CLASS_SERIAL_USB
    }

    /// The physical function of a virtual one, otherwise the function itself.
    ///
    /// Firmware knows nothing of virtual functions.
    pub fn physical(&self) -> Self {
        // SAFETY: Valid by the type's invariant. A virtual function is taken from its IOMMU before
        // its physical one goes.
        unsafe { Self::from_raw(bindings::rust_helper_pci_physfn(self.0.as_ptr())) }
            .unwrap_or(Self(self.0, self.1))
    }

    /// The function whose requester ID this one's DMA carries: itself, unless it is in the domain
    /// of a bridge of its own (VMD).
    pub fn requester(&self) -> Self {
        // SAFETY: Valid by the type's invariant. What is behind a VMD is taken from its IOMMU
        // before that goes.
        unsafe { Self::from_raw(bindings::rust_helper_pci_requester(self.0.as_ptr())) }
            .unwrap_or(Self(self.0, self.1))
    }

    /// The bridge that leads to the function; `None` on a root bus.
    pub fn upstream(&self) -> Option<Self> {
        // SAFETY: Valid by the type's invariant. A function refers to its bus, and a bus to the
        // bridge that leads to it.
        unsafe { Self::from_raw(bindings::rust_helper_pci_upstream_bridge(self.0.as_ptr())) }
    }

    /// The way to the function from its root bus: the bridges, and then the function itself.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn path(&self) -> Result<KVec<PathStep>> {
        let mut path = KVec::new();
        let mut at = Some(Self(self.0, self.1));

        while let Some(function) = at {
            path.push(
                PathStep {
                    bus: function.bus(),
                    device: function.devfn() >> 3,
                    function: function.devfn() & 7,
                },
                GFP_KERNEL,
            )?;
            at = function.upstream();
        }
        path.reverse();
        Ok(path)
    }

    /// Runs `f` on each requester ID that the function's DMA may carry when it comes to the root
    /// bus, its own first, until it fails. It may come by an ID more than once.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn for_each_requester_id(&self, mut f: impl FnMut(u16) -> Result) -> Result {
        let requester = self.requester();

        f(requester.requester_id())?;
        for devfn in 0..=u8::MAX {
            if requester.has_alias(devfn) {
                f(u16::from_be_bytes([requester.bus(), devfn]))?;
            }
        }

        let mut at = requester.upstream();

        while let Some(bridge) = at {
            match bridge.forwards() {
                Forwarded::Unchanged => (),
                Forwarded::As(id) => f(id)?,
                Forwarded::Translated => break,
            }
            at = bridge.upstream();
        }
        Ok(())
    }

    /// Whether the function, which is broken then, also uses the ID of `devfn`.
    fn has_alias(&self, devfn: u8) -> bool {
        let devfn = usize::from(devfn);

        // SAFETY: Valid by the type's invariant; a bitmap of 256 bits, unless null.
        unsafe {
            let mask = (*self.0.as_ptr()).dma_alias_mask;

            !mask.is_null() && *mask.add(devfn / BITS_PER_LONG) & 1 << (devfn % BITS_PER_LONG) != 0
        }
    }

    /// What this bridge does with requester IDs from below (PCI Express to PCI/PCI-X Bridge 1.0,
    /// 2.3).
    fn forwards(&self) -> Forwarded {
        // SAFETY: Valid by the type's invariant; there is a device below, so this does not change.
        let (flags, pcie, pcie_flags, below) = unsafe {
            let raw = self.0.as_ptr();

            (
                u32::from((*raw).dev_flags),
                (*raw).pcie_cap != 0,
                u32::from((*raw).pcie_flags_reg),
                (*raw).subordinate,
            )
        };
        let flag = |flag: bindings::pci_dev_flags| flags & flag != 0;
        let below = || match below.is_null() {
            // SAFETY: A function on that bus, or below it, refers to it.
            false => Forwarded::As(u16::from_be_bytes([unsafe { (*below).number }, 0])),
            true => Forwarded::Unchanged,
        };

        if flag(bindings::pci_dev_flags_PCI_DEV_FLAGS_BRIDGE_XLATE_ROOT) {
            return Forwarded::Translated;
        }
        if !pcie {
            return match flag(bindings::pci_dev_flags_PCI_DEV_FLAG_PCIE_BRIDGE_ALIAS) {
                true => below(),
                false => Forwarded::As(self.requester_id()),
            };
        }
        match (pcie_flags & bindings::PCI_EXP_FLAGS_TYPE) >> 4 {
            bindings::PCI_EXP_TYPE_PCI_BRIDGE
                if !flag(bindings::pci_dev_flags_PCI_DEV_FLAGS_PCI_BRIDGE_NO_ALIAS) =>
            {
                below()
            }
            bindings::PCI_EXP_TYPE_PCIE_BRIDGE => Forwarded::As(self.requester_id()),
            _ => Forwarded::Unchanged,
        }
    }

    /// How many invalidations the function, or for a virtual one its physical one, takes before it
    /// has answered one: 1 to 31, or 0 for 32.
    pub fn ats_queue_depth(&self) -> u8 {
        // CAST: 5 bits.
        (self.physical().ats_capability() & ATS_QUEUE_DEPTH) as u8
    }

    /// Whether the function's translation requests are aligned to pages, so that the untranslated
    /// address in them can be relied on.
    pub fn ats_page_aligned(&self) -> bool {
        u32::from(self.ats_capability()) & bindings::PCI_ATS_CAP_PAGE_ALIGNED != 0
    }

    /// The ATS capability register, 0 if the function has none or does not answer.
    fn ats_capability(&self) -> u16 {
        let mut value = 0;
        // SAFETY: Valid by the type's invariant; where the capability is does not change.
        let base = unsafe { (*self.0.as_ptr()).ats_cap };

        if base == 0 {
            return 0;
        }
        // CAST: Offsets in configuration space.
        // SAFETY: Valid by the type's invariant; one 16-bit register is read.
        let read = unsafe {
            bindings::pci_read_config_word(
                self.0.as_ptr(),
                c_int::from(base) + bindings::PCI_ATS_CAP as c_int,
                &mut value,
            )
        };

        match read {
            0 => value,
            _ => 0,
        }
    }

    /// Whether the function can ask for pages (PRI).
    pub fn pri_supported(&self) -> bool {
        // SAFETY: Valid by the type's invariant.
        unsafe { bindings::rust_helper_pci_pri_supported(self.0.as_ptr()) }
    }

    /// Whether the function can ask for pages by itself: a virtual one does that if its physical
    /// one may.
    #[cfg(CONFIG_PCI_PRI)]
    pub fn has_pri(&self) -> bool {
        // SAFETY: Valid by the type's invariant; where the capability is does not change.
        let base = unsafe { (*self.0.as_ptr()).pri_cap };

        base != 0 && self.physical().0 == self.0
    }

    /// Lets the function ask for pages, `most` at a time or as many as it can, with nothing left of
    /// what was before.
    ///
    /// The kernel exports `pci_disable_pri()`, but not its counterpart. What it keeps of a function
    /// to restore the capability by, after a reset, is kept here, too.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it can't.
    /// - [`EBUSY`]: it may already, or waits for answers to earlier requests.
    /// - [`EIO`]: it does not answer.
    #[cfg(CONFIG_PCI_PRI)]
    pub fn enable_pri(&self, most: u32) -> Result {
        let raw = self.0.as_ptr();
        let (mut status, mut limit) = (0, 0);

        if !self.has_pri() {
            return Err(ENODEV);
        }
        // SAFETY: Valid by the type's invariant. The flag is changed here and in `disable_pri()`
        // alone, and by the function's IOMMU driver alone, one call at a time.
        if unsafe { bindings::pci_dev::pri_enabled_raw(raw) } != 0 {
            return Err(EBUSY);
        }
        // CAST: Offsets in configuration space.
        // SAFETY: Valid by the type's invariant; registers of the capability are read.
        let read = unsafe {
            let base = c_int::from((*raw).pri_cap);

            bindings::pci_read_config_word(
                raw,
                base + bindings::PCI_PRI_STATUS as c_int,
                &mut status,
            ) | bindings::pci_read_config_dword(
                raw,
                base + bindings::PCI_PRI_MAX_REQ as c_int,
                &mut limit,
            )
        };

        if read != 0 || status == u16::MAX {
            return Err(EIO);
        }
        if u32::from(status) & bindings::PCI_PRI_STATUS_STOPPED == 0 {
            return Err(EBUSY);
        }

        let allowed = limit.min(most);
        // CAST: Offsets in configuration space, and small flags.
        // SAFETY: Valid by the type's invariant; registers of the capability are written.
        let written = unsafe {
            let base = c_int::from((*raw).pri_cap);
            let control = base + bindings::PCI_PRI_CTRL as c_int;
            let most = base + bindings::PCI_PRI_ALLOC_REQ as c_int;

            bindings::pci_write_config_word(raw, control, bindings::PCI_PRI_CTRL_RESET as u16)
                | bindings::pci_write_config_dword(raw, most, allowed)
                | bindings::pci_write_config_word(
                    raw,
                    control,
                    bindings::PCI_PRI_CTRL_ENABLE as u16,
                )
        };

        if written != 0 {
            return Err(EIO);
        }
        // SAFETY: As above.
        unsafe {
            (*raw).pri_reqs_alloc = allowed;
            bindings::pci_dev::set_pri_enabled_raw(raw, 1);
        }
        Ok(())
    }

    /// Lets the function ask for pages no more, if it may.
    #[cfg(CONFIG_PCI_PRI)]
    pub fn disable_pri(&self) {
        // SAFETY: Valid by the type's invariant; see `enable_pri()`.
        unsafe {
            if bindings::pci_dev::pri_enabled_raw(self.0.as_ptr()) != 0 {
                bindings::pci_disable_pri(self.0.as_ptr());
            }
        }
    }

    /// Whether the function has a usable ATS capability.
    pub fn ats_supported(&self) -> bool {
        // SAFETY: Valid by the type's invariant.
        unsafe { bindings::pci_ats_supported(self.0.as_ptr()) }
    }

    /// Prepares ATS with translation units of `1 << stu_log2` bytes.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: no ATS, or a virtual function whose physical one uses another unit.
    pub fn prepare_ats(&self, stu_log2: u32) -> Result {
        // SAFETY: Valid by the type's invariant.
        to_result(unsafe { bindings::pci_prepare_ats(self.0.as_ptr(), stu_log2 as c_int) })
    }

    /// Lets the function send ATS translation requests.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: as [`Self::prepare_ats`].
    /// - [`EBUSY`]: already enabled.
    pub fn enable_ats(&self, stu_log2: u32) -> Result {
        // SAFETY: Valid by the type's invariant.
        to_result(unsafe { bindings::pci_enable_ats(self.0.as_ptr(), stu_log2 as c_int) })
    }

    /// Stops the function from using ATS.
    pub fn disable_ats(&self) {
        // SAFETY: Valid by the type's invariant.
        unsafe { bindings::pci_disable_ats(self.0.as_ptr()) }
    }

    /// Enables PASID with all the features the function has; returns how many PASIDs it can use.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] and others of `pci_enable_pasid()`: no PASID.
    pub fn enable_pasid(&self) -> Result<u32> {
        // SAFETY: Valid by the type's invariant.
        let features = unsafe { bindings::pci_pasid_features(self.0.as_ptr()) };
        to_result(features)?;
        // SAFETY: Valid by the type's invariant.
        let max = unsafe { bindings::pci_max_pasids(self.0.as_ptr()) };
        to_result(max)?;
        // SAFETY: Valid by the type's invariant.
        to_result(unsafe { bindings::pci_enable_pasid(self.0.as_ptr(), features) })?;
        // CAST: Checked above not to be negative.
        Ok(max as u32)
    }

    /// Disables PASID.
    pub fn disable_pasid(&self) {
        // SAFETY: Valid by the type's invariant.
        unsafe { bindings::pci_disable_pasid(self.0.as_ptr()) }
    }
}

/// Runs `f` on each PCI function that has a driver which uses the DMA API, until it returns true.
/// Returns whether it did. No function gets or loses its driver while `f` looks at it.
pub fn find_in_use<F: FnMut(&PciEndpoint<'_>) -> bool>(mut f: F) -> bool {
    extern "C" fn call<F: FnMut(&PciEndpoint<'_>) -> bool>(
        pdev: *mut bindings::pci_dev,
        arg: *mut c_void,
    ) -> bool {
        // SAFETY: `arg` is the pointer to `f` that is passed below; `pdev` is valid for the call.
        unsafe {
            let f = &mut *arg.cast::<F>();

            PciEndpoint::from_raw(pdev).is_some_and(|function| f(&function))
        }
    }

    // SAFETY: `call` gets back the pointer to `f`, during this call only.
    unsafe { bindings::rust_helper_pci_find_in_use(Some(call::<F>), (&raw mut f).cast()) }
}
