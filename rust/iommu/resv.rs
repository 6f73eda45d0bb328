// SPDX-License-Identifier: GPL-2.0

//! Reserved IOVA regions of a device.

use super::bindings;
use kernel::{
    device::Device,
    io::PhysAddr,
    prelude::*, //
};

/// The list that `iommu_ops.get_resv_regions` fills.
///
/// # Invariants
///
/// `list` is a valid list of `struct iommu_resv_region` that nothing else accesses.
pub struct ResvList<'a> {
    list: *mut bindings::list_head,
    dev: &'a Device,
}

impl<'a> ResvList<'a> {
    /// # Safety
    ///
    /// `list` must be as the type's invariant says, for `'a`.
    pub(super) unsafe fn new(list: *mut bindings::list_head, dev: &'a Device) -> Self {
        Self { list, dev }
    }

    /// Adds the window of IOVAs that the kernel uses to map MSI doorbells
    /// (`IOMMU_RESV_SW_MSI`); `start` is an IOVA, `length` is in bytes.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn add_sw_msi(&mut self, start: PhysAddr, length: usize) -> Result {
        // CAST: Small flags; `enum iommu_resv_type` is passed as an integer.
        let prot = (bindings::IOMMU_WRITE | bindings::IOMMU_NOEXEC | bindings::IOMMU_MMIO) as c_int;

        // SAFETY: No requirements.
        let region = unsafe {
            bindings::iommu_alloc_resv_region(
                start,
                length,
                prot,
                bindings::iommu_resv_type_IOMMU_RESV_SW_MSI,
                bindings::GFP_KERNEL,
            )
        };
        if region.is_null() {
            return Err(ENOMEM);
        }

        // SAFETY: `list` is valid by the type's invariant and takes ownership of the new region.
        unsafe { bindings::rust_helper_iommu_resv_region_add(self.list, region) };
        Ok(())
    }

    /// Adds what firmware reserves for the device: DT `iommu-addresses`, ACPI IORT RMRs.
    pub fn add_firmware(&mut self) {
        // SAFETY: Both pointers are valid by the type's invariants.
        unsafe {
            bindings::rust_helper_iommu_dma_get_resv_regions(super::raw_dev(self.dev), self.list)
        };
    }
}
