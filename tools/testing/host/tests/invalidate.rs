// SPDX-License-Identifier: GPL-2.0

//! Invalidation covers the range: no page missed, none too many.

use crate::smmu_v3::arch::{
    cmd::{
        self,
        Cmd, //
    },
    features::Features,
    invalidate::{
        atc_range,
        prefers_full,
        range_cmds,
        Range,
        Tag, //
    },
    samples::{
        PLAIN,
        RICH, //
    },
};
use proptest::prelude::*;

/// The page granule and a page or block size of it.
fn geometry() -> impl Strategy<Value = (u32, u32)> {
    prop::sample::select(
        &[
            (12, 12),
            (12, 21),
            (12, 30),
            (14, 14),
            (14, 25),
            (14, 36),
            (16, 16),
            (16, 29),
            (16, 42),
        ][..],
    )
}

/// A range of up to `1 << most_log2` units of `1 << unit_log2` bytes, within 52 bits.
fn range(unit_log2: u32, most_log2: u32, granule_log2: u32) -> impl Strategy<Value = Range> {
    let units = 1u64 << (52 - unit_log2);

    (any::<u64>(), any::<u64>(), 0..=most_log2, any::<bool>()).prop_map(
        move |(first, count, magnitude, leaf)| {
            let first = first % units;
            let most = (units - first).min(1 << magnitude.min(52 - unit_log2));

            Range {
                iova: first << unit_log2,
                size: (1 + count % most) << unit_log2,
                granule: 1 << granule_log2,
                leaf,
            }
        },
    )
}

/// The bytes that a command covers: first and last.
fn covered(command: &Cmd, page_log2: u32, granule: u64) -> (u64, u64) {
    let words = command.words();
    let first = cmd::ADDRESS.get(words) << 12;
    let bytes = match cmd::TG.get(words) {
        0 => granule,
        tg => {
            assert_eq!(tg, u64::from(page_log2 - 10) / 2);
            assert!(cmd::SCALE.get(words) < 32);
            (cmd::NUM.get(words) + 1) << (cmd::SCALE.get(words) as u32 + page_log2)
        }
    };

    (first, first + (bytes - 1))
}

/// Checks the commands for `range` and gives their number.
fn check(features: &Features, range: &Range, page_log2: u32) -> usize {
    let mut next = range.iova;
    let mut count = 0;

    for command in range_cmds(features, Tag::Vmid(3), range, page_log2) {
        let (first, last) = covered(&command, page_log2, range.granule);
        let words = command.words();

        let alone = (
            cmd::NUM.get(words),
            cmd::SCALE.get(words),
            cmd::TTL.get(words),
        );
        assert!(cmd::TG.get(words) == 0 || alone != (0, 0, 0), "reserved");
        assert_eq!(cmd::VMID.get(words), 3);
        assert_eq!(cmd::TLBI_LEAF.is_set(words), range.leaf);
        if count == 0 {
            assert!(first <= next);
        } else {
            assert_eq!(first, next);
        }
        next = last.wrapping_add(1);
        count += 1;
    }
    let end = range.iova + range.size;
    let slack = if features.ril {
        1 << page_log2
    } else {
        range.granule
    };

    assert!(next >= end || next == 0);
    assert!(next.wrapping_sub(end) < slack || next - end == slack && count == 1);
    count
}

/// A page granule, and a range of whole blocks or of pages that happen to be parts of blocks.
fn geometry_and_range(most_log2: u32) -> impl Strategy<Value = (u32, Range)> {
    geometry().prop_flat_map(move |(page, granule)| {
        prop_oneof![
            range(granule, most_log2, granule),
            range(page, most_log2, granule)
        ]
        .prop_map(move |range| (page, range))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn with_ranges((page_log2, range) in geometry_and_range(52), ds: bool) {
        let features = Features { ds, ..RICH };
        let count = check(&features, &range, page_log2);

        // Five bits of the number of pages per command, and one more to avoid what is reserved.
        if !prefers_full(&features, &range) {
            prop_assert!(count <= 9, "{} commands", count);
        }
    }

    #[test]
    fn without_ranges((page_log2, range) in geometry_and_range(11)) {
        let count = check(&PLAIN, &range, page_log2) as u64;

        prop_assert!(count <= range.size / range.granule + 2);
    }

    #[test]
    fn atc(iova: u64, size in 1..u64::MAX, shift in 0..64u32) {
        let size = (size >> shift).max(1);
        let last = iova.saturating_add(size - 1);
        let command = atc_range(9, Some(5), iova, size);
        let log2 = cmd::ATC_SIZE.get(command.words()) as u32;
        let first = cmd::ADDRESS.get(command.words()) << 12;

        prop_assert!(log2 <= 52);
        if log2 < 52 {
            let mask = (1u64 << (12 + log2)) - 1;

            prop_assert_eq!(first & mask, 0);
            prop_assert!(first <= iova && last <= first + mask);
            // Half the block would not do.
            prop_assert!(log2 == 0 || (iova ^ last) >> (11 + log2) == 1);
        } else {
            prop_assert_eq!(first, 0);
        }
    }
}
