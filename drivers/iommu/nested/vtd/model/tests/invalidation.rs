// SPDX-License-Identifier: GPL-2.0

//! What is cached, and what each descriptor removes, and no more.

use super::{
    super::{
        caches::{
            Context,
            Kind,
            Pasid,
            Pointer,
            Rights,
            Span,
            Stage,
            Translation, //
        },
        faults::Reason,
    },
    *, //
};

/// Fills all caches with entries that differ in one tag each.
fn fill(rig: &Rig) {
    let caches = rig.model.caches();

    caches.clear();
    // Bus 0, functions 0x10, 0x11, 0x14, 0x18; and bus 1.
    for rid in [0x10, 0x11, 0x14, 0x18, 0x110] {
        caches.add_context(Context {
            rid,
            words: [0; 4],
            passes: false,
        });
    }
    for (rid, pasid, did) in [(1, 0, 1), (1, 5, 1), (1, 6, 2), (2, 0, 1), (2, 5, 2)] {
        caches.add_pasid(Pasid {
            rid,
            pasid,
            did,
            words: [0; 8],
        });
    }
    for did in [1, 2] {
        for pasid in [0, 5] {
            for (address, size) in [(0x20_1000, 12), (0x20_2000, 12), (0x40_0000, 21)] {
                for kind in [Kind::First, Kind::Second, Kind::Nested, Kind::Through] {
                    caches.add_translation(Translation {
                        source: (RID, None),
                        kind,
                        did,
                        pasid,
                        span: Span::around(address, size),
                        output: 0,
                        read: true,
                        write: true,
                        dirty: true,
                        fault: None,
                    });
                }
            }
            for address in [0x20_0000, 0x40_0000] {
                for stage in [Stage::First, Stage::Second] {
                    caches.add_pointer(Pointer {
                        stage,
                        did,
                        pasid,
                        level: 1,
                        span: Span::around(address, 21),
                        table: 0,
                        guest: 0,
                        rights: Rights::ALL,
                    });
                }
            }
        }
    }
}

/// How much of each cache a descriptor removes: context entries, PASID table entries,
/// translations, pointers.
fn removed(rig: &Rig, words: [u64; 4]) -> [usize; 4] {
    fill(rig);

    let before = rig.model.caches().count();

    rig.queue(words);

    let after = rig.model.caches().count();

    core::array::from_fn(|i| before[i] - after[i])
}

/// Whether none is left of the translations for which this is true, and all others are.
fn gone(rig: &Rig, which: impl Fn(&Translation) -> bool) -> bool {
    let caches = rig.model.caches();
    let left = caches.count()[2];

    caches.drop_translations(&which);

    let none = caches.count()[2] == left;

    fill(rig);
    caches.drop_translations(which);
    none && caches.count()[2] == left
}

/// A device's second stage with a page and a large page, all cached.
fn second_stage(rig: &Rig) -> Result<Tree> {
    let mut tree = Tree::second(&rig.model, 4)?;

    tree.map(IOVA, 0x8_0000_0000, 1, true)?;
    rig.entry(0, second(1, &tree));
    rig.entry(5, second(1, &tree));
    Ok(tree)
}

#[cfg_attr(
    not(test),
    ::kernel::macros::kunit_tests(iommu_nested_vtd_model_invalidation)
)]
mod cases {
    use super::*;

    #[test]
    fn context_entries() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(removed(&rig, [0x11, 0, 0, 0]), [5, 0, 0, 0]);
        // Scalable-mode entries have no domain.
        assert_eq!(removed(&rig, [0x0009_0021, 0, 0, 0]), [5, 0, 0, 0]);
        // FM: 1, 2, 4, or all 8 functions; 0x18 is another device.
        assert_eq!(
            removed(&rig, [0x0000_0010_0000_0031, 0, 0, 0]),
            [1, 0, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0001_0010_0000_0031, 0, 0, 0]),
            [2, 0, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0002_0010_0000_0031, 0, 0, 0]),
            [2, 0, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0003_0010_0000_0031, 0, 0, 0]),
            [3, 0, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0000_0012_0000_0031, 0, 0, 0]),
            [0, 0, 0, 0]
        );
        Ok(())
    }

    #[test]
    fn pasid_entries() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(removed(&rig, [0x37, 0, 0, 0]), [0, 5, 0, 0]);
        assert_eq!(removed(&rig, [0x0001_0007, 0, 0, 0]), [0, 3, 0, 0]);
        // Of all devices, but of the domain only.
        assert_eq!(
            removed(&rig, [0x0000_0000_0001_0017, 0, 0, 0]),
            [0, 2, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0017, 0, 0, 0]),
            [0, 1, 0, 0]
        );
        assert_eq!(
            removed(&rig, [0x0000_0006_0001_0017, 0, 0, 0]),
            [0, 0, 0, 0]
        );
        Ok(())
    }

    #[test]
    fn all_translations() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(removed(&rig, [0x12, 0, 0, 0]), [0, 0, 48, 16]);
        Ok(())
    }

    #[test]
    fn translations_of_a_domain() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(removed(&rig, [0x0001_0022, 0, 0, 0]), [0, 0, 24, 8]);
        assert!(gone(&rig, |t| t.did == 1));
        Ok(())
    }

    #[test]
    fn translations_by_second_stage_address() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let (both, by_address) = ([Kind::First, Kind::Nested], [Kind::Second, Kind::Through]);

        // A page: what is of a first stage goes as a whole; and pointers over it.
        assert_eq!(removed(&rig, [0x0001_0032, 0x20_1000, 0, 0])[3], 4 + 2);
        assert!(gone(&rig, |t| t.did == 1
            && (both.contains(&t.kind) || t.span.base == 0x20_1000)));
        // With the hint, no pointers of the second stage.
        assert_eq!(removed(&rig, [0x0001_0032, 0x20_1040, 0, 0])[3], 4);
        // 4 pages, of which only the alignment counts.
        removed(&rig, [0x0001_0032, 0x20_3002, 0, 0]);
        assert!(gone(&rig, |t| t.did == 1
            && (both.contains(&t.kind) || t.span.base < 0x40_0000)));
        // A page inside a large one.
        removed(&rig, [0x0001_0032, 0x41_5000, 0, 0]);
        assert!(gone(&rig, |t| t.did == 1
            && (both.contains(&t.kind)
                || by_address.contains(&t.kind)
                    && t.span.base == 0x40_0000)));
        Ok(())
    }

    #[test]
    fn translations_of_a_pasid() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0026, 0, 0, 0]),
            [0, 0, 9, 2]
        );
        assert!(gone(&rig, |t| t.did == 1
            && t.pasid == 5
            && t.kind != Kind::Second));
        Ok(())
    }

    #[test]
    fn translations_by_first_stage_address() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mine = |t: &Translation| {
            t.did == 1 && t.pasid == 5 && [Kind::First, Kind::Nested].contains(&t.kind)
        };

        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0036, 0x20_1000, 0, 0]),
            [0, 0, 2, 1]
        );
        assert!(gone(&rig, |t| mine(t) && t.span.base == 0x20_1000));
        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0036, 0x20_1040, 0, 0]),
            [0, 0, 2, 0]
        );
        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0036, 0x41_5000, 0, 0]),
            [0, 0, 2, 1]
        );
        assert!(gone(&rig, |t| mine(t) && t.span.base == 0x40_0000));
        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0036, 10, 0, 0]),
            [0, 0, 4, 1]
        );
        assert_eq!(
            removed(&rig, [0x0000_0005_0001_0036, 0x40_000b, 0, 0]),
            [0, 0, 6, 2]
        );
        Ok(())
    }

    #[test]
    fn other_descriptors_remove_nothing() -> Result {
        let rig = Rig::new(Config::RICH)?;

        for words in [[0x04, 0, 0, 0], [0x05, 0, 0, 0], [0x19, 0, 0, 0]] {
            assert_eq!(removed(&rig, words), [0; 4]);
        }
        Ok(())
    }

    #[test]
    fn a_devices_own() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = second_stage(&rig)?;

        tree.map(IOVA + 0x1000, 0x8_0000_1000, 1, true)?;
        tree.map(IOVA + 0x20_0000, 0x8_0020_0000, 2, true)?;
        for (words, left) in [
            // One page, two, all; without PASID.
            ([0x0010_0000_0003, IOVA, 0, 0], 8),
            ([0x0010_0000_0003, IOVA & !0x1fff | 1, 0, 0], 8),
            ([0x0010_0000_0003, 0x7fff_ffff_ffff_f001, 0, 0], 6),
            ([0x0010_0000_0003, !0xffe, 0, 0], 6),
            // A page inside a large one.
            ([0x0010_0000_0003, IOVA + 0x20_0000, 0, 0], 8),
            // With that PASID, with any.
            ([0x0005_0010_0008, IOVA, 0, 0], 8),
            ([0x0006_0010_0008, IOVA, 0, 0], 9),
            ([0x0006_0010_0008, 0x7fff_ffff_ffff_f801, 0, 0], 6),
            // 2 MiB below and above.
            ([0x0005_0010_0008, (IOVA & !0x1f_ffff) | 0x0f_f800, 0, 0], 7),
        ] {
            for (rid, pasid) in [(RID, None), (RID, Some(5)), (FAR, None)] {
                rig.model.set_ats(rid, true)?;
                for address in [IOVA, IOVA + 0x1000, IOVA + 0x20_0000] {
                    assert!(rig.model.dma(rid, pasid, address, true).is_ok());
                }
            }
            assert_eq!(rig.model.held(), 9);
            rig.queue(words);
            assert_eq!(rig.model.held(), left);
        }
        assert!(rig.model.misuse().is_none());
        rig.queue([0x0099_0000_0003, 0, 0, 0]);
        assert!(rig.model.misuse().is_some());
        Ok(())
    }

    #[test]
    fn nothing_is_forgotten_by_itself() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let tree = second_stage(&rig)?;

        assert_eq!(rig.write(IOVA), Ok(0x8_0000_0000));
        tree.set(IOVA, 1, 0x9_0000_0003);
        for _ in 0..100 {
            assert!(rig.model.stale(RID, None, IOVA, true));
        }
        // The other device and the PASID share it: a second stage's tag is the domain.
        assert!(rig.model.stale(FAR, None, IOVA, true));
        assert!(rig.model.stale(RID, Some(5), IOVA, true));
        rig.queue([0x0001_0022, 0, 0, 0]);
        assert!(!rig.model.stale(RID, None, IOVA, true));
        assert_eq!(rig.write(IOVA), Ok(0x9_0000_0000));
        Ok(())
    }

    #[test]
    fn by_source_the_pasid_table_is_not_asked() -> Result {
        let rig = Rig::new(Config::BY_SOURCE)?;
        let _tree = second_stage(&rig)?;

        assert!(rig.write(IOVA).is_ok());
        rig.table.store(0, 0);
        rig.queue([0x37, 0, 0, 0]);
        // Another device asks it.
        assert!(rig.model.stale(RID, None, IOVA, true));
        assert!(!rig.model.stale(FAR, None, IOVA, true));
        rig.queue([0x0001_0022, 0, 0, 0]);
        assert!(!rig.model.stale(RID, None, IOVA, true));
        Ok(())
    }

    #[test]
    fn a_permission_is_not_looked_up_again() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::second(&rig.model, 4)?;

        tree.map(IOVA, 0x8_0000_0000, 1, false)?;
        rig.entry(0, second(1, &tree));
        assert!(rig.read(IOVA).is_ok());
        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        assert_eq!(rig.write(IOVA), Err(Reason::Write));
        Ok(())
    }

    #[test]
    fn what_is_not_present_is_not_cached() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut tree = Tree::second(&rig.model, 4)?;

        rig.contexts[0].store(0x40, rig.contexts[0].load(0x40) & !1);
        assert_eq!(rig.read(IOVA), Err(Reason::ContextPresent));
        rig.contexts[0].store(0x40, rig.contexts[0].load(0x40) | 1);
        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        rig.entry(0, second(1, &tree));
        assert_eq!(rig.read(IOVA), Err(Reason::SecondPresent));
        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        assert!(rig.read(IOVA).is_ok());
        Ok(())
    }

    #[test]
    fn in_caching_mode_it_is() -> Result {
        let rig = Rig::new(Config::CACHING)?;
        let mut tree = Tree::second(&rig.model, 4)?;

        rig.contexts[0].store(0x40, rig.contexts[0].load(0x40) & !1);
        assert_eq!(rig.read(IOVA), Err(Reason::ContextPresent));
        rig.contexts[0].store(0x40, rig.contexts[0].load(0x40) | 1);
        assert_eq!(rig.read(IOVA), Err(Reason::ContextPresent));
        rig.queue([0x11, 0, 0, 0]);
        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        rig.entry(0, second(1, &tree));
        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        // Its tag is domain 0.
        rig.queue([0x0001_0007, 0, 0, 0]);
        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        rig.queue([0x0007, 0, 0, 0]);
        assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
        // That there was none is cached as a translation, too.
        rig.queue([0x0022, 0, 0, 0]);
        assert_eq!(rig.read(IOVA), Err(Reason::SecondPresent));
        tree.map(IOVA, 0x8_0000_0000, 1, true)?;
        assert_eq!(rig.read(IOVA), Err(Reason::SecondPresent));
        rig.queue([0x0001_0032, IOVA, 0, 0]);
        assert!(rig.read(IOVA).is_ok());
        Ok(())
    }

    #[test]
    fn a_nested_child_caches_its_parent_under_its_own_tag() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let mut parent = Tree::second(&rig.model, 4)?;
        let mut guest = Tree::guest(&rig.model, 4, GUEST)?;

        guest.map(IOVA, 0x5000, 1, true)?;
        parent.map(0x5000, 0x8_0000_0000, 1, true)?;
        guest.show(&mut parent)?;
        rig.entry(0, nested(3, &guest, &parent));
        assert_eq!(rig.write(IOVA), Ok(0x8_0000_0000));
        parent.set(0x5000, 1, 0x9_0000_0003);
        // The parent's tag, if it had another: nothing.
        rig.queue([0x0001_0032, 0x5000, 0, 0]);
        assert!(rig.model.stale(RID, None, IOVA, true));
        // The child's, by GPA.
        rig.queue([0x0003_0032, 0x5000, 0, 0]);
        assert_eq!(rig.write(IOVA), Ok(0x9_0000_0000));
        Ok(())
    }

    #[test]
    fn probes_see_all_that_there_is_in_between() -> Result {
        let rig = Rig::new(Config::RICH)?;
        let tree = second_stage(&rig)?;
        let probe = rig.model.probe(RID, None, IOVA, false)?;
        let (old, new) = (Ok(0x8_0000_0000), Ok(0x9_0000_0000));

        rig.model.look();
        tree.clear(IOVA, 1);
        tree.set(IOVA, 1, 0x9_0000_0003);
        assert!(rig.model.has_seen_only(probe, &[old]));
        rig.queue([0x12, 0, 0, 0]);
        assert!(rig.model.has_seen(probe, new));
        assert!(rig.model.has_seen_only(probe, &[old, new]));
        // Without anything cached in between, it sees that.
        tree.clear(IOVA, 1);
        rig.queue([0x12, 0, 0, 0]);
        assert!(rig.model.has_seen(probe, Err(Reason::SecondPresent)));
        Ok(())
    }
}
