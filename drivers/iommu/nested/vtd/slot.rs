// SPDX-License-Identifier: GPL-2.0

//! Entries in pages that the unit reads, for the hitless entry writer.

use super::{
    arch::descriptor::{
        Descriptor,
        DeviceTlb, //
    },
    hw::Page, //
};
use crate::common::entry::{
    Layout,
    Slot, //
};
use kernel::prelude::*;

/// What can drop what a unit has cached.
pub(crate) trait Invalidate {
    /// Has descriptors carried out. Returns when all are complete.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the unit refused one, or a device did not answer.
    /// - [`ETIMEDOUT`], [`ENODEV`]: the unit does not answer, or is gone.
    fn invalidate(&self, descriptors: &[Descriptor]) -> Result;

    /// Takes from a device, which does not answer, what it has cached itself: from now on the unit
    /// refuses what the device has translated, and its requests for translations. Any context.
    ///
    /// # Errors
    ///
    /// As [`Self::invalidate`].
    fn cut_off(&self, device: DeviceTlb) -> Result;

    /// Whether that was done: the device's cache is of no use to it any more. Any context.
    fn is_cut_off(&self, device: DeviceTlb) -> bool;

    /// Whether the unit is to be told even of what it can't know yet: it caches that something is
    /// not present (CM), or stores have to be flushed to it (RWBF).
    fn is_told_all(&self) -> bool;
}

/// An entry of a page, from word `first` on, with `forget` to make the unit drop what it knows of
/// it, which is told whether the entry is present. The unit can know an entry that was present when
/// it was last made to.
///
/// The unit is made to forget before the next store, or else by who [finishes](Self::finish): it is
/// then due with what else there is to invalidate.
///
/// The entry writer has no use for errors, as a half-written entry is no way out: they are kept for
/// the end.
pub(super) struct PageSlot<'a, P, F> {
    page: &'a P,
    first: usize,
    /// The bit of word 0 that says that the entry is present.
    valid: u64,
    /// The unit may know the entry.
    known: bool,
    told_all: bool,
    forget: F,
    /// The unit is to be made to forget.
    due: bool,
    status: Result,
}

impl<'a, P: Page, F: FnMut(bool) -> Result> PageSlot<'a, P, F> {
    /// `told_all` is as in [`Invalidate::is_told_all`].
    #[inline]
    pub(super) fn new<L: Layout<N>, const N: usize>(
        page: &'a P,
        first: usize,
        told_all: bool,
        forget: F,
    ) -> Self {
        Self {
            page,
            first,
            valid: L::VALID,
            known: page.load(first) & L::VALID != 0,
            told_all,
            forget,
            due: false,
            status: Ok(()),
        }
    }

    fn is_present(&self) -> bool {
        self.page.load(self.first) & self.valid != 0
    }

    /// Makes the unit forget, if that is due.
    #[inline]
    fn settle(&mut self) {
        if !self.due {
            return;
        }
        let present = self.is_present();
        let result = (self.forget)(present);

        self.due = false;
        // What it was not made to forget it still knows.
        self.known = present || result.is_err();
        if self.status.is_ok() {
            self.status = result;
        }
    }

    /// Returns whether the unit is still to be made to forget.
    ///
    /// # Errors
    ///
    /// The first since the slot was made. It was made to forget, or was told to.
    #[inline]
    pub(super) fn finish(mut self) -> Result<bool> {
        if self.status.is_err() {
            self.settle();
        }
        self.status.map(|()| self.due)
    }
}

impl<P: Page, F: FnMut(bool) -> Result, const N: usize> Slot<N> for PageSlot<'_, P, F> {
    #[inline]
    fn load(&self, i: usize) -> u64 {
        self.page.load(self.first + i)
    }

    #[inline]
    fn store(&mut self, i: usize, value: u64) {
        self.settle();
        self.page.put(self.first + i, value);
    }

    #[inline]
    fn sync(&mut self) {
        self.page.publish(self.first..self.first + N);

        let present = self.is_present();

        self.due = self.known || (self.told_all && present);
        self.known |= present;
    }
}
