// SPDX-License-Identifier: GPL-2.0

//! Blocks around ranges, whatever the range.

use crate::vtd::arch::range::{
    Block,
    PAGE_SHIFT, //
};
use proptest::prelude::*;

/// Ranges of all sizes, those at both ends among them.
fn range() -> impl Strategy<Value = (u64, u64)> {
    (any::<u64>(), any::<u64>(), 0..64u32, 0..64u32).prop_map(|(first, size, a, b)| {
        let first = if a == 0 {
            u64::MAX - (first >> 40)
        } else {
            first >> a
        };

        (first, first.saturating_add(size >> b))
    })
}

/// The last address of a block.
fn last(block: &Block) -> u64 {
    block.address | !(u64::MAX.checked_shl(PAGE_SHIFT + block.order).unwrap_or(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn the_block_around_is_the_smallest((first, end) in range()) {
        let block = Block::around(first, end);
        let half = |block: &Block| (last(block) - block.address) >> 1;

        prop_assert!(block.address <= first && end <= last(&block));
        prop_assert_eq!((last(&block) - block.address) & block.address, 0);
        if block.order > 0 {
            // Either end is in another half.
            let middle = block.address + half(&block);

            prop_assert!(first <= middle && middle < end);
        }
    }
}
