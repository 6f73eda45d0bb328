// SPDX-License-Identifier: GPL-2.0

//! Walks that fault: every reason, and every reserved bit.

use super::{
    super::faults::Reason,
    *, //
};

/// Flips bits of a word.
fn flip(page: &Page, word: usize, bits: u64) {
    page.store(word, page.load(word) ^ bits);
}

/// Whether flipping any single one of these bits of a word makes the access fault for this reason,
/// and flipping another one does not.
fn only_reserved(rig: &Rig, page: &Page, word: usize, reserved: u64, reason: Reason) -> bool {
    (0..64).all(|n| {
        flip(page, word, 1 << n);
        let outcome = rig.model.fresh(RID, None, IOVA, false);

        flip(page, word, 1 << n);
        (outcome == Err(reason)) == (reserved >> n & 1 != 0)
    })
}

/// Bits 63 to 46.
const BEYOND: u64 = u64::MAX << 46;
/// Bits 51 to 46: those above are ignored.
const BEYOND_TABLE: u64 = BEYOND & ((1 << 52) - 1);

#[cfg_attr(
    not(test),
    ::kernel::macros::kunit_tests(iommu_nested_vtd_model_faults)
)]
mod cases {
    use super::*;

    #[test]
    fn root() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.entry(0, through(1));
        assert!(only_reserved(
            &rig,
            &rig.root,
            0,
            BEYOND | 0xffe,
            Reason::RootReserved
        ));
        rig.root.store(0, 0);
        assert_eq!(rig.read(IOVA), Err(Reason::RootPresent));
        // Legacy mode.
        rig.model.write64(RTADDR, rig.root.address());
        rig.model.write32(GCMD, 3 << 30 | 1 << 26);
        assert_eq!(rig.read(IOVA), Err(Reason::RootPointer));
        rig.model.write64(RTADDR, 0x5000 | 1 << 10);
        assert_eq!(rig.read(IOVA), Err(Reason::RootPointer));
        rig.model.write32(GCMD, 3 << 30 | 1 << 26);
        assert_eq!(rig.read(IOVA), Err(Reason::RootAccess));
        assert!(rig.model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn context() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let page = &rig.contexts[0];

        rig.entry(0, through(1));
        assert!(only_reserved(
            &rig,
            page,
            0x40,
            BEYOND | 0x1e0,
            Reason::ContextReserved
        ));
        assert!(only_reserved(
            &rig,
            page,
            0x41,
            !0x1f_ffff,
            Reason::ContextReserved
        ));
        assert!(only_reserved(&rig, page, 0x42, !0, Reason::ContextReserved));
        assert!(only_reserved(&rig, page, 0x43, !0, Reason::ContextReserved));

        // RID_PASID beyond 32767; a PASID, too.
        page.store(0x41, 0x8000);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::RidPasid)
        );
        page.store(0x41, 0);
        assert_eq!(
            rig.model.fresh(RID, Some(0x8000), IOVA, false),
            Err(Reason::PasidRange)
        );
        assert_eq!(
            rig.model.fresh(RID, Some(0x7fff), IOVA, false),
            Err(Reason::DirectoryPresent)
        );
        // PASIDE.
        flip(page, 0x40, 1 << 3);
        assert_eq!(
            rig.model.fresh(RID, Some(0), IOVA, false),
            Err(Reason::PasidEnable)
        );
        assert!(rig.model.fresh(RID, None, IOVA, false).is_ok());
        // DTE.
        flip(page, 0x40, 1 << 2);
        rig.model.set_ats(RID, true)?;
        assert_eq!(rig.read(IOVA), Err(Reason::DeviceTlb));

        flip(page, 0x40, 1);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::ContextPresent)
        );
        rig.root.store(0, 0x5001);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::ContextAccess)
        );
        Ok(())
    }

    #[test]
    fn directory() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let page = &rig.directory;

        rig.entry(0, through(1));
        assert!(only_reserved(
            &rig,
            page,
            0,
            BEYOND | 0xffc,
            Reason::DirectoryReserved
        ));
        page.store(0, 0);
        assert_eq!(rig.read(IOVA), Err(Reason::DirectoryPresent));
        page.store(0, 0x5001);
        assert_eq!(rig.read(IOVA), Err(Reason::PasidAccess));
        rig.contexts[0].store(0x40, 0x5000 | 1);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::DirectoryAccess)
        );
        Ok(())
    }

    #[test]
    fn pasid_entry() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let page = &rig.table;

        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        rig.entry(0, through(1));
        // Reserved, and in the second word what is above DIDs, PWSNP and PGSNP.
        assert!(only_reserved(&rig, page, 0, 0xc20, Reason::PasidReserved));
        assert!(only_reserved(
            &rig,
            page,
            1,
            !0x180_ffff,
            Reason::PasidReserved
        ));
        // ERE and EAFE, which this unit has not.
        assert!(only_reserved(&rig, page, 2, 0xf82, Reason::PasidReserved));
        for word in 3..8 {
            assert!(only_reserved(&rig, page, word, !0, Reason::PasidReserved));
        }
        // PGTT 0, 5, 6, 7.
        for pgtt in [0, 5, 6, 7] {
            page.store(0, pgtt << 6 | 3 << 2 | 1);
            assert_eq!(rig.read(IOVA), Err(Reason::PasidInvalid));
        }
        // AW.
        for width in [0, 4, 5, 6, 7] {
            page.store(0, 4 << 6 | width << 2 | 1);
            assert_eq!(rig.read(IOVA), Err(Reason::PasidInvalid));
        }
        // FSPM.
        page.store(0, 1 << 6 | 1);
        for mode in [2, 3] {
            page.store(2, mode << 2);
            assert_eq!(rig.read(IOVA), Err(Reason::PasidInvalid));
        }
        Ok(())
    }

    #[test]
    fn pasid_entry_of_a_poor_unit() -> Result {
        // No nesting, first stage or snoop control; 4 levels only, 16 domains.
        let rig = Rig::new(Config {
            cap: Config::RICH.cap & !(7 | 0b1010 << 8 | 1 << 60),
            ecap: Config::RICH.ecap & !(1 << 26 | 1 << 47 | 1 << 7 | 1 << 45),
            ..Config::RICH
        })?;
        let page = &rig.table;
        let tree = Tree::second(&rig.model, 4)?;

        for (word, value, reason) in [
            (0, 3 << 2 | 2 << 6 | 1, Reason::PasidInvalid),
            (0, 2 << 2 | 3 << 6 | 1, Reason::PasidInvalid),
            (0, 1 << 6 | 1, Reason::PasidInvalid),
            (0, 2 << 2 | 2 << 6 | 1 << 9 | 1, Reason::PasidReserved),
            (1, 16, Reason::PasidReserved),
            (1, 1 << 24, Reason::PasidReserved),
        ] {
            rig.entry(0, second(15, &tree));
            assert_eq!(rig.read(IOVA), Err(Reason::SecondPresent));
            rig.model.caches().clear();
            page.store(word, value);
            assert_eq!(rig.read(IOVA), Err(reason));
        }
        Ok(())
    }

    #[test]
    fn second_stage() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::second(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        rig.entry(0, second(1, &tree));
        // Not present: neither permission. Reserved: bit 7 above the large pages; SNP and memory
        // types above leaves; TM.
        for level in 1..=4 {
            let (page, word) = tree.slot(IOVA, level).ok_or(ENOENT)?;
            let reserved = match level {
                1 => 0x78 | 1 << 62,
                4 => 0x8f8 | 1 << 62,
                // Bit 7 makes a large page of a table whose address is not aligned.
                _ => 0x8f8 | 1 << 62,
            };

            assert!(only_reserved(
                &rig,
                page,
                word,
                reserved | BEYOND_TABLE,
                Reason::SecondReserved
            ));

            let entry = page.load(word);

            page.store(word, entry & !3);
            assert_eq!(
                rig.model.fresh(RID, None, IOVA, false),
                Err(Reason::SecondPresent)
            );
            page.store(word, entry & !2);
            assert_eq!(rig.model.fresh(RID, None, IOVA, true), Err(Reason::Write));
            page.store(word, entry & !1);
            assert_eq!(rig.model.fresh(RID, None, IOVA, false), Err(Reason::Read));
            if level > 1 {
                page.store(word, 0x5003);
                assert_eq!(
                    rig.model.fresh(RID, None, IOVA, false),
                    Err(Reason::SecondAccess)
                );
            }
            page.store(word, entry);
        }
        assert_eq!(rig.read(1 << 48), Err(Reason::SecondRange));
        rig.table.store(0, 0x5000 | 2 << 6 | 2 << 2 | 1);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::SecondTop)
        );
        Ok(())
    }

    #[test]
    fn second_stage_large() -> Result {
        for level in 2..=3 {
            let rig = Rig::new(Config::RICH)?;
            let mut tree = Tree::second(&rig.model, 4)?;
            let low = (1 << (12 + 9 * (level - 1))) - 1;

            tree.map(IOVA, 0x8_0000_0000, level, true)?;
            rig.entry(0, second(1, &tree));

            let (page, word) = tree.slot(IOVA, level).ok_or(ENOENT)?;
            let reserved = BEYOND_TABLE | 0x78 | 1 << 62 | (low & !0xfff);

            assert!(only_reserved(
                &rig,
                page,
                word,
                reserved,
                Reason::SecondReserved
            ));

            // A unit without large pages, but for the walk to the entry the same.
            let small = Rig::new(Config {
                cap: Config::RICH.cap & !(3 << 34),
                ..Config::RICH
            })?;
            let mut tree = Tree::second(&small.model, 4)?;

            tree.map(IOVA, 0x8_0000_0000, level, true)?;
            small.entry(0, second(1, &tree));
            assert_eq!(small.read(IOVA), Err(Reason::SecondReserved));
        }
        Ok(())
    }

    #[test]
    fn first_stage() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::first(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        rig.entry(0, first(1, &tree));
        for level in 1..=4 {
            let (page, word) = tree.slot(IOVA, level).ok_or(ENOENT)?;
            // XD without NXE; bit 7 that does not make an aligned large page.
            let large = if level == 1 { 0 } else { 1 << 7 };

            assert!(only_reserved(
                &rig,
                page,
                word,
                BEYOND_TABLE | 1 << 63 | large,
                Reason::FirstReserved
            ));

            let entry = page.load(word);

            page.store(word, entry & !1);
            assert_eq!(
                rig.model.fresh(RID, None, IOVA, false),
                Err(Reason::FirstPresent)
            );
            page.store(word, entry & !2);
            assert_eq!(rig.model.fresh(RID, None, IOVA, true), Err(Reason::Write));
            assert!(rig.model.fresh(RID, None, IOVA, false).is_ok());
            page.store(word, entry & !4);
            assert_eq!(rig.model.fresh(RID, None, IOVA, false), Err(Reason::User));
            if level > 1 {
                page.store(word, 0x5007);
                assert_eq!(
                    rig.model.fresh(RID, None, IOVA, false),
                    Err(Reason::FirstAccess)
                );
            }
            page.store(word, entry);
        }
        for address in [1 << 47, !(1 << 47), 1 << 63] {
            assert_eq!(rig.read(address), Err(Reason::Canonical));
        }
        // NXE.
        flip(&rig.table, 2, 1 << 5);
        tree.set(IOVA, 1, tree.entry(IOVA, 1) | 1 << 63);
        assert!(rig.model.fresh(RID, None, IOVA, false).is_ok());
        rig.table.store(2, 0x5000);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::FirstTop)
        );
        rig.table.store(2, 1 << 46);
        assert_eq!(
            rig.model.fresh(RID, None, IOVA, false),
            Err(Reason::PasidReserved)
        );
        Ok(())
    }

    #[test]
    fn first_stage_large() -> Result {
        for level in 2..=3 {
            let rig = Rig::new(Config::RICH)?;
            let mut tree = Tree::first(&rig.model, 4)?;
            let low = (1 << (12 + 9 * (level - 1))) - 1;

            tree.map(IOVA, 0x8_0000_0000, level, true)?;
            rig.entry(0, first(1, &tree));

            let (page, word) = tree.slot(IOVA, level).ok_or(ENOENT)?;
            // Bit 12 is PAT.
            let reserved = BEYOND_TABLE | 1 << 63 | (low & !0x1fff);

            assert!(only_reserved(
                &rig,
                page,
                word,
                reserved,
                Reason::FirstReserved
            ));
        }

        let rig = Rig::new(Config {
            cap: Config::RICH.cap & !(1 << 56),
            ..Config::RICH
        })?;
        let mut tree = Tree::first(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 3, true)?;
        rig.entry(0, first(1, &tree));
        assert_eq!(rig.read(IOVA), Err(Reason::FirstReserved));
        Ok(())
    }

    #[test]
    fn nested_tables() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut parent = Tree::second(&rig.model, 4)?;
        let mut guest = Tree::guest(&rig.model, 4, GUEST)?;
        let fresh = |write| rig.model.fresh(RID, None, IOVA, write);

        guest.map(IOVA, 0x5000, 1, true)?;
        parent.map(0x5000, 0x8_0000_0000, 1, true)?;
        rig.entry(0, nested(3, &guest, &parent));
        assert_eq!(fresh(false), Err(Reason::FirstTopPermission));
        guest.show(&mut parent)?;
        assert_eq!(fresh(true), Ok(0x8_0000_0000));

        // The second stage of the top table, and of the one below it.
        let below = guest.entry(IOVA, 4) & !0xfff;

        for (table, reason) in [
            (guest.top(), Reason::FirstTopPermission),
            (below, Reason::FirstPermission),
        ] {
            let entry = parent.entry(table, 1);

            parent.clear(table, 1);
            assert_eq!(fresh(false), Err(reason));
            parent.set(table, 1, entry & !1);
            assert_eq!(fresh(false), Err(reason));
            // Readable only: the accessed bit cannot be set.
            parent.set(table, 1, entry & !2);
            assert_eq!(fresh(false), Err(Reason::FirstUpdate));
            parent.set(table, 1, entry | 1 << 46);
            assert_eq!(fresh(false), Err(Reason::SecondReserved));
            parent.set(table, 1, entry);
        }

        // The page.
        parent.map(0x5000, 0x8_0000_0000, 1, false)?;
        assert_eq!(fresh(true), Err(Reason::Write));
        assert_eq!(fresh(false), Ok(0x8_0000_0000));
        parent.clear(0x5000, 1);
        assert_eq!(fresh(false), Err(Reason::SecondPresent));
        // A GPA that the host's addresses are too narrow for, and the second stage, too.
        guest.map(IOVA, 1 << 50, 1, true)?;
        assert_eq!(fresh(false), Err(Reason::SecondRange));

        let entry = guest.entry(IOVA, 4);

        guest.set(IOVA, 4, entry | 1 << 50);
        assert_eq!(fresh(false), Err(Reason::SecondRange));
        Ok(())
    }

    #[test]
    fn a_guests_table_beyond_its_memory() -> Result {
        // MGAW 48.
        let rig = Rig::new(Config {
            cap: Config::RICH.cap & !(63 << 16) | 47 << 16,
            ..Config::RICH
        })?;
        let mut parent = Tree::second(&rig.model, 4)?;
        let mut guest = Tree::guest(&rig.model, 4, GUEST)?;

        guest.map(IOVA, 0x5000, 1, true)?;
        guest.show(&mut parent)?;
        guest.set(IOVA, 4, guest.entry(IOVA, 4) | 1 << 50);
        rig.entry(0, nested(3, &guest, &parent));
        assert_eq!(rig.read(IOVA), Err(Reason::FirstBeyond));
        Ok(())
    }

    #[test]
    fn pass_through_beyond_the_host() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.entry(0, through(1));
        assert_eq!(rig.read(1 << 46), Err(Reason::HostRange));
        assert!(rig.read((1 << 46) - 1).is_ok());
        Ok(())
    }

    #[test]
    fn what_leads_into_the_interrupt_range() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::first(&rig.model, 4)?;

        tree.map(IOVA, 0xfee0_0000, 1, true)?;
        rig.entry(0, first(1, &tree));
        assert_eq!(rig.write(IOVA), Err(Reason::Interrupt));
        Ok(())
    }
}
