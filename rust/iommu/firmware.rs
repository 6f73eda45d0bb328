// SPDX-License-Identifier: GPL-2.0

//! What firmware says of IOMMUs themselves.

use super::{
    bindings,
    raw_dev, //
};
use core::ptr::NonNull;
use kernel::device::Device;

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
    /// The first table of this signature, if there is one. Not the FACS, as that changes.
    pub fn get(signature: &[u8; 4]) -> Option<Self> {
        if signature == b"FACS" {
            return None;
        }

        let mut length = 0;
        // SAFETY: Valid pointers, to 4 characters and to the length.
        let table =
            unsafe { bindings::rust_helper_acpi_get_table(signature.as_ptr(), &mut length) };

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
