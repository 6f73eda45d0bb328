// SPDX-License-Identifier: GPL-2.0

//! A guest's own use of the SMMU: the back end of nested translation.
//!
//! Each guest context has a VMID of its own, also when several share a second stage: ASIDs are the
//! guest's to choose, and two virtual SMMUs may choose the same. The second stage therefore
//! [knows](super::tlb::Targets::add_guest) the VMIDs of all its guests and invalidates for all.

use super::{
    arch::{
        cmd::Cmd,
        guest::{
            GuestCmd,
            VSte,
            VSteKind, //
        },
    },
    domain::{
        Domain,
        Purpose, //
    },
    master::Request,
    SmmuV3, //
};
use crate::{
    backend::{
        Backend,
        Failed,
        GuestDevice,
        GuestDevices,
        BLOCK, //
    },
    iommu::{
        Endpoint,
        Instance, //
    },
    params::NestingCoherency,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A guest context: a second stage, and a VMID for what the guest makes of it.
pub(crate) struct Guest {
    parent: Arc<Domain>,
    vmid: u16,
}

impl Guest {
    /// The second stage.
    pub(crate) fn parent(&self) -> &Domain {
        &self.parent
    }

    /// The guest's VMID.
    pub(crate) fn vmid(&self) -> u16 {
        self.vmid
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.parent.targets().remove_guest(self.vmid);
        self.parent.smmu().vmids.give(self.vmid);
    }
}

impl Backend for SmmuV3 {
    type Guest = Guest;
    type Table = VSte;
    /// The first two words of a stream table entry, little-endian.
    type RawTable = [u64; 2];
    /// A command, little-endian.
    type Command = [u64; 2];
    /// An event record, little-endian.
    type Event = [u64; 4];

    fn nesting(ep: &Endpoint<Self>) -> bool {
        let smmu = ep.iommu();

        smmu.features.nesting()
            && (smmu.features.s2fwb || ep.canwbs() || smmu.coherency != NestingCoherency::Strict)
    }

    fn new_guest(iommu: &Instance<Self>, parent: &Arc<Domain>) -> Result<Arc<Guest>> {
        if parent.purpose() != Purpose::NestParent || !core::ptr::eq(iommu, &**parent.smmu()) {
            return Err(EINVAL);
        }

        let vmid = iommu.vmids.take()?;
        if let Err(e) = parent.targets().add_guest(vmid) {
            iommu.vmids.give(vmid);
            return Err(e);
        }
        // From here on, dropping it undoes both.
        let guest = Guest {
            parent: parent.clone(),
            vmid,
        };
        Ok(Arc::new(guest, GFP_KERNEL_ACCOUNT)?)
    }

    fn parse_table(guest: &Guest, raw: [u64; 2]) -> Result<VSte> {
        VSte::parse(raw.map(u64::from_le), &guest.parent.smmu().features).map_err(|_| EIO)
    }

    fn needs_device_id(vste: &VSte) -> bool {
        vste.kind() == VSteKind::Translate
    }

    fn attach_guest(
        ep: &Endpoint<Self>,
        guest: &Arc<Guest>,
        vste: &VSte,
        device: Option<GuestDevice<[u64; 4]>>,
    ) -> Result {
        ep.attach(Request::Guest {
            guest,
            vste,
            device,
        })
    }

    fn invalidate(
        guest: &Guest,
        commands: &[[u64; 2]],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed> {
        let smmu = guest.parent.smmu();
        let mut admitted = [Cmd::default(); BLOCK];
        let mut count = 0;

        for (slot, raw) in admitted.iter_mut().zip(commands) {
            let sid_of = |vsid: u32| devices.with(vsid.into(), |ep| ep.only_sid())?;
            let raw = raw.map(u64::from_le);

            match GuestCmd::admit(raw, &smmu.features, guest.vmid, sid_of) {
                Ok(cmd) => *slot = cmd,
                Err(_) => break,
            }
            count += 1;
        }

        // What comes before a refused command is carried out.
        smmu.cmdq
            .submit_sync(&admitted[..count])
            .map_err(|failed| Failed {
                done: failed.done,
                error: failed.error,
            })?;
        match count == commands.len() {
            true => Ok(()),
            false => Err(Failed {
                done: count,
                error: EIO,
            }),
        }
    }

    fn check_guest_device(ep: &Endpoint<Self>, id: u64) -> Result {
        u32::try_from(id)?;
        ep.only_sid().map(|_| ()).ok_or(EOPNOTSUPP)
    }
}
