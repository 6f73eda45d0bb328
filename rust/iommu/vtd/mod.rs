// SPDX-License-Identifier: GPL-2.0

//! What a driver of VT-d needs to know of the CPU, which the remapping units are part of.

use super::bindings;

/// Whether it is a Sapphire Rapids.
pub fn is_sapphire_rapids() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::rust_helper_cpu_is_sapphire_rapids() }
}
