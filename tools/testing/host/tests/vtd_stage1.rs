// SPDX-License-Identifier: GPL-2.0

//! Whatever a guest asks for, what is let through is sound.

use crate::vtd::arch::{
    pasid::{
        PasidEntry,
        SecondStage,
        FSPTPTR,
        PGTT,
        PGTT_NESTED,
        SSPTPTR, //
    },
    samples::{
        PLAIN,
        RICH,
        SECOND, //
    },
    stage1::{
        Invalidation,
        RawInvalidation,
        RawStage1,
        Stage1, //
    },
};
use proptest::prelude::*;

/// What a guest may write, mostly close to what it should.
fn stage1() -> impl Strategy<Value = RawStage1> {
    (
        prop_oneof![0..8u64, any::<u64>()],
        (any::<u64>(), 0..64u32, any::<bool>()),
        prop_oneof![Just(48u32), Just(57), any::<u32>()],
        prop_oneof![9 => Just(0u32), 1 => any::<u32>()],
    )
        .prop_map(
            |(flags, (table, shift, aligned), addr_width, reserved)| RawStage1 {
                flags,
                table: if aligned {
                    table >> shift & !0xfff
                } else {
                    table
                },
                addr_width,
                reserved,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn stage1s(raw in stage1(), rich: bool, gpa_bits in 30..60u32, did: u16) {
        let features = if rich { &RICH } else { &PLAIN };
        let parent = SecondStage { aw: 2, ..SECOND };

        if let Ok(stage1) = Stage1::parse(&raw, features, gpa_bits) {
            let entry = *PasidEntry::nested(&stage1, &parent, did).words();

            prop_assert!(raw.flags < 8 && raw.reserved == 0);
            prop_assert!(features.supervisor || !stage1.supervisor());
            prop_assert!(features.extended_access || !stage1.extended_access());
            prop_assert!(features.five_levels || !stage1.five_levels());
            prop_assert!(stage1.table() >> gpa_bits == 0);
            // The guest has a say in word 2 alone.
            let without = *PasidEntry::second_stage(&parent, did).words();
            prop_assert_eq!(PGTT.get(&entry), PGTT_NESTED);
            prop_assert_eq!((entry[0] ^ without[0]) & !PGTT.mask(), 0);
            prop_assert_eq!(entry[SSPTPTR.word()] & SSPTPTR.mask(), parent.table);
            prop_assert_eq!(entry[1], without[1]);
            prop_assert_eq!(entry[FSPTPTR.word()] & FSPTPTR.mask(), raw.table);
            prop_assert_eq!(entry[3..].iter().copied().fold(0, |a, b| a | b), 0);
        }
    }

    #[test]
    fn invalidations(
        address: u64,
        pages: u64,
        shifts in (0..64u32, 0..64u32),
        flags in 0..4u32,
        aligned: bool,
    ) {
        let address = address >> shifts.0;
        let raw = RawInvalidation {
            address: if aligned { address & !0xfff } else { address },
            pages: pages >> shifts.1,
            flags,
            reserved: 0,
        };
        let end = u128::from(raw.address) + u128::from(raw.pages) * 4096;
        let sound = raw.address % 4096 == 0 && end <= 1 << 64 && flags < 2;

        match Invalidation::parse(&raw) {
            Ok(Invalidation::Nothing) => prop_assert!(sound && raw.pages == 0),
            Ok(Invalidation::Everything) => {
                prop_assert_eq!((raw.address, raw.pages), (0, u64::MAX));
            }
            Ok(Invalidation::Pages { first, last, leaf }) => {
                prop_assert!(sound && raw.pages != 0);
                prop_assert_eq!(first, raw.address);
                prop_assert_eq!(u128::from(last) + 1, end);
                prop_assert_eq!(leaf, flags == 1);
            }
            Err(_) => prop_assert!(!sound),
        }
    }
}
