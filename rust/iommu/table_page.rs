// SPDX-License-Identifier: GPL-2.0

//! Single pages that an IOMMU reads while the CPU writes them, or the reverse.

use super::bindings;
use core::ops::Range;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::{
        attrs::DMA_ATTR_NO_WARN,
        Coherent, //
    },
    prelude::*, //
};

/// A page of little-endian 64-bit words, in coherent DMA memory which is aligned to its size.
///
/// Each word is loaded and stored with exactly one 64-bit access and without any ordering, as those
/// of a [`Table`](super::Table). An index is taken modulo the [number](Self::WORDS) of words.
pub struct TablePage(Coherent<[u64; Self::WORDS]>);

impl TablePage {
    /// Words of a page of 4 KiB.
    pub const WORDS: usize = 512;

    /// Allocates a page of zeroes for `dev`, the IOMMU itself. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`], without a message in the log.
    pub fn zeroed(dev: &Device<Bound>) -> Result<Self> {
        Coherent::zeroed_with_attrs(dev, GFP_KERNEL, DMA_ATTR_NO_WARN).map(Self)
    }

    /// The address at which the IOMMU finds the page. IOMMUs are not behind an IOMMU: this is a
    /// host physical address.
    pub fn address(&self) -> u64 {
        self.0.dma_address()
    }

    #[inline]
    fn word(&self, index: usize) -> *mut u64 {
        let words: *mut u64 = self.0.as_mut_ptr().cast();

        words.wrapping_add(index % Self::WORDS)
    }

    /// Loads a word.
    #[inline]
    pub fn load(&self, index: usize) -> u64 {
        // SAFETY: The word is in the page.
        u64::from_le(unsafe { self.word(index).read_volatile() })
    }

    /// Stores a word.
    #[inline]
    pub fn store(&self, index: usize, value: u64) {
        // SAFETY: The word is in the page. Volatile: the IOMMU may read it at any time.
        unsafe { self.word(index).write_volatile(value.to_le()) };
    }

    /// Cleans and invalidates `words` to the point of coherency: an access that bypasses the CPU's
    /// caches sees what was stored before. Nothing is done beyond the page.
    #[inline]
    pub fn clean_inval_poc(&self, words: Range<usize>) {
        let size = words.end.min(Self::WORDS).saturating_sub(words.start) * size_of::<u64>();

        // SAFETY: That many bytes from there are in the page. No contents change.
        unsafe { bindings::rust_helper_clean_inval_poc(self.word(words.start).cast(), size) };
    }
}
