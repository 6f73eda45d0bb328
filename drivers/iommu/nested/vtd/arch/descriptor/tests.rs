// SPDX-License-Identifier: GPL-2.0

//! Descriptor encodings against words put together by hand from 6.5.2 and 7.7.

use super::*;

/// A virtual function with a queue of its physical function's.
const DEVICE_TLB: DeviceTlb = DeviceTlb {
    sid: 0x1234,
    pfsid: 0xabcd,
    depth: 0x1f,
};
const BOTH: Drain = Drain {
    reads: true,
    writes: true,
};

fn block(address: u64, order: u32) -> Block {
    Block { address, order }
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_descriptor))]
mod cases {
    use super::*;

    #[test]
    fn context_cache() {
        let words = |d: Descriptor| d.words();

        assert_eq!(words(Descriptor::context_cache_global()), [0x11, 0, 0, 0]);
        assert_eq!(
            words(Descriptor::context_cache_domain(0xabcd)),
            [0xabcd_0021, 0, 0, 0]
        );
        assert_eq!(
            words(Descriptor::context_cache_device(0xabcd, 0x1234)),
            [0x1234_abcd_0031, 0, 0, 0]
        );
    }

    #[test]
    fn pasid_cache() {
        let words = |d: Descriptor| d.words();

        assert_eq!(words(Descriptor::pasid_cache_global()), [0x37, 0, 0, 0]);
        assert_eq!(
            words(Descriptor::pasid_cache_domain(0xabcd)),
            [0xabcd_0007, 0, 0, 0]
        );
        assert_eq!(
            words(Descriptor::pasid_cache_pasid(0xabcd, 0xf_edcb)),
            [0x000f_edcb_abcd_0017, 0, 0, 0]
        );
    }

    #[test]
    fn iotlb() {
        let words = |d: Descriptor| d.words();
        let none = Drain::default();

        assert_eq!(words(Descriptor::iotlb_global(none)), [0x12, 0, 0, 0]);
        assert_eq!(
            words(Descriptor::iotlb_domain(0xabcd, BOTH)),
            [0xabcd_00e2, 0, 0, 0]
        );
        assert_eq!(
            words(Descriptor::iotlb_page(
                0xabcd,
                block(0x1234_5678_9000, 0),
                true,
                none
            )),
            [0xabcd_0032, 0x1234_5678_9040, 0, 0]
        );
        assert_eq!(
            words(Descriptor::iotlb_page(
                1,
                block(0xffff_8000_0020_0000, 9),
                false,
                Drain {
                    reads: true,
                    writes: false
                }
            )),
            [0x0001_00b2, 0xffff_8000_0020_0009, 0, 0]
        );
    }

    #[test]
    fn pasid_iotlb() {
        let words = |d: Descriptor| d.words();

        assert_eq!(
            words(Descriptor::pasid_iotlb_pasid(0xabcd, 0xf_edcb)),
            [0x000f_edcb_abcd_0026, 0, 0, 0]
        );
        assert_eq!(
            words(Descriptor::pasid_iotlb_page(
                0xabcd,
                0xf_edcb,
                block(0xffff_8000_0020_0000, 9),
                true
            )),
            [0x000f_edcb_abcd_0036, 0xffff_8000_0020_0049, 0, 0]
        );
    }

    #[test]
    fn device_tlb() {
        let words = |d: Descriptor| d.words();

        // PFSID[15:4], SID, MIP, PFSID[3:0].
        assert_eq!(
            words(Descriptor::device_tlb(DEVICE_TLB, block(0x1234_5000, 0))),
            [0xabc0_1234_001f_d003, 0x1234_5000, 0, 0]
        );
        assert_eq!(
            words(Descriptor::device_tlb(DEVICE_TLB, block(0x1234_6000, 1))),
            [0xabc0_1234_001f_d003, 0x1234_6001, 0, 0]
        );
        assert_eq!(
            words(Descriptor::device_tlb(DEVICE_TLB, block(0x1234_0000, 4)))[1],
            0x1234_7001
        );
        assert_eq!(
            words(Descriptor::device_tlb(DEVICE_TLB, Block::ALL))[1],
            0x7fff_ffff_ffff_f001
        );
    }

    #[test]
    fn pasid_device_tlb() {
        let words = |d: Descriptor| d.words();

        // PFSID[15:4], PASID, SID, PFSID[3:0], MIP.
        assert_eq!(
            words(Descriptor::pasid_device_tlb(
                DEVICE_TLB,
                0xf_edcb,
                block(0x1234_5000, 0)
            )),
            [0xabcf_edcb_1234_d1f8, 0x1234_5000, 0, 0]
        );
        assert_eq!(
            words(Descriptor::pasid_device_tlb(
                DEVICE_TLB,
                1,
                block(0x1234_0000, 4)
            ))[1],
            0x1234_7800
        );
        assert_eq!(
            words(Descriptor::pasid_device_tlb(DEVICE_TLB, 1, Block::ALL))[1],
            0x7fff_ffff_ffff_f800
        );
    }

    #[test]
    fn wait() {
        let words = |d: Descriptor| d.words();

        assert_eq!(
            words(Descriptor::wait(0x12_3456_7894, 0xdead_beef)),
            [0xdead_beef_0000_0025, 0x12_3456_7894, 0, 0]
        );
        assert_eq!(
            words(Descriptor::wait_for_page_requests(0x1000, 1)),
            [0x1_0000_00a5, 0x1000, 0, 0]
        );
        assert_eq!(words(Descriptor::fence()), [0x45, 0, 0, 0]);
    }

    #[test]
    fn page_group_response() {
        let words = |d: Descriptor| d.words();

        assert_eq!(
            words(Descriptor::page_group_response(
                0x1234,
                None,
                0x1ff,
                Response::Success
            )),
            [0x1234_0009, 0xff8, 0, 0]
        );
        assert_eq!(
            words(Descriptor::page_group_response(
                0x1234,
                Some(0xf_edcb),
                1,
                Response::Failure
            )),
            [0x000f_edcb_1234_f019, 0x8, 0, 0]
        );
        assert_eq!(
            words(Descriptor::page_group_response(
                1,
                Some(0),
                0,
                Response::Invalid
            )),
            [0x0001_1019, 0, 0, 0]
        );
    }

    #[test]
    fn names_follow_types() {
        for (descriptor, kind, expected) in [
            (
                Descriptor::context_cache_global(),
                1,
                "context-cache invalidation",
            ),
            (Descriptor::iotlb_global(BOTH), 2, "IOTLB invalidation"),
            (
                Descriptor::pasid_cache_global(),
                7,
                "PASID-cache invalidation",
            ),
            (Descriptor::fence(), 5, "invalidation wait"),
            (Descriptor([0x0e00, 0]), 0x70, "unknown descriptor"),
        ] {
            assert_eq!(descriptor.kind(), kind);
            assert_eq!(name(kind), expected);
        }
    }
}
