// SPDX-License-Identifier: GPL-2.0

//! Fault records put together by hand from 11.4.14.

use super::*;

/// A write with PASID 0xfedcb to a page that is not there.
const RAW: [u64; 2] = [0xffff_8000_1234_5000, 0x8fed_cb71_8000_1234];

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_fault))]
mod cases {
    use super::*;

    #[test]
    fn fields() {
        assert_eq!(
            Record::decode(RAW),
            Some(Record {
                reason: Reason::FirstAbsent,
                sid: 0x1234,
                pasid: Some(0xf_edcb),
                request: Request::Write,
                execute: false,
                privileged: false,
                address: 0xffff_8000_1234_5000,
            })
        );
    }

    #[test]
    fn no_fault() {
        assert_eq!(Record::decode([RAW[0], RAW[1] & !(1 << 63)]), None);
        assert_eq!(Record::decode([0, 0]), None);
    }

    #[test]
    fn requests() {
        let request = |bits: u64| Record::decode([0, 1 << 63 | bits]).map(|r| r.request);

        assert_eq!(request(0), Some(Request::Write));
        assert_eq!(request(1 << 62), Some(Request::Read));
        assert_eq!(request(1 << 28), Some(Request::Pages));
        assert_eq!(request(1 << 62 | 1 << 28), Some(Request::Atomic));
    }

    #[test]
    fn only_requests_with_pasid_have_its_attributes() {
        let record = |bits: u64| Record::decode([0, 1 << 63 | bits]);

        // PRIV and EXE, without and with PP.
        assert!(record(3 << 29).is_some_and(|r| !r.privileged && !r.execute && r.pasid.is_none()));
        assert!(record(7 << 29).is_some_and(|r| r.privileged && r.execute && r.pasid == Some(0)));
    }

    #[test]
    fn reasons() {
        let mut known = 0;

        for code in 0..=u8::MAX {
            let reason = Reason::from_raw(code);

            assert_eq!(reason.code(), code);
            if reason != Reason::Unknown(code) {
                known += 1;
                assert!(code >= 0x30 || matches!(code, 0x05 | 0x06));
            } else {
                assert!(!reason.is_first_stage());
            }
            assert!(!reason.is_first_stage() || reason.is_translation() || code == 0x5d);
        }
        assert_eq!(known, 50);
        assert_eq!(Reason::from_raw(0x59), Reason::PasidAbsent);
        assert_eq!(Reason::from_raw(0x59).name(), "SPT.2");
        assert_eq!(Reason::from_raw(0x79), Reason::SecondAbsent);
        assert!(!Reason::SecondAbsent.is_first_stage());
    }

    #[test]
    fn a_guest_gets_its_own_name() {
        assert_eq!(
            Record::relabel(RAW, 0xbeef),
            [RAW[0], 0x8fed_cb71_8000_beef]
        );
        // Reserved bits go.
        assert_eq!(
            Record::relabel([!0, !0], 0xbeef),
            [!0xfff, 0xffff_ffff_f000_beef]
        );
    }

    /// What a unit says of a shadow is not what the guest's would say of its table.
    #[test]
    fn a_shadow_is_a_first_stage() {
        for code in 0..=0xff {
            let reason = Reason::from_raw(code);
            let raw = [RAW[0], RAW[1] & !REASON.mask() | REASON.prep(code.into())];
            let shown = Record::first_stage(raw);

            if reason.is_first_stage() {
                assert_eq!(shown, raw);
            } else {
                assert_eq!(REASON.get(&shown), 0x71);
                assert_eq!(shown[1] & !REASON.mask(), raw[1] & !REASON.mask());
                assert_eq!(shown[0], raw[0]);
            }
        }
    }
}
