// SPDX-License-Identifier: GPL-2.0

//! Which pages devices write to: found, found again after their pages were made clean, and not
//! looked for any more.

use super::{
    host::{
        Device,
        Guest,
        Host,
        Space, //
    },
    *, //
};
use crate::vtd::{
    hw::Page as _,
    model::Page, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

const RID: u16 = 0x00f8;
const OTHER: u16 = 0x0300;
const IOVA: u64 = 0x1_2345_6000;
const PASID: Option<u32> = Some(0x123);

/// Whose writes are tracked: a device, or one of its PASIDs.
pub(super) type Writer = (u16, Option<u32>);

/// A device without a PASID.
pub(super) const OF_DEVICE: Writer = (RID, None);
/// The same one with a PASID.
pub(super) const OF_PASID: Writer = (RID, PASID);
/// Several, of different DIDs, so that none is helped by an invalidation for another.
pub(super) const ON_PARENT: [Writer; 3] = [OF_DEVICE, OF_PASID, (OTHER, None)];

/// A domain, or a nesting parent if there are several writers, each of which writes to a page of
/// its own. The second device does it through a guest's tables.
struct Tracked<'h> {
    host: &'h Host,
    space: Arc<Space<'h>>,
    writers: &'static [Writer],
    devices: KVec<Device<'h>>,
    guests: KVec<Arc<Guest<'h>>>,
    pages: KVec<Page>,
    probes: KVec<usize>,
}

impl<'h> Tracked<'h> {
    fn new(host: &'h Host, writers: &'static [Writer], ats: bool) -> Result<Self> {
        let purpose = match writers {
            [_] => Purpose::SecondStage,
            _ => Purpose::NestParent,
        };
        let mut this = Self {
            host,
            space: Space::new(host, purpose)?,
            writers,
            devices: KVec::new(),
            guests: KVec::new(),
            pages: KVec::new(),
            probes: KVec::new(),
        };

        for ((rid, pasid), at) in this.accesses() {
            let page = host.data()?;

            this.space.map(at, page.address(), 1)?;
            this.pages.push(page, GFP_KERNEL)?;
            this.probes
                .push(host.watch(rid, pasid, at, false)?, GFP_KERNEL)?;

            let to = if rid == RID {
                this.space.to()
            } else {
                let guest = Guest::new(&this.space)?;

                guest.map(at, at)?;
                this.guests.push(guest.clone(), GFP_KERNEL)?;
                guest.to()
            };

            if this.devices.last().is_none_or(|last| last.rid != rid) {
                let device = Device::new(host, rid, ats && rid == RID)?;

                this.devices.push(device, GFP_KERNEL)?;
            }
            if let Some(device) = this.devices.last() {
                device.attach(pasid, to)?;
            }
        }
        Ok(this)
    }

    /// Who writes where.
    fn accesses(&self) -> impl Iterator<Item = (Writer, u64)> {
        self.writers.iter().copied().zip((IOVA..).step_by(0x1000))
    }

    /// How many pages there are.
    fn count(&self) -> u64 {
        // CAST: Few.
        self.writers.len() as u64
    }

    /// Tracks or not, which nobody must notice.
    fn track(&self, on: bool) -> Result {
        self.host.model.forget_seen();
        self.space.track(on, &self.devices)?;
        for (page, probe) in self.pages.iter().zip(&self.probes) {
            let arrived = Ok(page.address());

            self.host
                .expect(self.host.model.has_seen_only(*probe, &[arrived]));
        }
        Ok(())
    }

    /// Each reads, or writes, its page. Notes whether the pages that were written to, as far as
    /// it is tracked, are all or none.
    fn access(&self, write: bool, dirty: bool) {
        for ((rid, pasid), at) in self.accesses() {
            self.host
                .expect(self.host.model.dma(rid, pasid, at, write).is_ok());
        }

        let all = (1 << self.count()) - 1;

        self.host
            .expect(self.space.dirty(IOVA, self.count()) == if dirty { all } else { 0 });
    }

    fn clean(&self) -> Result {
        self.space.clean(IOVA, self.count())
    }

    fn release(self) -> Result {
        for device in self.devices {
            device.release()?;
        }
        Ok(())
    }
}

/// Writes are tracked from some time on, and what was written to is written to again.
pub(super) fn track(host: &Host, writers: &'static [Writer], ats: bool) -> Result {
    let tracked = Tracked::new(host, writers, ats)?;

    tracked.access(true, false);
    tracked.track(true)?;
    tracked.access(false, false);
    for _ in 0..2 {
        tracked.access(true, true);
        tracked.clean()?;
        tracked.access(false, false);
    }
    tracked.access(true, true);
    tracked.release()
}

/// Writes are tracked no longer.
pub(super) fn untrack(host: &Host, writers: &'static [Writer]) -> Result {
    let tracked = Tracked::new(host, writers, false)?;

    tracked.track(true)?;
    tracked.access(true, true);
    tracked.clean()?;
    tracked.track(false)?;
    tracked.access(true, false);
    tracked.release()
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_tracking))]
mod cases {
    use super::*;

    #[test]
    fn nothing_has_changed_where_an_invalidation_is_refused() -> Result {
        for n in 0.. {
            let host = Host::new(&Model::new(Config::RICH)?)?;

            host.engine.start()?;

            let tracked = Tracked::new(&host, &ON_PARENT, false)?;

            tracked.access(true, false);
            host.model.refuse_one(n);

            let result = tracked.track(true);

            if host.model.refuse_waits() {
                // Of entries and of translations.
                assert_eq!(n, 2 * ON_PARENT.len());
                return result;
            }
            assert_eq!(result, Err(EIO));
            tracked.access(true, false);
            // It is not taken for done.
            tracked.track(true)?;
            tracked.access(true, true);
            tracked.release()?;
            assert!(!host.is_wrong());
        }
        Ok(())
    }

    #[test]
    fn to_what_is_attached_later() -> Result {
        let host = Host::new(&Model::new(Config::RICH)?)?;

        host.engine.start()?;

        let tracked = Tracked::new(&host, &[OF_DEVICE], false)?;
        let late = Device::new(&host, OTHER, false)?;

        tracked.track(true)?;
        late.attach(None, tracked.space.to())?;
        assert!(host.model.dma(OTHER, None, IOVA, true).is_ok());
        assert_eq!(tracked.space.dirty(IOVA, 1), 1);
        late.release()?;
        tracked.release()?;
        assert!(!host.is_wrong());
        Ok(())
    }
}
