// SPDX-License-Identifier: GPL-2.0

//! Positions in a power-of-two ring that software and hardware share.
//!
//! Hardware keeps a producer and a consumer register, each an index into the ring with one wrap
//! bit above it. Software instead counts *positions*: 64-bit numbers that only grow. Ring order is
//! then integer order, "is it full" is a subtraction, and a waiter can compare positions that are
//! several laps apart. At one entry per nanosecond a position lasts for 584 years.

/// The geometry of a ring of `1 << log2` entries. `log2` is at most 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    /// The number of entries, as a power of two.
    pub(crate) log2: u32,
}

impl Ring {
    /// The overflow flag of an event queue's register words.
    ///
    /// The hardware toggles it in its producer word when it had to drop an entry; software copies
    /// it to the consumer word to acknowledge that.
    pub(crate) const OVERFLOW: u32 = 1 << 31;

    /// The number of entries in the ring.
    #[inline]
    pub(crate) const fn entries(self) -> u64 {
        1 << self.log2
    }

    /// The array index of the entry at `pos`.
    #[inline]
    pub(crate) const fn index(self, pos: u64) -> usize {
        (pos & (self.entries() - 1)) as usize
    }

    /// The register word for `pos`: index, and the wrap bit above it. No overflow flag.
    #[inline]
    pub(crate) const fn word(self, pos: u64) -> u32 {
        (pos & self.word_mask()) as u32
    }

    /// The smallest position not below `base` whose register word is `word`; bits of `word` above
    /// the wrap bit (overflow flag, error code) are ignored.
    ///
    /// A register word tells positions apart within two laps. The result is therefore exact if the
    /// register's true position is less than `2 << log2` entries past `base`, which holds with room
    /// to spare for any `base` the other side has passed at most a full ring ago.
    #[inline]
    pub(crate) const fn extend(self, base: u64, word: u32) -> u64 {
        base.wrapping_add((word as u64).wrapping_sub(base) & self.word_mask())
    }

    /// The number of entries free between the producer's and the consumer's position.
    ///
    /// Positions that are further apart than the ring is long leave no space.
    #[inline]
    pub(crate) const fn space(self, prod: u64, cons: u64) -> u64 {
        self.entries().saturating_sub(prod.wrapping_sub(cons))
    }

    /// Whether the producer reports an overflow which the consumer has not acknowledged.
    #[inline]
    pub(crate) const fn overflowed(prod_word: u32, cons_word: u32) -> bool {
        (prod_word ^ cons_word) & Self::OVERFLOW != 0
    }

    /// The consumer word for `cons` that acknowledges the overflow state seen in `prod_word`.
    #[inline]
    pub(crate) const fn acknowledge(self, cons: u64, prod_word: u32) -> u32 {
        self.word(cons) | (prod_word & Self::OVERFLOW)
    }

    #[inline]
    const fn word_mask(self) -> u64 {
        (2 << self.log2) - 1
    }
}
