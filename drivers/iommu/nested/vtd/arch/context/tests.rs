// SPDX-License-Identifier: GPL-2.0

//! Context entries: their encoding, and every change from one to another.

use super::*;
use crate::common::entry::{
    inspect::observe,
    Transition, //
};

const DIRECTORY: u64 = 0x000d_beef_dead_b000;

/// How many kinds of context entry there are in [`state`].
const STATES: usize = 1 + 16;

/// The `i`th kind of context entry that the driver makes.
fn state(i: usize) -> ContextEntry {
    let bit = |n: usize| (i - 1) & (1 << n) != 0;

    if i == 0 {
        return ContextEntry::blocked();
    }
    ContextEntry::new(&ContextConfig {
        directory: if bit(3) { DIRECTORY } else { 0x1000 },
        ats: bit(0),
        pasid: bit(1),
        pri: bit(2),
    })
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_context))]
mod cases {
    use super::*;

    #[test]
    fn every_pair_is_hitless() {
        for i in 0..STATES {
            for j in 0..STATES {
                let (old, new) = (state(i), state(j));
                let outcome = observe::<ContextLayout, 4>(old.words(), new.words(), |_| true);

                assert!(outcome.is_right::<ContextLayout, 4>(old.words(), new.words()));
                assert!(outcome.transition != Transition::Disruptive);
            }
        }
    }

    #[test]
    fn what_is_ignored() {
        let used = |entry: ContextEntry| ContextLayout::used(entry.words());

        assert_eq!(used(ContextEntry::from_words([!1; 4])), [3, 0, 0, 0]);
        assert_eq!(used(state(1)), [u64::MAX; 4]);
    }

    #[test]
    fn words() {
        let config = ContextConfig {
            directory: DIRECTORY,
            ats: true,
            pasid: true,
            pri: true,
        };

        assert_eq!(*ContextEntry::blocked().words(), [0; 4]);
        assert!(!ContextEntry::blocked().is_present());
        // PDTS 2, PRE, PASIDE, DTE, P.
        assert_eq!(
            *ContextEntry::new(&config).words(),
            [0x000d_beef_dead_b41d, 0, 0, 0]
        );
        assert!(ContextEntry::new(&config).is_present());
        assert_eq!(*state(1).words(), [0x1401, 0, 0, 0]);
    }

    #[test]
    fn without_ats() {
        for i in 0..STATES {
            let entry = state(i);
            let without = entry.without_ats();

            assert_eq!(entry.has_ats(), i != 0 && (i - 1) & 1 != 0);
            assert!(!without.has_ats());
            assert_eq!(without.directory(), entry.directory());
            assert_eq!(
                *without.words(),
                [entry.words()[0] & !(1 << 2 | 1 << 4), 0, 0, 0] //
            );
        }
        assert_eq!(state(16).directory(), DIRECTORY);
        assert_eq!(ContextEntry::blocked().directory(), 0);
    }

    #[test]
    fn words_of_a_table() {
        assert_eq!(word_of(0), 0);
        assert_eq!(word_of(0x0101), 4);
        assert_eq!(word_of(0x7f), 508);
        assert_eq!(word_of(0x80), 0);
        assert_eq!(word_of(0xffff), 508);
    }
}
