// SPDX-License-Identifier: GPL-2.0

//! Root entries in scalable mode (9.2): from a source ID to a context table.
//!
//! The root table is one page of 256 entries of two words, one for each bus. A word leads to the
//! context table of one half of the bus: the lower one to devices 0 to 15, the upper one to the
//! others. Each is a pointer of its own, written with one store.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use crate::common::field::fields;

fields! {
    PRESENT         = 0 [0];
    CONTEXT_TABLE   = 0 [63:12];
}

/// The word of the root table that leads to the context table of the source ID `sid`.
#[inline]
pub(crate) const fn word_of(sid: u16) -> usize {
    (sid >> 7) as usize
}

/// A word that leads to the context table, a page, at `address` (HPA).
pub(crate) const fn leading_to(address: u64) -> u64 {
    PRESENT.mask() | address & CONTEXT_TABLE.mask()
}

/// Where the context table is (HPA) that `word` leads to, if it leads to one.
pub(crate) const fn target(word: u64) -> Option<u64> {
    if PRESENT.is_set(&[word]) {
        Some(word & CONTEXT_TABLE.mask())
    } else {
        None
    }
}
