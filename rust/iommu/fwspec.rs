// SPDX-License-Identifier: GPL-2.0

//! What firmware says of a device's IOMMU.

use super::bindings;
use core::ptr::NonNull;

/// A device's `struct iommu_fwspec`: its IOMMU and the IDs it presents to it.
///
/// # Invariants
///
/// The pointee is valid and is not changed for the lifetime `'a`: the IOMMU core completes it
/// before it calls the driver's probe and frees it after release.
#[derive(Clone, Copy)]
pub struct FwSpec<'a>(&'a bindings::iommu_fwspec);

impl<'a> FwSpec<'a> {
    /// The fwspec of `dev`, if firmware gave one.
    ///
    /// # Safety
    ///
    /// `dev` must be valid, and for `'a` its fwspec must neither be changed nor freed.
    pub(super) unsafe fn of(dev: *mut bindings::device) -> Option<Self> {
        // SAFETY: By this function's requirement.
        let raw = NonNull::new(unsafe { bindings::rust_helper_dev_iommu_fwspec_get(dev) })?;

        // SAFETY: A fwspec that exists is initialised. INVARIANT: by this function's requirement.
        Some(Self(unsafe { raw.as_ref() }))
    }

    /// The firmware node of the IOMMU.
    pub(super) fn iommu(&self) -> *mut bindings::fwnode_handle {
        self.0.iommu_fwnode
    }

    /// The IDs, in the IOMMU's own numbering.
    pub fn ids(&self) -> &'a [u32] {
        // SAFETY: `ids` is a flexible array of `num_ids` elements.
        unsafe { core::slice::from_raw_parts(self.0.ids.as_ptr(), self.0.num_ids as usize) }
    }

    /// Whether the root complex forwards ATS requests (`IOMMU_FWSPEC_PCI_RC_ATS`).
    pub fn rc_ats(&self) -> bool {
        self.0.flags & bindings::IOMMU_FWSPEC_PCI_RC_ATS != 0
    }

    /// Whether the root complex makes every access write-back cacheable and thus coherent,
    /// whatever attributes it carries (`IOMMU_FWSPEC_PCI_RC_CANWBS`).
    pub fn rc_canwbs(&self) -> bool {
        self.0.flags & bindings::IOMMU_FWSPEC_PCI_RC_CANWBS != 0
    }
}
