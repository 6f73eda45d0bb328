// SPDX-License-Identifier: GPL-2.0

//! A device behind the SMMU, and what it is attached to.
//!
//! A change of attachment makes the new domain send its invalidations to the device before the
//! hardware is told to use it, and the old one stop after the hardware has been told not to. ATS is
//! switched off at the device before its stream table entry stops allowing it, and on after the
//! entry does.

use super::{
    arch::{
        cd::Cd,
        cmd::Cmd,
        event::Event,
        guest::{
            VSte,
            VSteKind, //
        },
        ste::{
            S1dss,
            Ste, //
        },
    },
    cdtab::CdTable,
    domain::{
        Domain,
        Purpose, //
    },
    nested::{
        Guest,
        Stats, //
    },
    tlb::{
        Targets,
        Usage, //
    },
    SmmuV3, //
};
use crate::{
    backend::GuestDevice,
    iommu::{
        FwSpec,
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
        atomic::Relaxed,
        Arc,
        Mutex, //
    },
};

/// What the device's own traffic is attached to.
#[derive(Clone)]
enum Attachment {
    Blocked,
    Identity,
    Paging(Arc<Domain>),
    Guest(Arc<Guest>),
}

impl Attachment {
    /// What may cache the attached translations.
    fn targets(&self) -> Option<&Targets> {
        match self {
            Self::Blocked | Self::Identity => None,
            Self::Paging(domain) => Some(domain.targets()),
            Self::Guest(guest) => Some(guest.parent().targets()),
        }
    }

    /// What the entry of a device does for its own traffic while PASIDs are attached; `None` if
    /// there can't be any.
    fn s1dss(&self) -> Option<S1dss> {
        match self {
            Self::Blocked => Some(S1dss::Terminate),
            Self::Identity => Some(S1dss::Bypass),
            Self::Paging(domain) if domain.purpose() == Purpose::Stage1 => Some(S1dss::Ssid0),
            Self::Paging(_) | Self::Guest(_) => None,
        }
    }
}

/// An attachment that is to be made.
pub(crate) enum Request<'a> {
    /// No access.
    Blocked,
    /// Untranslated.
    Identity,
    /// Translated by the host.
    Paging(&'a Arc<Domain>),
    /// Translated by a guest and the host.
    Guest {
        guest: &'a Arc<Guest>,
        vste: &'a VSte,
        device: Option<GuestDevice<[u64; 4]>>,
    },
}

struct State {
    attachment: Attachment,
    /// The attached domain counts on the device's use of ATS.
    attached_ats: bool,
    /// The domains of PASIDs.
    pasids: KVec<(u32, Arc<Domain>)>,
    /// ATS is on, at the device and in its entry.
    ats: bool,
}

/// The guest that a device belongs to.
struct Owner {
    /// The device as the guest knows it.
    device: GuestDevice<[u64; 4]>,
    stats: Arc<Stats>,
}

/// The driver's data of a device behind the SMMU.
#[pin_data]
pub(crate) struct Master {
    dev: ARef<Device>,
    smmu: Arc<Instance<SmmuV3>>,
    /// Its StreamIDs, sorted, each once.
    sids: KVec<u32>,
    /// ATS can be used.
    ats_capable: bool,
    /// Its accesses are coherent whatever attributes they have.
    canwbs: bool,
    #[pin]
    cdtab: CdTable,
    #[pin]
    state: Mutex<State>,
    #[pin]
    guest: Mutex<Option<Owner>>,
    _pasids: Pasids,
}

/// The device's PASID capability, enabled if it has one, and disabled when dropped.
struct Pasids {
    dev: ARef<Device>,
    /// log2 of how many PASIDs the device can use, 0 if none.
    bits: u32,
}

impl Pasids {
    /// A function that has no PASIDs still has its own traffic, so that this can't fail.
    fn enable(dev: &Device) -> Self {
        let max = PciEndpoint::new(dev).and_then(|pci| pci.enable_pasid().ok());

        Self {
            dev: dev.into(),
            bits: max.and_then(u32::checked_ilog2).unwrap_or(0),
        }
    }
}

impl Drop for Pasids {
    fn drop(&mut self) {
        if let Some(pci) = PciEndpoint::new(&self.dev).filter(|_| self.bits != 0) {
            pci.disable_pasid();
        }
    }
}

impl Master {
    /// A device that is blocked so far, as its entries are.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it has no StreamID.
    /// - [`ERANGE`]: a StreamID is beyond the stream table.
    /// - [`ENOMEM`]
    pub(crate) fn new<'a>(
        smmu: &'a Arc<Instance<SmmuV3>>,
        hw: &'a Device<Bound>,
        dev: &'a Device,
        spec: FwSpec<'a>,
    ) -> Result<impl PinInit<Self, Error> + 'a> {
        let mut sids = KVec::with_capacity(spec.ids().len(), GFP_KERNEL)?;

        for &sid in spec.ids() {
            // A bridge gives the devices behind it the same ID as itself.
            if !sids.contains(&sid) {
                smmu.strtab.ensure(hw, sid)?;
                sids.push(sid, GFP_KERNEL)?;
            }
        }
        if sids.is_empty() {
            return Err(ENODEV);
        }
        sids.sort_unstable();

        // PASID before ATS.
        let pasids = Pasids::enable(dev);
        let ats_capable = smmu.features.ats
            && spec.rc_ats()
            && PciEndpoint::new(dev)
                .is_some_and(|pci| pci.ats_supported() && pci.prepare_ats(stu(smmu)).is_ok());

        Ok(try_pin_init!(Self {
            dev: dev.into(),
            smmu: smmu.clone(),
            sids,
            ats_capable,
            canwbs: spec.rc_canwbs(),
            cdtab <- CdTable::new(hw, &smmu.features, pasids.bits),
            state <- new_mutex!(
                State {
                    attachment: Attachment::Blocked,
                    attached_ats: false,
                    pasids: KVec::new(),
                    ats: false,
                },
                "Master::state"
            ),
            guest <- new_mutex!(None, "Master::guest"),
            _pasids: pasids,
        }? Error))
    }

    /// The device's StreamIDs.
    pub(crate) fn sids(&self) -> &[u32] {
        &self.sids
    }

    /// The StreamID of a device that has just one.
    pub(crate) fn only_sid(&self) -> Option<u32> {
        match self.sids[..] {
            [sid] => Some(sid),
            _ => None,
        }
    }

    /// Whether ATS can be used.
    pub(crate) fn ats_capable(&self) -> bool {
        self.ats_capable
    }

    /// Whether the device's accesses are coherent whatever attributes they have.
    pub(crate) fn canwbs(&self) -> bool {
        self.canwbs
    }

    /// Hands an event of the device to its guest, if it belongs to one. Returns whether it took it.
    ///
    /// `raw` is the event with the ID of the device in the guest; what `event` is of it is for the
    /// record.
    pub(crate) fn report(&self, event: &Event, raw: impl FnOnce(u64) -> [u64; 4]) -> bool {
        let guest = self.guest.lock();
        let Some(Owner { device, stats }) = &*guest else {
            return false;
        };
        let raw = raw(device.id);
        let result = device.events.report(&raw);

        // CAST: The number of the event is the low byte of its record.
        trace::event(
            &self.dev,
            Some(stats.vmid),
            (u64::from_le(raw[0]) as u8).into(),
            event.address,
            &result,
        );
        if result.is_ok() {
            stats.events.fetch_add(1, Relaxed);
        }
        result.is_ok()
    }

    /// Attaches the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the domain is of another SMMU, or coherency is enforced on it and the device is
    ///   not CANWBS.
    /// - [`EBUSY`]: PASIDs are attached and can't be with this.
    /// - [`ENOMEM`]: nothing has changed.
    /// - [`EIO`]: the hardware does not answer; the device is blocked.
    pub(crate) fn attach(&self, request: Request<'_>) -> Result {
        let mut state = self.state.lock();
        let features = &self.smmu.features;
        let cdtab = self.cdtab.config();
        let shared = !state.pasids.is_empty();
        let (new, ste_of, wants_ats, device): (_, &dyn Fn(bool) -> Ste, _, _) = match request {
            Request::Blocked if shared => (
                Attachment::Blocked,
                &|ats| Ste::stage1(features, cdtab, S1dss::Terminate, ats),
                true,
                None,
            ),
            Request::Identity if shared => (
                Attachment::Identity,
                &|ats| Ste::stage1(features, cdtab, S1dss::Bypass, ats),
                true,
                None,
            ),
            Request::Blocked => (Attachment::Blocked, &|_| Ste::abort(), false, None),
            Request::Identity => (
                Attachment::Identity,
                &|_| Ste::bypass(features),
                false,
                None,
            ),
            Request::Paging(domain) => match (domain.stage1(), domain.stage2()) {
                (Some(_), _) => (
                    Attachment::Paging(domain.clone()),
                    &|ats| Ste::stage1(features, cdtab, S1dss::Ssid0, ats),
                    true,
                    None,
                ),
                (None, Some((stage2, vmid))) => (
                    Attachment::Paging(domain.clone()),
                    &move |ats| Ste::stage2(features, &stage2, vmid, ats),
                    true,
                    None,
                ),
                (None, None) => return Err(EINVAL),
            },
            Request::Guest {
                guest,
                vste,
                device,
            } => {
                let (stage2, _) = guest.parent().stage2().ok_or(EINVAL)?;

                (
                    Attachment::Guest(guest.clone()),
                    &move |ats| Ste::nested(features, vste, &stage2, guest.vmid(), ats),
                    // Without a first stage the host keeps the ATC coherent; with one, the guest
                    // does, and says whether it will. An aborting entry has no ATS.
                    match vste.kind() {
                        VSteKind::Bypass => true,
                        VSteKind::Translate => vste.wants_ats(),
                        VSteKind::Abort | VSteKind::Invalid => false,
                    },
                    device,
                )
            }
        };

        if shared && new.s1dss().is_none() {
            return Err(EBUSY);
        }
        let ats = wants_ats && self.ats_capable;
        let usage = self.usage(&new, ats);

        if let Some(targets) = new.targets() {
            if !core::ptr::eq(&**targets.smmu(), &*self.smmu) {
                return Err(EINVAL);
            }
            targets.join(&usage)?;
        }

        let old_usage = self.usage(&state.attachment, state.attached_ats);
        self.stop_ats(&mut state, ats);

        let ste = ste_of(ats);
        if let Attachment::Guest(guest) = &new {
            let [word0, word1, ..] = *ste.words();
            trace::entry(&self.dev, Some(guest.vmid()), word0, word1);
        }
        let written = self.write_own_cd(&new).and_then(|()| self.write_stes(&ste));
        let (new, result) = match written {
            Ok(()) => (new, Ok(())),
            Err(e) => {
                // What the hardware has seen of it is unknown. Neither domain may be freed while
                // it could still be in use; at least the entry in memory says so.
                let _ = self.write_stes(&Ste::abort());
                if let Some(targets) = new.targets() {
                    targets.leave(&usage);
                }
                (Attachment::Blocked, Err(e))
            }
        };

        // Events from here on are of the new attachment.
        let guest_tag = match &new {
            Attachment::Guest(guest) => {
                *self.guest.lock() = device.map(|device| Owner {
                    device,
                    stats: guest.stats().clone(),
                });
                Some(guest.vmid())
            }
            _ => {
                *self.guest.lock() = None;
                None
            }
        };
        trace::attach(&self.dev, guest_tag, &result);
        self.start_ats(&mut state, ats && result.is_ok(), None);

        let old = core::mem::replace(&mut state.attachment, new);
        state.attached_ats = ats && result.is_ok();
        if let Some(targets) = old.targets() {
            targets.leave(&old_usage);
        }
        if state.attachment.s1dss() != Some(S1dss::Ssid0) && old.s1dss() == Some(S1dss::Ssid0) {
            // Not in use any more: nothing to undo if it can't be cleared.
            let _ = self.write_cd(0, &Cd::invalid());
        }
        result
    }

    /// Attaches the traffic of one PASID, in place of what it is attached to. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the domain is not of the first stage, or of another SMMU, or the device's own
    ///   traffic is attached to something that PASIDs can't be used beside.
    /// - [`ERANGE`]: more than the device's PASIDs.
    /// - [`ENOMEM`]
    /// - [`EIO`]: the hardware does not answer; the PASID is blocked.
    pub(crate) fn attach_pasid(
        &self,
        hw: &Device<Bound>,
        pasid: u32,
        domain: &Arc<Domain>,
    ) -> Result {
        let mut state = self.state.lock();
        let (cfg, asid) = domain.stage1().ok_or(EINVAL)?;
        let s1dss = state.attachment.s1dss().ok_or(EINVAL)?;

        if !core::ptr::eq(&**domain.smmu(), &*self.smmu) {
            return Err(EINVAL);
        }
        self.cdtab.ensure(hw, pasid)?;
        state.pasids.reserve(1, GFP_KERNEL)?;
        let ats = self.ats_capable;
        domain.targets().join(&self.pasid_usage(pasid, ats))?;

        let written = self
            .write_cd(pasid, &Cd::stage1(&cfg, asid))
            .and_then(|()| {
                let ste = Ste::stage1(&self.smmu.features, self.cdtab.config(), s1dss, ats);
                self.write_stes(&ste)
            });
        if let Err(e) = written {
            let _ = self.write_cd(pasid, &Cd::invalid());
            domain.targets().leave(&self.pasid_usage(pasid, ats));
            return Err(e);
        }

        self.start_ats(&mut state, ats, Some(pasid));
        match state.pasids.iter_mut().find(|(p, _)| *p == pasid) {
            Some((_, current)) => {
                let old = core::mem::replace(current, domain.clone());
                old.targets().leave(&self.pasid_usage(pasid, ats));
            }
            None => {
                // There is room: reserved above.
                let _ = state.pasids.push_within_capacity((pasid, domain.clone()));
            }
        }
        Ok(())
    }

    /// Blocks the traffic of one PASID. May sleep.
    pub(crate) fn detach_pasid(&self, pasid: u32) {
        let mut state = self.state.lock();
        let Some(i) = state.pasids.iter().position(|(p, _)| *p == pasid) else {
            return;
        };

        // If the hardware does not answer there is nobody to tell; the entry says it.
        let _ = self.write_cd(pasid, &Cd::invalid());
        if state.ats {
            self.invalidate_atc(Some(pasid));
        }
        if let Ok((_, domain)) = state.pasids.remove(i) {
            domain
                .targets()
                .leave(&self.pasid_usage(pasid, self.ats_capable));
        }

        // With the last PASID the device's own traffic needs no descriptor table any more.
        if state.pasids.is_empty() {
            let ste = match state.attachment {
                Attachment::Blocked => Ste::abort(),
                Attachment::Identity => Ste::bypass(&self.smmu.features),
                Attachment::Paging(_) | Attachment::Guest(_) => return,
            };

            self.stop_ats(&mut state, false);
            let _ = self.write_stes(&ste);
        }
    }

    fn usage(&self, attachment: &Attachment, ats: bool) -> Usage<'_> {
        Usage {
            own_tag: matches!(attachment, Attachment::Paging(_)),
            canwbs: self.canwbs,
            ats: if ats { &self.sids } else { &[] },
            ssid: None,
        }
    }

    fn pasid_usage(&self, pasid: u32, ats: bool) -> Usage<'_> {
        Usage {
            own_tag: true,
            canwbs: self.canwbs,
            ats: if ats { &self.sids } else { &[] },
            ssid: Some(pasid),
        }
    }

    fn write_stes(&self, ste: &Ste) -> Result {
        for &sid in &self.sids {
            let old = self.smmu.strtab.read(sid)?;

            dev_dbg!(
                self.dev,
                "StreamID {sid:#x}: {} -> {}\n",
                old.decode(),
                ste.decode()
            );
            self.smmu.strtab.write(sid, ste, &self.smmu.cmdq)?;
        }
        Ok(())
    }

    fn write_cd(&self, ssid: u32, cd: &Cd) -> Result {
        self.cdtab.write(ssid, cd, &self.sids, &self.smmu.cmdq)?;
        Ok(())
    }

    /// Writes the descriptor of the device's own traffic, if `attachment` has one, before the entry
    /// that leads to it.
    fn write_own_cd(&self, attachment: &Attachment) -> Result {
        match attachment {
            Attachment::Paging(domain) => match domain.stage1() {
                Some((cfg, asid)) => self.write_cd(0, &Cd::stage1(&cfg, asid)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Switches ATS off at the device if it is on and will not be.
    fn stop_ats(&self, state: &mut State, wanted: bool) {
        if state.ats && !wanted {
            if let Some(pci) = PciEndpoint::new(&self.dev) {
                pci.disable_ats();
            }
            state.ats = false;
            self.invalidate_atc(None);
        }
    }

    /// Switches ATS on at the device if it is wanted, with nothing of the past in its ATC.
    fn start_ats(&self, state: &mut State, wanted: bool, ssid: Option<u32>) {
        if !wanted {
            return;
        }
        self.invalidate_atc(if state.ats { ssid } else { None });
        if !state.ats {
            let on = PciEndpoint::new(&self.dev).map(|pci| pci.enable_ats(stu(&self.smmu)));

            state.ats = matches!(on, Some(Ok(())));
            if !state.ats {
                dev_err!(self.dev, "failed to enable ATS\n");
            }
        }
    }

    fn invalidate_atc(&self, ssid: Option<u32>) {
        let mut batch = self.smmu.cmdq.batch();

        for &sid in &self.sids {
            batch.push(Cmd::atc_inv_all(sid, ssid));
        }
        if let Err(e) = batch.sync() {
            dev_err!(self.dev, "ATC invalidation failed: {e:?}\n");
        }
    }
}

/// log2 of ATS's smallest translation unit in bytes: the smallest page the SMMU has.
fn stu(smmu: &Instance<SmmuV3>) -> u32 {
    smmu.features.pgsize_bitmap().trailing_zeros()
}
