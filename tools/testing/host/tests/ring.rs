// SPDX-License-Identifier: GPL-2.0

//! Positions and register words of rings of all sizes.

use crate::common::ring::Ring;
use proptest::prelude::*;

proptest! {
    #[test]
    fn extend_undoes_word(log2 in 0..=30u32, base in 0..u64::MAX / 2, ahead: u64, flags: u32) {
        let ring = Ring { log2 };
        let pos = base + ahead % (2 * ring.entries());
        let word = ring.word(pos) | (flags & 0xff00_0000 & !(2 * ring.entries() as u32 - 1));

        prop_assert_eq!(ring.extend(base, word), pos);
        prop_assert_eq!(ring.extend(pos, word), pos);
    }

    #[test]
    fn index_and_wrap(log2 in 0..=30u32, pos: u64) {
        let ring = Ring { log2 };
        let word = u64::from(ring.word(pos));

        prop_assert_eq!(ring.index(pos) as u64, pos % ring.entries());
        prop_assert_eq!(word % ring.entries(), pos % ring.entries());
        prop_assert_eq!(word / ring.entries(), pos / ring.entries() % 2);
    }

    #[test]
    fn space_and_used_make_the_ring(log2 in 0..=30u32, cons in 0..u64::MAX / 2, used: u64) {
        let ring = Ring { log2 };
        let used = used % (ring.entries() + 1);

        prop_assert_eq!(ring.space(cons + used, cons) + used, ring.entries());
    }
}
