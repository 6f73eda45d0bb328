// SPDX-License-Identifier: GPL-2.0

//! Tests of page tables that software walks.

use super::*;

/// Present, writable, of the user, accessed, dirty.
const ALL: u64 = 0x67;

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_walk))]
mod cases {
    use super::*;

    const BASE: u64 = 0x8000_0000;

    fn table() -> PageTable {
        PageTable::parse(BASE, 48, 0, 46).unwrap()
    }

    fn leaf(entry: u64, level: usize) -> Option<Access> {
        match table().decode(entry, level) {
            Entry::Leaf { access, .. } => Some(access),
            _ => None,
        }
    }

    #[test]
    fn parameters() {
        assert_eq!(table().levels(), 4);
        assert_eq!(table().last(), (1 << 47) - 1);
        let five = PageTable::parse(BASE, 57, SUPERVISOR, 52).unwrap();
        assert_eq!(five.levels(), 5);
        assert_eq!(five.last(), (1 << 56) - 1);

        for (base, width, flags, why) in [
            (BASE, 48, 8, BadTable::Flags),
            (BASE, 48, EAFE, BadTable::Unsupported),
            (BASE, 39, 0, BadTable::Width),
            (1 << 46, 48, 0, BadTable::Range),
            (BASE + 8, 48, 0, BadTable::Alignment),
        ] {
            assert_eq!(PageTable::parse(base, width, flags, 46), Err(why));
        }
    }

    #[test]
    fn leaves() {
        let read_only = Access {
            read: true,
            write: false,
        };

        assert_eq!(leaf(BASE | ALL, 0), Some(Access::ALL));
        // Bit 7 of a small page is a memory type.
        assert_eq!(leaf(BASE | ALL | 0x80, 0), Some(Access::ALL));
        assert_eq!(leaf(BASE | ALL | 0x80, 1), Some(Access::ALL));
        assert_eq!(leaf(BASE | ALL | 0x1080, 1), Some(Access::ALL));
        assert_eq!(leaf(BASE | ALL | 0x80, 2), Some(Access::ALL));
        assert_eq!(leaf(BASE | ALL & !WRITE.mask(), 0), Some(read_only));
        assert_eq!(leaf(BASE | ALL & !DIRTY.mask(), 0), Some(read_only));
        assert_eq!(leaf(BASE | ALL & !ACCESSED.mask(), 0), None);
        assert!(leaf(BASE | ALL & !USER.mask(), 0).unwrap().is_none());
    }

    #[test]
    fn reserved_bits_are_faults() {
        assert_eq!(leaf(BASE | 0x2000 | ALL | 0x80, 1), None);
        assert_eq!(leaf(BASE | 1 << 29 | ALL | 0x80, 2), None);
        assert_eq!(leaf(BASE | ALL | 0x80, 3), None);
        assert_eq!(leaf(1 << 46 | ALL, 0), None);
        assert_eq!(table().decode(1 << 46 | ALL, 1), Entry::Absent);
        assert_eq!(table().decode(BASE | ALL & !1, 0), Entry::Absent);
        // Execution is not what this is about, and the rest is software's.
        assert_eq!(
            leaf(BASE | ALL | 1 << 63 | 0x7ff << 52, 0),
            Some(Access::ALL)
        );
    }

    #[test]
    fn tables() {
        let access = |entry| match table().decode(entry, 2) {
            Entry::Table { gpa, access } => {
                assert_eq!(gpa, BASE);
                access
            }
            other => panic!("{other:?}"),
        };

        assert_eq!(access(BASE | ALL), Access::ALL);
        assert_eq!(access(BASE | 7), Access::ALL);
        assert!(!access(BASE | 5).write);
        assert!(access(BASE | 3).is_none());
    }
}
