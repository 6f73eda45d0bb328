// SPDX-License-Identifier: GPL-2.0

//! Walks that arrive.

use super::{
    super::faults::Reason,
    *, //
};

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_model_walks))]
mod cases {
    use super::*;

    #[test]
    fn without_translation_addresses_stay() -> Result {
        let model = Model::new(Config::RICH)?;

        assert_eq!(model.dma(RID, None, IOVA, true), Ok(IOVA));
        Ok(())
    }

    #[test]
    fn pass_through() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.entry(0, through(1));
        rig.entry(5, through(1));
        assert_eq!(rig.write(IOVA + 8), Ok(IOVA + 8));
        assert_eq!(rig.model.dma(RID, Some(5), IOVA, false), Ok(IOVA));
        assert_eq!(rig.model.dma(FAR, None, IOVA, false), Ok(IOVA));
        assert!(rig.model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn second_stage_of_all_sizes() -> Result {
        for levels in 3..=5 {
            for level in 1..=3 {
                let rig = Rig::new(Config::RICH)?;
                let mut tree = Tree::second(&rig.model, levels)?;
                let address = IOVA % (1 << 38);
                let inside = address % (1 << (12 + 9 * (level - 1))) + 0x123;

                tree.map(address, 0x80_0000_0000 >> 4, level, true)?;
                rig.entry(0, second(7, &tree));
                assert_eq!(rig.write(address + 0x123), Ok(0x8_0000_0000 + inside));
                assert_eq!(rig.read(address + 0x123), Ok(0x8_0000_0000 + inside));
                assert!(!rig.model.stale(RID, None, address, true));
            }
        }
        Ok(())
    }

    #[test]
    fn first_stage_of_all_sizes() -> Result {
        // Both halves of what is canonical.
        for address in [IOVA, !0xfff] {
            for levels in 4..=5 {
                for level in 1..=3 {
                    let rig = Rig::new(Config::RICH)?;
                    let mut tree = Tree::first(&rig.model, levels)?;
                    let inside = address % (1 << (12 + 9 * (level - 1))) + 0x123;

                    tree.map(address, 0x8_0000_0000, level, true)?;
                    rig.entry(0, first(7, &tree));
                    assert_eq!(rig.write(address + 0x123), Ok(0x8_0000_0000 + inside));
                    assert_eq!(rig.read(address + 0x123), Ok(0x8_0000_0000 + inside));
                    assert!(!rig.model.stale(RID, None, address, true));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn nested_of_all_sizes() -> Result {
        for upper in 1..=3 {
            for lower in 1..=3 {
                let rig = Rig::new(Config::RICH)?;
                let mut parent = Tree::second(&rig.model, 4)?;
                let mut guest = Tree::guest(&rig.model, 4, GUEST)?;
                let size = |level: u32| 1_u64 << (12 + 9 * (level - 1));
                // What both stages keep of an address.
                let gpa = 0x5_0000_0000 + (IOVA + 0x123) % size(upper);
                let hpa = 0x8_0000_0000 + gpa % size(lower);

                guest.map(IOVA, 0x5_0000_0000, upper, true)?;
                parent.map(gpa, 0x8_0000_0000, lower, true)?;
                guest.show(&mut parent)?;
                rig.entry(0, nested(3, &guest, &parent));
                assert_eq!(rig.write(IOVA + 0x123), Ok(hpa));
                assert_eq!(rig.read(IOVA + 0x123), Ok(hpa));
                // What is cached is no larger than either page.
                let next = IOVA + size(upper.min(lower));

                assert_eq!(
                    rig.model.dma(RID, None, next, false),
                    rig.model.fresh(RID, None, next, false)
                );
                assert!(rig.model.misuse().is_none());
            }
        }
        Ok(())
    }

    #[test]
    fn accessed_and_dirty_in_the_first_stage() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::first(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        rig.entry(0, first(7, &tree));
        // A look without a trace.
        assert_eq!(rig.model.fresh(RID, None, IOVA, true), Ok(0x8_0000_0000));
        assert_eq!(tree.entry(IOVA, 1) & 0x60, 0);
        assert_eq!(rig.model.caches().count(), [0; 4]);

        assert!(rig.read(IOVA).is_ok());
        assert_eq!(tree.entry(IOVA, 1) & 0x60, 0x20);
        assert_eq!(tree.entry(IOVA, 4) & 0x60, 0x20);
        assert!(rig.write(IOVA).is_ok());
        assert_eq!(tree.entry(IOVA, 1) & 0x60, 0x60);
        Ok(())
    }

    #[test]
    fn accessed_and_dirty_in_the_second_stage() -> Result {
        for (ssade, read, written) in [(0, 0, 0), (1 << 9, 1 << 8, 3 << 8)] {
            let rig = Rig::new(Config::RICH)?;
            let mut tree = Tree::second(&rig.model, 4)?;

            tree.map(IOVA, 0x8_0000_0000, 1, true)?;

            let [low, mid, high] = second(7, &tree);

            rig.entry(0, [low | ssade, mid, high]);
            assert!(rig.read(IOVA).is_ok());
            assert_eq!(tree.entry(IOVA, 1) & 3 << 8, read);
            assert!(rig.write(IOVA).is_ok());
            assert_eq!(tree.entry(IOVA, 1) & 3 << 8, written);
            // Who clears it without invalidation does not see it again.
            tree.set(IOVA, 1, tree.entry(IOVA, 1) & !(3 << 8));
            assert!(rig.write(IOVA).is_ok());
            assert_eq!(tree.entry(IOVA, 1) & 3 << 8, 0);
        }
        Ok(())
    }

    #[test]
    fn dirty_bits_of_a_guests_tables() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut parent = Tree::second(&rig.model, 4)?;
        let mut guest = Tree::guest(&rig.model, 4, GUEST)?;

        guest.map(IOVA, 0x5000, 1, true)?;
        parent.map(0x5000, 0x8_0000_0000, 1, true)?;
        guest.show(&mut parent)?;

        let [low, mid, high] = nested(3, &guest, &parent);

        rig.entry(0, [low | 1 << 9, mid, high]);
        assert_eq!(rig.read(IOVA), Ok(0x8_0000_0000));
        // The unit wrote into the guest's table, but not yet to the page.
        assert_eq!(parent.entry(guest.top(), 1) & 3 << 8, 3 << 8);
        assert_eq!(parent.entry(0x5000, 1) & 3 << 8, 1 << 8);
        assert_eq!(rig.write(IOVA), Ok(0x8_0000_0000));
        assert_eq!(parent.entry(0x5000, 1) & 3 << 8, 3 << 8);
        assert_eq!(guest.entry(IOVA, 1) & 0x60, 0x60);
        Ok(())
    }

    #[test]
    fn interrupts_are_not_translated() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(rig.write(0xfee0_0008), Ok(0xfee0_0008));
        assert_eq!(rig.read(0xfee0_0008), Err(Reason::Interrupt));
        // With a PASID it is an address like all others.
        rig.entry(5, through(1));
        assert_eq!(
            rig.model.dma(RID, Some(5), 0xfee0_0008, true),
            Err(Reason::Interrupt)
        );
        Ok(())
    }

    #[test]
    fn a_page_that_is_gone_is_noticed() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::second(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        rig.entry(0, second(7, &tree));
        assert!(rig.read(IOVA).is_ok());

        let pages = rig.model.memory().live();

        drop(tree.prune(IOVA, 1)?);
        assert_eq!(rig.model.memory().live(), pages - 1);
        // The cached pointer still leads there.
        assert_eq!(rig.read(IOVA + 0x1000), Err(Reason::SecondAccess));
        assert_eq!(rig.model.memory().gone(), 1);
        assert!(rig.model.stale(RID, None, IOVA, false));
        Ok(())
    }
}
