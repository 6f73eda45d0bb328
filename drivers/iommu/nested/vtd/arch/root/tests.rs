// SPDX-License-Identifier: GPL-2.0

//! Root entries.

use super::*;

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_root))]
mod cases {
    use super::*;

    #[test]
    fn words_of_a_bus() {
        assert_eq!(word_of(0), 0);
        // 00:0f.7 and 00:10.0
        assert_eq!(word_of(0x7f), 0);
        assert_eq!(word_of(0x80), 1);
        assert_eq!(word_of(0x0100), 2);
        assert_eq!(word_of(0xffff), 511);
    }

    #[test]
    fn there_and_back() {
        assert_eq!(leading_to(0x1234_5000), 0x1234_5001);
        assert_eq!(target(0x1234_5001), Some(0x1234_5000));
        assert_eq!(target(0x1234_5000), None);
        assert_eq!(target(0), None);
    }
}
