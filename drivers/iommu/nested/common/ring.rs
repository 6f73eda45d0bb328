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

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_ring))]
mod tests {
    use super::Ring;

    const RING: Ring = Ring { log2: 3 };

    #[test]
    fn words_wrap() {
        assert_eq!(RING.entries(), 8);
        assert_eq!(RING.word(7), 7);
        assert_eq!(RING.word(8), 8);
        assert_eq!(RING.word(15), 15);
        assert_eq!(RING.word(16), 0);
        assert_eq!(RING.index(8), 0);
        assert_eq!(RING.index(21), 5);
    }

    #[test]
    fn extend_undoes_word() {
        for base in (0..64).chain(u64::MAX / 2 - 32..u64::MAX / 2) {
            for ahead in 0..16 {
                let word = RING.word(base + ahead);

                assert_eq!(RING.extend(base, word), base + ahead);
                // Overflow flag and error code do not count.
                assert_eq!(RING.extend(base, word | 0xff00_0000), base + ahead);
            }
        }
    }

    #[test]
    fn space_between_empty_and_full() {
        for cons in 0..40 {
            for used in 0..=8 {
                assert_eq!(RING.space(cons + used, cons), 8 - used);
            }
            assert_eq!(RING.space(cons + 9, cons), 0);
        }
        assert_eq!(RING.space(3, 4), 0);
    }

    #[test]
    fn overflow_is_acknowledged_by_copying_the_flag() {
        assert!(!Ring::overflowed(5, 3));
        assert!(Ring::overflowed(Ring::OVERFLOW | 5, 3));
        assert!(!Ring::overflowed(Ring::OVERFLOW | 5, Ring::OVERFLOW | 3));
        assert!(Ring::overflowed(5, Ring::OVERFLOW | 3));
        assert_eq!(RING.acknowledge(20, Ring::OVERFLOW | 5), Ring::OVERFLOW | 4);
        assert_eq!(RING.acknowledge(20, 5), 4);
    }

    #[test]
    fn extreme_sizes() {
        let one = Ring { log2: 0 };
        let large = Ring { log2: 30 };

        assert_eq!(one.index(5), 0);
        assert_eq!(one.word(5), 1);
        assert_eq!(one.extend(5, 0), 6);
        assert_eq!(large.word(u64::MAX), 0x7fff_ffff);
        assert_eq!(large.extend(1 << 40, 7), (1 << 40) + 7);
    }
}
