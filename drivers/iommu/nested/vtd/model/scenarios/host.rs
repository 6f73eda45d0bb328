// SPDX-License-Identifier: GPL-2.0

//! A host with devices and domains on the model, by the driver's logic.

use super::*;
use crate::vtd::{
    arch::{
        caps::Features,
        context::{
            ContextConfig,
            ContextEntry, //
        },
        descriptor::{
            Descriptor,
            DeviceTlb, //
        },
        pasid::{
            FirstStage,
            PasidEntry,
            SecondStage, //
        },
        range::Block,
        stage1::{
            RawStage1,
            Stage1, //
        },
    },
    bringup,
    flush::{
        Room,
        Tag,
        Usage,
        Users, //
    },
    hw::Memory,
    model::{
        shared::Shared,
        tables::Tree,
        walk::Request,
        Page, //
    },
    pasids::PasidTable,
    qi::Queue,
    slot::Invalidate,
    switch::{
        Place,
        OWN, //
    },
    tables::Tables, //
};
use core::cell::Cell;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// From HPAs to the GPAs at which a guest has its tables.
pub(super) const GUEST: u64 = 0x40_0000_0000;
/// The DID of untranslated traffic.
const IDENTITY: u16 = 1;

/// A unit with its driver, and accesses that must never be wrong.
pub(super) struct Host {
    pub(super) model: Model,
    pub(super) features: Features,
    queue: Shared<Queue<Page>>,
    tables: Shared<Tables<Page>>,
    /// DIDs in use.
    dids: Shared<KVec<u16>>,
    /// Accesses that are looked at after each operation.
    watched: Shared<KVec<Request>>,
    /// One of them was stale, or led to memory that is gone.
    wrong: Cell<bool>,
}

impl Host {
    /// The driver's memory for a unit. It is not started.
    pub(super) fn new(model: &Model) -> Result<Self> {
        let config = model.config();
        let features = Features::decode(config.cap, config.ecap).map_err(|_| EINVAL)?;

        Ok(Self {
            queue: Shared::new(Queue::new(model, features.write_buffer)?),
            tables: Shared::new(Tables::new(model)?),
            model: model.clone(),
            features,
            dids: Shared::new(KVec::new()),
            watched: Shared::new(KVec::new()),
            wrong: Cell::new(false),
        })
    }

    /// Starts translation, with every device blocked.
    pub(super) fn start(&self) -> Result {
        let queue = self.queue.borrow().address();
        let root = self.tables.borrow().address();

        bringup::start(&self.model, self, queue, root, self.features.drain)
    }

    /// Stops translation and the queue.
    pub(super) fn stop(&self) -> Result {
        bringup::stop(&self.model)
    }

    /// A free DID, the lowest.
    fn take_did(&self) -> Result<OwnedDid<'_>> {
        let mut dids = self.dids.borrow_mut();
        let did = (IDENTITY + 1..)
            .find(|did| !dids.contains(did))
            .ok_or(ENOSPC)?;

        dids.push(did, GFP_KERNEL)?;
        Ok(OwnedDid { host: self, did })
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

        if wrong || model.is_late() || model.memory().gone() != 0 || model.misuse().is_some() {
            self.wrong.set(true);
        }
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

impl Invalidate for Host {
    fn invalidate(&self, descriptors: &[Descriptor]) -> Result {
        let mut queue = self.queue.borrow_mut();
        let pos = queue.submit(&self.model, descriptors)?;
        let mut looks = 0;

        while queue.progress(&self.model)? <= pos {
            self.model.pause(looks)?;
            looks += 1;
        }
        if queue.failed(pos) {
            return Err(EIO);
        }
        Ok(())
    }

    fn is_told_all(&self) -> bool {
        self.features.caching_mode || self.features.write_buffer
    }
}

/// A DID that belongs to somebody.
pub(super) struct OwnedDid<'h> {
    host: &'h Host,
    did: u16,
}

impl Drop for OwnedDid<'_> {
    fn drop(&mut self) {
        // The next one who gets it must not find anything.
        self.host.expect(self.host.model.is_unused(self.did));
        self.host
            .dids
            .borrow_mut()
            .retain(|&mut did| did != self.did);
    }
}

/// What a domain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    First,
    Second,
    Parent,
}

/// What may have cached translations of one origin.
struct Targets<'h> {
    host: &'h Host,
    users: Shared<Users>,
}

impl<'h> Targets<'h> {
    fn new(host: &'h Host) -> Self {
        Self {
            host,
            users: Shared::new(Users::new(&host.features)),
        }
    }

    fn join(&self, usage: &Usage) -> Result {
        let mut users = self.users.borrow_mut();

        if !users.has_room() {
            let mut room = Room::new();

            room.grow(users.wanted())?;
            users.take_room(&mut room);
        }
        users.join(usage);
        Ok(())
    }

    fn leave(&self, usage: &Usage) -> Result {
        self.users.borrow_mut().leave(usage);
        Ok(())
    }

    fn invalidate(&self, pages: Option<(u64, u64)>, leaf: bool) -> Result {
        let block = pages.map(|(address, size)| Block::around(address, address + (size - 1)));

        self.users.borrow().invalidate(self.host, None, block, leaf)
    }
}

/// The bytes of a page at a level.
fn size(level: u32) -> u64 {
    1 << (12 + 9 * (level - 1))
}

/// A domain that the host maps into.
pub(super) struct Space<'h> {
    purpose: Purpose,
    tree: Shared<Tree>,
    did: Option<OwnedDid<'h>>,
    targets: Targets<'h>,
}

impl<'h> Space<'h> {
    pub(super) fn new(host: &'h Host, purpose: Purpose) -> Result<Arc<Self>> {
        let tree = match purpose {
            Purpose::First => Tree::first(&host.model, 4)?,
            Purpose::Second | Purpose::Parent => Tree::second(&host.model, 4)?,
        };
        let did = match purpose {
            Purpose::Parent => None,
            _ => Some(host.take_did()?),
        };

        Ok(Arc::new(
            Self {
                purpose,
                tree: Shared::new(tree),
                did,
                targets: Targets::new(host),
            },
            GFP_KERNEL,
        )?)
    }

    /// Maps, and tells a unit that has cached that there was nothing.
    pub(super) fn map(&self, address: u64, output: u64, level: u32) -> Result {
        let features = &self.targets.host.features;

        self.tree.borrow_mut().map(address, output, level, true)?;
        if features.caching_mode || features.write_buffer {
            self.targets
                .invalidate(Some((address, size(level))), false)?;
        }
        self.targets.host.check();
        Ok(())
    }

    /// Unmaps a page of a level.
    pub(super) fn unmap(&self, address: u64, level: u32) -> Result {
        self.tree.borrow().clear(address, level);
        self.targets
            .invalidate(Some((address, size(level))), true)?;
        self.targets.host.check();
        Ok(())
    }

    /// Unmaps all below the table of a level, and frees that.
    pub(super) fn prune(&self, address: u64, level: u32) -> Result {
        let table = self.tree.borrow_mut().prune(address, level)?;

        self.targets
            .invalidate(Some((address, size(level + 1))), false)?;
        drop(table);
        self.targets.host.check();
        Ok(())
    }

    /// Replaces an entry behind the driver's back, and has all of the domain flushed.
    pub(super) fn rewrite(&self, address: u64, level: u32, entry: u64) -> Result {
        self.tree.borrow().set(address, level, entry);
        self.targets.invalidate(None, false)?;
        self.targets.host.check();
        Ok(())
    }

    /// An entry of the tables.
    pub(super) fn entry(&self, address: u64, level: u32) -> u64 {
        self.tree.borrow().entry(address, level)
    }

    fn second_stage(&self) -> SecondStage {
        let tree = self.tree.borrow();

        SecondStage {
            table: tree.top(),
            // CAST: 1 for 3 levels, and so on.
            aw: (tree.levels() - 2) as u8,
            dirty: false,
            page_snoop: false,
            walk_snoop: self.targets.host.features.walk_coherent,
        }
    }

    fn pasid_entry(&self, did: u16) -> PasidEntry {
        let features = &self.targets.host.features;

        match self.purpose {
            Purpose::First => PasidEntry::first_stage(
                &FirstStage {
                    table: self.tree.borrow().top(),
                    five_levels: false,
                    aw: features.aw(),
                    page_snoop: features.snoop_control,
                    walk_snoop: features.walk_coherent,
                },
                did,
            ),
            Purpose::Second | Purpose::Parent => {
                PasidEntry::second_stage(&self.second_stage(), did)
            }
        }
    }
}

/// A guest's first stage on a second stage.
pub(super) struct Guest<'h> {
    parent: Arc<Space<'h>>,
    tree: Shared<Tree>,
    targets: Targets<'h>,
}

impl<'h> Guest<'h> {
    pub(super) fn new(parent: &Arc<Space<'h>>) -> Result<Arc<Self>> {
        let host = parent.targets.host;
        let guest = Self {
            parent: parent.clone(),
            tree: Shared::new(Tree::guest(&host.model, 4, GUEST)?),
            targets: Targets::new(host),
        };

        guest.show()?;
        Ok(Arc::new(guest, GFP_KERNEL)?)
    }

    /// Lets the guest have the memory that its tables are in.
    pub(super) fn show(&self) -> Result {
        let (parent, features) = (&self.parent, &self.targets.host.features);

        self.tree.borrow().show(&mut parent.tree.borrow_mut())?;
        if features.caching_mode || features.write_buffer {
            parent.targets.invalidate(None, false)?;
        }
        Ok(())
    }

    /// The guest maps a page. Its invalidation, if it needs one, comes with it.
    pub(super) fn map(&self, address: u64, gpa: u64) -> Result {
        self.tree.borrow_mut().map(address, gpa, 1, true)?;
        self.show()?;
        if self.targets.host.features.caching_mode {
            self.targets.invalidate(Some((address, size(1))), false)?;
        }
        self.targets.host.check();
        Ok(())
    }

    /// The guest unmaps a page, and invalidates it.
    pub(super) fn unmap(&self, address: u64) -> Result {
        self.tree.borrow().clear(address, 1);
        self.targets.invalidate(Some((address, size(1))), true)?;
        self.targets.host.check();
        Ok(())
    }

    /// The guest unmaps all below a table and uses its page for something else.
    pub(super) fn prune(&self, address: u64) -> Result {
        let table = self.tree.borrow_mut().prune(address, 1)?;

        self.targets.invalidate(Some((address, size(2))), false)?;
        drop(table);
        self.targets.host.check();
        Ok(())
    }

    /// The guest changes a page and invalidates all.
    pub(super) fn rewrite(&self, address: u64, gpa: u64) -> Result {
        self.tree.borrow_mut().map(address, gpa, 1, true)?;
        self.targets.invalidate(None, false)?;
        self.targets.host.check();
        Ok(())
    }

    fn stage1(&self) -> Result<Stage1> {
        let raw = RawStage1 {
            flags: 0,
            table: self.tree.borrow().top(),
            addr_width: 48,
            reserved: 0,
        };

        Stage1::parse(&raw, &self.targets.host.features, 48).map_err(|_| EINVAL)
    }
}

/// What the traffic of a PASID is attached to.
#[derive(Clone)]
pub(super) enum To<'h> {
    Blocked,
    Identity,
    Space(Arc<Space<'h>>),
    Guest(Arc<Guest<'h>>),
}

impl<'h> To<'h> {
    fn space(&self) -> Option<&Arc<Space<'h>>> {
        match self {
            Self::Blocked | Self::Identity => None,
            Self::Space(space) => Some(space),
            Self::Guest(guest) => Some(&guest.parent),
        }
    }
}

/// An attachment that is made.
#[derive(Clone)]
struct Attached<'h> {
    to: To<'h>,
    /// What is on a nesting parent has a DID of its own as long as it is on that parent.
    own: Option<Arc<OwnedDid<'h>>>,
}

impl<'h> Attached<'h> {
    fn next(&self, host: &'h Host, to: To<'h>) -> Result<Self> {
        let parent = to.space().filter(|space| space.purpose == Purpose::Parent);
        let own = match (parent, self.to.space()) {
            (None, _) => None,
            (Some(parent), Some(old)) if Arc::ptr_eq(parent, old) => self.own.clone(),
            _ => Some(Arc::new(host.take_did()?, GFP_KERNEL)?),
        };

        Ok(Self { to, own })
    }

    fn did(&self) -> u16 {
        match (&self.own, &self.to) {
            (Some(own), _) => own.did,
            (None, To::Space(space)) => space.did.as_ref().map_or(0, |own| own.did),
            _ => IDENTITY,
        }
    }

    fn tag(&self, pasid: u32) -> Option<Tag> {
        let did = self.did();

        Some(match &self.to {
            To::Blocked => return None,
            To::Identity => Tag::PassThrough { did, pasid },
            To::Space(space) => match space.purpose {
                Purpose::First => Tag::First { did, pasid },
                Purpose::Second | Purpose::Parent => Tag::Second { did },
            },
            To::Guest(_) => Tag::Guest { did },
        })
    }

    fn entry(&self, features: &Features) -> Result<PasidEntry> {
        let did = self.did();

        Ok(match &self.to {
            To::Blocked => PasidEntry::blocked(),
            To::Identity => PasidEntry::pass_through(did, features.aw(), features.walk_coherent),
            To::Space(space) => space.pasid_entry(did),
            To::Guest(guest) => {
                PasidEntry::nested(&guest.stage1()?, &guest.parent.second_stage(), did)
            }
        })
    }
}

/// A device behind the unit.
pub(super) struct Device<'h> {
    host: &'h Host,
    pub(super) rid: u16,
    table: Shared<PasidTable<Page>>,
    device_tlb: Option<DeviceTlb>,
    attached: Shared<KVec<(u32, Attached<'h>)>>,
}

impl<'h> Device<'h> {
    /// A device that is blocked so far; with a translation cache of its own, if it has one.
    pub(super) fn new(host: &'h Host, rid: u16, ats: bool) -> Result<Self> {
        host.tables.borrow_mut().ensure(&host.model, rid)?;

        let table = PasidTable::new(&host.model)?;
        let context = ContextEntry::new(&ContextConfig {
            directory: table.address(),
            ats,
            pasid: true,
            pri: false,
        });

        host.tables.borrow_mut().write(host, rid, &context)?;
        host.model.set_ats(rid, ats)?;
        host.check();
        Ok(Self {
            host,
            rid,
            table: Shared::new(table),
            device_tlb: ats.then_some(DeviceTlb {
                sid: rid,
                pfsid: rid,
                depth: 0,
            }),
            attached: Shared::new(KVec::new()),
        })
    }

    fn of(&self, pasid: u32) -> Attached<'h> {
        self.attached
            .borrow()
            .iter()
            .find(|(there, _)| *there == pasid)
            .map_or(
                Attached {
                    to: To::Blocked,
                    own: None,
                },
                |(_, attached)| attached.clone(),
            )
    }

    /// Attaches the traffic of a PASID, `None` for the device's own.
    pub(super) fn attach(&self, pasid: Option<u32>, to: To<'h>) -> Result {
        let host = self.host;
        let pasid = pasid.unwrap_or(OWN);
        let mut table = self.table.borrow_mut();

        table.ensure(&host.model, pasid)?;

        let old = self.of(pasid);
        let new = old.next(host, to)?;
        let place = Place {
            unit: host,
            features: &host.features,
            device_tlb: self.device_tlb,
            pasid,
        };

        self.for_each_target(&new, pasid, Targets::join)?;
        place.switch(
            &mut table,
            &new.entry(&host.features)?,
            old.tag(pasid),
            new.tag(pasid),
        )?;
        self.for_each_target(&old, pasid, Targets::leave)?;

        let mut attached = self.attached.borrow_mut();

        attached.retain(|(there, _)| *there != pasid);
        attached.push((pasid, new), GFP_KERNEL)?;
        host.check();
        Ok(())
    }

    fn for_each_target(
        &self,
        attached: &Attached<'h>,
        pasid: u32,
        f: impl Fn(&Targets<'h>, &Usage) -> Result,
    ) -> Result {
        let device = self
            .device_tlb
            .map(|device| (device, (pasid != OWN).then_some(pasid)));

        if let (Some(space), Some(tag)) = (attached.to.space(), attached.tag(pasid)) {
            f(&space.targets, &Usage { tag, device })?;
        }
        if let To::Guest(guest) = &attached.to {
            let tag = Tag::First {
                did: attached.did(),
                pasid,
            };

            f(&guest.targets, &Usage { tag, device })?;
        }
        Ok(())
    }

    /// Lets go of the device: all that it had is freed.
    pub(super) fn release(self) -> Result {
        let host = self.host;

        loop {
            let pasid = match self.attached.borrow().iter().find(|(_, a)| {
                !matches!(a.to, To::Blocked) //
            }) {
                Some((pasid, _)) => *pasid,
                None => break,
            };

            self.attach(Some(pasid), To::Blocked)?;
        }
        host.model.set_ats(self.rid, false)?;
        host.tables
            .borrow_mut()
            .write(host, self.rid, &ContextEntry::blocked())?;
        drop(self);
        host.check();
        Ok(())
    }
}
