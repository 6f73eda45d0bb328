// SPDX-License-Identifier: GPL-2.0

//! Tables and rings in memory that an IOMMU reads while the CPU writes them, or the reverse.

use kernel::{
    device::{
        Bound,
        Device, //
    },
    dma::{
        attrs::DMA_ATTR_NO_WARN,
        Coherent, //
    },
    io::{
        io_read,
        io_write, //
    },
    prelude::*, //
};

/// A table of a power of two of entries of N little-endian 64-bit words, in coherent DMA memory
/// which is aligned to its size.
///
/// Each word is loaded and stored with exactly one 64-bit access and without any ordering: whoever
/// hands an entry over to the hardware, or takes one over, has the barrier.
pub(crate) struct Table<const N: usize>(Coherent<[[u64; N]]>);

impl<const N: usize> Table<N> {
    /// Allocates a table of `1 << log2` zero entries for `dev`, the IOMMU itself.
    ///
    /// May sleep. `ENOMEM` without a message in the log if there is no such memory: a table that
    /// can be smaller is tried again, and where it cannot the caller knows what is lost.
    pub(crate) fn zeroed(dev: &Device<Bound>, log2: u32) -> Result<Self> {
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
        Ok(Self(memory))
    }

    /// Allocates a table of `1 << log2` entries, or the largest of at least `1 << min` that there
    /// is memory for. Returns it with the logarithm of its length.
    pub(crate) fn zeroed_or_smaller(
        dev: &Device<Bound>,
        log2: u32,
        min: u32,
    ) -> Result<(Self, u32)> {
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
    pub(crate) fn address(&self) -> u64 {
        self.0.dma_address()
    }

    /// Loads word `word` of entry `entry`. `ERANGE` if there is no such word.
    pub(crate) fn load(&self, entry: usize, word: usize) -> Result<u64> {
        Ok(u64::from_le(io_read!(
            &self.0,
            [try: entry][try: word]
        )))
    }

    /// Stores word `word` of entry `entry`. `ERANGE` if there is no such word.
    pub(crate) fn store(&self, entry: usize, word: usize, value: u64) -> Result {
        io_write!(&self.0, [try: entry][try: word], value.to_le());
        Ok(())
    }

    /// Loads entry `entry`, each word once, from the first to the last.
    pub(crate) fn read(&self, entry: usize) -> Result<[u64; N]> {
        let mut words = [0; N];

        for (i, word) in words.iter_mut().enumerate() {
            *word = self.load(entry, i)?;
        }
        Ok(words)
    }

    /// Stores entry `entry`, each word once, from the first to the last.
    pub(crate) fn write(&self, entry: usize, words: &[u64; N]) -> Result {
        for (i, word) in words.iter().enumerate() {
            self.store(entry, i, *word)?;
        }
        Ok(())
    }
}
