// SPDX-License-Identifier: GPL-2.0

//! A device's own cache of translations.

use super::{
    Master,
    State, //
};
use crate::{
    iommu::{
        Instance,
        PciEndpoint, //
    },
    smmu_v3::{
        arch::cmd::Cmd,
        SmmuV3, //
    },
};
use kernel::prelude::*;

impl Master {
    /// Switches ATS off at the device if it is on and will not be.
    pub(super) fn stop_ats(&self, state: &mut State, wanted: bool) {
        if state.ats && !wanted {
            if let Some(pci) = PciEndpoint::new(&self.dev) {
                pci.disable_ats();
            }
            state.ats = false;
            self.invalidate_atc(None);
        }
    }

    /// Switches ATS on at the device if it is wanted, with nothing of the past in its ATC.
    pub(super) fn start_ats(&self, state: &mut State, wanted: bool, ssid: Option<u32>) {
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

    pub(super) fn invalidate_atc(&self, ssid: Option<u32>) {
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
pub(super) fn stu(smmu: &Instance<SmmuV3>) -> u32 {
    smmu.features.pgsize_bitmap().trailing_zeros()
}
