// SPDX-License-Identifier: GPL-2.0

//! Tables and rings in memory that an IOMMU reads while the CPU writes them, or the reverse.

use core::marker::PhantomData;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::{
        attrs::DMA_ATTR_NO_WARN,
        Coherent, //
    },
    io::io_write,
    prelude::*, //
};

/// A table of a power of two of entries of N little-endian 64-bit words, in coherent DMA memory
/// which is aligned to its size.
///
/// Each word is loaded and stored with exactly one 64-bit access and without any ordering: whoever
/// hands an entry over to the hardware, or takes one over, has the barrier.
///
/// # Invariants
///
/// The number of entries is a power of two.
pub struct Table<const N: usize>(Coherent<[[u64; N]]>);

impl<const N: usize> Table<N> {
    /// Allocates a table of `1 << log2` zero entries for `dev`, the IOMMU itself.
    ///
    /// May sleep. `ENOMEM` without a message in the log if there is no such memory: a table that
    /// can be smaller is tried again, and where it cannot the caller knows what is lost.
    pub fn zeroed(dev: &Device<Bound>, log2: u32) -> Result<Self> {
        let entries = 1usize.checked_shl(log2).ok_or(ENOMEM)?;
        let memory = Coherent::<[u64; N]>::zeroed_slice_with_attrs(
            dev,
            entries,
            GFP_KERNEL,
            DMA_ATTR_NO_WARN,
        )?;

        // Contiguous allocations beyond CONFIG_CMA_ALIGNMENT may be less aligned, and the low
        // address bits of a register or descriptor are then taken for something else.
        if memory.dma_address() & (memory.size() as u64 - 1) != 0 {
            return Err(ENOMEM);
        }
        // INVARIANT: `entries` is a power of two.
        Ok(Self(memory))
    }

    /// Allocates a table of `1 << log2` entries, or the largest of at least `1 << min` that there
    /// is memory for. Returns it with the logarithm of its length.
    pub fn zeroed_or_smaller(dev: &Device<Bound>, log2: u32, min: u32) -> Result<(Self, u32)> {
        let mut log2 = log2;

        loop {
            match Self::zeroed(dev, log2) {
                Ok(table) => return Ok((table, log2)),
                Err(e) if log2 <= min => return Err(e),
                Err(_) => log2 -= 1,
            }
        }
    }

    /// The address at which the IOMMU finds the table. IOMMUs are not behind an IOMMU: this is a
    /// host physical address.
    pub fn address(&self) -> u64 {
        self.0.dma_address()
    }

    /// Stores word `word` of entry `entry`. `ERANGE` if there is no such word.
    pub fn store(&self, entry: usize, word: usize, value: u64) -> Result {
        io_write!(&self.0, [try: entry][try: word], value.to_le());
        Ok(())
    }

    /// Loads entry `entry`, each word once, from the first to the last.
    pub fn read(&self, entry: usize) -> Result<[u64; N]> {
        Ok(self.entry(entry)?.read())
    }

    /// Entry `index`. `ERANGE` if there is no such entry.
    #[inline]
    pub fn entry(&self, index: usize) -> Result<Entry<'_, N>> {
        if index >= self.0.len() {
            return Err(ERANGE);
        }
        let base: *mut [u64; N] = self.0.as_mut_ptr().cast();

        Ok(Entry {
            // SAFETY: `base` is valid for as many entries. INVARIANT: this one is in the table.
            words: unsafe { base.add(index) }.cast(),
            _table: PhantomData,
        })
    }

    /// Stores `entries`, at most as many as the table has, one after the other from the one of
    /// index `first` on, and goes on with the first entry after the last. Returns the index after.
    ///
    /// An index is taken modulo the length.
    #[inline]
    pub fn write_ring(&self, first: usize, entries: impl Iterator<Item = [u64; N]>) -> usize {
        let base: *mut [u64; N] = self.0.as_mut_ptr().cast();
        let mask = self.0.len() - 1;
        let mut index = first;

        for words in entries {
            // SAFETY: `base` is valid for `mask + 1` entries, a power of two by the invariant.
            let entry: *mut u64 = unsafe { base.add(index & mask) }.cast();

            for (i, word) in words.iter().enumerate() {
                let (at, word) = (entry.wrapping_add(i), word.to_le());

                // SAFETY: `entry` is valid for N words, and aligned. Volatile: the device may read
                // it, or another CPU write it, at any time. The latter is for KCSAN to find, and a
                // volatile store is none to look at.
                unsafe {
                    match cfg!(CONFIG_KCSAN) {
                        true => at.write(word),
                        false => at.write_volatile(word),
                    }
                }
            }
            index += 1;
        }
        index
    }

    /// Stores entry `entry`, each word once, from the first to the last.
    pub fn write(&self, entry: usize, words: &[u64; N]) -> Result {
        for (i, word) in words.iter().enumerate() {
            self.store(entry, i, *word)?;
        }
        Ok(())
    }
}

/// One entry of a [`Table`].
///
/// # Invariants
///
/// `words` is valid for volatile loads and stores of N words, for `'a`.
pub struct Entry<'a, const N: usize> {
    words: *mut u64,
    _table: PhantomData<&'a Table<N>>,
}

impl<const N: usize> Entry<'_, N> {
    /// Loads the entry, each word once, from the first to the last.
    pub fn read(&self) -> [u64; N] {
        core::array::from_fn(|i| self.load(i))
    }

    /// Loads word `i`.
    #[inline]
    pub fn load(&self, i: usize) -> u64 {
        assert!(i < N);
        // SAFETY: By the type's invariant.
        u64::from_le(unsafe { self.words.add(i).read_volatile() })
    }

    /// Stores word `i`, as [`Table::store`] does.
    #[inline]
    pub fn store(&self, i: usize, value: u64) {
        assert!(i < N);
        // SAFETY: By the type's invariant.
        unsafe { self.words.add(i).write_volatile(value.to_le()) };
    }
}
