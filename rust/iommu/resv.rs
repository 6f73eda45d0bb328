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
        self.add(
            start,
            length,
            bindings::IOMMU_WRITE | bindings::IOMMU_NOEXEC | bindings::IOMMU_MMIO,
            bindings::iommu_resv_type_IOMMU_RESV_SW_MSI,
        )
    }

    /// Adds a window of IOVAs that the hardware takes for interrupts and does not translate
    /// (`IOMMU_RESV_MSI`); `start` is an IOVA, `length` is in bytes.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn add_msi(&mut self, start: PhysAddr, length: usize) -> Result {
        self.add(start, length, 0, bindings::iommu_resv_type_IOMMU_RESV_MSI)
    }

    /// Adds memory at `start` (HPA) of `length` bytes that the device uses by itself, and which the
    /// core maps to the same IOVAs in every domain of the kernel's: `IOMMU_RESV_DIRECT`, or if it
    /// is `relaxable`, because it is not used any more once a driver has the device,
    /// `IOMMU_RESV_DIRECT_RELAXABLE`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn add_direct(&mut self, start: PhysAddr, length: usize, relaxable: bool) -> Result {
        self.add(
            start,
            length,
            bindings::IOMMU_READ | bindings::IOMMU_WRITE,
            match relaxable {
                true => bindings::iommu_resv_type_IOMMU_RESV_DIRECT_RELAXABLE,
                false => bindings::iommu_resv_type_IOMMU_RESV_DIRECT,
            },
        )
    }

    /// Adds IOVAs that nothing may be mapped at (`IOMMU_RESV_RESERVED`); `length` is in bytes.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn add_reserved(&mut self, start: PhysAddr, length: usize) -> Result {
        self.add(
            start,
            length,
            0,
            bindings::iommu_resv_type_IOMMU_RESV_RESERVED,
        )
    }

    fn add(
        &mut self,
        start: PhysAddr,
        length: usize,
        prot: u32,
        kind: bindings::iommu_resv_type,
    ) -> Result {
        // CAST: Small flags.
        // SAFETY: No requirements.
        let region = unsafe {
            bindings::iommu_alloc_resv_region(
                start,
                length,
                prot as c_int,
                kind,
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

    /// Adds what firmware, a device tree or ACPI, says is reserved for this device.
    pub fn add_firmware(&mut self) {
        // SAFETY: Both pointers are valid by the type's invariants.
        unsafe {
            bindings::rust_helper_iommu_dma_get_resv_regions(super::raw_dev(self.dev), self.list)
        };
    }
}
