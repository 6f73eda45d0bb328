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

    /// The guest that translates, if one does.
    fn guest(&self) -> Option<&Guest> {
        match self {
            Self::Guest(guest) => Some(guest),
            _ => None,
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

/// How a [`Request`] is met.
struct Plan {
    attachment: Attachment,
    ste: Ste,
    ats: bool,
    owner: Option<Owner>,
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
        let shared = !state.pasids.is_empty();
        let plan = self.plan(request, shared)?;

        if shared && plan.attachment.s1dss().is_none() {
            return Err(EBUSY);
        }
        if let Some(targets) = plan.attachment.targets() {
            if !core::ptr::eq(&**targets.smmu(), &*self.smmu) {
                return Err(EINVAL);
            }
            targets.join(&self.usage(&plan.attachment, plan.ats))?;
        }

        self.stop_ats(&mut state, plan.ats);
        let result = self
            .write_own_cd(&plan.attachment)
            .and_then(|()| self.write_stes(&plan.ste));
        let guest = plan.attachment.guest().map(|guest| guest.vmid());

        trace::attach(&self.dev, guest, &result);
        match result {
            Ok(()) => {
                // Events from here on are the new owner's.
                *self.guest.lock() = plan.owner;
                self.start_ats(&mut state, plan.ats, None);
                self.settle(&mut state, plan.attachment, plan.ats);
                Ok(())
            }
            Err(e) => {
                // What the hardware has seen of this is unknown; the entry in memory blocks.
                let _ = self.write_stes(&Ste::abort());
                *self.guest.lock() = None;
                if let Some(targets) = plan.attachment.targets() {
                    targets.leave(&self.usage(&plan.attachment, plan.ats));
                }
                self.settle(&mut state, Attachment::Blocked, false);
                Err(e)
            }
        }
    }

    /// What is to be done for a request, beside PASIDs if `shared`.
    fn plan(&self, request: Request<'_>, shared: bool) -> Result<Plan> {
        let features = &self.smmu.features;
        let cdtab = self.cdtab.config();
        let plan = |attachment, ste, ats| Plan {
            attachment,
            ste,
            ats,
            owner: None,
        };

        Ok(match request {
            // PASIDs may use ATS; then the entry must allow it for all of the device.
            Request::Blocked if shared => plan(
                Attachment::Blocked,
                Ste::stage1(features, cdtab, S1dss::Terminate, self.ats_capable),
                self.ats_capable,
            ),
            Request::Identity if shared => plan(
                Attachment::Identity,
                Ste::stage1(features, cdtab, S1dss::Bypass, self.ats_capable),
                self.ats_capable,
            ),
            Request::Blocked => plan(Attachment::Blocked, Ste::abort(), false),
            Request::Identity => plan(Attachment::Identity, Ste::bypass(features), false),
            Request::Paging(domain) => {
                let ats = self.ats_capable;
                let ste = match domain.stage2() {
                    Some((stage2, vmid)) => Ste::stage2(features, &stage2, vmid, ats),
                    None => Ste::stage1(features, cdtab, S1dss::Ssid0, ats),
                };

                plan(Attachment::Paging(domain.clone()), ste, ats)
            }
            Request::Guest {
                guest,
                vste,
                device,
            } => {
                let (stage2, _) = guest.parent().stage2().ok_or(EINVAL)?;
                // Without a first stage the host keeps the ATC coherent; with one, the guest does,
                // and says whether it will. An aborting entry has no ATS.
                let wanted = match vste.kind() {
                    VSteKind::Bypass => true,
                    VSteKind::Translate => vste.wants_ats(),
                    VSteKind::Abort | VSteKind::Invalid => false,
                };
                let ats = wanted && self.ats_capable;
                let ste = Ste::nested(features, vste, &stage2, guest.vmid(), ats);
                let [word0, word1, ..] = *ste.words();

                trace::entry(&self.dev, Some(guest.vmid()), word0, word1);
                Plan {
                    attachment: Attachment::Guest(guest.clone()),
                    ste,
                    ats,
                    owner: device.map(|device| Owner {
                        device,
                        stats: guest.stats().clone(),
                    }),
                }
            }
        })
    }

    /// Records a new attachment, after the hardware has been told, and ends the old one.
    fn settle(&self, state: &mut State, new: Attachment, ats: bool) {
        let old = core::mem::replace(&mut state.attachment, new);
        let old_ats = core::mem::replace(&mut state.attached_ats, ats);

        if let Some(targets) = old.targets() {
            targets.leave(&self.usage(&old, old_ats));
        }
        if old.s1dss() == Some(S1dss::Ssid0) && state.attachment.s1dss() != Some(S1dss::Ssid0) {
            // Not in use any more: nothing to undo if it can't be cleared.
            let _ = self.write_cd(0, &Cd::invalid());
        }
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
