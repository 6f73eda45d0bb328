// SPDX-License-Identifier: GPL-2.0

//! A device's PASIDs.

use super::{
    Attachment,
    Master, //
};
use crate::{
    iommu::PciEndpoint,
    smmu_v3::{
        arch::{
            cd::Cd,
            ste::Ste, //
        },
        domain::Domain,
        tlb::Usage, //
    },
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

/// The device's PASID capability, enabled if it has one, and disabled when dropped.
pub(super) struct Pasids {
    dev: ARef<Device>,
    enabled: bool,
    /// log2 of how many PASIDs the device can use, 0 if none.
    pub(super) bits: u32,
}

impl Pasids {
    /// A function that has no PASIDs still has its own traffic, so that this can't fail.
    pub(super) fn enable(dev: &Device) -> Self {
        let max = PciEndpoint::new(dev).and_then(|pci| pci.enable_pasid().ok());

        Self {
            dev: dev.into(),
            enabled: max.is_some(),
            bits: max.and_then(u32::checked_ilog2).unwrap_or(0),
        }
    }
}

impl Drop for Pasids {
    fn drop(&mut self) {
        if let Some(pci) = PciEndpoint::new(&self.dev).filter(|_| self.enabled) {
            pci.disable_pasid();
        }
    }
}

impl Master {
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

    fn pasid_usage(&self, pasid: u32, ats: bool) -> Usage<'_> {
        Usage {
            own_tag: true,
            canwbs: self.canwbs,
            ats: if ats { &self.sids } else { &[] },
            ssid: Some(pasid),
        }
    }
}
