// SPDX-License-Identifier: GPL-2.0

//! ATS and PASID of a PCI device.
//!
//! C header: [`include/linux/pci-ats.h`](srctree/include/linux/pci-ats.h)

use super::bindings;
use core::ptr::NonNull;
use kernel::{
    device::Device,
    error::to_result,
    prelude::*, //
};

/// A device behind an IOMMU that is a PCI function.
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

        NonNull::new(pdev).map(|p| Self(p, core::marker::PhantomData))
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
