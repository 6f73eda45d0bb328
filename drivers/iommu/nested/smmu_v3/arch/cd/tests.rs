// SPDX-License-Identifier: GPL-2.0

//! Context descriptors: their encoding, and every change from one to another.

use super::*;
use crate::{
    common::entry::inspect::{
        observe,
        Outcome, //
    },
    smmu_v3::arch::samples::STAGE1,
};

/// How many kinds of context descriptor there are in [`state`].
const STATES: usize = 2 + 16;

/// The `i`th kind of context descriptor.
fn state(i: usize) -> Cd {
    let bit = |n: usize| i & (1 << n) != 0;

    match i {
        0 => Cd::invalid(),
        // Left over from an address space: invalid whatever else there is.
        1 => Cd([!V.mask(), 1, 2, 3, 4, 5, 6, 7]),
        _ => {
            let asid = if bit(0) { 778 } else { 1997 };
            let stage1 = Stage1Config {
                ttb: if bit(1) { 0x1_0000 } else { STAGE1.ttb },
                dirty: bit(2),
                ..STAGE1
            };
            let cd = Cd::stage1(&stage1, asid);

            // As when the process behind an address space has gone.
            if i >= 10 {
                quiesced(cd)
            } else {
                cd
            }
        }
    }
}

/// The same address space with table walks turned off.
fn quiesced(mut cd: Cd) -> Cd {
    cd.0[0] = (cd.0[0] & !TABLE0) | EPD0.mask();
    cd.0[TTB0.word()] = 0;
    cd
}

fn change(old: &Cd, new: &Cd) -> Outcome {
    observe::<CdLayout, 8>(old.words(), new.words(), |_| true)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_cd))]
mod cases {
    use super::*;
    use crate::common::entry::Transition;

    #[test]
    fn every_pair_is_sound() {
        for i in 0..STATES {
            for j in 0..STATES {
                let (old, new) = (state(i), state(j));

                assert!(change(&old, &new).is_right::<CdLayout, 8>(old.words(), new.words()));
            }
        }
    }

    #[test]
    fn install_and_clear() {
        let cd = Cd::stage1(&STAGE1, 1997);
        let set = change(&Cd::invalid(), &cd);
        let clear = change(&cd, &Cd::invalid());

        assert_eq!(set.transition, Transition::Hitless);
        assert_eq!(set.syncs, 2);
        assert_eq!(clear.transition, Transition::Hitless);
        assert_eq!(clear.syncs, 1);
    }

    #[test]
    fn the_asid_changes_with_one_store() {
        let outcome = change(&Cd::stage1(&STAGE1, 778), &Cd::stage1(&STAGE1, 1997));

        assert_eq!(outcome.transition, Transition::Hitless);
        assert_eq!(outcome.syncs, 1);
        assert!(!outcome.saw_invalid);
    }

    #[test]
    fn quiescing_is_hitless() {
        let cd = Cd::stage1(&STAGE1, 1997);
        let quiet = quiesced(cd);

        for (outcome, syncs) in [(change(&cd, &quiet), 1), (change(&quiet, &cd), 2)] {
            assert_eq!(outcome.transition, Transition::Hitless);
            assert_eq!(outcome.syncs, syncs);
            assert!(!outcome.saw_invalid);
        }
    }

    #[test]
    fn another_table_and_asid_disrupt() {
        let one = Cd::stage1(&STAGE1, 1);
        let other = Cd::stage1(
            &Stage1Config {
                ttb: 0x1_0000,
                ..STAGE1
            },
            2,
        );

        assert_eq!(change(&one, &other).transition, Transition::Disruptive);
    }

    #[test]
    fn words() {
        let cd = Cd::stage1(&STAGE1, 0xabcd);

        // ASID, ASET, A, R, AA64, IPS 5, V, EPD1, SH0 3, OR0 1, IR0 1, TG0 0, T0SZ 16.
        assert_eq!(cd.words()[0], 0xabcd_e205_c000_3510);
        assert_eq!(cd.words()[1], 0x000d_beef_dead_b000);
        assert_eq!(cd.words()[2], 0);
        assert_eq!(cd.words()[3], 0x0abc_def0_1234_5678);
        assert_eq!(cd.words()[4..], [0; 4]);
    }

    #[test]
    fn dirty_tracking_sets_both_flags() {
        let dirty = Stage1Config {
            dirty: true,
            ..STAGE1
        };

        assert_eq!(
            Cd::stage1(&dirty, 1).words()[0] ^ Cd::stage1(&STAGE1, 1).words()[0],
            0xc00_0000_0000
        );
    }
}
