// SPDX-License-Identifier: GPL-2.0

//! Memory: pages that come and go, and whose addresses are never used again.

use super::shared::Shared;
use core::cell::Cell;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Words in a page.
const WORDS: usize = 512;
/// Where the first page is (HPA).
const BASE: u64 = 0x1_0000_0000;
/// From one page to the next. Between them is nothing, so that who leaves a page is noticed.
const STRIDE: u64 = 0x2000;

/// A page of 4 KiB.
pub(crate) struct Frame {
    address: u64,
    live: Cell<bool>,
    words: KVec<Cell<u64>>,
}

impl Frame {
    /// Where it is (HPA).
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Loads a word.
    pub(crate) fn load(&self, word: usize) -> u64 {
        self.words[word].get()
    }

    /// Stores a word.
    pub(crate) fn store(&self, word: usize, value: u64) {
        self.words[word].set(value);
    }

    /// Gives it back.
    pub(crate) fn free(&self) {
        self.live.set(false);
    }
}

/// Memory that is not the model's.
pub(crate) trait Outside {
    /// The word at an address (HPA), if there is any.
    fn read(&self, address: u64) -> Option<u64>;

    /// Stores the word at an address (HPA), where it was read before.
    fn write(&self, address: u64, value: u64);

    /// Sets `bits` of the word at an address (HPA), where it was read before, at once.
    fn mark(&self, address: u64, bits: u64);
}

/// All pages.
pub(crate) struct Memory {
    frames: Shared<KVec<Arc<Frame>>>,
    outside: Shared<Option<Arc<dyn Outside>>>,
    /// Accesses of the unit to pages that were freed.
    gone: Cell<u32>,
    /// How many pages there are left, if that is limited.
    left: Cell<Option<u32>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            frames: Shared::new(KVec::new()),
            outside: Shared::new(None),
            gone: Cell::new(0),
            left: Cell::new(None),
        }
    }

    /// Lets this many more pages be allocated. `None`: any number.
    pub(crate) fn limit(&self, pages: Option<u32>) {
        self.left.set(pages);
    }

    /// Lets the unit have other memory, too, where the model has none.
    pub(crate) fn lend(&self, outside: Arc<dyn Outside>) {
        *self.outside.borrow_mut() = Some(outside);
    }

    /// A zeroed page.
    pub(crate) fn allocate(&self) -> Result<Arc<Frame>> {
        match self.left.get() {
            Some(0) => return Err(ENOMEM),
            left => self.left.set(left.map(|n| n - 1)),
        }

        let mut frames = self.frames.borrow_mut();
        let mut words = KVec::with_capacity(WORDS, GFP_KERNEL)?;

        for _ in 0..WORDS {
            words.push(Cell::new(0), GFP_KERNEL)?;
        }

        let frame = Arc::new(
            Frame {
                // CAST: usize is at most 64 bits.
                address: BASE + frames.len() as u64 * STRIDE,
                live: Cell::new(true),
                words,
            },
            GFP_KERNEL,
        )?;

        frames.push(frame.clone(), GFP_KERNEL)?;
        Ok(frame)
    }

    /// The page at an address (HPA), freed or not.
    fn frame(&self, address: u64) -> Option<Arc<Frame>> {
        let offset = address.checked_sub(BASE)?;

        if offset % STRIDE >= 4096 {
            return None;
        }
        // CAST: Nearly; what is too large is not there.
        Some(
            self.frames
                .borrow()
                .get((offset / STRIDE) as usize)?
                .clone(),
        )
    }

    /// Whether there is a page at an address (HPA) that was not freed.
    pub(crate) fn is_live(&self, address: u64) -> bool {
        self.frame(address).map_or_else(
            || self.read_outside(address).is_some(),
            |frame| frame.live.get(),
        )
    }

    fn read_outside(&self, address: u64) -> Option<u64> {
        self.outside.borrow().as_ref()?.read(address)
    }

    /// How many pages are in use.
    pub(crate) fn live(&self) -> usize {
        let frames = self.frames.borrow();

        frames.iter().filter(|frame| frame.live.get()).count()
    }

    /// How often the unit went to a page that was freed.
    pub(crate) fn gone(&self) -> u32 {
        self.gone.get()
    }

    /// The unit's read of the word at an address (HPA). `None`: nothing is there.
    pub(crate) fn read(&self, address: u64) -> Option<u64> {
        let Some(frame) = self.frame(address) else {
            return self.read_outside(address);
        };

        if !frame.live.get() {
            self.gone.set(self.gone.get() + 1);
            return None;
        }
        // CAST: Below 512.
        Some(frame.load((address % 4096 / 8) as usize))
    }

    /// The unit's write of the word at an address (HPA), where it has read before.
    pub(crate) fn write(&self, address: u64, value: u64) {
        match (self.frame(address), &*self.outside.borrow()) {
            // CAST: Below 512.
            (Some(frame), _) if frame.live.get() => {
                frame.store((address % 4096 / 8) as usize, value)
            }
            (None, Some(outside)) => outside.write(address, value),
            _ => self.gone.set(self.gone.get() + 1),
        }
    }
    /// The unit's setting of bits of the word at an address (HPA), where it has read before.
    pub(crate) fn mark(&self, address: u64, bits: u64) {
        match (self.frame(address), &*self.outside.borrow()) {
            (None, Some(outside)) => outside.mark(address, bits),
            _ => {
                if let Some(word) = self.read(address) {
                    self.write(address, word | bits);
                }
            }
        }
    }
}
