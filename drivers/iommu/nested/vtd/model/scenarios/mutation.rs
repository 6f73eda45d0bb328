// SPDX-License-Identifier: GPL-2.0

//! What becomes of a scenario when an invalidation is missing: something has to be wrong then, or
//! the invalidation was for nothing.
//!
//! Each scenario is run as it is, which must be right, and then once for each of its invalidations,
//! of which the unit ignores that one.

use super::{
    host::{
        Device,
        Guest,
        Host,
        Space,
        GUEST, //
    },
    tracking::{
        track,
        untrack,
        OF_DEVICE,
        OF_PASID,
        ON_PARENT, //
    },
    *, //
};
use crate::vtd::{
    hw::Page as _,
    model::queue::Kind,
    regs,
    switch::OWN, //
};
use core::fmt;
use kernel::prelude::*;

const RID: u16 = 0x00f8;
const OTHER: u16 = 0x0300;
const BRIDGE: u16 = 0x0028;
const IOVA: u64 = 0x1_2345_6000;
/// Below the same tables but the lowest.
const NEAR: u64 = IOVA + 0x20_0000;
/// Where guests have their pages (GPA).
const GPA: u64 = 0x7000;
const PASID: Option<u32> = Some(0x123);

/// A course of events.
struct Scenario {
    name: &'static str,
    /// The units that it runs on. They are told the same.
    configs: &'static [Config],
    /// The unit is not started before.
    cold: bool,
    /// The invalidations that it is about: what else there is of them is for nothing.
    about: Option<&'static [Kind]>,
    run: fn(&Host) -> Result,
}

/// An invalidation that nobody misses.
struct Unmissed {
    scenario: &'static str,
    /// Which of its invalidations.
    nth: usize,
    words: [u64; 4],
}

impl fmt::Debug for Unmissed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high, ..] = self.words;

        write!(f, "{} {}: {low:#x} {high:#x}", self.scenario, self.nth)
    }
}

impl Scenario {
    const fn new(name: &'static str, run: fn(&Host) -> Result) -> Self {
        Self {
            name,
            configs: &[
                Config::RICH,
                Config::TORN,
                Config::BY_SOURCE,
                Config::SHORTCUT,
            ],
            cold: false,
            about: None,
            run,
        }
    }

    const fn on(mut self, configs: &'static [Config]) -> Self {
        self.configs = configs;
        self
    }

    const fn about(mut self, kinds: &'static [Kind]) -> Self {
        self.about = Some(kinds);
        self
    }

    const fn cold(mut self) -> Self {
        self.cold = true;
        self
    }

    /// Runs it on a unit, without its `omit`th invalidation. Returns whether all was right.
    fn is_right(&self, model: &Model, omit: Option<usize>) -> Result<bool> {
        let host = Host::new(model)?;

        if self.cold {
            takeover(model)?;
        } else {
            host.engine.start()?;
        }
        model.forget_log();
        if let Some(n) = omit {
            model.drop_one(n);
        }

        let result = (self.run)(&host);

        // What was attached last is gone, too.
        host.check();
        Ok(result.is_ok() && !host.is_wrong())
    }

    /// Whether any unit that it runs on goes wrong without the `n`th invalidation.
    fn misses(&self, n: usize) -> Result<bool> {
        for config in self.configs {
            if !self.is_right(&Model::new(*config)?, Some(n))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs it without each of its invalidations of a kind. Returns how many there are, and pushes
    /// those that nobody missed.
    fn hunt(&self, kind: Kind, unmissed: &mut KVec<Unmissed>) -> Result<usize> {
        let (mut nth, mut found) = (0, 0);

        if self.about.is_some_and(|kinds| !kinds.contains(&kind)) {
            return Ok(0);
        }

        let model = Model::new(self.configs[0])?;

        self.is_right(&model, None)?;
        for done in (0..).map_while(|i| model.log(i)) {
            if matches!(done.kind, Kind::Wait | Kind::PageResponse) {
                continue;
            }
            if done.kind == kind {
                found += 1;
                if !self.misses(nth)? {
                    unmissed.push(
                        Unmissed {
                            scenario: self.name,
                            nth,
                            words: done.words,
                        },
                        GFP_KERNEL,
                    )?;
                }
            }
            nth += 1;
        }
        Ok(found)
    }
}

/// Whether each invalidation of a kind is missed in each scenario, and there are some.
fn missed(kind: Kind) -> Result<bool> {
    let mut unmissed = KVec::new();
    let mut found = 0;

    for scenario in &SCENARIOS {
        found += scenario.hunt(kind, &mut unmissed)?;
    }
    for one in &unmissed {
        pr_err!("nobody misses {one:?}\n");
    }
    Ok(found != 0 && unmissed.is_empty())
}

const SCENARIOS: [Scenario; 34] = [
    Scenario::new("takeover", take_over).cold(),
    Scenario::new("unmap first", |host| {
        unmap(host, Purpose::FirstStage, false)
    }),
    Scenario::new("unmap second", |host| {
        unmap(host, Purpose::SecondStage, false)
    }),
    Scenario::new("unmap first, ats", |host| {
        unmap(host, Purpose::FirstStage, true)
    }),
    Scenario::new("unmap second, ats", |host| {
        unmap(host, Purpose::SecondStage, true)
    }),
    Scenario::new("flush first", |host| flush_all(host, Purpose::FirstStage)),
    Scenario::new("flush second", |host| flush_all(host, Purpose::SecondStage)),
    Scenario::new("flush parent", |host| flush_all(host, Purpose::NestParent)),
    Scenario::new("parent", |host| parent(host, false)),
    Scenario::new("parent, ats", |host| parent(host, true)),
    Scenario::new("guest", |host| guest(host, false)),
    Scenario::new("guest, ats", |host| guest(host, true)),
    Scenario::new("pasid of a guest", |host| pasid_of_guest(host, false)),
    Scenario::new("pasid of a guest, ats", |host| pasid_of_guest(host, true)),
    Scenario::new("batch", |host| batch(host, false)),
    Scenario::new("batch, ats", |host| batch(host, true)),
    Scenario::new("reuse first", |host| reuse(host, Purpose::FirstStage)),
    Scenario::new("reuse second", |host| reuse(host, Purpose::SecondStage)),
    Scenario::new("reuse parent", |host| reuse(host, Purpose::NestParent)),
    Scenario::new("reattach", reattach),
    Scenario::new("guests", |host| guests(host, false)),
    Scenario::new("guests, ats", |host| guests(host, true)),
    Scenario::new("release", release),
    Scenario::new("bridge", behind_bridge).about(&[
        Kind::ContextDevice,
        Kind::PasidGlobal,
        Kind::TlbGlobal,
    ]),
    Scenario::new("mute", mute).about(&[Kind::DeviceTlb, Kind::ContextDevice, Kind::TlbGlobal]),
    Scenario::new("caching", caching).on(&[Config::CACHING]),
    Scenario::new("track", |host| track(host, &[OF_DEVICE], false)),
    Scenario::new("track, ats", |host| track(host, &[OF_DEVICE], true)),
    Scenario::new("track pasid", |host| track(host, &[OF_PASID], false)),
    Scenario::new("track pasid, ats", |host| track(host, &[OF_PASID], true)),
    Scenario::new("track parent", |host| track(host, &ON_PARENT, false)),
    Scenario::new("track parent, ats", |host| track(host, &ON_PARENT, true)),
    // What was cached before does no harm then.
    Scenario::new("untrack", |host| untrack(host, &[OF_DEVICE])).about(&[Kind::Pasid]),
    Scenario::new("untrack parent", |host| untrack(host, &ON_PARENT)).about(&[Kind::Pasid]),
];

/// Somebody has used the unit before, and left all in its caches.
fn takeover(model: &Model) -> Result {
    let host = Host::new(model)?;

    host.engine.start()?;

    let space = Space::new(&host, Purpose::SecondStage)?;
    let page = host.data()?;

    space.map(IOVA, page.address(), 1)?;
    for rid in [RID, OTHER] {
        let device = Device::new(&host, rid, false)?;

        device.attach(None, space.to())?;
        model.dma(rid, None, IOVA, true).map_err(|_| EIO)?;
        // Its tables are not there any more.
    }
    // Firmware protected memory before that.
    model.write32(regs::PMEN, regs::PMEN_EPM);
    host.engine.stop()
}

/// The unit starts, and blocks what it does not know.
fn take_over(host: &Host) -> Result {
    host.watch(RID, None, IOVA, true)?;
    host.watch(OTHER, None, IOVA, true)?;
    host.engine.start()?;
    host.expect(host.model.read32(regs::PMEN) == 0);
    host.check();

    let device = Device::new(host, RID, false)?;
    let space = Space::new(host, Purpose::SecondStage)?;
    let page = host.data()?;

    device.attach(None, space.to())?;
    space.map(IOVA, page.address(), 1)?;
    device.release()
}

/// Lets go of devices.
fn release_all<const N: usize>(devices: [Device<'_>; N]) -> Result {
    for device in devices {
        device.release()?;
    }
    Ok(())
}

/// A domain of two devices, one of which has a PASID on it as well, from which is unmapped.
fn unmap(host: &Host, purpose: Purpose, ats: bool) -> Result {
    let space = Space::new(host, purpose)?;
    let devices = [
        Device::new(host, RID, ats)?,
        Device::new(host, OTHER, false)?,
    ];
    let page = host.data()?;

    for (rid, pasid) in [(RID, None), (RID, PASID), (OTHER, None)] {
        for address in [IOVA, IOVA + 0x1000, NEAR, NEAR + 0x1000] {
            host.watch(rid, pasid, address, true)?;
        }
    }
    space.map(IOVA, page.address(), 1)?;
    space.map(IOVA + 0x1000, page.address(), 1)?;
    space.map(NEAR, page.address(), 1)?;
    devices[0].attach(None, space.to())?;
    devices[0].attach(PASID, space.to())?;
    devices[1].attach(None, space.to())?;
    // A page; then a table, in place of which there is a large page.
    space.unmap(IOVA, 1)?;
    space.prune(NEAR, 1)?;
    space.map(NEAR & !0x1f_ffff, 0x8_0000_0000, 2)?;
    space.unmap(NEAR & !0x1f_ffff, 2)?;
    release_all(devices)
}

/// A domain that changes as a whole.
fn flush_all(host: &Host, purpose: Purpose) -> Result {
    let space = Space::new(host, purpose)?;
    let device = Device::new(host, RID, false)?;
    let pages = [host.data()?, host.data()?];

    space.map(IOVA, pages[0].address(), 1)?;
    host.watch(RID, None, IOVA, true)?;
    device.attach(None, space.to())?;

    let entry = space.entry(IOVA, 1) - pages[0].address() + pages[1].address();

    space.rewrite(IOVA, 1, entry)?;
    device.release()
}

/// A nesting parent that is unmapped from, below guests and alone.
fn parent(host: &Host, ats: bool) -> Result {
    let space = Space::new(host, Purpose::NestParent)?;
    let guest = Guest::new(&space)?;
    let other = Guest::new(&space)?;
    let devices = [
        Device::new(host, RID, ats)?,
        Device::new(host, OTHER, false)?,
    ];
    let page = host.data()?;

    space.map(GPA, page.address(), 1)?;
    guest.map(IOVA, GPA)?;
    other.map(IOVA, GPA)?;
    host.watch(RID, None, IOVA, true)?;
    host.watch(RID, PASID, GPA, true)?;
    host.watch(OTHER, None, IOVA, true)?;
    devices[0].attach(None, guest.to())?;
    devices[0].attach(PASID, space.to())?;
    devices[1].attach(None, other.to())?;
    space.unmap(GPA, 1)?;

    // The memory of a guest's tables.
    space.map(GPA, page.address(), 1)?;
    host.check();
    space.prune(GUEST, 3)?;
    guest.show()?;
    other.show()?;
    space.map(GPA, page.address(), 1)?;
    release_all(devices)
}

/// A guest that changes its tables, of which it has two devices and a PASID.
fn guest(host: &Host, ats: bool) -> Result {
    let space = Space::new(host, Purpose::NestParent)?;
    let guest = Guest::new(&space)?;
    let devices = [
        Device::new(host, RID, ats)?,
        Device::new(host, OTHER, false)?,
    ];
    let pages = [host.data()?, host.data()?];

    space.map(GPA, pages[0].address(), 1)?;
    space.map(GPA + 0x1000, pages[1].address(), 1)?;
    guest.map(IOVA, GPA)?;
    guest.map(NEAR, GPA)?;
    for (rid, pasid) in [(RID, None), (RID, PASID), (OTHER, None)] {
        for address in [IOVA, NEAR, NEAR + 0x1000] {
            host.watch(rid, pasid, address, true)?;
        }
    }
    devices[0].attach(None, guest.to())?;
    devices[0].attach(PASID, guest.to())?;
    devices[1].attach(None, guest.to())?;
    guest.unmap(IOVA)?;
    guest.prune(NEAR)?;
    guest.map(IOVA, GPA)?;
    host.check();
    guest.rewrite(IOVA, GPA + 0x1000)?;
    release_all(devices)
}

/// A guest that changes its tables, and says which PASID uses them.
fn pasid_of_guest(host: &Host, ats: bool) -> Result {
    let space = Space::new(host, Purpose::NestParent)?;
    let guest = Guest::new(&space)?;
    let device = Device::new(host, RID, ats)?;
    let page = host.data()?;

    space.map(GPA, page.address(), 1)?;
    for (address, pasid) in [(IOVA, PASID), (NEAR, None)] {
        for page in [address, address + 0x1000] {
            guest.map(page, GPA)?;
            host.watch(RID, pasid, page, true)?;
        }
        device.attach(pasid, guest.to())?;
        guest.unmap_for(address, pasid.unwrap_or(OWN))?;
        device.attach(pasid, Attachment::Blocked)?;
    }
    device.release()
}

/// A guest that unmaps pages, and invalidates them together.
fn batch(host: &Host, ats: bool) -> Result {
    let space = Space::new(host, Purpose::NestParent)?;
    let guest = Guest::new(&space)?;
    let device = Device::new(host, RID, ats)?;
    let page = host.data()?;

    space.map(GPA, page.address(), 1)?;
    for address in [IOVA, NEAR] {
        guest.map(address, GPA)?;
        for pasid in [None, PASID] {
            host.watch(RID, pasid, address, true)?;
        }
    }
    for pasid in [None, PASID] {
        device.attach(pasid, guest.to())?;
    }
    guest.unmap_all(&[IOVA, NEAR], &[OWN, PASID.unwrap_or(OWN)])?;
    guest.map(IOVA, GPA)?;
    device.release()
}

/// A domain that is freed, and another one that gets its DID.
fn reuse(host: &Host, purpose: Purpose) -> Result {
    let device = Device::new(host, RID, false)?;
    let mut pages = KVec::new();

    for pasid in [None, PASID] {
        host.watch(RID, pasid, IOVA, true)?;
    }
    for _ in 0..2 {
        let space = Space::new(host, purpose)?;
        let page = host.data()?;

        space.map(IOVA, page.address(), 1)?;
        pages.push(page, GFP_KERNEL)?;
        for pasid in [None, PASID] {
            device.attach(pasid, space.to())?;
        }
        for pasid in [None, PASID] {
            device.attach(pasid, Attachment::Blocked)?;
        }
    }
    device.release()
}

/// A domain that changes while nobody uses it.
fn reattach(host: &Host) -> Result {
    let device = Device::new(host, RID, false)?;
    let pages = [host.data()?, host.data()?];

    host.watch(RID, None, IOVA, true)?;
    for purpose in [Purpose::FirstStage, Purpose::SecondStage] {
        let space = Space::new(host, purpose)?;

        space.map(IOVA, pages[0].address(), 1)?;
        device.attach(None, space.to())?;
        device.attach(None, Attachment::Identity)?;
        space.unmap(IOVA, 1)?;
        space.map(IOVA, pages[1].address(), 1)?;
        device.attach(None, space.to())?;
        device.attach(None, Attachment::Blocked)?;
    }
    device.release()
}

/// From the second stage to a guest, to another one, and back.
fn guests(host: &Host, ats: bool) -> Result {
    let space = Space::new(host, Purpose::NestParent)?;
    let guests = [Guest::new(&space)?, Guest::new(&space)?];
    let device = Device::new(host, RID, ats)?;
    let pages = [host.data()?, host.data()?, host.data()?];

    space.map(IOVA, pages[2].address(), 1)?;
    for (i, guest) in guests.iter().enumerate() {
        // CAST: Small.
        let gpa = GPA + i as u64 * 0x1000;

        space.map(gpa, pages[i].address(), 1)?;
        guest.map(IOVA, gpa)?;
    }

    let probes = [
        host.watch(RID, None, IOVA, true)?,
        host.watch(RID, PASID, IOVA, true)?,
    ];

    for pasid in [None, PASID] {
        device.attach(pasid, space.to())?;
        device.attach(pasid, guests[0].to())?;
        device.attach(pasid, guests[1].to())?;
        device.attach(pasid, space.to())?;
    }
    // Nothing but what one of them has, or it was not attached yet.
    for probe in probes {
        host.expect(host.model.has_seen_only(
            probe,
            &[
                Ok(pages[0].address()),
                Ok(pages[1].address()),
                Ok(pages[2].address()),
                Err(Reason::PasidPresent),
                Err(Reason::DirectoryPresent),
            ],
        ));
    }
    for pasid in [None, PASID] {
        device.attach(pasid, Attachment::Blocked)?;
    }
    device.release()
}

/// A device that goes, and another one in its place.
fn release(host: &Host) -> Result {
    let space = Space::new(host, Purpose::SecondStage)?;

    host.watch(RID, None, IOVA, true)?;
    for _ in 0..2 {
        let device = Device::new(host, RID, false)?;
        let page = host.data()?;

        space.map(IOVA, page.address(), 1)?;

        device.attach(None, space.to())?;
        device.release()?;
    }
    Ok(())
}

/// What comes by the requester ID of a bridge is of the first device behind it, of the next one
/// when that has gone, and of the bridge itself when there is none.
fn behind_bridge(host: &Host) -> Result {
    let spaces = [
        Space::new(host, Purpose::SecondStage)?,
        Space::new(host, Purpose::SecondStage)?,
        Space::new(host, Purpose::SecondStage)?,
    ];
    let pages = [host.data()?, host.data()?, host.data()?];
    let goes_to = |nth: Option<usize>| {
        let there = host.model.dma(BRIDGE, None, IOVA, true);

        host.expect(there.ok() == nth.map(|nth| pages[nth].address()));
        host.check();
    };

    for (space, page) in spaces.iter().zip(&pages) {
        space.map(IOVA, page.address(), 1)?;
    }
    for rid in [BRIDGE, RID, OTHER] {
        host.watch(rid, None, IOVA, true)?;
    }

    let bridge = Device::bridged(host, &[BRIDGE], true)?;

    bridge.settle(&[&bridge])?;
    bridge.attach(None, spaces[0].to())?;
    goes_to(Some(0));

    let one = Device::bridged(host, &[RID, BRIDGE], false)?;

    one.settle(&[&bridge, &one])?;
    goes_to(None);
    one.attach(None, spaces[1].to())?;
    goes_to(Some(1));

    let other = Device::bridged(host, &[OTHER, BRIDGE], false)?;

    other.settle(&[&bridge, &one, &other])?;
    other.attach(None, spaces[2].to())?;
    goes_to(Some(1));
    one.settle(&[&bridge, &other])?;
    goes_to(Some(2));
    one.release()?;
    goes_to(Some(2));
    other.settle(&[&bridge])?;
    goes_to(Some(0));
    other.release()?;
    goes_to(Some(0));
    bridge.release()?;
    goes_to(None);
    Ok(())
}

/// A device that does not answer when it is to forget what it has cached.
fn mute(host: &Host) -> Result {
    let space = Space::new(host, Purpose::SecondStage)?;
    let device = Device::new(host, RID, true)?;
    let page = host.data()?;

    space.map(IOVA, page.address(), 1)?;
    host.watch(RID, None, IOVA, true)?;
    device.attach(None, space.to())?;
    host.model.set_mute(RID, true)?;
    space.unmap(IOVA, 1)?;
    device.release()
}

/// A unit that caches what is not there: it is told when something is.
fn caching(host: &Host) -> Result {
    host.watch(RID, None, IOVA, true)?;
    host.model.look();

    let device = Device::new(host, RID, false)?;
    let page = host.data()?;

    for purpose in [Purpose::FirstStage, Purpose::SecondStage] {
        let space = Space::new(host, purpose)?;

        device.attach(None, space.to())?;
        space.map(IOVA, page.address(), 1)?;
        device.attach(None, Attachment::Blocked)?;
    }
    Ok(())
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_mutation))]
mod cases {
    use super::*;

    #[test]
    fn without_mutation_all_is_right() -> Result {
        for scenario in &SCENARIOS {
            for config in scenario.configs {
                let right = scenario.is_right(&Model::new(*config)?, None)?;

                if !right {
                    pr_err!("{} is not right\n", scenario.name);
                }
                assert!(right);
            }
        }
        Ok(())
    }

    #[test]
    fn context_global() -> Result {
        assert!(missed(Kind::ContextGlobal)?);
        Ok(())
    }

    #[test]
    fn context_device() -> Result {
        assert!(missed(Kind::ContextDevice)?);
        Ok(())
    }

    #[test]
    fn pasid_global() -> Result {
        assert!(missed(Kind::PasidGlobal)?);
        Ok(())
    }

    #[test]
    fn pasid() -> Result {
        assert!(missed(Kind::Pasid)?);
        Ok(())
    }

    #[test]
    fn tlb_global() -> Result {
        assert!(missed(Kind::TlbGlobal)?);
        Ok(())
    }

    #[test]
    fn tlb_domain() -> Result {
        assert!(missed(Kind::TlbDomain)?);
        Ok(())
    }

    #[test]
    fn tlb_page() -> Result {
        assert!(missed(Kind::TlbPage)?);
        Ok(())
    }

    #[test]
    fn pasid_tlb() -> Result {
        assert!(missed(Kind::PasidTlb)?);
        Ok(())
    }

    #[test]
    fn pasid_tlb_page() -> Result {
        assert!(missed(Kind::PasidTlbPage)?);
        Ok(())
    }

    #[test]
    fn device_tlb() -> Result {
        assert!(missed(Kind::DeviceTlb)?);
        Ok(())
    }

    #[test]
    fn pasid_device_tlb() -> Result {
        assert!(missed(Kind::PasidDeviceTlb)?);
        Ok(())
    }
}
