// SPDX-License-Identifier: GPL-2.0

//! Tests of page tables that software walks.

use super::*;

/// V, AA64, R, A, EPD1, ASID 42, IPS 44 bits; 4 KiB and T0SZ as given.
fn descriptor(granule: u64, input_bits: u64) -> u64 {
    let mut cd = [0];

    for (field, value) in [
        (cd::V, 1),
        (cd::AA64, 1),
        (cd::R, 1),
        (cd::A, 1),
        (cd::EPD1, 1),
        (cd::ASID, 42),
        (cd::IPS, 4),
        (cd::TG0, granule),
        (cd::T0SZ, 64 - input_bits),
    ] {
        field.set(&mut cd, value);
    }
    cd[0]
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_smmu_v3_walk))]
mod cases {
    use super::*;

    const BASE: u64 = 0x8000_0000;

    #[test]
    fn a_linux_guests_table() {
        let table = PageTable::parse(BASE, 48, descriptor(0, 48), 48).unwrap();

        assert_eq!(table.root(), BASE);
        assert_eq!(table.levels(), 4);
        assert_eq!(table.last(), (1 << 48) - 1);
        assert_eq!(table.tag(), Some(42));
        assert_eq!(
            table.decode(BASE | 3, 1),
            Entry::Table {
                gpa: BASE,
                access: Access::ALL
            }
        );
        assert_eq!(
            table.decode(BASE | 0x743, 0),
            Entry::Leaf {
                gpa: BASE,
                access: Access::ALL
            }
        );
    }

    #[test]
    fn levels_follow_granule_and_size() {
        for (granule, input_bits, page_bits, levels) in [
            (0, 48, 12, 4),
            (0, 39, 12, 3),
            (0, 30, 12, 2),
            (2, 48, 14, 4),
            (2, 47, 14, 3),
            (1, 48, 16, 3),
            (1, 42, 16, 2),
        ] {
            let word = descriptor(granule, input_bits.into());
            let table = PageTable::parse(BASE, input_bits, word, 48).unwrap();

            assert_eq!(table.levels(), levels);
            assert_eq!(table.page_bits(), page_bits);
        }
    }

    #[test]
    fn what_software_does_not_do() {
        let good = descriptor(0, 48);

        for field in [cd::ENDI, cd::TBI, cd::HD, cd::HA] {
            assert_eq!(
                PageTable::parse(BASE, 48, good | field.mask(), 48),
                Err(BadTable::Unsupported)
            );
        }
        assert_eq!(
            PageTable::parse(BASE, 48, good & !cd::EPD1.mask(), 48),
            Err(BadTable::Unsupported)
        );
        for word in [
            0,
            good & !cd::V.mask(),
            good & !cd::AA64.mask(),
            good | cd::EPD0.mask(),
            good | cd::TG0.mask(),
        ] {
            assert_eq!(
                PageTable::parse(BASE, 48, word, 48),
                Err(BadTable::Descriptor)
            );
        }
        for (base, bits, word, limit, why) in [
            (BASE, 39, good, 48, BadTable::InputSize),
            (BASE, 24, descriptor(0, 25), 48, BadTable::InputSize),
            (BASE, 48, good, 44, BadTable::Range),
            (BASE, 49, good, 52, BadTable::Range),
            (1 << 44, 48, good, 48, BadTable::Range),
            (BASE, 48, good | 6 << 32, 48, BadTable::Range),
            (BASE + 0x800, 48, good, 48, BadTable::Alignment),
        ] {
            assert_eq!(PageTable::parse(base, bits, word, limit), Err(why));
        }
        // The first table of 48 bits and 64 KiB has 64 entries.
        let word = descriptor(1, 48);
        assert!(PageTable::parse(BASE + 0x200, 48, word, 48).is_ok());
        assert_eq!(
            PageTable::parse(BASE + 0x100, 48, word, 48),
            Err(BadTable::Alignment)
        );
    }

    #[test]
    fn what_an_entry_allows() {
        let table = PageTable::parse(BASE, 48, descriptor(0, 48), 48).unwrap();
        let leaf = |entry, level| match table.decode(entry, level) {
            Entry::Leaf { access, .. } => Some(access),
            _ => None,
        };
        let read_only = Access {
            read: true,
            write: false,
        };

        assert_eq!(leaf(BASE | 0x743 | READ_ONLY.mask(), 0), Some(read_only));
        assert_eq!(leaf(BASE | 0x741, 1), Some(Access::ALL));
        assert_eq!(leaf(BASE | 0x741, 2), Some(Access::ALL));
        // Privileged
        assert!(leaf(BASE | 0x703, 0).unwrap().is_none());
        // No access flag, no page on the last level, no block on level 3, not valid, too large
        assert_eq!(leaf(BASE | 0x343, 0), None);
        assert_eq!(leaf(BASE | 0x741, 0), None);
        assert_eq!(leaf(0x741, 3), None);
        assert_eq!(leaf(BASE | 0x742, 0), None);
        assert_eq!(leaf(1 << 44 | 0x743, 0), None);

        let word = descriptor(0, 48) | cd::AFFD.mask();
        let table = PageTable::parse(BASE, 48, word, 48).unwrap();
        assert_ne!(table.decode(BASE | 0x343, 0), Entry::Absent);
    }

    #[test]
    fn what_a_table_leaves() {
        let table = PageTable::parse(BASE, 48, descriptor(0, 48), 48).unwrap();
        let access = |entry| match table.decode(entry, 2) {
            Entry::Table { access, .. } => access,
            other => panic!("{other:?}"),
        };

        assert!(!access(BASE | 3 | TABLE_READ_ONLY.mask()).write);
        assert!(access(BASE | 3 | TABLE_READ_ONLY.mask()).read);
        assert!(access(BASE | 3 | TABLE_PRIVILEGED.mask()).is_none());
    }
}
