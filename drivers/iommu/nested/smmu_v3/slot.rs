// SPDX-License-Identifier: GPL-2.0

//! Entries of tables that the hardware reads, for the hitless entry writer.

use kernel::{
    prelude::*,
    sync::barrier::{
        dma_mb,
        Write, //
    }, //
};

use crate::{
    common::entry::Slot,
    iommu::Entry, //
};

/// An entry of a table, with `forget` to make the hardware drop what it knows of it.
///
/// The entry writer has no use for errors, as a half-written entry is no way out: they are kept for
/// the end.
pub(super) struct EntrySlot<'a, F, const N: usize> {
    entry: Entry<'a, N>,
    forget: F,
    status: Result,
}

impl<'a, F: FnMut() -> Result, const N: usize> EntrySlot<'a, F, N> {
    pub(super) fn new(entry: Entry<'a, N>, forget: F) -> Self {
        Self {
            entry,
            forget,
            status: Ok(()),
        }
    }

    /// The first error since the slot was made.
    pub(super) fn status(self) -> Result {
        self.status
    }
}

impl<F: FnMut() -> Result, const N: usize> Slot<N> for EntrySlot<'_, F, N> {
    fn load(&self, i: usize) -> u64 {
        self.entry.load(i)
    }

    fn store(&mut self, i: usize, value: u64) {
        // What the entry points to is visible before it is.
        dma_mb(Write);
        self.entry.store(i, value);
    }

    fn sync(&mut self) {
        // The queue puts all stores so far before the commands.
        let result = (self.forget)();

        if self.status.is_ok() {
            self.status = result;
        }
    }
}
