// SPDX-License-Identifier: GPL-2.0

//! CPU cache maintenance by physical address, for devices that may bypass the caches.

use super::bindings;
use kernel::io::PhysAddr;

/// Cleans and invalidates `size` bytes from `phys` (HPA) to the point of coherency.
///
/// Afterwards an access that bypasses the caches sees what the CPUs wrote before, and the CPUs
/// read from memory what such an access wrote before. Pages that are not RAM which the kernel has
/// mapped are left out: a device's registers are not cached.
///
/// May be called in any context.
pub fn clean_inval_poc(phys: PhysAddr, size: usize) {
    // SAFETY: Any physical address may be given; cache maintenance changes the contents of no
    // memory.
    unsafe { bindings::rust_helper_phys_clean_inval_poc(phys, size) };
}
