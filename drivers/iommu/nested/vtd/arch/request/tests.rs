// SPDX-License-Identifier: GPL-2.0

//! Page request descriptors put together by hand.

use super::*;

/// The last of group 0x155: to read and execute, with privileges, with PASID 0xfedcb.
const RAW: [u64; 4] = [0x003f_edcb_1234_0101, 0xffff_8000_1234_5aad, 0, 0];
const GROUP: Group = Group {
    sid: 0x1234,
    pasid: Some(0xf_edcb),
    index: 0x155,
};

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_request))]
mod cases {
    use super::*;

    fn request(raw: [u64; 4]) -> Option<PageRequest> {
        match Message::decode(&raw) {
            Message::Request(request) => Some(request),
            _ => None,
        }
    }

    #[test]
    fn fields() {
        assert_eq!(
            Message::decode(&RAW),
            Message::Request(PageRequest {
                group: GROUP,
                last: true,
                address: 0xffff_8000_1234_5000,
                read: true,
                write: false,
                execute: true,
                privileged: true,
            })
        );
    }

    #[test]
    fn each_bit() {
        let plain = [0x0000_0000_0000_0001, 0, 0, 0];
        let with = |word: usize, bit: u32| {
            let mut raw = plain;

            raw[word] |= 1 << bit;
            raw
        };
        let none = PageRequest {
            group: Group {
                sid: 0,
                pasid: None,
                index: 0,
            },
            last: false,
            address: 0,
            read: false,
            write: false,
            execute: false,
            privileged: false,
        };

        assert_eq!(request(plain), Some(none));
        for bit in 0..16 {
            let sid = 1 << bit;
            let group = Group { sid, ..none.group };

            assert_eq!(
                request(with(0, 16 + bit)),
                Some(PageRequest { group, ..none })
            );
        }
        for bit in 0..9 {
            let index = 1 << bit;
            let group = Group {
                index,
                ..none.group
            };

            assert_eq!(
                request(with(1, 3 + bit)),
                Some(PageRequest { group, ..none })
            );
        }
        for bit in 12..64 {
            let address = 1 << bit;

            assert_eq!(request(with(1, bit)), Some(PageRequest { address, ..none }));
        }
        assert_eq!(
            request(with(1, 0)),
            Some(PageRequest { read: true, ..none })
        );
        assert_eq!(
            request(with(1, 1)),
            Some(PageRequest {
                write: true,
                ..none
            })
        );
        assert_eq!(
            request(with(1, 2)),
            Some(PageRequest { last: true, ..none })
        );
        // Without PASID these mean nothing.
        for bit in 32..54 {
            assert_eq!(request(with(0, bit)), Some(none));
        }
    }

    #[test]
    fn a_stop_marker_has_a_pasid() {
        let [low, high, ..] = RAW;

        // To read nothing, but execute: that is no bit of it.
        assert_eq!(Message::decode(&[low, high & !1, 0, 0]), Message::Stop);
        assert!(request([low & !(1 << 8), high & !1, 0, 0]).is_some_and(|r| r.last && !r.read));
        // To write, or not the last.
        assert!(request([low, high & !1 | 2, 0, 0]).is_some_and(|r| r.write));
        assert!(request([low, high & !5, 0, 0]).is_some_and(|r| !r.last));
    }

    #[test]
    fn reserved_bits() {
        for (word, bits) in [(0, 9..16), (0, 54..64), (2, 0..64), (3, 0..64)] {
            for bit in bits {
                let mut raw = RAW;

                raw[word] |= 1 << bit;
                assert_eq!(Message::decode(&raw), Message::Malformed(Some(GROUP)));
                raw[1] &= !(1 << 2);
                assert_eq!(Message::decode(&raw), Message::Malformed(None));
            }
        }
    }

    #[test]
    fn other_types() {
        for kind in (0..=u8::MAX).filter(|&kind| kind != 1) {
            let raw = [RAW[0] & !0xff | u64::from(kind), RAW[1], 0, 0];

            assert_eq!(Message::decode(&raw), Message::Unknown(kind));
        }
    }
}
