// SPDX-License-Identifier: GPL-2.0

//! A guest's own use of the SMMU: the back end of nested translation.
//!
//! Each guest context has a VMID of its own, also when several share a second stage: ASIDs are the
//! guest's to choose, and two virtual SMMUs may choose the same. The second stage therefore
//! [knows](super::tlb::Targets::add_guest) the VMIDs of all its guests and invalidates for all.

use super::{
    arch::{
        cmd::Commands,
        guest::{
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
        EventSink,
        Failed,
        GuestDevices, //
    },
    iommu::{
        Endpoint,
        Instance, //
    },
    trace,
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};

/// A guest context: a second stage, and a VMID for what the guest makes of it.
pub(crate) struct Guest {
    parent: Arc<Domain>,
    tenant: Arc<Tenant>,
}

/// What may outlive a guest context: who it was, and what it has had done.
pub(crate) struct Tenant {
    /// Its VMID.
    pub(crate) vmid: u16,
    events: Arc<dyn EventSink<[u64; 4]>>,
    /// Invalidation commands that were carried out.
    pub(crate) commands: Atomic<u64>,
    /// Calls that came to a command which was refused.
    pub(crate) refused: Atomic<u64>,
    /// Events that were handed over.
    pub(crate) reported: Atomic<u64>,
}

impl Tenant {
    /// Hands over an event of the device that the guest knows by `device`. May sleep. Errors as
    /// of [`EventSink::report`].
    pub(crate) fn report(&self, device: u64, event: &[u64; 4]) -> Result {
        self.events.report(device, event)?;
        self.reported.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl Guest {
    /// The second stage.
    pub(crate) fn parent(&self) -> &Domain {
        &self.parent
    }

    /// The guest's VMID.
    pub(crate) fn vmid(&self) -> u16 {
        self.tenant.vmid
    }

    /// What may outlive the guest context.
    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let smmu = self.parent.smmu();

        smmu.guests
            .lock()
            .retain(|tenant| !Arc::ptr_eq(tenant, &self.tenant));
        self.parent.targets().remove_guest(self.vmid());
        smmu.vmids.give(self.vmid());
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
        ep.nesting()
    }

    fn new_guest(
        iommu: &Instance<Self>,
        parent: &Arc<Domain>,
        events: Arc<dyn EventSink<[u64; 4]>>,
    ) -> Result<Arc<Guest>> {
        if parent.purpose() != Purpose::NestParent || !core::ptr::eq(iommu, &**parent.smmu()) {
            return Err(EINVAL);
        }

        let vmid = iommu.vmids.take()?;
        let tenant = Tenant {
            vmid,
            events,
            commands: Atomic::new(0),
            refused: Atomic::new(0),
            reported: Atomic::new(0),
        };
        let added = Arc::new(tenant, GFP_KERNEL_ACCOUNT)
            .map_err(Error::from)
            .and_then(|tenant| parent.targets().add_guest(vmid).map(|()| tenant))
            .inspect_err(|_| iommu.vmids.give(vmid));

        // From here on, dropping it undoes everything.
        let guest = Guest {
            parent: parent.clone(),
            tenant: added?,
        };
        iommu
            .guests
            .lock()
            .push(guest.tenant.clone(), GFP_KERNEL_ACCOUNT)?;
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
        device: Option<u64>,
    ) -> Result {
        ep.attach(Request::Guest {
            guest,
            vste,
            device,
        })
    }

    fn invalidate(
        guest: &Guest,
        commands: &mut [[u64; 2]],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed> {
        let smmu = guest.parent.smmu();
        let given = commands.len();
        let first = commands.first().map_or(0, |raw| u64::from_le(raw[0]));
        let (admitted, verdict) = smmu
            .admission
            .admit_all(commands, guest.vmid(), |vsid: u32| {
                devices.with(vsid.into(), |ep| ep.only_sid())?
            });

        // What comes before a refused command is carried out.
        let (done, result) = match smmu.cmdq.submit_sync(admitted) {
            Ok(()) => (admitted.len(), verdict.map_err(|_| EIO)),
            Err(failed) => (failed.done, Err(failed.error)),
        };
        if verdict.is_err() && done == admitted.len() {
            guest.tenant.refused.fetch_add(1, Relaxed);
        }

        // CAST: Numbers of not more than a block; an opcode is a byte.
        guest.tenant.commands.fetch_add(done as u64, Relaxed);
        trace::invalidate(
            Some(guest.vmid()),
            (first as u8).into(),
            given as u32,
            done as u32,
            &result,
        );
        result.map_err(|error| Failed { done, error })
    }

    fn check_guest_device(ep: &Endpoint<Self>, id: u64) -> Result {
        u32::try_from(id)?;
        ep.only_sid().map(|_| ()).ok_or(EOPNOTSUPP)
    }
}
