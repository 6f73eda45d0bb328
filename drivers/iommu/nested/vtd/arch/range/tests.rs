// SPDX-License-Identifier: GPL-2.0

//! Blocks around ranges.

use super::*;

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_range))]
mod cases {
    use super::*;

    #[test]
    fn around() {
        let around = |first, last| {
            let block = Block::around(first, last);

            (block.address, block.order)
        };

        assert_eq!(around(0x1234_5000, 0x1234_5fff), (0x1234_5000, 0));
        assert_eq!(around(0x1234_5678, 0x1234_5678), (0x1234_5000, 0));
        assert_eq!(around(0x1000, 0x2fff), (0, 2));
        assert_eq!(around(0x20_0000, 0x3f_ffff), (0x20_0000, 9));
        assert_eq!(around(0x3f_ffff, 0x40_0000), (0, 11));
        assert_eq!(around(1 << 62, (1 << 63) - 1), (1 << 62, 50));
        assert_eq!(around(0, u64::MAX), (0, 52));
        assert_eq!(around((1 << 63) - 1, 1 << 63), (0, 52));
    }
}
