// SPDX-License-Identifier: GPL-2.0

//! Decoding of identification registers.

use super::*;
use crate::smmu_v3::arch::samples::{
    PLAIN,
    RICH, //
};

/// Registers of [`RICH`].
const RICH_IDS: RawIds = RawIds {
    // ST_LEVEL 1, CD2L, VMID16, PRI, SEV, MSI, ASID16, ATS, HYP, HTTU 2, COHACC, TTF 2, S1P, S2P.
    idr: [0x080d_769b, 0x0a73_9d20, 0, 0x1500, 0, 0x0010_04f6],
    iidr: 0,
    aidr: 3,
};

/// Registers of [`PLAIN`].
const PLAIN_IDS: RawIds = RawIds {
    idr: [0x0140_000b, 0x0107_0010, 0, 0, 0, 0x14],
    iidr: 0,
    aidr: 0,
};

/// [`PLAIN_IDS`] with another value in one of the registers.
fn plain_with(idr: usize, value: u32) -> RawIds {
    let mut ids = PLAIN_IDS;

    ids.idr[idr] = value;
    ids
}

/// What is wrong with an SMMU.
fn refusal(ids: &RawIds) -> Option<Unsupported> {
    Features::decode(ids, true).err()
}

/// The features of a maximal SMMU of this product, as SMMU_IIDR has it.
fn product(iidr: u32) -> Option<Features> {
    Features::decode(&RawIds { iidr, ..RICH_IDS }, true).ok()
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_features))]
mod cases {
    use super::*;

    #[test]
    fn everything_and_nothing() {
        let rich = Features::decode(&RICH_IDS, true);
        let plain = Features::decode(&PLAIN_IDS, false);

        assert_eq!(rich, Ok(RICH));
        assert_eq!(plain, Ok(PLAIN));
    }

    #[test]
    fn firmware_decides_on_coherency() {
        let ids = RICH_IDS;
        let features = Features::decode(&ids, false);

        assert!(features.is_ok_and(|f| !f.coherent && f.cohacc));
    }

    #[test]
    fn what_cannot_be_driven() {
        let idr0 = PLAIN_IDS.idr[0];
        let idr1 = PLAIN_IDS.idr[1];

        assert_eq!(refusal(&PLAIN_IDS), None);
        for preset in [28, 29, 30] {
            assert_eq!(
                refusal(&plain_with(1, idr1 | 1 << preset)),
                Some(Unsupported::Preset)
            );
        }
        assert_eq!(
            refusal(&plain_with(0, idr0 & !3)),
            Some(Unsupported::NoTranslation)
        );
        assert_eq!(refusal(&plain_with(0, idr0 & !1)), None);
        assert_eq!(refusal(&plain_with(0, idr0 & !2)), None);
        assert_eq!(
            refusal(&plain_with(0, idr0 ^ 0xc)),
            Some(Unsupported::NoAarch64)
        );
        assert_eq!(
            refusal(&plain_with(0, idr0 | 3 << 21)),
            Some(Unsupported::BigEndian)
        );
        assert_eq!(refusal(&plain_with(0, idr0 & !(3 << 21))), None);
        assert_eq!(
            refusal(&plain_with(0, (idr0 & !(3 << 24)) | 2 << 24)),
            Some(Unsupported::StallForced)
        );
        assert_eq!(
            refusal(&plain_with(1, (idr1 & !(0x1f << 21)) | 6 << 21)),
            Some(Unsupported::CommandQueue)
        );
        assert_eq!(
            refusal(&plain_with(1, (idr1 & !(0x1f << 21)) | 7 << 21)),
            None
        );
        assert_eq!(refusal(&plain_with(5, 4)), Some(Unsupported::NoGranule));
        assert_eq!(
            refusal(&RawIds {
                aidr: 0x10,
                ..PLAIN_IDS
            }),
            Some(Unsupported::Architecture)
        );
    }

    #[test]
    fn address_sizes() {
        for (oas, bits) in [
            (0, 32),
            (1, 36),
            (2, 40),
            (3, 42),
            (4, 44),
            (5, 48),
            (6, 52),
            (7, 52),
        ] {
            let features = Features::decode(&plain_with(5, 0x10 | oas), true);

            assert!(features.is_ok_and(|f| f.oas_bits == bits));
        }
    }

    #[test]
    fn sizes_are_within_what_the_architecture_allows() {
        let all = Features::decode(
            &RawIds {
                idr: [0x000e_ffff, 0x0bff_ffff, !0, !0, !0, !0],
                iidr: !0,
                aidr: 0xf,
            },
            true,
        );

        assert!(all.is_ok_and(|f| {
            f.sid_bits == 32
                && f.ssid_bits == 20
                && f.cmdq_log2 == 19
                && f.evtq_log2 == 19
                && f.priq_log2 == 19
                && f.bbm == 2
                && f.vax == 48
        }));
    }

    #[test]
    fn page_sizes() {
        assert_eq!(PLAIN.pgsize_bitmap(), 0x4020_1000);
        assert_eq!(RICH.pgsize_bitmap(), 0x0400_6221_5000 | 0x4000_0000);
        let only_16k = Features {
            gran4k: false,
            gran16k: true,
            ..PLAIN
        };
        assert_eq!(only_16k.pgsize_bitmap(), 0x0200_4000);
    }

    #[test]
    fn nesting_takes_both_stages() {
        assert!(RICH.nesting());
        assert!(PLAIN.nesting());
        assert!(!Features {
            s1p: false,
            ..PLAIN
        }
        .nesting());
        assert!(!Features {
            s2p: false,
            ..PLAIN
        }
        .nesting());
    }

    #[test]
    fn errata() {
        // MMU-600 r0p2, r0p3, r1p0, r2p0: SEV is bad up to r0p2, nesting before r2.
        for (iidr, sev, nesting) in [
            (0x4830_243b, false, false),
            (0x4830_343b, true, false),
            (0x4831_043b, true, false),
            (0x4832_043b, true, true),
        ] {
            assert!(product(iidr).is_some_and(|f| f.sev == sev && f.nesting() == nesting));
        }
        // MMU-700 r0p1, r1p0, r1p1.
        for (iidr, good) in [
            (0x4870_143b, false),
            (0x4871_043b, false),
            (0x4871_143b, true),
        ] {
            assert!(
                product(iidr).is_some_and(|f| f.errata.force_sync != good && f.nesting() == good)
            );
        }
        // The same product number of somebody else, and another product of Arm.
        for iidr in [0x4870_143c, 0x4980_043b] {
            assert!(product(iidr).is_some_and(|f| f.errata == Errata::default() && f.nesting()));
        }
    }
}
