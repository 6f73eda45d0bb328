// SPDX-License-Identifier: GPL-2.0

//! Registers and fault records.

use super::{
    super::faults::Reason,
    *, //
};

/// Where the fault records are.
const RECORDS: usize = 0x400;
const FECTL: usize = 0x38;

#[cfg_attr(
    not(test),
    ::kernel::macros::kunit_tests(iommu_nested_vtd_model_registers)
)]
mod cases {
    use super::*;

    #[test]
    fn capabilities_can_be_read() -> Result {
        let model = Model::new(Config::RICH)?;

        assert_eq!(model.read64(0x08), Config::RICH.cap);
        assert_eq!(model.read64(0x10), Config::RICH.ecap);
        // Major version 6.
        assert_eq!(model.read32(0) >> 4, 6);
        Ok(())
    }

    #[test]
    fn status_follows_commands() -> Result {
        let rig = Rig::new(Config::RICH)?;

        // TES, RTPS, QIES.
        assert_eq!(rig.model.read32(0x1c), 0xc400_0000);
        // A flush of the write buffer is over at once, and changes nothing.
        rig.model.write32(GCMD, 0x8c00_0000);
        assert_eq!(rig.model.write_buffer_flushes(), 1);
        rig.model.write32(GCMD, 0x0400_0000);
        assert_eq!(rig.model.read32(0x1c), 0x4400_0000);
        assert!(rig.model.misuse().is_none());
        // Both at once.
        rig.model.write32(GCMD, 0x8000_0000);
        assert!(rig.model.misuse().is_some());
        Ok(())
    }

    #[test]
    fn the_root_table_is_taken_over_by_command() -> Result {
        let rig = Rig::new(Config::RICH)?;

        rig.entry(0, through(1));
        assert!(rig.read(IOVA).is_ok());
        rig.model.write64(RTADDR, 0x5000 | 1 << 10);
        assert!(!rig.model.stale(RID, None, IOVA, false));
        rig.model.write32(GCMD, 0xc400_0000);
        // All is cached still.
        assert!(rig.model.stale(RID, None, IOVA, false));
        Ok(())
    }

    #[test]
    fn a_unit_that_forgets_with_the_root_table() -> Result {
        let rig = Rig::new(Config {
            // ESRTPS.
            cap: Config::RICH.cap | 1 << 63,
            ..Config::RICH
        })?;

        rig.entry(0, through(1));
        assert!(rig.read(IOVA).is_ok());
        rig.model.write64(RTADDR, 0x5000 | 1 << 10);
        rig.model.write32(GCMD, 0xc400_0000);
        assert!(!rig.model.stale(RID, None, IOVA, false));
        Ok(())
    }

    #[test]
    fn protected_memory_status() -> Result {
        let model = Model::new(Config::RICH)?;

        model.write32(0x64, 1 << 31);
        assert_eq!(model.read32(0x64), 1 << 31 | 1);
        model.write32(0x64, 0);
        assert_eq!(model.read32(0x64), 0);
        Ok(())
    }

    #[test]
    fn plain_registers_hold_what_is_written() -> Result {
        let model = Model::new(Config::RICH)?;

        model.write64(0x40, 0x1234_5678_9abc_def0);
        assert_eq!(model.read64(0x40), 0x1234_5678_9abc_def0);
        model.write32(0x40, 1);
        assert_eq!(model.read64(0x40), 0x1234_5678_0000_0001);
        assert!(model.misuse().is_none());
        // CAP_REG.
        model.write32(8, 1);
        assert!(model.misuse().is_some());
        Ok(())
    }

    #[test]
    fn a_fault_is_recorded() -> Result {
        let rig = Rig::new(Config::RICH)?;

        assert_eq!(rig.read(IOVA + 0x123), Err(Reason::PasidPresent));
        assert_eq!(
            rig.model.dma(FAR, Some(0x34), IOVA, true),
            Err(Reason::PasidPresent)
        );
        // PPF; FRI 0.
        assert_eq!(rig.model.read32(FSTS), 2);
        assert_eq!(rig.model.read64(RECORDS), IOVA);
        // F, a read, the reason, the device.
        assert_eq!(rig.model.read64(RECORDS + 8), 0xc000_0059_0000_0010);
        // F, a write, the PASID, PP.
        assert_eq!(rig.model.read64(RECORDS + 0x18), 0x8000_3459_8000_0188);
        assert_eq!(rig.model.read64(RECORDS + 0x28), 0);
        // The first one is cleared, then the other.
        rig.model.write32(RECORDS + 12, 1 << 31);
        assert_eq!(rig.model.read64(RECORDS + 8) >> 63, 0);
        assert_eq!(rig.model.read32(FSTS), 2);
        rig.model.write64(RECORDS + 0x18, 1 << 63);
        assert_eq!(rig.model.read32(FSTS), 0);
        // The next one says where it is.
        assert!(rig.read(IOVA).is_err());
        assert_eq!(rig.model.read32(FSTS), 0x202);
        Ok(())
    }

    #[test]
    fn too_many_faults() -> Result {
        let rig = Rig::new(Config::RICH)?;

        for i in 0..9 {
            assert!(rig.read(i << 12).is_err());
        }
        // PFO, and the last is lost.
        assert_eq!(rig.model.read32(FSTS), 3);
        assert_eq!(rig.model.read64(RECORDS), 0);
        assert_eq!(rig.model.read64(RECORDS + 0x70), 7 << 12);
        // Cleared records are not used before PFO is cleared.
        rig.model.write32(RECORDS + 12, 1 << 31);
        assert!(rig.read(9 << 12).is_err());
        assert_eq!(rig.model.read64(RECORDS + 8) >> 63, 0);
        rig.model.write32(FSTS, 1);
        assert!(rig.read(9 << 12).is_err());
        assert_eq!(rig.model.read64(RECORDS), 9 << 12);
        Ok(())
    }

    #[test]
    fn faults_that_are_not_recorded() -> Result {
        let rig = Rig::new(Config::RICH)?;

        // FPD of a PASID table entry that is not present, then of all that is above it.
        for page in [&rig.table, &rig.directory] {
            page.store(0, page.load(0) | 2);
            assert_eq!(rig.read(IOVA), Err(Reason::PasidPresent));
            page.store(0, page.load(0) & !2);
        }
        rig.model.caches().clear();
        rig.contexts[0].store(0x40, rig.contexts[0].load(0x40) | 2);
        assert!(rig.read(IOVA).is_err());
        // And once more from the cache.
        assert!(rig.read(IOVA).is_err());
        assert_eq!(rig.model.read32(FSTS), 0);
        Ok(())
    }

    #[test]
    fn fault_interrupts() -> Result {
        let rig = Rig::new(Config::RICH)?;

        // Masked, then pending.
        assert!(rig.read(IOVA).is_err());
        assert_eq!(rig.model.read32(FECTL), 3 << 30);
        rig.model.write32(FECTL, 0);
        assert_eq!(rig.model.fault_interrupts(), 1);
        assert_eq!(rig.model.read32(FECTL), 0);
        // One for all faults that are pending.
        assert!(rig.read(IOVA).is_err());
        assert_eq!(rig.model.fault_interrupts(), 1);
        rig.model.write32(RECORDS + 12, 1 << 31);
        rig.model.write32(RECORDS + 0x1c, 1 << 31);
        assert!(rig.read(IOVA).is_err());
        assert_eq!(rig.model.fault_interrupts(), 2);
        Ok(())
    }

    #[test]
    fn memory_can_run_out() -> Result {
        let model = Model::new(Config::RICH)?;

        model.memory().limit(Some(1));
        let page = model.page()?;

        assert!(matches!(model.page(), Err(e) if e == ENOMEM));
        model.memory().limit(None);
        let other = model.page()?;

        // With nothing in between.
        assert!(page.address() + 4096 < other.address());
        assert!(!model.memory().is_live(page.address() + 4096));
        Ok(())
    }
}
