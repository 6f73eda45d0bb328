// SPDX-License-Identifier: GPL-2.0

//! Invalidation commands cover the range, and are legal.

use super::*;
use crate::smmu_v3::arch::samples::{
    PLAIN,
    RICH, //
};

/// Whether the commands are legal and cover the range without a gap, in order; with how many
/// commands, and how many bytes at `page` granularity they cover too much.
fn coverage(features: &Features, range: &Range, page_log2: u32) -> Option<(usize, u64)> {
    let first = range.iova >> page_log2;
    let last = range.last() >> page_log2;
    let mut next = None;
    let mut count = 0;

    for command in range_cmds(features, Tag::Asid(5), range, page_log2) {
        let words = command.words();
        let start = (cmd::ADDRESS.get(words) << 12) >> page_log2;
        let (tg, ttl) = (cmd::TG.get(words), cmd::TTL.get(words));
        let (num, scale) = (cmd::NUM.get(words), cmd::SCALE.get(words));
        let pages = if tg == 0 {
            range.granule >> page_log2
        } else {
            (num + 1) << scale
        };
        let legal = match tg {
            0 => num == 0 && scale == 0 && ttl == 0,
            // A level says how the address is aligned.
            _ => {
                let shift = page_log2 + (3 - ttl.max(1) as u32) * (page_log2 - 3);

                features.ril
                    && tg == u64::from(page_log2 - 10) / 2
                    && (num, scale, ttl) != (0, 0, 0)
                    && scale < 32
                    && !(ttl == 1 && tg == 2 && !features.ds)
                    && (ttl == 0 || (start << page_log2).trailing_zeros() >= shift)
            }
        };

        if !legal || command.opcode() != 0x12 || cmd::TLBI_LEAF.is_set(words) != range.leaf {
            return None;
        }
        // The first may begin early, the others follow without gap or overlap.
        if next.unwrap_or(start) != start || next.is_none() && start > first {
            return None;
        }
        next = Some(start + pages);
        count += 1;
        if count > 4096 {
            return None;
        }
    }
    let end = next?;

    (end > last).then_some((count, end - 1 - last))
}

/// [`coverage`] of a range of `pages` pages of the size of the granule.
fn pages(features: &Features, first: u64, pages: u64, leaf: bool) -> Option<(usize, u64)> {
    let range = Range {
        iova: first << 12,
        size: pages << 12,
        granule: 1 << 12,
        leaf,
    };

    coverage(features, &range, 12)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_invalidate))]
mod cases {
    use super::*;

    #[test]
    fn one_command_per_page_without_ranges() {
        assert_eq!(pages(&PLAIN, 5, 1, true), Some((1, 0)));
        assert_eq!(pages(&PLAIN, 5, 511, true), Some((511, 0)));
        let blocks = Range {
            iova: 4 << 21,
            size: 3 << 21,
            granule: 1 << 21,
            leaf: true,
        };
        assert_eq!(coverage(&PLAIN, &blocks, 12), Some((3, 0)));
    }

    #[test]
    fn few_commands_with_ranges() {
        for count in 1..2048 {
            for leaf in [false, true] {
                let covered = pages(&RICH, 3, count, leaf);

                // A single page without a level takes its neighbour with it.
                let excess = u64::from(count == 1 && !leaf);
                assert!(covered.is_some_and(|(n, more)| n <= 4 && more <= excess));
            }
        }
        assert_eq!(pages(&RICH, 0, 1 << 36, true), Some((1, 0)));
        assert_eq!(pages(&RICH, 7, (1 << 36) - 7, true), Some((8, 0)));
    }

    #[test]
    fn the_top_of_the_address_space() {
        let top = Range {
            iova: !0xfff,
            size: 0x1000,
            granule: 0x1000,
            leaf: false,
        };

        assert_eq!(coverage(&RICH, &top, 12), Some((1, 0)));
        assert_eq!(coverage(&PLAIN, &top, 12), Some((1, 0)));
    }

    #[test]
    fn nothing_to_do() {
        let empty = Range {
            iova: 0x1000,
            size: 0,
            granule: 0x1000,
            leaf: true,
        };

        assert_eq!(range_cmds(&RICH, Tag::Vmid(1), &empty, 12).count(), 0);
        assert_eq!(range_cmds(&PLAIN, Tag::Vmid(1), &empty, 12).count(), 0);
    }

    #[test]
    fn levels() {
        let level = |features: &Features, granule_log2: u32, page_log2| {
            let range = Range {
                iova: 0,
                size: 1 << granule_log2,
                granule: 1 << granule_log2,
                leaf: true,
            };
            level_hint(features, &range, page_log2)
        };
        let no_ds = Features { ds: false, ..RICH };

        for (granule, page, ttl) in [
            (12, 12, 3),
            (21, 12, 2),
            (30, 12, 1),
            (39, 12, 0),
            (14, 14, 3),
            (25, 14, 2),
            (36, 14, 1),
            (16, 16, 3),
            (29, 16, 2),
            (42, 16, 1),
        ] {
            assert_eq!(level(&RICH, granule, page), ttl);
        }
        assert_eq!(level(&no_ds, 36, 14), 0);
        // Smaller than a page, or of tables.
        assert_eq!(level(&RICH, 12, 14), 0);
    }

    #[test]
    fn no_level_for_what_is_not_made_of_whole_blocks() {
        let range = |iova, size, leaf| Range {
            iova,
            size,
            granule: 1 << 21,
            leaf,
        };

        assert_eq!(level_hint(&RICH, &range(1 << 21, 1 << 21, true), 12), 2);
        assert_eq!(level_hint(&RICH, &range(1 << 20, 1 << 21, true), 12), 0);
        assert_eq!(level_hint(&RICH, &range(1 << 21, 1 << 20, true), 12), 0);
        assert_eq!(level_hint(&RICH, &range(1 << 21, 1 << 21, false), 12), 0);
    }

    #[test]
    fn words() {
        let range = Range {
            iova: 0x1234_5000,
            size: 0x6000,
            granule: 0x1000,
            leaf: true,
        };
        let mut stage1 = range_cmds(&RICH, Tag::Asid(0xabcd), &range, 12);
        let mut stage2 = range_cmds(&PLAIN, Tag::Vmid(0xab), &range, 12);

        // Six pages: NUM 2, SCALE 1, TG 1, TTL 3, Leaf.
        assert!(stage1
            .next()
            .is_some_and(|cmd| *cmd.words() == [0xabcd_0000_0010_2012, 0x1234_5701]));
        assert!(stage1.next().is_none());
        assert!(stage2
            .next()
            .is_some_and(|cmd| *cmd.words() == [0x00ab_0000_002a, 0x1234_5001]));
        assert_eq!(stage2.count(), 5);
    }

    #[test]
    fn large_ranges_are_flushed_whole() {
        let range = |size, granule| Range {
            iova: 0,
            size,
            granule,
            leaf: true,
        };

        assert!(!prefers_full(&PLAIN, &range(511 << 12, 1 << 12)));
        assert!(prefers_full(&PLAIN, &range(512 << 12, 1 << 12)));
        assert!(!prefers_full(&PLAIN, &range(512 << 12, 1 << 21)));
        assert!(prefers_full(&PLAIN, &range(u64::MAX, 1 << 12)));
        assert!(!prefers_full(&RICH, &range(1 << 47, 1 << 12)));
        assert!(prefers_full(&RICH, &range(u64::MAX, 1 << 12)));
        assert_eq!(full_cmd(Tag::Asid(7)), Cmd::tlbi_nh_asid(0, 7));
        assert_eq!(full_cmd(Tag::Vmid(7)), Cmd::tlbi_s12_vmall(7));
    }

    #[test]
    fn atc_blocks() {
        let block = |first: u64, last: u64| {
            let cmd = atc_range(1, None, first << 12, (last - first + 1) << 12);
            (
                cmd::ADDRESS.get(cmd.words()),
                cmd::ATC_SIZE.get(cmd.words()),
            )
        };

        assert_eq!(block(0, 0), (0, 0));
        assert_eq!(block(5, 5), (5, 0));
        assert_eq!(block(8, 11), (8, 2));
        assert_eq!(block(7, 10), (0, 4));
        assert_eq!(block(0x7ff, 0x800), (0, 12));
        // A part of a page is the page.
        assert_eq!(
            atc_range(1, Some(2), 0x1234, 8),
            Cmd::atc_inv(1, Some(2), 0x1000, 0)
        );
        // Everything.
        for (iova, size) in [(0, 0), (0, u64::MAX), (1, u64::MAX), ((1 << 63) - 1, 2)] {
            assert_eq!(atc_range(1, None, iova, size), Cmd::atc_inv_all(1, None));
        }
    }
}
