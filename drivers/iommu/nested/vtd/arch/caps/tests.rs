// SPDX-License-Identifier: GPL-2.0

//! Capability registers as hardware has them.

use super::*;
use crate::vtd::arch::samples::{
    PLAIN,
    QEMU_CAP,
    QEMU_ECAP_FIRST,
    QEMU_ECAP_SECOND,
    RICH,
    RICH_CAP,
    RICH_ECAP, //
};

/// CAP_REG of [`PLAIN`].
const PLAIN_CAP: u64 = 0x2226_0292;
/// ECAP_REG of [`PLAIN`].
const PLAIN_ECAP: u64 = 0x4800_0000_0f02;

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_caps))]
mod cases {
    use super::*;

    #[test]
    fn everything_and_nothing() {
        assert_eq!(Features::decode(RICH_CAP, RICH_ECAP), Ok(RICH));
        assert_eq!(Features::decode(PLAIN_CAP, PLAIN_ECAP), Ok(PLAIN));
    }

    #[test]
    fn emulated_with_second_stages() {
        let decoded = Features::decode(QEMU_CAP, QEMU_ECAP_SECOND);

        assert!(decoded.is_ok());
        if let Ok(f) = decoded {
            assert!(f.second_stage && !f.first_stage && !f.nested);
            assert!(f.pass_through && f.supervisor && f.interrupts);
            assert!(!f.coherent && !f.walk_coherent && !f.snoop_control);
            assert!(!f.device_tlb && !f.page_requests && !f.dirty);
            assert_eq!((f.did_bits, f.pasid_bits, f.gpa_bits), (16, 0, 48));
            assert_eq!((f.widths, f.aw()), (0b0110, 2));
            assert_eq!((f.fault_offset, f.fault_records), (0x220, 1));
            assert_eq!(f.iotlb_offset, 0xf0);
            assert_eq!(f.max_order, Some(18));
            assert_eq!(f.second_stage_pages(), 0x4020_1000);
            assert_eq!(f.drain, RICH.drain);
        }
    }

    #[test]
    fn emulated_with_first_stages() {
        let decoded = Features::decode(QEMU_CAP, QEMU_ECAP_FIRST);

        assert!(decoded.is_ok());
        if let Ok(f) = decoded {
            assert!(f.first_stage && !f.second_stage && !f.nested);
            assert!(f.device_tlb && f.page_requests && f.page_request_drain);
            assert!(!f.supervisor && !f.five_levels && !f.extended_access);
            assert_eq!(f.pasid_bits, 20);
            assert_eq!(f.first_stage_pages(), 0x20_1000);
        }
    }

    #[test]
    fn what_is_unfit() {
        let decode = |cap, ecap| Features::decode(cap, ecap).err();

        assert_eq!(decode(!0, !0), Some(Unfit::Absent));
        assert_eq!(decode(QEMU_CAP, 0xf0_0f4a), Some(Unfit::NoScalableMode));
        assert_eq!(decode(RICH_CAP, RICH_ECAP & !2), Some(Unfit::NoQueue));
        assert_eq!(
            decode(RICH_CAP, RICH_ECAP & !(3 << 46)),
            Some(Unfit::NoTranslation)
        );
        // A second stage without an address width is none.
        assert_eq!(
            decode(PLAIN_CAP & !0x1f00, PLAIN_ECAP),
            Some(Unfit::NoTranslation)
        );
    }

    #[test]
    fn nesting_needs_both_stages() {
        for stage in [46, 47] {
            let decoded = Features::decode(RICH_CAP, RICH_ECAP & !(1 << stage));

            assert!(matches!(decoded, Ok(f) if !f.nested));
        }
    }

    #[test]
    fn dirty_tracking_needs_coherent_walks() {
        assert!(matches!(Features::decode(RICH_CAP, RICH_ECAP & !(1 << 48)), Ok(f) if !f.dirty));
    }

    #[test]
    fn page_requests_need_an_end_and_ats() {
        let serves = |f: fn(&mut Features)| {
            let mut features = Features {
                page_requests: true,
                page_request_drain: true,
                device_tlb: true,
                ..RICH
            };

            f(&mut features);
            features.serves_page_requests()
        };

        assert!(serves(|_| ()));
        assert!(!serves(|f| f.page_requests = false));
        assert!(!serves(|f| f.page_request_drain = false));
        assert!(!serves(|f| f.device_tlb = false));
    }

    #[test]
    fn widths() {
        let aw = |widths| Features { widths, ..RICH }.aw();

        assert_eq!([0, 0b0010, 0b0110, 0b1110, 0b1000].map(aw), [0, 1, 2, 3, 3]);
    }

    #[test]
    fn second_stages_are_no_deeper_than_they_must() {
        let shape = |widths, gpa_bits| {
            let features = Features {
                widths,
                gpa_bits,
                ..RICH
            };
            let shape = features.second_stage_shape();

            (shape.levels, shape.bits)
        };

        assert_eq!(shape(0b0010, 39), (3, 39));
        assert_eq!(shape(0b0010, 48), (3, 39));
        assert_eq!(shape(0b0110, 39), (3, 39));
        assert_eq!(shape(0b0110, 42), (4, 42));
        assert_eq!(shape(0b0100, 39), (4, 39));
        assert_eq!(shape(0b1110, 48), (4, 48));
        assert_eq!(shape(0b1110, 52), (5, 52));
        assert_eq!(shape(0b1000, 39), (5, 39));
        assert_eq!(shape(0b1110, 64), (5, 57));
    }

    #[test]
    fn first_stages_are_no_deeper_than_they_must() {
        let shape = |five_levels, gpa_bits| {
            let features = Features {
                five_levels,
                gpa_bits,
                ..RICH
            };
            let shape = features.first_stage_shape();

            (shape.levels, shape.bits)
        };

        assert_eq!(shape(true, 57), (5, 57));
        assert_eq!(shape(true, 48), (4, 48));
        assert_eq!(shape(false, 57), (4, 48));
        assert_eq!(shape(false, 39), (4, 39));
    }
}
