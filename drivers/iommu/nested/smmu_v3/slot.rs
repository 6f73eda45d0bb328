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
    iommu::Table, //
};

/// One entry of `table`, with `forget` to make the hardware drop what it knows of it.
///
/// The entry writer has no use for errors, as a half-written entry is no way out: they are kept for
/// the end.
pub(super) struct EntrySlot<'a, F, const N: usize> {
    table: &'a Table<N>,
    index: usize,
    forget: F,
    status: Result,
}

impl<'a, F: FnMut() -> Result, const N: usize> EntrySlot<'a, F, N> {
    pub(super) fn new(table: &'a Table<N>, index: usize, forget: F) -> Self {
        Self {
            table,
            index,
            forget,
            status: Ok(()),
        }
    }

    /// The first error since the slot was made.
    pub(super) fn status(self) -> Result {
        self.status
    }

    fn note(&mut self, result: Result) {
        if self.status.is_ok() {
            self.status = result;
        }
    }
}

impl<F: FnMut() -> Result, const N: usize> Slot<N> for EntrySlot<'_, F, N> {
    fn load(&self, i: usize) -> u64 {
        self.table.load(self.index, i).unwrap_or(0)
    }

    fn store(&mut self, i: usize, value: u64) {
        // What the entry points to is visible before it is.
        dma_mb(Write);
        let result = self.table.store(self.index, i, value);
        self.note(result);
    }

    fn sync(&mut self) {
        // The queue puts all stores so far before the commands.
        let result = (self.forget)();
        self.note(result);
    }
}
