// SPDX-License-Identifier: GPL-2.0

//! Tables by their parameters against STEs by their bits.

use super::*;
use crate::smmu_v3::arch::{
    features::StallModel,
    samples::{
        PLAIN,
        RICH, //
    },
};

const LINEAR: TableOptions = TableOptions {
    s1fmt: 0,
    s1dss: 0,
    s1cir: 1,
    s1cor: 1,
    s1csh: 3,
    stalld: 0,
};

fn translate(base: u64, bits: u32, options: TableOptions) -> Result<VSte, BadVste> {
    VSte::translate(base, bits, false, &options, &RICH)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_guest_table))]
mod cases {
    use super::*;

    #[test]
    fn words_are_those_of_the_architecture() {
        let options = TableOptions {
            s1fmt: 2,
            s1dss: 2,
            stalld: 1,
            ..LINEAR
        };
        let vste = VSte::translate(0x1_0000, 20, true, &options, &RICH).unwrap();

        assert_eq!(vste.kind(), VSteKind::Translate);
        assert_eq!(
            vste.words,
            [
                1 | 5 << 1 | 2 << 4 | 0x1_0000 | 20 << 59,
                2 | 1 << 2 | 1 << 4 | 3 << 6 | 1 << 27 | 1 << 28
            ]
        );
        assert!(vste.wants_ats());
        assert_eq!(VSte::abort().words, [1, 0]);
        assert_eq!(VSte::abort().kind(), VSteKind::Abort);
        assert_eq!(VSte::bypass().words, [1 | 4 << 1, 0]);
        assert_eq!(VSte::bypass().kind(), VSteKind::Bypass);
    }

    #[test]
    fn what_is_built_is_what_is_parsed() {
        for bits in 0..=RICH.ssid_bits {
            for s1fmt in 0..=u8::from(bits != 0) * 2 {
                let options = TableOptions { s1fmt, ..LINEAR };
                let vste = translate(1 << 40, bits, options).unwrap();

                assert_eq!(VSte::parse(vste.words, &RICH), Ok(vste));
            }
        }
    }

    #[test]
    fn memory_is_what_the_hardware_reads_first() {
        let memory = |bits, s1fmt| {
            translate(1 << 40, bits, TableOptions { s1fmt, ..LINEAR })
                .unwrap()
                .table()
        };

        assert_eq!(memory(0, 0), Some((1 << 40, 64)));
        assert_eq!(memory(5, 0), Some((1 << 40, 64 << 5)));
        // 64 descriptors in a leaf of 4 KiB, 1024 in one of 64 KiB.
        assert_eq!(memory(6, 1), Some((1 << 40, 8)));
        assert_eq!(memory(10, 1), Some((1 << 40, 8 << 4)));
        assert_eq!(memory(3, 2), Some((1 << 40, 8)));
        assert_eq!(memory(20, 2), Some((1 << 40, 8 << 10)));
        assert_eq!(VSte::bypass().table(), None);
        assert_eq!(VSte::abort().table(), None);
    }

    #[test]
    fn refusals() {
        let wide = |options| translate(0, 1, options);

        assert_eq!(translate(0, 21, LINEAR), Err(BadVste::TooManyCds));
        assert_eq!(translate(0, u32::MAX, LINEAR), Err(BadVste::TooManyCds));
        assert_eq!(translate(1 << 52, 0, LINEAR), Err(BadVste::Address));
        assert_eq!(translate(u64::MAX, 0, LINEAR), Err(BadVste::Address));
        assert_eq!(translate(32, 0, LINEAR), Err(BadVste::Field));
        assert_eq!(translate(64, 1, LINEAR), Err(BadVste::Field));
        assert_eq!(
            translate(0, 0, TableOptions { s1fmt: 1, ..LINEAR }),
            Err(BadVste::Format)
        );
        assert_eq!(
            translate(0, 0, TableOptions { s1dss: 2, ..LINEAR }),
            Err(BadVste::Format)
        );
        assert_eq!(
            wide(TableOptions { s1fmt: 3, ..LINEAR }),
            Err(BadVste::Format)
        );
        assert_eq!(
            wide(TableOptions { s1dss: 3, ..LINEAR }),
            Err(BadVste::DefaultSubstream)
        );
        assert_eq!(
            wide(TableOptions { s1csh: 1, ..LINEAR }),
            Err(BadVste::Shareability)
        );
        for options in [
            TableOptions { s1fmt: 4, ..LINEAR },
            TableOptions { s1dss: 4, ..LINEAR },
            TableOptions { s1cir: 4, ..LINEAR },
            TableOptions { s1cor: 4, ..LINEAR },
            TableOptions { s1csh: 4, ..LINEAR },
            TableOptions {
                stalld: 2,
                ..LINEAR
            },
        ] {
            assert_eq!(wide(options), Err(BadVste::Field));
        }
    }

    #[test]
    fn refusals_for_want_of_hardware() {
        let lean = Features {
            two_level_cdtab: false,
            ats: false,
            stall: StallModel::Terminate,
            ..RICH
        };
        let stalld = TableOptions {
            stalld: 1,
            ..LINEAR
        };
        let two_level = TableOptions { s1fmt: 1, ..LINEAR };

        assert_eq!(
            VSte::translate(0, 1, true, &LINEAR, &lean),
            Err(BadVste::Eats)
        );
        assert_eq!(
            VSte::translate(0, 1, false, &stalld, &lean),
            Err(BadVste::Stall)
        );
        assert_eq!(
            VSte::translate(0, 1, false, &two_level, &lean),
            Err(BadVste::Format)
        );
        assert!(VSte::translate(0, 0, false, &LINEAR, &PLAIN).is_ok());
    }
}
