// SPDX-License-Identifier: GPL-2.0

//! A unit that refuses what it is told, and devices that do not answer: whatever fails in the
//! middle of something, no device gets what it must not, and nothing is lost.

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
    model::queue::Kind, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

const RID: u16 = 0x00f8;
const OTHER: u16 = 0x0300;
const IOVA: u64 = 0x1_2345_6000;
/// Where guests have their page (GPA).
const GPA: u64 = 0x7000;
const PASID: Option<u32> = Some(0x123);

/// All there is to attach to.
struct World<'h> {
    spaces: [Arc<Space<'h>>; 4],
    guests: [Arc<Guest<'h>>; 2],
}

/// How many attachments there are.
const ATTACHMENTS: usize = 8;
const IDENTITY: usize = 1;

impl<'h> World<'h> {
    /// Everything leads to a page.
    fn new(host: &'h Host, page: u64) -> Result<Self> {
        let spaces = [
            Space::new(host, Purpose::FirstStage)?,
            Space::new(host, Purpose::SecondStage)?,
            Space::new(host, Purpose::NestParent)?,
            Space::new(host, Purpose::NestParent)?,
        ];
        let guests = [Guest::new(&spaces[2])?, Guest::new(&spaces[2])?];

        for space in &spaces {
            space.map(IOVA, page, 1)?;
        }
        spaces[2].map(GPA, page, 1)?;
        for guest in &guests {
            guest.map(IOVA, GPA)?;
        }
        Ok(Self { spaces, guests })
    }

    /// The `i`th attachment.
    fn to(&self, i: usize) -> Attachment<Model> {
        match i {
            0 => Attachment::Blocked,
            IDENTITY => Attachment::Identity,
            2..6 => self.spaces[i - 2].to(),
            _ => self.guests[i - 6].to(),
        }
    }

    /// Changes every domain. Returns how many invalidations that took.
    fn invalidations(&self, model: &Model) -> Result<usize> {
        model.forget_log();
        for space in &self.spaces {
            space.unmap(IOVA, 1)?;
        }
        for guest in &self.guests {
            guest.unmap(IOVA)?;
        }
        Ok((0..).map_while(|i| model.log(i)).count())
    }
}

/// Changes an attachment while the unit refuses the `n`th of the invalidations. `None`: there are
/// not that many. Otherwise whether the traffic was blocked, and nothing was lost.
fn refused(
    config: Config,
    pasid: Option<u32>,
    ats: bool,
    (from, to): (usize, usize),
    n: usize,
) -> Result<Option<bool>> {
    let model = Model::new(config)?;
    let host = Host::new(&model)?;

    host.engine.start()?;

    let free = host.first_free_did()?;
    let page = host.data()?;
    let world = World::new(&host, page.address())?;
    let device = Device::new(&host, RID, ats)?;

    host.watch(RID, pasid, IOVA, true)?;
    device.attach(pasid, world.to(from))?;
    model.refuse_one(n);

    let result = device.attach(pasid, world.to(to));

    if model.refuse_waits() {
        return Ok(None);
    }
    host.check();

    let failed = match result {
        // What is for emulated units only; or the device's own cache, which it can't use any more.
        Ok(()) => from == IDENTITY || ats && model.dma(RID, pasid, IOVA, true).is_err(),
        Err(e) => e == EIO && model.fresh(RID, pasid, IOVA, true).is_err(),
    };

    if result.is_ok() {
        device.attach(pasid, Attachment::Blocked)?;
    }

    let quiet = world.invalidations(&model)? == 0;

    device.release()?;
    drop(world);

    let kept = host.first_free_did()? == free;

    Ok(Some(failed && quiet && kept && !host.is_wrong()))
}

/// Tries all changes, with each of their invalidations refused. Returns the first that is not
/// right.
fn first_wrong(
    config: Config,
    pasid: Option<u32>,
    ats: bool,
) -> Result<Option<(usize, usize, usize)>> {
    for from in 0..ATTACHMENTS {
        for to in 0..ATTACHMENTS {
            for n in 0.. {
                match refused(config, pasid, ats, (from, to), n)? {
                    None => break,
                    Some(true) => (),
                    Some(false) => return Ok(Some((from, to, n))),
                }
            }
        }
    }
    Ok(None)
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_failures))]
mod cases {
    use super::*;

    #[test]
    fn a_unit_that_refuses() -> Result {
        assert_eq!(first_wrong(Config::RICH, None, false)?, None);
        Ok(())
    }

    #[test]
    fn a_unit_that_refuses_for_a_pasid() -> Result {
        assert_eq!(first_wrong(Config::RICH, PASID, false)?, None);
        Ok(())
    }

    #[test]
    fn a_unit_that_refuses_for_a_device_with_a_cache() -> Result {
        assert_eq!(first_wrong(Config::RICH, None, true)?, None);
        Ok(())
    }

    #[test]
    fn a_unit_that_refuses_and_caches_that_there_is_nothing() -> Result {
        assert_eq!(first_wrong(Config::CACHING, None, false)?, None);
        Ok(())
    }

    #[test]
    fn of_two_devices_one_does_not_answer() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        host.engine.start()?;

        let space = Space::new(&host, Purpose::SecondStage)?;
        let devices = [
            Device::new(&host, RID, true)?,
            Device::new(&host, OTHER, true)?,
        ];
        let page = host.data()?;

        for address in [IOVA, IOVA + 0x1000] {
            space.map(address, page.address(), 1)?;
        }
        for rid in [RID, OTHER] {
            host.watch(rid, None, IOVA, true)?;
        }
        for device in &devices {
            device.attach(None, space.to())?;
        }
        devices[0].attach(PASID, space.to())?;
        model.set_mute(RID, true)?;
        // Both have cached it; one does not give it up, and has no use for it any more.
        space.unmap(IOVA, 1)?;
        assert_eq!(
            model.dma(RID, None, IOVA, true),
            Err(Reason::DeviceTlb) //
        );
        assert_eq!(
            model.plain_dma(RID, None, IOVA + 0x1000, true),
            Ok(page.address())
        );
        assert_eq!(
            model.dma(OTHER, None, IOVA + 0x1000, true),
            Ok(page.address())
        );

        // It is not asked again.
        model.forget_log();
        space.unmap(IOVA + 0x1000, 1)?;
        assert!(model.did(&[Kind::TlbPage, Kind::Wait, Kind::DeviceTlb, Kind::Wait]));
        for device in devices {
            device.release()?;
        }
        assert!(!host.is_wrong());

        // Until it is there anew.
        model.set_mute(RID, false)?;

        let device = Device::new(&host, RID, true)?;

        space.map(IOVA, page.address(), 1)?;
        device.attach(None, space.to())?;
        assert_eq!(model.dma(RID, None, IOVA, true), Ok(page.address()));
        space.unmap(IOVA, 1)?;
        device.release()?;
        assert!(!host.is_wrong());
        Ok(())
    }

    #[test]
    fn a_change_that_there_is_no_memory_for() -> Result {
        let model = Model::new(Config::RICH)?;
        let host = Host::new(&model)?;

        host.engine.start()?;

        let page = host.data()?;
        let world = World::new(&host, page.address())?;
        let device = Device::new(&host, RID, false)?;
        let free = host.first_free_did()?;

        model.memory().limit(Some(0));
        // There is no table for the PASID.
        assert!(matches!(
            device.attach(PASID, world.to(6)),
            Err(e) if e == ENOMEM
        ));
        model.memory().limit(None);
        assert_eq!(host.first_free_did()?, free);
        device.attach(PASID, world.to(6))?;
        device.release()?;
        assert_eq!(host.first_free_did()?, free);
        assert!(!host.is_wrong());
        Ok(())
    }

    #[test]
    fn no_did_left() -> Result {
        let model = Model::new(Config {
            // ND: 64 of them.
            cap: Config::RICH.cap & !0b111 | 0b001,
            ..Config::RICH
        })?;
        let host = Host::new(&model)?;

        host.engine.start()?;

        let device = Device::new(&host, RID, true)?;
        let space = Space::new(&host, Purpose::SecondStage)?;
        let others = [Purpose::FirstStage, Purpose::NestParent].map(|to| Space::new(&host, to));
        let page = host.data()?;

        space.map(IOVA, page.address(), 1)?;
        device.attach(None, space.to())?;
        let taken = host.take_dids()?;

        for other in &others {
            let other = other.as_ref().map_err(|e| *e)?;

            assert!(matches!(device.attach(None, other.to()), Err(e) if e == ENOSPC));
            assert_eq!(model.dma(RID, None, IOVA, true), Ok(page.address()));
        }
        // Those that have one keep it.
        device.attach(None, Attachment::Identity)?;
        device.attach(None, space.to())?;
        assert_eq!(model.dma(RID, None, IOVA, true), Ok(page.address()));
        host.give_dids(taken);
        for other in others {
            device.attach(None, other?.to())?;
        }
        device.release()?;
        assert!(!host.is_wrong());
        Ok(())
    }

    #[test]
    fn what_cannot_be_attached() -> Result {
        let model = Model::new(Config {
            // PT.
            ecap: Config::RICH.ecap & !(1 << 6),
            ..Config::RICH
        })?;
        let (host, other) = (Host::new(&model)?, Host::new(&Model::new(Config::RICH)?)?);

        host.engine.start()?;

        let device = Device::new(&host, RID, false)?;
        let refusals = [
            (None, Attachment::Identity, EOPNOTSUPP),
            (
                None,
                Space::new(&other, Purpose::SecondStage)?.to(),
                EINVAL, //
            ),
            (Some(1 << 19), Attachment::Blocked, ERANGE),
        ];

        for (pasid, to, why) in refusals {
            assert!(matches!(device.attach(pasid, to), Err(e) if e == why));
        }
        device.release()
    }
}
