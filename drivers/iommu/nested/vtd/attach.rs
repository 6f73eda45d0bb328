// SPDX-License-Identifier: GPL-2.0

//! What the traffic of a device is attached to, and how it changes.
//!
//! From start to stop the device's context entry leads to its own PASID directory; what changes
//! is the PASID entries. PASID 0 stands for the device's traffic without a PASID.
//!
//! A change makes the new domain send its invalidations for the device before the unit is told to
//! use it, and the old one stop after the unit has been told not to. What the device itself has
//! cached (ATS) is dropped in between.

use super::{
    arch::{
        context::{
            ContextConfig,
            ContextEntry, //
        },
        descriptor::{
            Descriptor,
            DeviceTlb, //
        },
        pasid::PasidEntry,
        stage1::Stage1, //
    },
    engine::{
        Engine,
        IDENTITY_DID, //
    },
    flush::{
        Tag,
        Usage, //
    },
    guest::Guest,
    hw::{
        Machine,
        Memory, //
    },
    pasids::PasidTable,
    requests::Server,
    slot::Invalidate,
    space::{
        OwnedDid,
        Purpose,
        Space, //
    },
    switch::{
        self,
        Place,
        OWN, //
    },
    targets::Targets, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        MutexGuard, //
    },
};

/// What the traffic of a PASID is attached to.
pub(crate) enum Attachment<M: Machine> {
    /// No access.
    Blocked,
    /// Untranslated.
    Identity,
    /// Translated by the host.
    Paging(Arc<Space<M>>),
    /// Translated by a guest and the host.
    Guest(Arc<Guest<M>>, Stage1),
}

impl<M: Machine> Clone for Attachment<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Blocked => Self::Blocked,
            Self::Identity => Self::Identity,
            Self::Paging(domain) => Self::Paging(domain.clone()),
            Self::Guest(guest, stage1) => Self::Guest(guest.clone(), *stage1),
        }
    }
}

impl<M: Machine> Attachment<M> {
    /// The domain that the translations come from, at last.
    fn domain(&self) -> Option<&Space<M>> {
        match self {
            Self::Blocked | Self::Identity => None,
            Self::Paging(domain) => Some(domain),
            Self::Guest(guest, _) => Some(guest.parent()),
        }
    }
}

/// An attachment that is made.
///
/// What is on a nesting parent has a DID of its own, and keeps it as long as it is on that parent:
/// a DID and what it stands for are in different words of a PASID entry, which could not both
/// change without an interruption.
struct Attached<M: Machine> {
    to: Attachment<M>,
    /// What translations are cached by: the domain's DID, [`Self::own`], or that of untranslated
    /// traffic.
    did: u16,
    own: Option<Arc<OwnedDid<M>>>,
}

impl<M: Machine> Clone for Attached<M> {
    fn clone(&self) -> Self {
        Self {
            to: self.to.clone(),
            did: self.did,
            own: self.own.clone(),
        }
    }
}

impl<M: Machine> Attached<M> {
    const BLOCKED: Self = Self {
        to: Attachment::Blocked,
        did: IDENTITY_DID,
        own: None,
    };

    /// The attachment `to` in place of `self`.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: no DID left.
    /// - [`ENOMEM`]
    fn next(&self, to: Attachment<M>) -> Result<Self> {
        let parent = to
            .domain()
            .filter(|domain| domain.purpose() == Purpose::NestParent);
        let own = match (parent, self.to.domain()) {
            (None, _) => None,
            (Some(parent), Some(old)) if core::ptr::eq(parent, old) => self.own.clone(),
            (Some(parent), _) => Some(Arc::new(OwnedDid::new(parent.unit())?, GFP_KERNEL)?),
        };
        let did = match (&own, &to) {
            (Some(own), _) => own.get(),
            (None, Attachment::Paging(domain)) => domain.did()?,
            (None, _) => IDENTITY_DID,
        };

        Ok(Self { to, did, own })
    }

    /// What the unit caches translations of `pasid` by, for the domain.
    fn tag(&self, pasid: u32) -> Option<Tag> {
        let did = self.did;

        Some(match &self.to {
            Attachment::Blocked => return None,
            Attachment::Identity => Tag::PassThrough { did, pasid },
            Attachment::Paging(domain) => match domain.purpose() {
                Purpose::FirstStage => Tag::First { did, pasid },
                Purpose::SecondStage | Purpose::NestParent => Tag::Second { did },
            },
            Attachment::Guest(..) => Tag::Guest { did },
        })
    }

    fn entry(&self, engine: &Engine<M>) -> PasidEntry {
        let did = self.did;

        match &self.to {
            Attachment::Blocked => PasidEntry::blocked(),
            Attachment::Identity => {
                let features = &engine.features;

                PasidEntry::pass_through(did, features.aw(), features.walk_coherent)
            }
            Attachment::Paging(domain) => domain.entry(did),
            Attachment::Guest(guest, stage1) => {
                PasidEntry::nested(stage1, &guest.parent().second_stage(), did)
            }
        }
    }
}

/// What of `all` a PASID is attached to, unless it is blocked.
fn find<M: Machine>(all: &[(u32, Attached<M>)], pasid: u32) -> Option<&Attached<M>> {
    let (_, attached) = all.iter().find(|(there, _)| *there == pasid)?;

    Some(attached)
}

struct State<M: Machine> {
    table: PasidTable<M::Page>,
    /// What is not blocked. There is room for as many more as are [kept](Kept).
    attached: KVec<(u32, Attached<M>)>,
    /// How many attachments are kept.
    kept: usize,
}

impl<M: Machine> State<M> {
    /// Makes room for one more beside those that are kept.
    fn reserve(&mut self) -> Result {
        Ok(self.attached.reserve(self.kept + 1, GFP_KERNEL)?)
    }

    /// Records an attachment in place of another one. There is room.
    fn set(&mut self, pasid: u32, attached: Attached<M>) {
        let index = self.attached.iter().position(|(there, _)| *there == pasid);

        match (index, &attached.to) {
            (Some(i), Attachment::Blocked) => drop(self.attached.remove(i)),
            (Some(i), _) => self.attached[i].1 = attached,
            (None, Attachment::Blocked) => (),
            (None, _) => {
                let _ = self.attached.push_within_capacity((pasid, attached));
            }
        }
    }
}

/// A device behind a unit: where its traffic comes from.
#[pin_data]
pub(crate) struct Source<M: Machine> {
    unit: Arc<M::Unit>,
    /// The requester IDs that its traffic may have; the first is its own.
    rids: KVec<u16>,
    /// PASIDs of that many bits can be attached; 0 if none.
    pasid_bits: u32,
    /// Set if the device caches translations itself.
    device_tlb: Option<DeviceTlb>,
    /// The device may ask for pages.
    pri: bool,
    /// It is a bridge: those behind it may have its requester ID.
    bridge: bool,
    /// What its context entry is while it is in use.
    context: ContextEntry,
    #[pin]
    state: Mutex<State<M>>,
}

impl<M: Machine> Source<M> {
    /// A device that is blocked so far, with at least one requester ID. With `pri`, for which it
    /// needs a cache of its own and the unit a queue, it may ask for pages. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(
        unit: &Arc<M::Unit>,
        memory: &impl Memory<Page = M::Page>,
        rids: KVec<u16>,
        pasid_bits: u32,
        device_tlb: Option<DeviceTlb>,
        pri: bool,
        bridge: bool,
    ) -> Result<impl PinInit<Self, Error>> {
        for &rid in &rids {
            M::engine(unit).ensure_context(memory, rid)?;
        }

        let unit = unit.clone();
        let table = PasidTable::new(memory)?;

        Ok(try_pin_init!(Self {
            context: ContextEntry::new(&ContextConfig {
                directory: table.address(),
                ats: device_tlb.is_some(),
                pasid: pasid_bits != 0,
                pri,
            }),
            unit,
            rids,
            pasid_bits,
            device_tlb,
            pri,
            bridge,
            state <- new_mutex!(
                State {
                    table,
                    attached: KVec::with_capacity(1, GFP_KERNEL)?,
                    kept: 0,
                },
                "Source::state"
            ),
        }? Error))
    }

    fn engine(&self) -> &Engine<M> {
        M::engine(&self.unit)
    }

    fn place(&self, pasid: u32) -> Place<'_, Engine<M>> {
        let engine = self.engine();

        Place {
            unit: engine,
            features: &engine.features,
            device_tlb: self.device_tlb,
            pasid,
        }
    }

    /// The unit.
    pub(crate) fn unit(&self) -> &Arc<M::Unit> {
        &self.unit
    }

    /// The requester ID of the device itself.
    pub(crate) fn rid(&self) -> u16 {
        self.rids[0]
    }

    /// The requester IDs of its traffic.
    pub(crate) fn rids(&self) -> &[u16] {
        &self.rids
    }

    /// PASIDs of that many bits can be attached; 0 if none.
    pub(crate) fn pasid_bits(&self) -> u32 {
        self.pasid_bits
    }

    /// Whether the device may cache translations itself.
    pub(crate) fn has_device_tlb(&self) -> bool {
        self.device_tlb.is_some()
    }

    /// Whether the device may ask for pages.
    pub(crate) fn asks_for_pages(&self) -> bool {
        self.pri
    }

    /// Hands on all that the device has asked for, as [`Engine::drain_page_requests`]. May sleep.
    pub(crate) fn drain_page_requests(&self, server: &impl Server) {
        if self.pri {
            self.engine().drain_page_requests(server);
        }
    }

    /// The device's traffic, to look at and to change. May sleep.
    pub(crate) fn lock(&self) -> Traffic<'_, M> {
        Traffic {
            source: self,
            state: self.state.lock(),
        }
    }

    /// Has the unit look into the device's PASID directory for what comes by a requester ID.
    fn take(&self, rid: u16) -> Result {
        let engine = self.engine();
        let mut tables = engine.tables.lock();
        let there = tables.read(rid).ok_or(ENOENT)?;

        if there.directory() == self.context.directory() {
            return Ok(());
        }
        tables.write(engine, rid, &self.context)?;
        match there.is_present() {
            // That was found by way of another's directory.
            true => switch::forget_all(engine, &engine.features),
            false => Ok(()),
        }
    }

    /// Has the unit refuse what comes by requester IDs that lead to the device's PASID directory.
    fn leave_contexts(&self) -> Result {
        let engine = self.engine();
        let mut tables = engine.tables.lock();

        for &rid in &self.rids {
            let there = tables.read(rid).ok_or(ENOENT)?;

            if there.directory() == self.context.directory() {
                tables.write(engine, rid, &ContextEntry::blocked())?;
            }
        }
        Ok(())
    }

    /// An emulated unit may have taken a shortcut for a device whose traffic passes through, and
    /// look whether it still does only when the device's context entry may have changed. Others
    /// have no use for it.
    fn leave_shortcut(&self) {
        for &rid in &self.rids {
            let _ = self
                .engine()
                .invalidate(&[Descriptor::context_cache_device(0, rid)]);
        }
    }

    /// Has all that translates send its invalidations for the device, too.
    fn join(&self, attached: &Attached<M>, pasid: u32) -> Result {
        let mut joined = 0;
        let result = self.for_each_target(attached, pasid, |targets, usage| {
            targets.join(usage).inspect(|()| joined += 1)
        });

        if result.is_err() {
            let _ = self.for_each_target(attached, pasid, |targets, usage| {
                if joined != 0 {
                    joined -= 1;
                    targets.leave(usage);
                }
                Ok(())
            });
        }
        result
    }

    /// Undoes [`Self::join`], after the unit was told to use something else.
    fn leave(&self, attached: &Attached<M>, pasid: u32) {
        let _ = self.for_each_target(attached, pasid, |targets, usage| {
            targets.leave(usage);
            Ok(())
        });
    }

    /// Runs `f` on what knows that translations are cached by the device's use of them: the domain
    /// and, above it, the guest's tables.
    fn for_each_target(
        &self,
        attached: &Attached<M>,
        pasid: u32,
        mut f: impl FnMut(&Targets<M>, &Usage) -> Result,
    ) -> Result {
        let device = self
            .device_tlb
            .map(|device| (device, (pasid != OWN).then_some(pasid)));

        if let (Some(domain), Some(tag)) = (
            attached.to.domain(), //
            attached.tag(pasid),
        ) {
            f(domain.targets(), &Usage { tag, device })?;
        }
        if let Attachment::Guest(guest, _) = &attached.to {
            let tag = Tag::First {
                did: attached.did,
                pasid,
            };

            f(guest.targets(), &Usage { tag, device })?;
        }
        Ok(())
    }
}

/// What a PASID was attached to, with all that it takes to go back to that: its DID is not given
/// away, its domain sends invalidations as if it were in use, and there is room to note it.
///
/// It is for [`Traffic::put_back`] or [`Traffic::let_go`].
pub(crate) struct Kept<M: Machine> {
    pasid: u32,
    attached: Attached<M>,
}

/// The traffic of a device, while nobody else changes what it is attached to.
pub(crate) struct Traffic<'a, M: Machine> {
    source: &'a Source<M>,
    state: MutexGuard<'a, State<M>>,
}

impl<M: Machine> Traffic<'_, M> {
    /// Runs `f` on each PASID that is attached, and its entry.
    pub(crate) fn try_for_each_entry<E>(
        &self,
        mut f: impl FnMut(u32, PasidEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        for (pasid, _) in self.state.attached.iter() {
            f(*pasid, self.state.table.read(*pasid))?;
        }
        Ok(())
    }

    /// The DID of its own that a PASID's traffic has, on a nesting parent.
    pub(crate) fn own_did(&self, pasid: u32) -> Option<u16> {
        Some(find(&self.state.attached, pasid)?.own.as_ref()?.get())
    }

    /// Attaches the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the domain is of another unit.
    /// - [`EOPNOTSUPP`]: the unit can't pass accesses through.
    /// - [`ENOMEM`], [`ENOSPC`]: nothing has changed.
    /// - [`EIO`] and others: the unit does not do what it is told; the traffic is blocked.
    pub(crate) fn attach(&mut self, to: Attachment<M>) -> Result {
        self.switch(OWN, to)
    }

    /// Attaches the traffic of one PASID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: no PASIDs.
    /// - [`ERANGE`]: more than the device's PASIDs.
    /// - As [`Self::attach`].
    pub(crate) fn attach_pasid(
        &mut self,
        memory: &impl Memory<Page = M::Page>,
        pasid: u32,
        to: Attachment<M>,
    ) -> Result {
        let bits = self.source.pasid_bits;

        if bits == 0 {
            return Err(EOPNOTSUPP);
        }
        if pasid >> bits != 0 {
            return Err(ERANGE);
        }
        self.state.table.ensure(memory, pasid)?;
        self.switch(pasid, to)
    }

    /// Blocks the traffic of one PASID. May sleep.
    pub(crate) fn detach_pasid(&mut self, pasid: u32) {
        // There may be no entry for what was never attached.
        if self.state.attached.iter().any(|(there, _)| *there == pasid) {
            // What blocks can't fail but for a unit that does not answer: there is nobody to tell.
            let _ = self.switch(pasid, Attachment::Blocked);
        }
    }

    /// Keeps what a PASID is attached to, [`OWN`] for the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn keep(&mut self, pasid: u32) -> Result<Kept<M>> {
        let attached = match find(&self.state.attached, pasid) {
            Some(attached) => attached.clone(),
            None => Attached::BLOCKED,
        };

        self.state.reserve()?;
        self.source.join(&attached, pasid)?;
        self.state.kept += 1;
        Ok(Kept { pasid, attached })
    }

    /// Attaches a PASID to what was kept of it, whatever it is attached to by now. Takes nothing
    /// that may not be had. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EIO`] and others: the unit does not do what it is told; the traffic is blocked.
    pub(crate) fn put_back(&mut self, kept: Kept<M>) -> Result {
        self.state.kept -= 1;
        self.change(kept.pasid, kept.attached)
    }

    /// Does without what was kept.
    pub(crate) fn let_go(&mut self, kept: Kept<M>) {
        self.state.kept -= 1;
        self.source.leave(&kept.attached, kept.pasid);
    }

    /// Has the unit refuse all of the device's traffic. May sleep.
    pub(crate) fn stop(&mut self) {
        // There is nobody to tell if the unit does not answer; the entries say it.
        while let Some(pasid) = self.state.attached.first().map(|(pasid, _)| *pasid) {
            let _ = self.switch(pasid, Attachment::Blocked);
        }
        let _ = self.source.leave_contexts();
    }

    /// Writes the entries that lead to a domain again, which wants them different now. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EIO`] and others: the unit does not do what it is told. The entries in memory are the
    ///   new ones.
    fn rewrite(&mut self, domain: &Space<M>) -> Result {
        let source = self.source;
        let State {
            table, attached, ..
        } = &mut *self.state;
        let mut status = Ok(());

        for (pasid, attached) in attached.iter() {
            let there = attached.to.domain();

            if there.is_some_and(|there| core::ptr::eq(there, domain)) {
                let tag = attached.tag(*pasid);
                let entry = attached.entry(source.engine());

                status = status.and(source.place(*pasid).switch(table, &entry, tag, tag));
            }
        }
        status
    }

    fn switch(&mut self, pasid: u32, to: Attachment<M>) -> Result {
        let source = self.source;
        let engine = source.engine();

        if matches!(to, Attachment::Identity) && !engine.features.pass_through {
            return Err(EOPNOTSUPP);
        }
        if let Some(domain) = to.domain() {
            if !core::ptr::eq(domain.engine(), engine) {
                return Err(EINVAL);
            }
        }
        // Blocking can't fail for want of memory.
        if !matches!(to, Attachment::Blocked) {
            self.state.reserve()?;
        }

        let new = find(&self.state.attached, pasid)
            .unwrap_or(&Attached::BLOCKED)
            .next(to)?;

        source.join(&new, pasid)?;
        self.change(pasid, new)
    }

    /// Makes an attachment that [was joined](Source::join), and that there is room for. Errors as
    /// of [`Self::put_back`].
    fn change(&mut self, pasid: u32, new: Attached<M>) -> Result {
        let source = self.source;
        let engine = source.engine();
        let state = &mut *self.state;
        let blocked = Attached::BLOCKED;
        let old = find(&state.attached, pasid).unwrap_or(&blocked);
        let place = source.place(pasid);
        let (from, to) = (old.tag(pasid), new.tag(pasid));
        let result = place.switch(&mut state.table, &new.entry(engine), from, to);

        match result {
            Ok(()) => {
                if let Attachment::Identity = old.to {
                    source.leave_shortcut();
                }
                source.leave(old, pasid);
                state.set(pasid, new);
            }
            Err(_) => {
                // There is nobody to tell if that fails, too.
                let _ = place.block(&mut state.table);
                source.leave(&new, pasid);
                source.leave(old, pasid);
                state.set(pasid, blocked);
            }
        }
        result
    }
}

/// Has the unit find what comes by each of `rids` in the PASID directory of a device that has that
/// requester ID. A bridge may give one to several devices, or its own: these are in one group and
/// attached alike, and the first of them has it, before the bridge. `sources` are all devices of
/// the unit, and stay that while this runs. May sleep.
///
/// # Errors
///
/// - [`EIO`] and others: the unit does not do what it is told.
pub(crate) fn settle<'a, M: Machine + 'a>(
    rids: &[u16],
    sources: impl Iterator<Item = &'a Source<M>> + Clone,
) -> Result {
    rids.iter().try_for_each(|rid| {
        let having = sources.clone().filter(|source| source.rids.contains(rid));

        having
            .min_by_key(|source| source.bridge)
            .map_or(Ok(()), |source| source.take(*rid))
    })
}

/// Whether the traffic of a device may have a requester ID of another's, bridges apart. `sources`
/// are all devices of the unit.
pub(crate) fn is_shared<'a, M: Machine + 'a>(
    source: &Source<M>,
    mut sources: impl Iterator<Item = &'a Source<M>>,
) -> bool {
    sources.any(|other| {
        !core::ptr::eq(source, other)
            && !other.bridge
            && other.rids.iter().any(|rid| source.rids.contains(rid))
    })
}

/// Has a unit record in a second stage which pages devices write to, or no longer. What is made
/// clean there is to be invalidated.
///
/// `sources` are all devices of the unit, and stay that while this runs, which it does once at a
/// time. May sleep.
///
/// # Errors
///
/// - [`EIO`] and others: the unit does not do what it is told, and may record or not. Nothing else
///   has changed.
pub(crate) fn track<'a, M: Machine + 'a>(
    domain: &Space<M>,
    on: bool,
    sources: impl Iterator<Item = &'a Source<M>> + Clone,
) -> Result {
    if domain.is_tracked() == on {
        return Ok(());
    }
    // Who attaches it from here on does that by a new entry.
    domain.set_tracked(on);

    let result = sources
        .clone()
        .try_for_each(|source| source.lock().rewrite(domain));

    if result.is_err() {
        domain.set_tracked(!on);
        for source in sources {
            let _ = source.lock().rewrite(domain);
        }
    }
    result
}
