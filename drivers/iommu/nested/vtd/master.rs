// SPDX-License-Identifier: GPL-2.0

//! A device behind a unit, and what its traffic is attached to.
//!
//! From probe to release the device's context entry leads to its own PASID directory; what changes
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
    domain::{
        Domain,
        OwnedDid,
        Purpose, //
    },
    faults::Sink,
    firmware,
    flush::{
        Tag,
        Usage, //
    },
    mmio::DmaPage,
    nested::Guest,
    pasids::{
        self,
        PasidTable, //
    },
    slot::Invalidate,
    switch::{
        Place,
        OWN, //
    },
    targets::Targets,
    unit::{
        Unit,
        IDENTITY_DID, //
    },
    Vtd, //
};
use crate::{
    iommu::{
        Instance,
        PciEndpoint, //
    },
    trace,
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
};

/// log2 of the bytes of ATS's smallest translation unit.
const TRANSLATION_UNIT: u32 = 12;

/// What the traffic of a PASID is attached to.
#[derive(Clone)]
pub(crate) enum Attachment {
    /// No access.
    Blocked,
    /// Untranslated.
    Identity,
    /// Translated by the host.
    Paging(Arc<Domain>),
    /// Translated by a guest and the host.
    Guest(Arc<Guest>, Stage1),
}

impl Attachment {
    /// The domain that the translations come from, at last.
    fn domain(&self) -> Option<&Domain> {
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
#[derive(Clone)]
struct Attached {
    to: Attachment,
    own: Option<Arc<OwnedDid>>,
}

impl Attached {
    const BLOCKED: Self = Self {
        to: Attachment::Blocked,
        own: None,
    };

    /// The attachment `to` in place of `self`.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: no DID left.
    /// - [`ENOMEM`]
    fn next(&self, to: Attachment) -> Result<Self> {
        let parent = to
            .domain()
            .filter(|domain| domain.purpose() == Purpose::NestParent);
        let own = match (parent, self.to.domain()) {
            (None, _) => None,
            (Some(parent), Some(old)) if core::ptr::eq(parent, old) => self.own.clone(),
            (Some(parent), _) => Some(Arc::new(OwnedDid::new(parent.unit())?, GFP_KERNEL)?),
        };

        Ok(Self { to, own })
    }

    fn did(&self) -> u16 {
        match (&self.own, &self.to) {
            (Some(own), _) => own.get(),
            (None, Attachment::Paging(domain)) => domain.did(),
            (None, _) => IDENTITY_DID,
        }
    }

    /// What the unit caches translations of `pasid` by, for the domain.
    fn tag(&self, pasid: u32) -> Option<Tag> {
        let did = self.did();

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

    fn entry(&self, unit: &Unit) -> PasidEntry {
        let did = self.did();

        match &self.to {
            Attachment::Blocked => PasidEntry::blocked(),
            Attachment::Identity => {
                PasidEntry::pass_through(did, unit.features.aw(), unit.features.walk_coherent)
            }
            Attachment::Paging(domain) => domain.entry(did),
            Attachment::Guest(guest, stage1) => {
                PasidEntry::nested(stage1, &guest.parent().second_stage(), did)
            }
        }
    }
}

struct State {
    table: PasidTable<DmaPage>,
    /// What is not blocked.
    attached: KVec<(u32, Attached)>,
}

impl State {
    fn of(&self, pasid: u32) -> Attached {
        self.attached
            .iter()
            .find(|(there, _)| *there == pasid)
            .map_or(Attached::BLOCKED, |(_, attached)| attached.clone())
    }

    /// Records an attachment. There is room.
    fn set(&mut self, pasid: u32, attached: Attached) {
        self.attached.retain(|(there, _)| *there != pasid);
        if !matches!(attached.to, Attachment::Blocked) {
            let _ = self.attached.push_within_capacity((pasid, attached));
        }
    }
}

/// The driver's data of a device behind a unit.
#[pin_data]
pub(crate) struct Master {
    dev: ARef<Device>,
    unit: Arc<Instance<Vtd>>,
    /// The requester IDs that its traffic may have; the first is its own.
    rids: KVec<u16>,
    /// PASIDs of that many bits can be attached; 0 if none.
    pasid_bits: u32,
    /// Set if the device caches translations itself.
    device_tlb: Option<DeviceTlb>,
    /// What its context entry is while it is in use.
    context: ContextEntry,
    #[pin]
    state: Mutex<State>,
}

impl Master {
    /// A device that is blocked so far.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: no PCI function.
    /// - [`ENOMEM`]
    pub(crate) fn new<'a>(
        unit: &'a Arc<Instance<Vtd>>,
        hw: &'a Device<Bound>,
        dev: &'a Device,
    ) -> Result<impl PinInit<Self, Error> + 'a> {
        let pci = PciEndpoint::new(dev).ok_or(ENODEV)?;
        let memory = unit.memory(hw);
        let mut rids = KVec::new();

        pci.for_each_requester_id(|rid| {
            if !rids.contains(&rid) {
                rids.push(rid, GFP_KERNEL)?;
            }
            Ok(())
        })?;
        for &rid in &rids {
            unit.tables.lock().ensure(&memory, rid)?;
        }

        let features = &unit.features;
        // PASID before ATS.
        let pasid_bits = match features.pasid_bits {
            0 => 0,
            bits => pci
                .enable_pasid()
                .ok()
                .and_then(u32::checked_ilog2)
                .unwrap_or(0)
                .min(bits)
                .min(pasids::PASID_BITS),
        };
        let ats = features.device_tlb
            && pci.ats_supported()
            && firmware::allows_ats(&pci)?
            && pci.ats_page_aligned()
            && pci.prepare_ats(TRANSLATION_UNIT).is_ok();
        let device_tlb = ats.then(|| DeviceTlb {
            sid: pci.requester().requester_id(),
            pfsid: pci.physical().requester().requester_id(),
            // CAST: 5 bits.
            depth: pci.ats_queue_depth() as u8,
        });

        let table = PasidTable::new(&memory)?;

        Ok(try_pin_init!(Self {
            dev: dev.into(),
            context: ContextEntry::new(&ContextConfig {
                directory: table.address(),
                ats: device_tlb.is_some(),
                pasid: pasid_bits != 0,
                pri: false,
            }),
            unit: unit.clone(),
            rids,
            pasid_bits,
            device_tlb,
            state <- new_mutex!(
                State {
                    table,
                    attached: KVec::with_capacity(1, GFP_KERNEL)?,
                },
                "Master::state"
            ),
        }? Error))
    }

    /// Has the unit look into the device's PASID directory. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EIO`] and others: the unit does not do what it is told. Nothing has changed.
    pub(crate) fn start(&self) -> Result {
        self.write_contexts(&self.context)
            .inspect_err(|_| self.stop())?;
        if self.device_tlb.is_some() {
            let on = PciEndpoint::new(&self.dev).map(|pci| pci.enable_ats(TRANSLATION_UNIT));

            if !matches!(on, Some(Ok(()))) {
                dev_err!(self.dev, "failed to enable ATS\n");
            }
        }
        Ok(())
    }

    /// Has the unit refuse all of the device's traffic. May sleep.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();

        if let Some(pci) = PciEndpoint::new(&self.dev) {
            if self.device_tlb.is_some() {
                pci.disable_ats();
            }
            if self.pasid_bits != 0 {
                pci.disable_pasid();
            }
        }
        // There is nobody to tell if the unit does not answer; the entries say it.
        while let Some(pasid) = state.attached.first().map(|(pasid, _)| *pasid) {
            let _ = self.switch(&mut state, pasid, Attachment::Blocked);
        }
        let _ = self.write_contexts(&ContextEntry::blocked());
        self.unit.members.assign(self.rid(), None);
    }

    /// Writes the entries of the device's requester IDs, but for those that a bridge gives to
    /// another device, too, which came first: devices behind one bridge are attached alike.
    fn write_contexts(&self, context: &ContextEntry) -> Result {
        let unit: &Unit = &self.unit;
        let mut tables = unit.tables.lock();

        for &rid in &self.rids {
            let there = ContextEntry::from_words(tables.read(rid).ok_or(ENOENT)?);

            if !there.is_present() || there == self.context {
                tables.write(unit, rid, context)?;
            }
        }
        Ok(())
    }

    /// The requester ID of the device itself.
    pub(crate) fn rid(&self) -> u16 {
        self.rids[0]
    }

    /// The requester IDs of its traffic.
    pub(crate) fn rids(&self) -> &[u16] {
        &self.rids
    }

    /// Whether ATS can be used.
    pub(crate) fn ats_capable(&self) -> bool {
        self.device_tlb.is_some()
    }

    /// Runs `f` on each PASID that is attached, and its entry. May sleep.
    pub(crate) fn try_for_each_entry<E>(
        &self,
        mut f: impl FnMut(u32, PasidEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = self.state.lock();

        for (pasid, _) in state.attached.iter() {
            f(*pasid, state.table.read(*pasid))?;
        }
        Ok(())
    }

    /// Attaches the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the domain is of another unit.
    /// - [`EOPNOTSUPP`]: the unit can't pass accesses through.
    /// - [`ENOMEM`]: nothing has changed.
    /// - [`EIO`]: the unit does not answer; the device is blocked.
    pub(crate) fn attach(&self, attachment: Attachment) -> Result {
        let mut state = self.state.lock();

        self.switch(&mut state, OWN, attachment)?;
        self.unit.members.assign(self.rid(), None);
        Ok(())
    }

    /// The same for a guest, which knows the device by the ID `device`: its faults go to `events`
    /// then.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the ID is of more than 16 bits.
    /// - As [`Self::attach`].
    pub(crate) fn attach_for(
        &self,
        attachment: Attachment,
        device: Option<u64>,
        events: Sink,
    ) -> Result {
        let id = device
            .map(|id| u16::try_from(id).map_err(|_| EINVAL))
            .transpose()?;
        let mut state = self.state.lock();

        self.unit.members.reserve()?;
        self.switch(&mut state, OWN, attachment)?;
        self.unit
            .members
            .assign(self.rid(), id.map(|id| (id, events)));
        Ok(())
    }

    /// Attaches the traffic of one PASID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: no PASIDs.
    /// - [`ERANGE`]: more than the device's PASIDs.
    /// - As [`Self::attach`].
    pub(crate) fn attach_pasid(
        &self,
        hw: &Device<Bound>,
        pasid: u32,
        attachment: Attachment,
    ) -> Result {
        let mut state = self.state.lock();

        if self.pasid_bits == 0 {
            return Err(EOPNOTSUPP);
        }
        if pasid >> self.pasid_bits != 0 {
            return Err(ERANGE);
        }
        state.table.ensure(&self.unit.memory(hw), pasid)?;
        self.switch(&mut state, pasid, attachment)
    }

    /// Blocks the traffic of one PASID. May sleep.
    pub(crate) fn detach_pasid(&self, pasid: u32) {
        // What blocks can't fail but for a unit that does not answer: there is nobody to tell.
        let _ = self.switch(&mut self.state.lock(), pasid, Attachment::Blocked);
    }

    fn switch(&self, state: &mut State, pasid: u32, to: Attachment) -> Result {
        let unit: &Unit = &self.unit;
        let old = state.of(pasid);

        if matches!(to, Attachment::Identity) && !unit.features.pass_through {
            return Err(EOPNOTSUPP);
        }
        if let Some(domain) = to.domain() {
            if !core::ptr::eq(&***domain.unit(), unit) {
                return Err(EINVAL);
            }
        }
        let new = old.next(to)?;
        let place = Place {
            unit,
            features: &unit.features,
            device_tlb: self.device_tlb,
            pasid,
        };
        let (from, to) = (old.tag(pasid), new.tag(pasid));

        // Blocking can't fail for want of memory.
        if to.is_some() {
            state.attached.reserve(1, GFP_KERNEL)?;
        }
        self.join(&new, pasid)?;
        let result = place.switch(&mut state.table, &new.entry(unit), from, to);

        trace::attach(&self.dev, new.own.as_ref().map(|own| own.get()), &result);
        match result {
            Ok(()) => {
                if let Attachment::Identity = old.to {
                    self.leave_shortcut();
                }
                self.leave(&old, pasid);
                state.set(pasid, new);
                Ok(())
            }
            Err(e) => {
                // What the hardware has seen of this is unknown; the entry in memory blocks.
                for tag in [to, from] {
                    let _ = place.switch(&mut state.table, &PasidEntry::blocked(), tag, None);
                }
                self.leave(&new, pasid);
                self.leave(&old, pasid);
                state.set(pasid, Attached::BLOCKED);
                Err(e)
            }
        }
    }

    /// An emulated unit may have taken a shortcut for a device whose traffic passes through, and
    /// look whether it still does only when the device's context entry may have changed. Others
    /// have no use for it.
    fn leave_shortcut(&self) {
        let unit: &Unit = &self.unit;

        for &rid in &self.rids {
            let _ = unit.invalidate(&[Descriptor::context_cache_device(0, rid)]);
        }
    }

    /// Has all that translates send its invalidations for the device, too.
    fn join(&self, attached: &Attached, pasid: u32) -> Result {
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
    fn leave(&self, attached: &Attached, pasid: u32) {
        let _ = self.for_each_target(attached, pasid, |targets, usage| {
            targets.leave(usage);
            Ok(())
        });
    }

    /// Runs `f` on what knows that translations are cached by the device's use of them: the domain
    /// and, above it, the guest's tables.
    fn for_each_target(
        &self,
        attached: &Attached,
        pasid: u32,
        mut f: impl FnMut(&Targets, &Usage) -> Result,
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
                did: attached.did(),
                pasid,
            };

            f(guest.targets(), &Usage { tag, device })?;
        }
        Ok(())
    }
}
