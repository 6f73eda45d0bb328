// SPDX-License-Identifier: GPL-2.0

//! The entry writer on a layout that is small enough to be tried out completely.

use super::Layout;

/// Three words.
///
/// Word 0 holds V and a two-bit mode, which says whether word 1 and word 2 are used. Those have two
/// bits each; bit 1 of word 1 is relaxed.
struct Toy;

impl Layout<3> for Toy {
    const VALID: u64 = 0b001;

    fn used(entry: &[u64; 3]) -> [u64; 3] {
        match entry[0] {
            0b001 => [0b111, 0, 0],
            0b011 => [0b111, 0b11, 0],
            0b101 => [0b111, 0, 0b11],
            0b111 => [0b111, 0b11, 0b11],
            _ => [0b001, 0, 0],
        }
    }

    fn relaxed(_cur: &[u64; 3], _new: &[u64; 3]) -> [u64; 3] {
        [0, 0b10, 0]
    }
}

/// All entries there are.
fn entries() -> impl Iterator<Item = [u64; 3]> {
    (0..128).map(|i| [i & 7, (i >> 3) & 3, (i >> 5) & 3])
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_entry))]
mod cases {
    use super::*;
    use crate::common::entry::{
        inspect::observe,
        Transition, //
    };

    #[test]
    fn every_pair_is_sound() {
        for old in entries() {
            for new in entries() {
                let outcome = observe::<Toy, 3>(&old, &new, |_| true);

                assert!(outcome.is_right::<Toy, 3>(&old, &new));
            }
        }
    }

    #[test]
    fn disruptive_only_if_two_words_change_under_the_eyes_of_both() {
        for old in entries() {
            for new in entries() {
                let (was, is) = (Toy::used(&old), Toy::used(&new));
                let relaxed = [0, 0b10, 0];
                let stuck = (0..3)
                    .filter(|&i| (old[i] ^ new[i]) & was[i] & is[i] & !relaxed[i] != 0)
                    .count();
                let outcome = observe::<Toy, 3>(&old, &new, |_| true);

                let disruptive = outcome.transition == Transition::Disruptive;
                let must_disrupt = stuck > 1;

                assert_eq!(disruptive, must_disrupt);
            }
        }
    }

    #[test]
    fn syncs_are_spent_where_they_are_needed() {
        let syncs = |old: [u64; 3], new: [u64; 3]| observe::<Toy, 3>(&old, &new, |_| true).syncs;

        // Nothing, an unused word, a used word, a relaxed bit.
        assert_eq!(syncs([1, 0, 0], [1, 0, 0]), 0);
        assert_eq!(syncs([1, 0, 0], [1, 0, 3]), 0);
        assert_eq!(syncs([3, 0, 0], [3, 1, 0]), 1);
        assert_eq!(syncs([3, 0, 0], [3, 2, 0]), 1);
        // Fill and switch; nothing is cleaned; nothing is to be filled.
        assert_eq!(syncs([1, 0, 0], [3, 3, 0]), 2);
        assert_eq!(syncs([3, 3, 0], [1, 0, 0]), 1);
        assert_eq!(syncs([1, 3, 0], [3, 3, 0]), 1);
        assert_eq!(syncs([3, 3, 0], [5, 0, 3]), 2);
        // The relaxed bit is filled.
        assert_eq!(syncs([3, 2, 0], [7, 0, 1]), 2);
        assert_eq!(syncs([7, 2, 1], [3, 0, 0]), 2);
        // Break, make, switch.
        assert_eq!(syncs([7, 0, 1], [7, 1, 0]), 3);
    }
}
