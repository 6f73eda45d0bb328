// SPDX-License-Identifier: GPL-2.0

//! What the driver's logic needs of a machine: one remapping unit, and memory that it reads.
//!
//! The logic is generic over this, so that it runs on hardware and, unchanged, on a model of it.

use super::engine::Engine;
use core::{
    fmt,
    ops::Range, //
};
use kernel::prelude::*;

/// A machine with remapping units in it.
pub(crate) trait Machine: Sized {
    /// The registers of a unit.
    type Registers: Registers;
    /// Memory that a unit reads.
    type Page: Page;
    /// A page table that the host maps into.
    type Table: Table;
    /// A unit, as those know it that keep it.
    type Unit;

    /// What runs a unit.
    fn engine(unit: &Self::Unit) -> &Engine<Self>;
}

/// A page table of either stage, there as long as a unit may use it.
pub(crate) trait Table {
    /// Where its topmost table is (HPA).
    fn address(&self) -> u64;

    /// How many levels it has.
    fn levels(&self) -> u32;
}

/// Where memory comes from that a unit reads, and writes if it is told to.
pub(crate) trait Memory {
    /// Such memory.
    type Page: Page;

    /// A zeroed page of 4 KiB. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    fn page(&self) -> Result<Self::Page>;

    /// The same for what the unit accesses through the CPU's caches even if it reads its tables
    /// past them: the queue and its status (ECAP.C is about tables only).
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    fn snooped_page(&self) -> Result<Self::Page> {
        self.page()
    }
}

/// The registers of a unit.
pub(crate) trait Registers {
    /// Reads a 32-bit register. All ones if the unit is gone.
    fn read32(&self, offset: usize) -> u32;

    /// Reads a 64-bit register. All ones if the unit is gone.
    fn read64(&self, offset: usize) -> u64;

    /// Writes a 32-bit register, after all that was stored in memory before.
    fn write32(&self, offset: usize, value: u32);

    /// Writes a 64-bit register, after all that was stored in memory before.
    fn write64(&self, offset: usize, value: u64);

    /// To be called between two looks at what the unit does, with how many there were. Any context.
    ///
    /// # Errors
    ///
    /// - [`ETIMEDOUT`]: it has been too long.
    fn pause(&self, looks: u32) -> Result;

    /// Logs that the unit's queue does something wrong, if that was not done often enough lately.
    /// Any context.
    fn complain(&self, what: fmt::Arguments<'_>);
}

/// A page of 4 KiB, 512 words, that a unit reads. Freed when dropped: not while the unit uses it.
pub(crate) trait Page: Unpin {
    /// Where it is (HPA).
    fn address(&self) -> u64;

    /// Loads a word, as software or the unit last stored it.
    fn load(&self, word: usize) -> u64;

    /// The same for the words from `first` on, one by one.
    #[inline]
    fn load_all<const N: usize>(&self, first: usize) -> [u64; N] {
        core::array::from_fn(|i| self.load(first + i))
    }

    /// Stores a word, at once, after all that was stored before. When it returns, the unit's walks
    /// see it.
    fn store(&self, word: usize, value: u64);

    /// The same for one of several words, which the unit's walks need not see before they are
    /// [published](Self::publish).
    fn put(&self, word: usize, value: u64) {
        self.store(word, value);
    }

    /// [Puts](Self::put) words from `first` on, one by one and in any order.
    #[inline]
    fn put_all<const N: usize>(&self, first: usize, words: &[u64; N]) {
        for (i, word) in words.iter().enumerate() {
            self.put(first + i, *word);
        }
    }

    /// When it returns, the unit's walks see what was [put](Self::put) in `words`.
    fn publish(&self, _words: Range<usize>) {}
}
