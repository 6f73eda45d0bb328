// SPDX-License-Identifier: GPL-2.0

//! A device behind a unit: a PCI function, what of it is in use, and whose its faults are.

use super::{
    arch::{
        descriptor::DeviceTlb,
        pasid::PasidEntry, //
    },
    attach::{
        self,
        Attachment,
        Source,
        Traffic, //
    },
    faults::{
        Audience,
        Sink,
        Told, //
    },
    firmware::{
        self,
        OwnMemory, //
    },
    pages::Look,
    pasids,
    switch::OWN,
    Vtd, //
};
use crate::{
    backend::GuestTraffic,
    iommu::{
        periodic::Periodic,
        Endpoint,
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

/// The driver's data of a device behind a unit.
#[pin_data]
pub(crate) struct Master {
    dev: ARef<Device>,
    own_memory: KVec<OwnMemory>,
    /// Looks for page requests while the device may make some.
    #[pin]
    pub(super) look: Mutex<Option<Periodic<Look>>>,
    #[pin]
    source: Source<Vtd>,
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
        let mut rids = KVec::new();

        pci.for_each_requester_id(|rid| {
            if !rids.contains(&rid) {
                rids.push(rid, GFP_KERNEL)?;
            }
            Ok(())
        })?;

        let features = &unit.features;
        // PASID before ATS.
        let pasid_bits = match pasids::width(features) {
            0 => 0,
            bits => pci
                .enable_pasid()
                .ok()
                .and_then(u32::checked_ilog2)
                .unwrap_or(0)
                .min(bits),
        };
        // What a device has translated itself comes from one requester ID.
        let ats = features.device_tlb
            && rids.len() == 1
            && pci.ats_supported()
            && firmware::allows_ats(&pci)?
            && pci.ats_page_aligned()
            && pci.prepare_ats(TRANSLATION_UNIT).is_ok();
        let device_tlb = ats.then(|| DeviceTlb {
            sid: pci.requester().requester_id(),
            pfsid: pci.physical().requester().requester_id(),
            depth: pci.ats_queue_depth(),
        });

        let own_memory = firmware::own_memory(&pci)?;
        let pri = ats && features.serves_page_requests() && pci.has_pri();
        let memory = unit.memory(hw);
        let bridge = pci.is_bridge();
        let source = Source::new(unit, &memory, rids, pasid_bits, device_tlb, pri, bridge)?;

        Ok(try_pin_init!(Self {
            dev: dev.into(),
            own_memory,
            look <- new_mutex!(None, "Master::look"),
            source <- source,
        }? Error))
    }

    /// Has the device use ATS, if it can be used.
    pub(crate) fn start(&self) {
        if self.source.has_device_tlb() {
            let on = PciEndpoint::new(&self.dev).map(|pci| pci.enable_ats(TRANSLATION_UNIT));

            if !matches!(on, Some(Ok(()))) {
                dev_err!(self.dev, "failed to enable ATS\n");
            }
        }
    }

    /// Has the unit refuse all of the device's traffic, but for what comes by a requester ID that
    /// is another's now. May sleep.
    pub(crate) fn stop(&self) {
        let mut traffic = self.source.lock();

        if let Some(pci) = PciEndpoint::new(&self.dev) {
            if self.source.has_device_tlb() {
                pci.disable_ats();
            }
            if self.source.pasid_bits() != 0 {
                pci.disable_pasid();
            }
        }
        traffic.stop();
        self.source.unit().disown_faults(self.rid());
    }

    /// Where its traffic comes from.
    pub(crate) fn source(&self) -> &Source<Vtd> {
        &self.source
    }

    /// The requester ID of the device itself.
    pub(crate) fn rid(&self) -> u16 {
        self.source.rid()
    }

    /// The requester IDs of its traffic.
    pub(crate) fn rids(&self) -> &[u16] {
        self.source.rids()
    }

    /// Whether ATS can be used.
    pub(crate) fn ats_capable(&self) -> bool {
        self.source.has_device_tlb()
    }

    /// The memory that firmware says the device uses by itself.
    pub(super) fn own_memory(&self) -> &[OwnMemory] {
        &self.own_memory
    }

    /// Runs `f` on each PASID that is attached, and its entry. May sleep.
    pub(crate) fn try_for_each_entry<E>(
        &self,
        f: impl FnMut(u32, PasidEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.source.lock().try_for_each_entry(f)
    }

    /// Attaches the device's own traffic. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Traffic::attach`].
    pub(crate) fn attach(&self, attachment: Attachment<Vtd>) -> Result {
        let mut traffic = self.source.lock();

        self.switch(&mut traffic, attachment)?;
        self.source.unit().assign_faults(self.rid(), None, None);
        Ok(())
    }

    /// Attaches traffic of a guest, to which `events` takes its faults if the guest has an ID of
    /// the device. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the ID is of more than 16 bits.
    /// - [`ENOMEM`]
    /// - As [`Self::attach`] and [`Self::attach_pasid`].
    pub(crate) fn attach_for(
        guest_traffic: &GuestTraffic<'_, Vtd>,
        attachment: Attachment<Vtd>,
        events: Sink,
    ) -> Result {
        let this: &Self = guest_traffic.ep;
        let unit = this.source.unit();
        let pasid = guest_traffic.pasid.map(|(pasid, _)| pasid);
        let guest = match guest_traffic.device {
            Some(device) => Some(this.told(&attachment, pasid, device, events)?),
            None => None,
        };
        let mut traffic = this.source.lock();

        match guest_traffic.pasid {
            None => this.switch(&mut traffic, attachment)?,
            Some((pasid, hw)) => this.switch_pasid(&mut traffic, hw, pasid, attachment)?,
        }
        unit.assign_faults(this.rid(), pasid, guest);
        Ok(())
    }

    /// Attaches the traffic of one PASID. May sleep.
    ///
    /// # Errors
    ///
    /// As [`Traffic::attach_pasid`].
    pub(crate) fn attach_pasid(
        &self,
        hw: &Device<Bound>,
        pasid: u32,
        attachment: Attachment<Vtd>,
    ) -> Result {
        let mut traffic = self.source.lock();

        self.switch_pasid(&mut traffic, hw, pasid, attachment)
    }

    /// Blocks the traffic of one PASID. May sleep.
    pub(crate) fn detach_pasid(&self, pasid: u32) {
        let mut traffic = self.source.lock();

        traffic.detach_pasid(pasid);
        self.source
            .unit()
            .assign_faults(self.rid(), Some(pasid), None);
    }

    /// Who is told of the faults of what is attached so for a guest, which knows the device by the
    /// ID `device`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the ID is of more than 16 bits.
    /// - [`ENOMEM`]
    fn told(
        &self,
        attachment: &Attachment<Vtd>,
        pasid: Option<u32>,
        device: u64,
        events: Sink,
    ) -> Result<Told> {
        let id = u16::try_from(device).map_err(|_| EINVAL)?;
        let audience = match attachment {
            Attachment::Guest(..) => Audience::Guest(events),
            Attachment::Blocked => Audience::Blocked(events),
            _ => Audience::Shadowed(events),
        };

        Told::new(self.source.unit(), self.rids(), pasid, id, audience)
    }

    /// Keeps what the traffic with `pasid`, or without, is attached to. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn keep(ep: &Arc<Endpoint<Vtd>>, pasid: Option<u32>) -> Result<Kept> {
        let this: &Self = ep;
        let mut traffic = this.source.lock();
        let unit = this.source.unit();

        Ok(Kept {
            guest: match unit.members.of_device(this.rid(), pasid) {
                Some((id, audience)) => Some(Told::new(unit, this.rids(), pasid, id, audience)?),
                None => None,
            },
            attached: Some(traffic.keep(pasid.unwrap_or(OWN))?),
            ep: ep.clone(),
            pasid,
        })
    }

    fn switch_pasid(
        &self,
        traffic: &mut Traffic<'_, Vtd>,
        hw: &Device<Bound>,
        pasid: u32,
        attachment: Attachment<Vtd>,
    ) -> Result {
        let memory = self.source.unit().memory(hw);
        let result = traffic.attach_pasid(&memory, pasid, attachment);

        trace::attach(&self.dev, traffic.own_did(pasid), &result);
        result
    }

    fn switch(&self, traffic: &mut Traffic<'_, Vtd>, attachment: Attachment<Vtd>) -> Result {
        let result = traffic.attach(attachment);

        trace::attach(&self.dev, traffic.own_did(OWN), &result);
        result
    }
}

/// What some traffic was attached to, with all that it takes to go back to that.
pub(crate) struct Kept {
    ep: Arc<Endpoint<Vtd>>,
    /// The traffic of this PASID, or that without.
    pasid: Option<u32>,
    /// Until it is put back.
    attached: Option<attach::Kept<Vtd>>,
    guest: Option<Told>,
}

impl Kept {
    /// Attaches the traffic to that again. Takes nothing that may not be had. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EIO`] and others: the unit does not do what it is told; the traffic is blocked.
    pub(crate) fn put_back(mut self) -> Result {
        let (attached, guest) = (self.attached.take(), self.guest.take());
        let this: &Master = &self.ep;
        let mut traffic = this.source.lock();

        if let Some(attached) = attached {
            let result = traffic.put_back(attached);

            trace::attach(
                &this.dev,
                traffic.own_did(self.pasid.unwrap_or(OWN)),
                &result,
            );
            result?;
        }
        this.source
            .unit()
            .assign_faults(this.rid(), self.pasid, guest);
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(attached) = self.attached.take() {
            let this: &Master = &self.ep;

            this.source.lock().let_go(attached);
        }
    }
}
