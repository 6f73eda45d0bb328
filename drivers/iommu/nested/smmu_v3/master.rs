// SPDX-License-Identifier: GPL-2.0

//! A device behind the SMMU, and what it is attached to.
//!
//! A change of attachment makes the new domain send its invalidations to the device before the
//! hardware is told to use it, and the old one stop after the hardware has been told not to. ATS is
//! switched off at the device before its stream table entry stops allowing it, and on after the
//! entry does.

mod ats;
mod attach;
mod pasid;

pub(crate) use self::attach::Kept;

use self::{
    ats::stu,
    pasid::Pasids, //
};
use super::{
    arch::{
        cd::Cd,
        guest::VSte,
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
    nested::Guest,
    streams::Member,
    tlb::{
        Targets,
        Usage, //
    },
    SmmuV3, //
};
use crate::{
    iommu::{
        FwSpec,
        Instance,
        PciEndpoint, //
    },
    params::NestingCoherency, //
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
    /// Translated by the host as its guest would; events are the member's.
    Shadow {
        domain: &'a Arc<Domain>,
        member: Option<Member>,
    },
    /// Translated by a guest and the host.
    Guest {
        guest: &'a Arc<Guest>,
        vste: &'a VSte,
        /// What the guest knows the device by.
        device: Option<u64>,
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
    /// It can be given to a guest.
    nesting: bool,
    #[pin]
    cdtab: CdTable,
    #[pin]
    state: Mutex<State>,
    _pasids: Pasids,
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

        let canwbs = spec.rc_canwbs();
        let features = &smmu.features;
        let nesting = features.nesting()
            && (features.s2fwb || canwbs || smmu.coherency != NestingCoherency::Strict);

        Ok(try_pin_init!(Self {
            dev: dev.into(),
            smmu: smmu.clone(),
            sids,
            ats_capable,
            canwbs,
            nesting,
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

    /// Whether the device can be given to a guest.
    pub(crate) fn nesting(&self) -> bool {
        self.nesting
    }

    fn usage(&self, attachment: &Attachment, ats: bool) -> Usage<'_> {
        Usage {
            own_tag: matches!(attachment, Attachment::Paging(_)),
            canwbs: self.canwbs,
            ats: if ats { &self.sids } else { &[] },
            ssid: None,
        }
    }

    fn write_stes(&self, ste: &Ste) -> Result {
        for &sid in &self.sids {
            self.smmu.strtab.write(sid, ste, &self.smmu.cmdq)?;
        }
        Ok(())
    }

    fn write_cd(&self, ssid: u32, cd: &Cd) -> Result {
        self.cdtab.write(ssid, cd, &self.sids, &self.smmu.cmdq)?;
        Ok(())
    }
}
