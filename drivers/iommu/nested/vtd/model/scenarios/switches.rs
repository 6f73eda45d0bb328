// SPDX-License-Identifier: GPL-2.0

//! Every change from one attachment to another, with accesses before, after, and between any two
//! things that the unit can tell apart.

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
    model::{
        device::Outcome,
        Page, //
    },
    switch::OWN, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

const RID: u16 = 0x00f8;
/// What is looked at: it has a page of its own in everything that translates.
const IOVA: u64 = 0x1_2345_6000;
/// Where guests have their pages (GPA).
const GPA: u64 = 0x7000;

/// All there is to attach to.
struct World<'h> {
    host: &'h Host,
    spaces: [Arc<Space<'h>>; 6],
    guests: [Arc<Guest<'h>>; 3],
    pages: KVec<Page>,
}

/// How many attachments there are.
const ATTACHMENTS: usize = 11;

impl<'h> World<'h> {
    fn new(host: &'h Host) -> Result<Self> {
        let space = |purpose| Space::new(host, purpose);
        let spaces = [
            space(Purpose::FirstStage)?,
            space(Purpose::FirstStage)?,
            space(Purpose::SecondStage)?,
            space(Purpose::SecondStage)?,
            space(Purpose::NestParent)?,
            space(Purpose::NestParent)?,
        ];
        let guests = [
            Guest::new(&spaces[4])?,
            Guest::new(&spaces[4])?,
            Guest::new(&spaces[5])?,
        ];
        let mut pages = KVec::new();

        for space in &spaces {
            let page = host.data()?;

            space.map(IOVA, page.address(), 1)?;
            pages.push(page, GFP_KERNEL)?;
        }
        for (i, guest) in guests.iter().enumerate() {
            let page = host.data()?;
            // CAST: Small.
            let gpa = GPA + i as u64 * 0x1000;

            spaces[4 + i / 2].map(gpa, page.address(), 1)?;
            guest.map(IOVA, gpa)?;
            pages.push(page, GFP_KERNEL)?;
        }
        Ok(Self {
            host,
            spaces,
            guests,
            pages,
        })
    }

    /// The `i`th attachment.
    fn to(&self, i: usize) -> Attachment<Model> {
        match i {
            0 => Attachment::Blocked,
            1 => Attachment::Identity,
            2..8 => self.spaces[i - 2].to(),
            _ => self.guests[i - 8].to(),
        }
    }

    /// Unmaps what is looked at. Returns whether anybody had to be told.
    fn unmap(&self) -> Result<bool> {
        let model = &self.host.model;

        model.forget_log();
        for space in &self.spaces {
            space.unmap(IOVA, 1)?;
        }
        for guest in &self.guests {
            guest.unmap(IOVA)?;
        }
        Ok(model.log(0).is_some())
    }

    /// What an access gets by it.
    fn outcome(&self, i: usize) -> Outcome {
        match i {
            0 => Err(Reason::PasidPresent),
            1 => Ok(IOVA),
            _ => Ok(self.pages[i - 2].address()),
        }
    }
}

/// Whether the change from `from` to `to` is to be without an interruption: within a nesting
/// parent, and to and from what blocks.
fn hitless(from: usize, to: usize) -> bool {
    let parent = |i| match i {
        6 | 8 | 9 => Some(0),
        7 | 10 => Some(1),
        _ => None,
    };

    from == to || from == 0 || to == 0 || (parent(from).is_some() && parent(from) == parent(to))
}

/// Tries all changes. Returns the first that is not right.
fn first_wrong(config: Config, pasid: Option<u32>, ats: bool) -> Result<Option<(usize, usize)>> {
    for from in 0..ATTACHMENTS {
        for to in 0..ATTACHMENTS {
            let model = Model::new(config)?;
            let host = Host::new(&model)?;

            host.engine.start()?;

            let world = World::new(&host)?;
            let device = Device::new(&host, RID, ats)?;
            let probe = host.watch(RID, pasid, IOVA, true)?;

            device.attach(pasid, world.to(from))?;
            model.forget_seen();
            model.look();
            host.expect(model.has_seen_only(probe, &[world.outcome(from)]));
            device.attach(pasid, world.to(to))?;

            // During the change: the old, the new, or nothing.
            let (old, new) = (world.outcome(from), world.outcome(to));
            let between = if hitless(from, to) {
                new
            } else {
                Err(Reason::PasidPresent)
            };

            host.expect(model.has_seen_only(probe, &[old, new, between]));
            host.expect(model.has_seen(probe, new));
            // After it: the new.
            model.forget_seen();
            model.look();
            host.expect(model.has_seen_only(probe, &[new]));
            if host.is_wrong() {
                return Ok(Some((from, to)));
            }
            device.release()?;
            host.expect(world.host.model.fresh(RID, pasid, IOVA, true).is_err());
            if host.is_wrong() {
                return Ok(Some((from, to)));
            }
        }
    }
    Ok(None)
}

/// Whether a change can be undone though nothing is to be had any more, neither a DID nor memory;
/// or, if it `stays`, whether nothing is left of the way back.
fn undone(
    config: Config,
    pasid: Option<u32>,
    ats: bool,
    (from, to): (usize, usize),
    stays: bool,
) -> Result<bool> {
    let model = Model::new(Config {
        // ND: 64 DIDs.
        cap: config.cap & !0b111 | 0b001,
        ..config
    })?;
    let host = Host::new(&model)?;

    host.engine.start()?;

    let free = host.first_free_did()?;
    let world = World::new(&host)?;
    let device = Device::new(&host, RID, ats)?;

    host.watch(RID, pasid, IOVA, true)?;
    device.attach(pasid, world.to(from))?;

    let kept = device.source.lock().keep(pasid.unwrap_or(OWN))?;

    host.check();
    device.attach(pasid, world.to(to))?;
    host.expect(model.dma(RID, pasid, IOVA, true) == world.outcome(to));
    if stays {
        device.source.lock().let_go(kept);
        host.expect(model.dma(RID, pasid, IOVA, true) == world.outcome(to));
        device.attach(pasid, Attachment::Blocked)?;
        host.expect(!world.unmap()?);
    } else {
        let dids = host.take_dids()?;

        model.memory().limit(Some(0));
        let result = device.source.lock().put_back(kept);
        model.memory().limit(None);
        host.give_dids(dids);
        host.expect(result.is_ok());
        host.check();
        host.expect(model.dma(RID, pasid, IOVA, true) == world.outcome(from));
        // Who translates tells of it again.
        host.expect(world.unmap()? == (from > 1));
    }
    device.release()?;
    drop(world);
    host.expect(host.first_free_did()? == free);
    Ok(!host.is_wrong())
}

/// Undoes all changes. Returns the first that is not right.
fn first_not_undone(
    config: Config,
    pasid: Option<u32>,
    ats: bool,
) -> Result<Option<(usize, usize, bool)>> {
    for from in 0..ATTACHMENTS {
        for to in 0..ATTACHMENTS {
            for stays in [false, true] {
                if !undone(config, pasid, ats, (from, to), stays)? {
                    return Ok(Some((from, to, stays)));
                }
            }
        }
    }
    Ok(None)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_switches))]
mod cases {
    use super::*;

    #[test]
    fn and_back() -> Result {
        assert_eq!(first_not_undone(Config::RICH, None, false)?, None);
        assert_eq!(first_not_undone(Config::CACHING, None, false)?, None);
        Ok(())
    }

    #[test]
    fn and_back_with_a_cache() -> Result {
        assert_eq!(first_not_undone(Config::RICH, None, true)?, None);
        Ok(())
    }

    #[test]
    fn and_back_of_a_pasid() -> Result {
        assert_eq!(first_not_undone(Config::RICH, Some(0x123), true)?, None);
        Ok(())
    }

    #[test]
    fn of_a_device() -> Result {
        assert_eq!(first_wrong(Config::RICH, None, false)?, None);
        Ok(())
    }

    #[test]
    fn of_a_device_with_a_cache() -> Result {
        assert_eq!(first_wrong(Config::RICH, None, true)?, None);
        Ok(())
    }

    #[test]
    fn of_a_pasid() -> Result {
        assert_eq!(first_wrong(Config::RICH, Some(0x123), false)?, None);
        Ok(())
    }

    #[test]
    fn of_a_pasid_of_a_device_with_a_cache() -> Result {
        assert_eq!(first_wrong(Config::RICH, Some(0x123), true)?, None);
        Ok(())
    }

    #[test]
    fn where_entries_are_cached_in_part() -> Result {
        assert_eq!(first_wrong(Config::TORN, None, false)?, None);
        Ok(())
    }

    #[test]
    fn where_translations_are_found_by_source() -> Result {
        assert_eq!(first_wrong(Config::BY_SOURCE, None, false)?, None);
        assert_eq!(first_wrong(Config::BY_SOURCE, Some(0x123), false)?, None);
        Ok(())
    }

    #[test]
    fn where_devices_that_pass_are_looked_at_once() -> Result {
        assert_eq!(first_wrong(Config::SHORTCUT, None, false)?, None);
        Ok(())
    }

    #[test]
    fn where_nothing_is_cached_too() -> Result {
        assert_eq!(first_wrong(Config::CACHING, None, false)?, None);
        assert_eq!(first_wrong(Config::CACHING, Some(0x123), false)?, None);
        Ok(())
    }
}
