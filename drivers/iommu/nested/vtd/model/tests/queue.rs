// SPDX-License-Identifier: GPL-2.0

//! The queue: order, errors, waits.

use super::{
    super::{
        queue::{
            Kind,
            Pace, //
        },
        requests::Ask, //
    },
    *, //
};

const IQH: usize = 0x80;
const IQERCD: usize = 0xb0;
const IQE: u32 = 1 << 4;
const ITE: u32 = 1 << 6;

/// All context entries.
const CONTEXTS: [u64; 4] = [0x11, 0, 0, 0];

/// A wait descriptor that writes.
fn wait(rig: &Rig, word: u64, data: u64) -> [u64; 4] {
    [data << 32 | 0x25, rig.status.address() + word * 4, 0, 0]
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_model_queue))]
mod cases {
    use super::*;

    #[test]
    fn every_kind_is_known() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.model.set_ats(RID, true)?;
        // What the last one answers.
        rig.model.ask(Ask {
            rid: RID,
            pasid: Some(5),
            group: 1,
            address: IOVA,
            read: true,
            write: false,
            last: true,
            junk: 0,
        })?;
        for words in [
            CONTEXTS,
            [0x0000_0000_0007_0021, 0, 0, 0],
            [0x0003_0010_0007_0031, 0, 0, 0],
            [0x12, 0, 0, 0],
            [0x0007_00e2, 0, 0, 0],
            [0x0007_00f2, IOVA | 0x52, 0, 0],
            [0x0010_0000_0003, IOVA | 1, 0, 0],
            [0x04, 0, 0, 0],
            wait(&rig, 0, 5),
            [0x0005_0007_0026, 0, 0, 0],
            [0x0005_0007_0036, IOVA | 0x41, 0, 0],
            [0x0007_0007, 0, 0, 0],
            [0x0005_0007_0017, 0, 0, 0],
            [0x37, 0, 0, 0],
            [0x0005_0010_01f8, IOVA | 0x801, 0, 0],
            [0x0005_0010_0019, 8, !0, !0],
        ] {
            rig.queue(words);
        }
        assert!(rig.model.did(&[
            Kind::ContextGlobal,
            Kind::ContextDomain,
            Kind::ContextDevice,
            Kind::TlbGlobal,
            Kind::TlbDomain,
            Kind::TlbPage,
            Kind::DeviceTlb,
            Kind::InterruptEntry,
            Kind::Wait,
            Kind::PasidTlb,
            Kind::PasidTlbPage,
            Kind::PasidDomain,
            Kind::Pasid,
            Kind::PasidGlobal,
            Kind::PasidDeviceTlb,
            Kind::PageResponse,
        ]));
        assert_eq!(rig.model.read32(FSTS), 0);
        assert_eq!(rig.model.read64(IQH), 16 * 32);
        assert_eq!(rig.status.load(0), 5);
        assert!(rig.model.misuse().is_none());
        Ok(())
    }

    #[test]
    fn descriptors_that_are_wrong() -> Result {
        for (words, error) in [
            // Types that there are not, by the lower and by the upper part.
            ([0x00, 0, 0, 0], 3),
            ([0x0d, 0, 0, 0], 3),
            ([0x211, 0, 0, 0], 3),
            // Granularities that there are not.
            ([0x01, 0, 0, 0], 4),
            ([0x02, 0, 0, 0], 4),
            ([0x06, 0, 0, 0], 4),
            ([0x16, 0, 0, 0], 4),
            ([0x27, 0, 0, 0], 4),
            // Reserved bits.
            ([0x51, 0, 0, 0], 4),
            ([0x11, 1, 0, 0], 4),
            ([0x11, 0, 1, 0], 4),
            ([0x11, 0, 0, 1], 4),
            ([0x0001_0000_0012, 0, 0, 0], 4),
            ([0x12, 0x80, 0, 0], 4),
            ([0x0020_0003, 0, 0, 0], 4),
            ([0x03, 2, 0, 0], 4),
            ([0x0001_0025, 0, 0, 0], 4),
            ([0x05, 1, 0, 0], 4),
            ([0x0010_0000_0000_0026, 0, 0, 0], 4),
            ([0x37, 1, 0, 0], 4),
            ([0x08, 2, 0, 0], 4),
            // MAMV is 18, for second stages.
            ([0x32, 19, 0, 0], 4),
        ] {
            let rig = Rig::new(Config::RICH)?;

            rig.queue(CONTEXTS);
            rig.queue(words);
            rig.queue(CONTEXTS);
            assert_eq!(rig.model.read32(FSTS), IQE);
            assert_eq!(rig.model.read64(IQERCD) & 0xf, error);
            // It stands at the one that is wrong, and goes on from there when told.
            assert_eq!(rig.model.read64(IQH), 32);
            assert_eq!(rig.model.logged(), 1);
            rig.queue.store(4, 0x11);
            for word in 5..8 {
                rig.queue.store(word, 0);
            }
            rig.model.write32(FSTS, IQE);
            assert_eq!(rig.model.read32(FSTS), 0);
            assert_eq!(rig.model.read64(IQH), 96);
            assert_eq!(rig.model.logged(), 3);
        }
        Ok(())
    }

    #[test]
    fn a_tail_that_is_wrong() -> Result {
        for (tail, error) in [(16, 6), (0x1000, 1)] {
            let rig = Rig::new(Config::RICH)?;

            rig.model.write32(IQT, tail);
            assert_eq!(rig.model.read32(FSTS), IQE);
            assert_eq!(rig.model.read64(IQERCD) & 0xf, error);
        }
        Ok(())
    }

    #[test]
    fn a_queue_that_is_wrong() -> Result {
        for (address, error) in [(0x5800, 2), (0x5000, 5)] {
            let rig = Rig::new(Config::RICH)?;

            rig.model.write32(GCMD, 1 << 31);
            rig.model.write64(IQA, address);
            rig.model.write32(GCMD, 1 << 31 | 1 << 26);
            rig.model.write32(IQT, 32);
            assert_eq!(rig.model.read32(FSTS), IQE);
            assert_eq!(rig.model.read64(IQERCD) & 0xf, error);
            assert!(rig.model.misuse().is_none());
        }
        Ok(())
    }

    #[test]
    fn it_wraps() -> Result {
        let rig = Rig::new(Config::RICH)?;

        for i in 0..300 {
            rig.queue(wait(&rig, i % 2, i));
        }
        assert_eq!(rig.model.logged(), 300);
        assert_eq!(rig.status.load(0), 299 << 32 | 298);
        assert_eq!(rig.model.read64(IQH), (300 % 128) * 32);
        Ok(())
    }

    #[test]
    fn waits_with_interrupts() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.queue([0x15, 0, 0, 0]);
        // Pending, as it is masked.
        assert_eq!(rig.model.read32(0xa0), 3 << 30);
        assert_eq!(rig.model.read32(0x9c), 1);
        rig.model.write32(0xa0, 0);
        assert_eq!(rig.model.wait_interrupts(), 1);
        // None until the last is acknowledged.
        rig.queue([0x15, 0, 0, 0]);
        assert_eq!(rig.model.wait_interrupts(), 1);
        rig.model.write32(0x9c, 1);
        assert_eq!(rig.model.read32(0x9c), 0);
        rig.queue([0x15, 0, 0, 0]);
        assert_eq!(rig.model.wait_interrupts(), 2);
        Ok(())
    }

    #[test]
    fn a_device_that_does_not_answer() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.model.set_ats(RID, true)?;
        rig.model.set_mute(RID, true)?;
        rig.queue([0x0010_0000_0003, 0, 0, 0]);
        // Nobody has waited yet.
        assert_eq!(rig.model.read32(FSTS), 0);
        rig.queue(wait(&rig, 0, 1));
        rig.queue(wait(&rig, 1, 1));
        assert_eq!(rig.model.read32(FSTS), ITE);
        assert_eq!(rig.model.read64(IQERCD), u64::from(RID) << 32);
        // The wait is lost, the next one has not begun.
        assert_eq!(rig.status.load(0), 0);
        assert_eq!(rig.model.read64(IQH), 64);
        rig.model.write32(FSTS, ITE);
        assert_eq!(rig.status.load(0), 1 << 32);
        Ok(())
    }

    #[test]
    fn as_slow_as_it_is_told_to_be() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.model.set_pace(Pace::Stepping);
        rig.queue(CONTEXTS);
        rig.queue(wait(&rig, 0, 7));
        assert_eq!(rig.model.logged(), 0);
        assert!(rig.model.step());
        assert_eq!(rig.model.logged(), 1);
        rig.model.set_pace(Pace::Pausing);
        assert_eq!(rig.status.load(0), 0);
        rig.model.pause(0)?;
        assert_eq!(rig.status.load(0), 7);
        assert!(!rig.model.step());
        assert!(matches!(rig.model.pause(u32::MAX), Err(e) if e == ETIMEDOUT));
        Ok(())
    }

    #[test]
    fn what_is_omitted() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.entry(0, through(1));
        assert!(rig.read(IOVA).is_ok());
        rig.contexts[0].store(0x40, 0);
        rig.model.drop_one(1);
        rig.queue([0x12, 0, 0, 0]);
        // Not an invalidation.
        rig.queue(wait(&rig, 0, 1));
        assert!(rig.model.drop_waits());
        rig.queue(CONTEXTS);
        assert!(!rig.model.drop_waits());
        assert!(rig.model.log(2).is_some_and(|done| done.omitted));
        assert!(rig.model.stale(RID, None, IOVA, false));
        rig.model.drop_kind(Kind::ContextGlobal);
        rig.queue(CONTEXTS);
        assert!(rig.model.stale(RID, None, IOVA, false));
        rig.model.drop_none();
        rig.queue(CONTEXTS);
        assert!(!rig.model.stale(RID, None, IOVA, false));
        Ok(())
    }

    #[test]
    fn it_must_be_empty_to_be_switched_off() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.model.set_pace(Pace::Stepping);
        rig.queue(CONTEXTS);
        rig.model.write32(GCMD, 1 << 31);
        assert!(rig.model.misuse().is_some());
        Ok(())
    }

    #[test]
    fn it_must_be_off_to_be_moved() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.model.write64(IQA, 0x5800);
        assert!(rig.model.misuse().is_some());
        Ok(())
    }
}
