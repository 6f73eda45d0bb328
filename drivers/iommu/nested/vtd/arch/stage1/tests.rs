// SPDX-License-Identifier: GPL-2.0

//! What a guest may ask for.

use super::*;
use crate::vtd::arch::samples::{
    GUEST,
    PLAIN,
    RICH, //
};

fn parse(raw: RawStage1) -> Result<Stage1, BadStage1> {
    Stage1::parse(&raw, &RICH, 48)
}

fn invalidation(address: u64, pages: u64, flags: u32) -> Result<Invalidation, BadInvalidation> {
    Invalidation::parse(&RawInvalidation {
        address,
        pages,
        flags,
        reserved: 0,
    })
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_stage1))]
mod cases {
    use super::*;

    #[test]
    fn sound() {
        for flags in 0..8 {
            let stage1 = parse(RawStage1 { flags, ..GUEST });

            assert!(stage1.is_ok());
            if let Ok(s) = stage1 {
                assert_eq!(s.table(), GUEST.table);
                assert!(!s.five_levels());
                assert_eq!(s.supervisor(), flags & 1 != 0);
                assert_eq!(s.extended_access(), flags & 2 != 0);
                assert_eq!(s.write_protect(), flags & 5 == 5);
            }
        }
    }

    #[test]
    fn unknown_flags_and_reserved_fields() {
        for bit in 3..64 {
            let raw = RawStage1 {
                flags: 1 << bit,
                ..GUEST
            };

            assert_eq!(parse(raw), Err(BadStage1::Unknown));
        }
        for bit in 0..32 {
            let raw = RawStage1 {
                reserved: 1 << bit,
                ..GUEST
            };

            assert_eq!(parse(raw), Err(BadStage1::Unknown));
        }
    }

    #[test]
    fn what_the_unit_lacks() {
        let parse = |flags| Stage1::parse(&RawStage1 { flags, ..GUEST }, &PLAIN, 48);

        assert_eq!(parse(1).err(), Some(BadStage1::Unsupported));
        assert_eq!(parse(2).err(), Some(BadStage1::Unsupported));
        assert!(parse(4).is_ok());
    }

    #[test]
    fn widths() {
        for addr_width in 0..100 {
            let raw = RawStage1 {
                addr_width,
                ..GUEST
            };
            let five = Stage1::parse(&raw, &RICH, 48).map(|s| s.five_levels());
            let four = Stage1::parse(&raw, &PLAIN, 48).map(|s| s.five_levels());

            match addr_width {
                48 => assert_eq!((five, four), (Ok(false), Ok(false))),
                57 => assert_eq!((five, four), (Ok(true), Err(BadStage1::Width))),
                _ => assert_eq!((five, four), (Err(BadStage1::Width), Err(BadStage1::Width))),
            }
        }
    }

    #[test]
    fn addresses() {
        for bit in 0..64 {
            let raw = RawStage1 {
                table: 1 << bit,
                ..GUEST
            };

            assert_eq!(parse(raw).is_ok(), (12..48).contains(&bit));
            assert_eq!(Stage1::parse(&raw, &RICH, 64).is_ok(), bit >= 12);
        }
    }

    #[test]
    fn invalidations() {
        let pages = |first, last, leaf| Ok(Invalidation::Pages { first, last, leaf });

        assert_eq!(invalidation(0, u64::MAX, 0), Ok(Invalidation::Everything));
        assert_eq!(invalidation(0, u64::MAX, 1), Ok(Invalidation::Everything));
        assert_eq!(invalidation(0x1000, 0, 0), Ok(Invalidation::Nothing));
        assert_eq!(invalidation(0x1000, 1, 1), pages(0x1000, 0x1fff, true));
        assert_eq!(
            invalidation(0x1000, 512, 0),
            pages(0x1000, 0x20_0fff, false)
        );
        assert_eq!(invalidation(!0xfff, 1, 0), pages(!0xfff, u64::MAX, false));
        assert_eq!(invalidation(0, 1 << 52, 0), pages(0, u64::MAX, false));
    }

    #[test]
    fn bad_invalidations() {
        for bit in 0..12 {
            assert_eq!(invalidation(1 << bit, 1, 0), Err(BadInvalidation::Range));
        }
        for (address, pages) in [
            (0x1000, u64::MAX),
            (!0xfff, 2),
            (0, (1 << 52) + 1),
            (0, u64::MAX - 1),
            (0x1000, 1 << 52),
        ] {
            assert_eq!(invalidation(address, pages, 0), Err(BadInvalidation::Range));
        }
        for bit in 0..32 {
            if bit != 0 {
                assert_eq!(invalidation(0, 1, 1 << bit), Err(BadInvalidation::Unknown));
            }
            assert_eq!(
                Invalidation::parse(&RawInvalidation {
                    reserved: 1 << bit,
                    ..RawInvalidation::default()
                }),
                Err(BadInvalidation::Unknown)
            );
        }
    }
}
