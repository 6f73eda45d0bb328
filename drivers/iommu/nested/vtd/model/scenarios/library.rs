// SPDX-License-Identifier: GPL-2.0

//! Tables of the kernel's library, which the model walks where they are: what devices write to is
//! found in them, made clean by the library, and found again.

use super::{
    host::{
        Device,
        Host, //
    },
    *, //
};
use crate::{
    iommu::generic_pt::{
        unattached::Unattached,
        Config as TableConfig,
        Format, //
    },
    vtd::{
        arch::range::Block,
        attach::{
            self,
            Attachment, //
        },
        model::{
            memory::Outside,
            Top, //
        },
        space::{
            Purpose,
            Space, //
        },
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
};

const RID: u16 = 0x00f8;

/// What is mapped: address, HPA and size. One entry of each size, and pages beside each other.
const MAPPED: [(usize, u64, usize); 4] = [
    (0x1_2345_6000, 0x9_0000_1000, 1 << 12),
    (0x1_2345_7000, 0x9_0000_5000, 1 << 12),
    (0x1_2360_0000, 0x9_0040_0000, 1 << 21),
    (0x2_4000_0000, 0xa_4000_0000, 1 << 30),
];

impl Outside for Unattached {
    fn read(&self, address: u64) -> Option<u64> {
        Some(self.word(address)?.load(Relaxed))
    }

    fn write(&self, address: u64, value: u64) {
        if let Some(word) = self.word(address) {
            word.store(value, Relaxed);
        }
    }

    /// Nobody else writes to the table meanwhile.
    fn mark(&self, address: u64, bits: u64) {
        if let Some(word) = self.word(address) {
            word.store(word.load(Relaxed) | bits, Relaxed);
        }
    }
}

/// A device on such a table.
struct Tracked<'h> {
    host: &'h Host,
    device: Device<'h>,
    table: Arc<Unattached>,
    space: Arc<Space<Model>>,
}

impl<'h> Tracked<'h> {
    fn new(host: &'h Host, levels: u32) -> Result<Self> {
        let mut table = Unattached::new(&TableConfig {
            format: Format::Vtdss,
            levels,
            va_bits: 12 + 9 * levels,
            coherent_walk: true,
            no_read_only: false,
            pgsizes: 1 << 12 | 1 << 21 | 1 << 30,
            sync_map: false,
            dirty: true,
        })?;

        for (iova, output, size) in MAPPED {
            table.map(iova, output, size)?;
        }

        let table = Arc::new(table, GFP_KERNEL)?;
        let root = table.root();
        let top = Top {
            address: root.address,
            levels: root.levels,
        };
        let space = Arc::pin_init(
            Space::new(&host.engine, Purpose::SecondStage, top),
            GFP_KERNEL,
        )?;
        let device = Device::new(host, RID, false)?;

        host.model.memory().lend(table.clone());
        device.attach(None, Attachment::Paging(space.clone()))?;
        Ok(Self {
            host,
            device,
            table,
            space,
        })
    }

    fn track(&self, on: bool) -> Result {
        attach::track(&self.space, on, core::iter::once(&*self.device.source))
    }

    /// Whether an access to the last byte of something that is mapped arrives there.
    fn arrives(&self, (iova, output, size): (usize, u64, usize), write: bool) -> bool {
        // CAST: Addresses of 64 bits.
        let (address, last) = ((iova + size - 1) as u64, size as u64 - 1);

        self.host.model.dma(RID, None, address, write) == Ok(output + last)
    }

    /// What was written to of it, which is clean then: all, or nothing.
    fn take(&self, (iova, _, size): (usize, u64, usize)) -> Result<bool> {
        match self.table.read_and_clear_dirty(iova, size)? {
            None => Ok(false),
            Some(span) if span == (iova, iova + size - 1) => Ok(true),
            Some(_) => Err(ERANGE),
        }
    }

    fn invalidate(&self, (iova, _, size): (usize, u64, usize)) -> Result {
        // CAST: Addresses of 64 bits.
        let block = Block::around(iova as u64, (iova + size - 1) as u64);

        self.space.targets().invalidate(None, Some(block), true)
    }
}

#[::kernel::macros::kunit_tests(iommu_nested_vtd_library)]
mod cases {
    use super::*;

    #[test]
    fn what_is_written_to_is_found() -> Result {
        for levels in 3..=5 {
            let host = Host::new(&Model::new(Config::RICH)?)?;

            host.engine.start()?;

            let tracked = Tracked::new(&host, levels)?;

            // Not tracked yet.
            for page in MAPPED {
                assert!(tracked.arrives(page, true));
                assert!(!tracked.take(page)?);
            }
            tracked.track(true)?;
            for page in MAPPED {
                assert!(tracked.arrives(page, false));
                assert!(!tracked.take(page)?);
                assert!(tracked.arrives(page, true));
                assert!(tracked.take(page)?);
                // Clean in memory, but not in what the unit has cached.
                assert!(tracked.arrives(page, true));
                assert!(!tracked.take(page)?);
                tracked.invalidate(page)?;
                assert!(tracked.arrives(page, true));
                assert!(tracked.take(page)?);
                tracked.invalidate(page)?;
            }
            // No longer.
            tracked.track(false)?;
            for page in MAPPED {
                assert!(tracked.arrives(page, true));
                assert!(!tracked.take(page)?);
            }
            assert_eq!(host.model.memory().gone(), 0);
            assert!(host.model.misuse().is_none());
        }
        Ok(())
    }
}
