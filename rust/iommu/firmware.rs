// SPDX-License-Identifier: GPL-2.0

//! What firmware says of IOMMUs themselves.

use super::{
    bindings,
    raw_dev, //
};
use core::ptr::NonNull;
use kernel::{
    device::Device,
    error::to_result,
    prelude::*,
    str::CStr, //
};

/// Whether the accesses of `dev` are coherent with the CPU caches, by its device tree node.
pub fn of_dma_is_coherent(dev: &Device) -> bool {
    // SAFETY: A valid device.
    unsafe { bindings::rust_helper_of_dma_is_coherent(raw_dev(dev)) }
}

/// Whether the system is described by ACPI, not by a device tree.
pub fn acpi_in_use() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rust_helper_acpi_in_use() }
}

/// A table of ACPI's.
///
/// # Invariants
///
/// `table` is mapped, for `length` bytes, and does not change.
pub struct AcpiTable {
    table: NonNull<u8>,
    length: usize,
}

impl AcpiTable {
    /// The table of DMA remapping units, if there is one.
    pub fn dmar() -> Option<Self> {
        Self::get(c"DMAR")
    }

    fn get(signature: &CStr) -> Option<Self> {
        let mut length = 0;
        // SAFETY: Valid pointers; the signatures above are of 4 characters.
        let table =
            unsafe { bindings::rust_helper_acpi_get_table(signature.as_char_ptr(), &mut length) };

        // CAST: `u32` to `usize` widens. INVARIANT: As ACPICA maps a table.
        Some(Self {
            table: NonNull::new(table.cast_mut().cast())?,
            length: length as usize,
        })
    }

    /// The table, with its header. Firmware has made it: only the length in the header is known to
    /// be right.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: By the type's invariant.
        unsafe { core::slice::from_raw_parts(self.table.as_ptr(), self.length) }
    }
}

impl Drop for AcpiTable {
    fn drop(&mut self) {
        // SAFETY: Got by `get()`, and given back once.
        unsafe { bindings::rust_helper_acpi_put_table(self.table.as_ptr().cast()) };
    }
}

/// An SMMUv3 in ACPI's IORT (Arm DEN 0049).
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

/// Runs `f` on each StreamID that IORT's reserved memory range nodes name for the IOMMU `dev`:
/// devices that firmware has left running.
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

/// Whether the CPU, which the IOMMUs are part of, is a Sapphire Rapids.
#[cfg(CONFIG_X86_64)]
pub fn is_sapphire_rapids() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rust_helper_cpu_is_sapphire_rapids() }
}
