// SPDX-License-Identifier: GPL-2.0

//! PASID entries: their encoding, and every change from one to another.

use super::*;
use crate::{
    common::entry::{
        inspect::{
            all_differ_and_are_used,
            observe,
            Outcome, //
        },
        Layout,
        Transition, //
    },
    vtd::arch::{
        samples::{
            stage1,
            FIRST,
            GUEST,
            SECOND, //
        },
        stage1::RawStage1, //
    },
};

/// Another second stage.
const OTHER_SECOND: SecondStage = SecondStage {
    table: 0x4b4b_4000,
    aw: 1,
    dirty: true,
    page_snoop: true,
    walk_snoop: true,
};

/// Another first stage of a guest's.
const OTHER_GUEST: RawStage1 = RawStage1 {
    flags: 7,
    table: 0x4b4b_4000,
    addr_width: 57,
    reserved: 0,
};

fn nested(guest: RawStage1, parent: &SecondStage, did: u16) -> Option<PasidEntry> {
    Some(PasidEntry::nested(&stage1(guest).ok()?, parent, did))
}

/// How many kinds of PASID entry there are in [`state`].
const STATES: usize = 1 + 2 + 8 + 8 + 8;

/// The `i`th kind of PASID entry that the driver makes, in all variants.
fn state(i: usize) -> Option<PasidEntry> {
    // Without a second stage, and with one: these DIDs are never the same.
    let first_did = |other: bool| if other { 0xffff } else { 1 };
    let second_did = |other: bool| if other { 0xfffe } else { 2 };

    match i {
        0 => Some(PasidEntry::blocked()),
        1..3 => Some(PasidEntry::pass_through(first_did(i == 2), 3, true)),
        3..11 => {
            let bit = |n: usize| (i - 3) & (1 << n) != 0;
            let stage = FirstStage {
                five_levels: bit(1),
                page_snoop: bit(2),
                ..FIRST
            };

            Some(PasidEntry::first_stage(&stage, first_did(bit(0))))
        }
        11..19 => {
            let bit = |n: usize| (i - 11) & (1 << n) != 0;
            let stage = SecondStage {
                dirty: bit(2),
                ..if bit(1) { OTHER_SECOND } else { SECOND }
            };

            Some(PasidEntry::second_stage(&stage, second_did(bit(0))))
        }
        _ => {
            let bit = |n: usize| (i - 19) & (1 << n) != 0;

            nested(
                if bit(2) { OTHER_GUEST } else { GUEST },
                if bit(1) { &OTHER_SECOND } else { &SECOND },
                second_did(bit(0)),
            )
        }
    }
}

fn passes(entry: &[u64; 8]) -> bool {
    P.is_set(entry) && PGTT.get(entry) == PGTT_PASS_THROUGH
}

/// A guest's addresses are taken for the host's, or a guest's tables for the host's.
fn lacks_second(entry: &[u64; 8]) -> bool {
    P.is_set(entry) && matches!(PGTT.get(entry), PGTT_FIRST | PGTT_PASS_THROUGH)
}

/// Observes a change; addresses may pass untranslated, or without a second stage, only if they did
/// before or shall.
fn change(old: &PasidEntry, new: &PasidEntry) -> Outcome {
    let (old, new) = (old.words(), new.words());

    observe::<PasidLayout, 8>(old, new, |seen| {
        (!passes(seen) || passes(old) || passes(new))
            && (!lacks_second(seen) || lacks_second(old) || lacks_second(new))
    })
}

/// The number of syncs of a change that hardware does not notice, or none.
fn hitless(old: &PasidEntry, new: &PasidEntry) -> Option<u32> {
    change(old, new).hitless::<PasidLayout, 8>(old.words(), new.words())
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_pasid))]
mod cases {
    use super::*;

    #[test]
    fn all_states_exist_differ_and_are_used() {
        assert!(all_differ_and_are_used::<PasidLayout, 8>(STATES, |i| {
            state(i).map(|entry| *entry.words())
        }));
    }

    #[test]
    fn every_pair_is_sound() {
        for i in 0..STATES {
            for j in 0..STATES {
                if let (Some(old), Some(new)) = (state(i), state(j)) {
                    let outcome = change(&old, &new);

                    assert!(outcome.is_right::<PasidLayout, 8>(old.words(), new.words()));
                }
            }
        }
    }

    #[test]
    fn nothing_disrupts_to_or_from_blocked() {
        for i in 1..STATES {
            if let Some(entry) = state(i) {
                let (to, from) = (
                    change(&entry, &PasidEntry::blocked()),
                    change(&PasidEntry::blocked(), &entry),
                );

                assert_eq!((to.transition, to.syncs), (Transition::Hitless, 1));
                assert_eq!((from.transition, from.syncs), (Transition::Hitless, 2));
            }
        }
    }

    #[test]
    fn what_disrupts_changes_two_words() {
        for i in 0..STATES {
            for j in 0..STATES {
                if let (Some(old), Some(new)) = (state(i), state(j)) {
                    let used = [
                        PasidLayout::used(old.words()),
                        PasidLayout::used(new.words()),
                    ];
                    let words = (0..8)
                        .filter(|&w| {
                            (old.words()[w] ^ new.words()[w]) & used[0][w] & used[1][w] != 0
                        })
                        .count();
                    let disrupts = change(&old, &new).transition == Transition::Disruptive;

                    assert_eq!(disrupts, words > 1);
                }
            }
        }
    }

    #[test]
    fn what_is_ignored() {
        let used = |entry: &PasidEntry| PasidLayout::used(entry.words());
        let first = used(&PasidEntry::first_stage(&FIRST, 1));
        let second = used(&PasidEntry::second_stage(&SECOND, 1));
        let pass_through = used(&PasidEntry::pass_through(1, 3, true));
        let rest = [u64::MAX; 5];

        assert_eq!(
            used(&PasidEntry::from_words([!1; 8])),
            [3, 0, 0, 0, 0, 0, 0, 0]
        );
        // All but SSPTPTR and SSADE.
        assert_eq!(first[..3], [0xdff, u64::MAX, u64::MAX]);
        // All but FSPTPTR and the flags below it.
        assert_eq!(second[..3], [u64::MAX, u64::MAX, 0xf00]);
        assert_eq!(pass_through[..3], [0xdff, u64::MAX, 0xf00]);
        for used in [first, second, pass_through] {
            assert_eq!(used[3..], rest);
        }
        // Nested, and what is reserved.
        for pgtt in [0, PGTT_NESTED, 5, 6, 7] {
            let mut entry = [0; 8];

            P.set(&mut entry, 1);
            PGTT.set(&mut entry, pgtt);
            assert_eq!(PasidLayout::used(&entry), [u64::MAX; 8]);
        }
    }

    #[test]
    fn a_guest_switches_hitless_within_a_did() {
        let second = PasidEntry::second_stage(&SECOND, 2);
        let (one, other) = (nested(GUEST, &SECOND, 2), nested(OTHER_GUEST, &SECOND, 2));

        assert!(one.is_some() && other.is_some());
        if let (Some(one), Some(other)) = (one, other) {
            assert_eq!(hitless(&second, &one), Some(2));
            assert_eq!(hitless(&one, &second), Some(1));
            // Another table, and other flags: it is one word.
            assert_eq!(hitless(&one, &other), Some(1));
            assert_eq!(hitless(&other, &one), Some(1));
        }
    }

    #[test]
    fn another_did_disrupts() {
        let second = PasidEntry::second_stage(&SECOND, 2);
        let (one, other) = (nested(GUEST, &SECOND, 2), nested(OTHER_GUEST, &SECOND, 3));

        if let (Some(one), Some(other)) = (one, other) {
            for (old, new) in [(&one, &other), (&second, &other), (&other, &second)] {
                let outcome = change(old, new);

                assert_eq!(outcome.transition, Transition::Disruptive);
                assert!(outcome.saw_invalid);
                assert_eq!(outcome.syncs, 3);
            }
        }
    }

    #[test]
    fn dirty_tracking_and_snooping_are_hitless() {
        let dirty = SecondStage {
            dirty: true,
            ..SECOND
        };
        let snoop = SecondStage {
            page_snoop: true,
            ..SECOND
        };

        for (plain, dirty, snoop) in [
            (
                Some(PasidEntry::second_stage(&SECOND, 2)),
                Some(PasidEntry::second_stage(&dirty, 2)),
                Some(PasidEntry::second_stage(&snoop, 2)),
            ),
            (
                nested(GUEST, &SECOND, 2),
                nested(GUEST, &dirty, 2),
                nested(GUEST, &snoop, 2),
            ),
        ] {
            if let (Some(plain), Some(dirty), Some(snoop)) = (plain, dirty, snoop) {
                for entry in [dirty, snoop] {
                    assert_eq!(hitless(&plain, &entry), Some(1));
                    assert_eq!(hitless(&entry, &plain), Some(1));
                }
            }
        }
    }

    #[test]
    fn first_stage_and_pass_through_may_share_a_did() {
        let pass_through = PasidEntry::pass_through(1, 3, true);
        let first = PasidEntry::first_stage(&FIRST, 1);

        assert_eq!(hitless(&pass_through, &first), Some(2));
        assert_eq!(hitless(&first, &pass_through), Some(1));
    }

    #[test]
    fn blocked_words() {
        assert_eq!(*PasidEntry::blocked().words(), [0; 8]);
        assert_eq!(PasidEntry::blocked().did(), None);
    }

    #[test]
    fn pass_through_words() {
        let entry = PasidEntry::pass_through(0xabcd, 3, true);

        // PGTT 4, AW 3, P; PWSNP.
        assert_eq!(entry.words()[..3], [0x10d, 0x0080_abcd, 0]);
        assert_eq!(entry.did(), Some(0xabcd));
        assert_eq!(
            PasidEntry::pass_through(1, 1, false).words()[..3],
            [0x105, 1, 0]
        );
    }

    #[test]
    fn first_stage_words() {
        let five = FirstStage {
            five_levels: true,
            page_snoop: true,
            ..FIRST
        };

        // PGTT 1, AW 3, P; PWSNP; FSPM.
        assert_eq!(
            PasidEntry::first_stage(&FIRST, 0xabcd).words()[..3],
            [0x4d, 0x0080_abcd, 0x000a_bcde_f012_3000]
        );
        assert_eq!(
            PasidEntry::first_stage(&five, 1).words()[..3],
            [0x4d, 0x0180_0001, 0x000a_bcde_f012_3004]
        );
    }

    #[test]
    fn second_stage_words() {
        // PGTT 2, AW 2, P; PWSNP.
        assert_eq!(
            PasidEntry::second_stage(&SECOND, 0xabcd).words()[..3],
            [0x000d_beef_dead_b089, 0x0080_abcd, 0]
        );
        // SSADE, PGTT 2, AW 1, P; PGSNP, PWSNP.
        assert_eq!(
            PasidEntry::second_stage(&OTHER_SECOND, 1).words()[..3],
            [0x4b4b_4285, 0x0180_0001, 0]
        );
    }

    #[test]
    fn nested_words() {
        let words = |entry: Option<PasidEntry>| entry.map(|e| *e.words());

        // PGTT 3, AW 2, P; PWSNP.
        assert_eq!(
            words(nested(GUEST, &SECOND, 0xabcd)),
            Some([
                0x000d_beef_dead_b0c9,
                0x0080_abcd,
                0x1234_5000,
                0,
                0,
                0,
                0,
                0
            ])
        );
        // SSADE; PGSNP; EAFE, WPE, FSPM 1, SRE.
        assert_eq!(
            words(nested(OTHER_GUEST, &OTHER_SECOND, 1)),
            Some([0x4b4b_42c5, 0x0180_0001, 0x4b4b_4095, 0, 0, 0, 0, 0])
        );
    }

    #[test]
    fn directory() {
        assert_eq!(PASIDS, 0x8000);
        assert_eq!(directory_word_of(0), 0);
        assert_eq!(directory_word_of(0x7fff), 511);
        assert_eq!(word_of(0), 0);
        assert_eq!(word_of(0x7fff), 504);
        assert_eq!(word_of(65), 8);
        assert_eq!(leading_to(0x1234_5000), 0x1234_5001);
        assert_eq!(target(0x1234_5001), Some(0x1234_5000));
        assert_eq!(target(0x1234_5002), None);
    }
}
