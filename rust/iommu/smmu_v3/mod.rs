// SPDX-License-Identifier: GPL-2.0

//! What firmware says of SMMUs in ACPI's table IORT (Arm DEN 0049).

use super::{
    bindings,
    raw_dev, //
};
use kernel::{
    device::Device,
    error::to_result,
    prelude::*, //
};

/// The node of an SMMUv3.
#[derive(Clone, Copy)]
pub struct IortSmmuV3 {
    /// Which implementation it is, 0 if nothing is special about it.
    pub model: u32,
    flags: u32,
}

impl IortSmmuV3 {
    /// The node that `dev` was made from, if it was made from one.
    pub fn of(dev: &Device) -> Option<Self> {
        let (mut model, mut flags) = (0, 0);

        // SAFETY: Valid pointers.
        let ret =
            unsafe { bindings::rust_helper_iort_smmu_v3(raw_dev(dev), &mut model, &mut flags) };
        to_result(ret).ok().map(|()| Self { model, flags })
    }

    /// Whether table walks are coherent with the CPU caches, whatever IDR0.COHACC says.
    pub fn coherent(&self) -> bool {
        self.flags & bindings::ACPI_IORT_SMMU_V3_COHACC_OVERRIDE != 0
    }
}

/// Runs `f` on each StreamID that reserved memory range nodes name for the IOMMU `dev`: devices
/// that firmware has left running.
pub fn for_each_rmr_sid<F: FnMut(u32)>(dev: &Device, mut f: F) {
    extern "C" fn call<F: FnMut(u32)>(sid: u32, arg: *mut c_void) {
        // SAFETY: `arg` is the pointer to `f` that is passed below.
        unsafe { (*arg.cast::<F>())(sid) }
    }

    // SAFETY: A valid device; `call` gets back the pointer to `f`, during this call only.
    unsafe {
        bindings::rust_helper_iort_visit_rmr_sids(
            raw_dev(dev),
            Some(call::<F>),
            (&raw mut f).cast(),
        );
    }
}
