// SPDX-License-Identifier: GPL-2.0

//! A host with devices and domains on the model, by the driver's logic.

use super::*;
use crate::vtd::{
    arch::{
        caps::Features,
        descriptor::DeviceTlb,
        range::Block,
        stage1::Stage1, //
    },
    attach::{
        self,
        Attachment,
        Source, //
    },
    engine::Engine,
    flush::Change,
    guest,
    hw::Memory,
    model::{
        shared::Shared,
        tables::Tree,
        walk::Request,
        Page,
        Top, //
    },
    pasids,
    space::{
        self,
        Purpose, //
    },
    switch::OWN, //
};
use core::cell::Cell;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// From HPAs to the GPAs at which a guest has its tables.
pub(super) const GUEST: u64 = 0x40_0000_0000;
/// More DIDs than were ever in use at once.
const DIDS: usize = 24;

/// A unit with its driver, and accesses that must never be wrong.
pub(super) struct Host {
    pub(super) model: Model,
    pub(super) engine: Arc<Engine<Model>>,
    /// Accesses that are looked at after each operation.
    watched: Shared<KVec<Request>>,
    /// One of them was stale, or led to memory that is gone.
    wrong: Cell<bool>,
}

impl Host {
    /// The driver of a unit. It is not started.
    pub(super) fn new(model: &Model) -> Result<Self> {
        let config = model.config();
        let features = Features::decode(config.cap, config.ecap).map_err(|_| EINVAL)?;

        Ok(Self {
            engine: Arc::pin_init(
                Engine::new(model.clone(), model.clone(), features),
                GFP_KERNEL,
            )?,
            model: model.clone(),
            watched: Shared::new(KVec::new()),
            wrong: Cell::new(false),
        })
    }

    /// What the unit can do.
    pub(super) fn features(&self) -> &Features {
        &self.engine.features
    }

    /// Whether nothing is cached by any DID that is free: the next one who gets it must not find
    /// anything.
    fn free_dids_are_unused(&self) -> Result<bool> {
        let dids = &self.engine.dids;
        let mut free = KVec::with_capacity(DIDS, GFP_KERNEL)?;

        while free.len() < DIDS {
            let Ok(did) = dids.take() else {
                break;
            };

            free.push(did, GFP_KERNEL)?;
        }

        let unused = free.iter().all(|&did| self.model.is_unused(did));

        for did in free {
            dids.give(did);
        }
        Ok(unused)
    }

    /// Takes all DIDs that are free.
    pub(super) fn take_dids(&self) -> Result<KVec<u16>> {
        let mut taken = KVec::new();

        while let Ok(did) = self.engine.dids.take() {
            taken.push(did, GFP_KERNEL)?;
        }
        Ok(taken)
    }

    /// Gives such back.
    pub(super) fn give_dids(&self, taken: KVec<u16>) {
        for did in taken {
            self.engine.dids.give(did);
        }
    }

    /// The DID that the next one gets who takes one.
    pub(super) fn first_free_did(&self) -> Result<u16> {
        let did = self.engine.dids.take()?;

        self.engine.dids.give(did);
        Ok(did)
    }

    /// From now on looks at an access after each operation, and at all times in between. Returns
    /// the probe's number.
    pub(super) fn watch(
        &self,
        rid: u16,
        pasid: Option<u32>,
        address: u64,
        write: bool,
    ) -> Result<usize> {
        let request = Request {
            rid,
            pasid,
            address,
            write,
        };

        self.watched.borrow_mut().push(request, GFP_KERNEL)?;
        self.model.probe(rid, pasid, address, write)
    }

    /// Looks at all of them. To be called when an operation is over.
    pub(super) fn check(&self) {
        let model = &self.model;
        let watched = self.watched.borrow();
        let wrong = watched
            .iter()
            .any(|r| model.stale(r.rid, r.pasid, r.address, r.write));

        self.expect(!wrong && !model.is_late());
        self.expect(model.memory().gone() == 0 && model.misuse().is_none());
        self.expect(self.free_dids_are_unused() == Ok(true));
    }

    /// Notes that a scenario has found something wrong.
    pub(super) fn expect(&self, right: bool) {
        if !right {
            self.wrong.set(true);
        }
    }

    /// Whether something was wrong at any time.
    pub(super) fn is_wrong(&self) -> bool {
        self.wrong.get()
    }

    /// A page of 4 KiB for data.
    pub(super) fn data(&self) -> Result<Page> {
        self.model.page()
    }
}

/// The bytes of a page at a level.
fn size(level: u32) -> u64 {
    1 << (12 + 9 * (level - 1))
}

/// Dirty, in a leaf entry of a second stage.
const DIRTY: u64 = 1 << 9;

/// A domain that the host maps into.
pub(super) struct Space<'h> {
    host: &'h Host,
    tree: Shared<Tree>,
    space: Arc<space::Space<Model>>,
}

impl<'h> Space<'h> {
    pub(super) fn new(host: &'h Host, purpose: Purpose) -> Result<Arc<Self>> {
        // Whatever went before.
        host.check();

        let tree = match purpose {
            Purpose::FirstStage => Tree::first(&host.model, 4)?,
            Purpose::SecondStage | Purpose::NestParent => Tree::second(&host.model, 4)?,
        };
        let top = Top {
            address: tree.top(),
            levels: tree.levels(),
        };
        let space = Arc::pin_init(space::Space::new(&host.engine, purpose, top), GFP_KERNEL)?;

        Ok(Arc::new(
            Self {
                host,
                tree: Shared::new(tree),
                space,
            },
            GFP_KERNEL,
        )?)
    }

    /// What attaches to it.
    pub(super) fn to(&self) -> Attachment<Model> {
        Attachment::Paging(self.space.clone())
    }

    fn invalidate(&self, pages: Option<(u64, u64)>, leaf: bool) -> Result {
        let block = pages.map(|(address, size)| Block::around(address, address + (size - 1)));

        self.space.targets().invalidate(None, block, leaf)
    }

    /// Maps, and tells a unit that has cached that there was nothing.
    pub(super) fn map(&self, address: u64, output: u64, level: u32) -> Result {
        let features = self.host.features();

        self.tree.borrow_mut().map(address, output, level, true)?;
        if features.caching_mode || features.write_buffer {
            self.invalidate(Some((address, size(level))), false)?;
        }
        self.host.check();
        Ok(())
    }

    /// Unmaps a page of a level.
    pub(super) fn unmap(&self, address: u64, level: u32) -> Result {
        self.tree.borrow().clear(address, level);
        self.invalidate(Some((address, size(level))), true)?;
        self.host.check();
        Ok(())
    }

    /// Unmaps all below the table of a level, and frees that.
    pub(super) fn prune(&self, address: u64, level: u32) -> Result {
        let table = self.tree.borrow_mut().prune(address, level)?;

        self.invalidate(Some((address, size(level + 1))), false)?;
        drop(table);
        self.host.check();
        Ok(())
    }

    /// Replaces an entry behind the driver's back, and has all of the domain flushed.
    pub(super) fn rewrite(&self, address: u64, level: u32, entry: u64) -> Result {
        self.tree.borrow().set(address, level, entry);
        self.invalidate(None, false)?;
        self.host.check();
        Ok(())
    }

    /// Has writes tracked, or no longer. These are all devices.
    pub(super) fn track(&self, on: bool, devices: &[Device<'h>]) -> Result {
        attach::track(
            &self.space,
            on,
            devices.iter().map(|device| &*device.source),
        )?;
        self.host.check();
        Ok(())
    }

    /// Which of the pages from an address on were written to, a bit each.
    pub(super) fn dirty(&self, address: u64, pages: u64) -> u64 {
        (0..pages)
            .filter(|i| self.entry(address + i * size(1), 1) & DIRTY != 0)
            .fold(0, |all, i| all | 1 << i)
    }

    /// Makes them clean, all at once.
    pub(super) fn clean(&self, address: u64, pages: u64) -> Result {
        for page in (0..pages).map(|i| address + i * size(1)) {
            let entry = self.entry(page, 1);

            self.tree.borrow().set(page, 1, entry & !DIRTY);
        }
        self.invalidate(Some((address, pages * size(1))), true)?;
        self.host.check();
        Ok(())
    }

    /// An entry of the tables.
    pub(super) fn entry(&self, address: u64, level: u32) -> u64 {
        self.tree.borrow().entry(address, level)
    }
}

/// A guest's first stage on a second stage.
pub(super) struct Guest<'h> {
    parent: Arc<Space<'h>>,
    tree: Shared<Tree>,
    guest: Arc<guest::Guest<Model>>,
    stage1: Stage1,
}

/// Flag of a guest's invalidation: no table has changed.
const LEAF: u64 = 1;

impl<'h> Guest<'h> {
    pub(super) fn new(parent: &Arc<Space<'h>>) -> Result<Arc<Self>> {
        let tree = Tree::guest(&parent.host.model, 4, GUEST)?;
        let guest = guest::Guest::new(&parent.space)?;
        let stage1 = guest.parse([0, tree.top(), 48].map(u64::to_le))?;
        let guest = Self {
            parent: parent.clone(),
            tree: Shared::new(tree),
            guest,
            stage1,
        };

        guest.show()?;
        Ok(Arc::new(guest, GFP_KERNEL)?)
    }

    /// What attaches to it.
    pub(super) fn to(&self) -> Attachment<Model> {
        Attachment::Guest(self.guest.clone(), self.stage1)
    }

    /// Lets the guest have the memory that its tables are in.
    pub(super) fn show(&self) -> Result {
        let parent = &self.parent;
        let features = parent.host.features();

        self.tree.borrow().show(&mut parent.tree.borrow_mut())?;
        if features.caching_mode || features.write_buffer {
            parent.invalidate(None, false)?;
        }
        Ok(())
    }

    /// The guest's own invalidation, as it comes from user space.
    fn invalidate(&self, address: u64, pages: u64, flags: u64) -> Result {
        let change = guest::change(&[address, pages, flags].map(u64::to_le))?;

        self.guest.targets().invalidate_all(change.as_slice())?;
        self.parent.host.check();
        Ok(())
    }

    /// The guest maps a page. Its invalidation, if it needs one, comes with it.
    pub(super) fn map(&self, address: u64, gpa: u64) -> Result {
        self.tree.borrow_mut().map(address, gpa, 1, true)?;
        self.show()?;
        if self.parent.host.features().caching_mode {
            return self.invalidate(address, 1, 0);
        }
        self.parent.host.check();
        Ok(())
    }

    /// The guest unmaps a page, and invalidates it.
    pub(super) fn unmap(&self, address: u64) -> Result {
        self.tree.borrow().clear(address, 1);
        self.invalidate(address, 1, LEAF)
    }

    /// The guest unmaps a page, and invalidates it for one PASID.
    pub(super) fn unmap_for(&self, address: u64, pasid: u32) -> Result {
        let block = Block::around(address, address + (size(1) - 1));

        self.tree.borrow().clear(address, 1);
        self.guest
            .targets()
            .invalidate(Some(pasid), Some(block), true)?;
        self.parent.host.check();
        Ok(())
    }

    /// The guest unmaps pages, and then says so of one after the other in one call: of each PASID
    /// that there is.
    pub(super) fn unmap_all(&self, addresses: &[u64], pasids: &[u32]) -> Result {
        let mut changes = KVec::new();

        for &address in addresses {
            self.tree.borrow().clear(address, 1);
            for &pasid in pasids {
                let change = Change {
                    device: None,
                    pasid: Some(pasid),
                    block: Some(Block::around(address, address)),
                    leaf: true,
                };

                changes.push(change, GFP_KERNEL)?;
            }
        }
        self.guest.targets().invalidate_all(&changes)?;
        self.parent.host.check();
        Ok(())
    }

    /// The guest unmaps all below a table and uses its page for something else.
    pub(super) fn prune(&self, address: u64) -> Result {
        let table = self.tree.borrow_mut().prune(address, 1)?;

        self.invalidate(address & !(size(2) - 1), 512, 0)?;
        drop(table);
        self.parent.host.check();
        Ok(())
    }

    /// The guest changes a page and invalidates all.
    pub(super) fn rewrite(&self, address: u64, gpa: u64) -> Result {
        self.tree.borrow_mut().map(address, gpa, 1, true)?;
        self.invalidate(0, u64::MAX, 0)
    }
}

/// A device behind the unit.
pub(super) struct Device<'h> {
    host: &'h Host,
    pub(super) rid: u16,
    pub(super) source: Arc<Source<Model>>,
}

impl<'h> Device<'h> {
    /// A device that is blocked so far; with a translation cache of its own, if it has one.
    pub(super) fn new(host: &'h Host, rid: u16, ats: bool) -> Result<Self> {
        Self::with(host, rid, ats, false)
    }

    /// The same, which may also ask for pages.
    pub(super) fn with(host: &'h Host, rid: u16, ats: bool, pri: bool) -> Result<Self> {
        let this = Self::make(host, &[rid], ats, pri, false)?;

        this.settle(&[&this])?;
        host.model.set_ats(rid, ats)?;
        host.check();
        Ok(this)
    }

    /// A device with several requester IDs, or a bridge, that is in use when it is
    /// [settled](Self::settle).
    pub(super) fn bridged(host: &'h Host, rids: &[u16], bridge: bool) -> Result<Self> {
        Self::make(host, rids, false, false, bridge)
    }

    /// Says which devices there are that may have the device's requester IDs, first or now.
    pub(super) fn settle(&self, devices: &[&Self]) -> Result {
        let sources = devices.iter().map(|device| &*device.source);

        attach::settle(self.source.rids(), sources)
    }

    fn make(host: &'h Host, ids: &[u16], ats: bool, pri: bool, bridge: bool) -> Result<Self> {
        let rid = ids[0];
        let mut rids = KVec::new();

        rids.extend_from_slice(ids, GFP_KERNEL)?;

        let device_tlb = ats.then_some(DeviceTlb {
            sid: rid,
            pfsid: rid,
            depth: 0,
        });
        let source = Arc::pin_init(
            Source::new(
                &host.engine,
                &host.model,
                rids,
                pasids::PASID_BITS,
                device_tlb,
                pri,
                bridge,
            )?,
            GFP_KERNEL,
        )?;

        Ok(Self { host, rid, source })
    }

    /// Attaches the traffic of a PASID, `None` for the device's own.
    pub(super) fn attach(&self, pasid: Option<u32>, to: Attachment<Model>) -> Result {
        let mut traffic = self.source.lock();

        match pasid {
            Some(pasid) => traffic.attach_pasid(&self.host.model, pasid, to)?,
            None => traffic.attach(to)?,
        }
        self.host.check();
        Ok(())
    }

    /// A PASID that is attached, if there is one.
    fn attached(&self) -> Option<u32> {
        self.source
            .lock()
            .try_for_each_entry(|pasid, _| Err(pasid))
            .err()
    }

    /// Lets go of the device: all that it had is freed.
    pub(super) fn release(self) -> Result {
        let host = self.host;

        while let Some(pasid) = self.attached() {
            self.attach(
                Some(pasid).filter(|&pasid| pasid != OWN),
                Attachment::Blocked,
            )?;
        }
        self.source.lock().stop();
        host.model.set_ats(self.rid, false)?;
        drop(self);
        host.check();
        Ok(())
    }
}
