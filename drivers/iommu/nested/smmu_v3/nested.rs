// SPDX-License-Identifier: GPL-2.0

//! A guest's own use of the SMMU: the back end of nested translation.
//!
//! Each guest context has a VMID of its own, also when several share a second stage: ASIDs are the
//! guest's to choose, and two virtual SMMUs may choose the same. The second stage therefore
//! [knows](super::tlb::Targets::add_guest) the VMIDs of all its guests and invalidates for all.

use super::{
    arch::{
        cmd::{
            Cmd,
            Commands, //
        },
        event::{
            Event,
            EventId, //
        },
        features::Httu,
        guest::{
            expand::{
                self,
                Scope, //
            },
            table::TableOptions,
            BadVste,
            VSte,
            VSteKind, //
        },
        invalidate::Range,
        walk::{
            self,
            BadTable,
            PageTable, //
        },
    },
    domain::{
        self,
        Domain,
        Purpose, //
    },
    master::{
        Kept,
        Master,
        Request, //
    },
    streams::{
        Audience,
        Member, //
    },
    SmmuV3, //
};
use crate::{
    backend::{
        Access,
        AddressRange,
        Backend,
        Capabilities,
        EventSink,
        Failed,
        Fault,
        FirstStage,
        GuestDevices,
        GuestTable,
        GuestTraffic,
        Invalidation,
        Reason,
        BLOCK, //
    },
    common::shadow::Format,
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
    /// S1Fmt, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD of a stream table entry, two that are 0.
    type TableOptions = [u8; 8];
    /// A command, little-endian.
    type Command = [u64; 2];
    /// An event record, little-endian.
    type Event = [u64; 4];
    type PageTable = PageTable;
    type Kept = Kept;

    const HOST_PASID_TABLES: bool = false;

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

    fn capabilities(smmu: &Instance<Self>) -> Capabilities {
        let features = &smmu.features;
        let granules = [
            (features.gran4k, 1 << 12),
            (features.gran16k, 1 << 14),
            (features.gran64k, 1 << 16),
        ];

        Capabilities {
            // The SMMU does not cache what is not there.
            caching_mode: false,
            device_caches: features.ats,
            commands: true,
            stalls: false,
            access_flags: features.httu >= Httu::Access,
            dirty_state: features.httu >= Httu::Dirty,
            pgsizes: features.pgsize_bitmap(),
            granules: granules
                .iter()
                .map(|&(there, size)| if there { size } else { 0 })
                .sum(),
            table_formats: if features.two_level_cdtab { 0b111 } else { 0b1 },
            input_bits: features.vax,
            output_bits: features.oas_bits,
            tag_bits: features.asid_bits,
            pasid_bits: features.ssid_bits,
        }
    }

    fn make_table(guest: &Guest, stage: &FirstStage<[u8; 8]>) -> Result<VSte> {
        let table = match stage {
            FirstStage::Abort => return Ok(VSte::abort()),
            FirstStage::Bypass => return Ok(VSte::bypass()),
            FirstStage::Translate(table) => table,
        };
        let [s1fmt, s1dss, s1cir, s1cor, s1csh, stalld, 0, 0] = table.options else {
            return Err(EINVAL);
        };
        let options = TableOptions {
            s1fmt,
            s1dss,
            s1cir,
            s1cor,
            s1csh,
            stalld,
        };

        VSte::translate(
            table.base,
            table.pasid_bits,
            table.device_cache,
            &options,
            &guest.parent.smmu().features,
        )
        .map_err(|why| match why {
            BadVste::TooManyCds | BadVste::Address => ERANGE,
            BadVste::Eats | BadVste::Stall => EOPNOTSUPP,
            _ => EINVAL,
        })
    }

    fn table_memory(vste: &VSte) -> Option<AddressRange> {
        let (start, size) = vste.table()?;

        AddressRange::new(start, size)
    }

    fn needs_device_id(vste: &VSte) -> bool {
        vste.kind() == VSteKind::Translate
    }

    fn attach_guest(traffic: &GuestTraffic<'_, Self>, guest: &Arc<Guest>, vste: &VSte) -> Result {
        device_of(traffic)?.attach(Request::Guest {
            guest,
            vste,
            device: traffic.device,
        })
    }

    fn keep(ep: &Arc<Endpoint<Self>>, pasid: Option<u32>) -> Result<Kept> {
        match pasid {
            None => Master::keep(ep),
            Some(_) => Err(EOPNOTSUPP),
        }
    }

    fn put_back(kept: Kept) -> Result {
        kept.put_back()
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

    fn command_device(command: &[u64; 2]) -> Option<u64> {
        Cmd::guest_stream(&command.map(u64::from_le)).map(u64::from)
    }

    fn invalidate_any(
        guest: &Guest,
        what: &[Invalidation],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed> {
        for (done, what) in what.iter().enumerate() {
            invalidate_one(guest, what, devices).map_err(|error| Failed { done, error })?;
        }
        Ok(())
    }

    fn describe(event: &[u64; 4]) -> Fault {
        let event = Event::decode(event.map(u64::from_le));

        Fault {
            reason: match event.id {
                EventId::BadSte => Reason::BadConfig,
                EventId::StreamDisabled => Reason::PasidRequired,
                EventId::BadSubstreamId => Reason::BadPasid,
                EventId::BadCd => Reason::BadPasidEntry,
                EventId::Translation => Reason::Translation,
                EventId::AddressSize => Reason::AddressSize,
                EventId::Access => Reason::AccessFlag,
                EventId::Permission => Reason::Permission,
                _ => Reason::Unknown,
            },
            pasid: event.ssid,
            access: event.id.is_translation_related().then_some(Access {
                address: event.address,
                write: !event.read,
                execute: event.instruction,
                privileged: event.privileged,
            }),
        }
    }

    fn device_id(ep: &Endpoint<Self>) -> Result<u64> {
        ep.only_sid().map(u64::from).ok_or(EOPNOTSUPP)
    }

    fn check_guest_device(ep: &Endpoint<Self>, id: u64) -> Result {
        u32::try_from(id)?;
        ep.only_sid().map(|_| ()).ok_or(EOPNOTSUPP)
    }

    fn shadow_capabilities(smmu: &Instance<Self>) -> Capabilities {
        let features = &smmu.features;
        let smallest = 1u64 << domain::one_granule(features.pgsize_bitmap()).trailing_zeros();
        // What the SMMU has of its own does not matter, but each page must be one of the host's or
        // several.
        let sizes = [
            (1 << 12, 1 << 12 | 1 << 21 | 1 << 30),
            (1 << 14, 1 << 14 | 1 << 25),
            (1 << 16, 1 << 16 | 1 << 29),
        ];
        let usable = || sizes.iter().filter(|(granule, _)| *granule >= smallest);

        Capabilities {
            caching_mode: true,
            device_caches: false,
            commands: false,
            stalls: false,
            access_flags: false,
            dirty_state: false,
            pgsizes: usable().fold(0, |all, (_, sizes)| all | sizes),
            granules: usable().fold(0, |all, (granule, _)| all | granule),
            table_formats: 0,
            input_bits: match features.s1p {
                true => features.vax.min(domain::VA_BITS),
                false => features.oas_bits,
            }
            .min(walk::INPUT_BITS),
            output_bits: walk::OUTPUT_BITS,
            tag_bits: u16::BITS,
            pasid_bits: 0,
        }
    }

    fn make_page_table(table: &GuestTable, limits: &Capabilities) -> Result<PageTable> {
        let [descriptor, 0, 0, 0] = table.data else {
            return Err(EINVAL);
        };
        let page_table =
            PageTable::parse(table.base, table.input_bits, descriptor, limits.input_bits).map_err(
                |why| match why {
                    BadTable::Descriptor | BadTable::InputSize | BadTable::Alignment => EINVAL,
                    BadTable::Range => ERANGE,
                    BadTable::Unsupported => EOPNOTSUPP,
                },
            )?;

        match limits.granules >> page_table.page_bits() & 1 {
            1 => Ok(page_table),
            _ => Err(EOPNOTSUPP),
        }
    }

    fn attach_shadow(
        traffic: &GuestTraffic<'_, Self>,
        shadow: &Arc<Domain>,
        events: &Arc<dyn EventSink<[u64; 4]>>,
    ) -> Result {
        device_of(traffic)?.attach(Request::Shadow {
            domain: shadow,
            member: traffic.device.map(|id| Member {
                id,
                audience: Audience::Shadowed(events.clone()),
            }),
        })
    }
}

/// The device that all of `traffic` is from.
///
/// # Errors
///
/// - [`EOPNOTSUPP`]: it is traffic with a PASID; the guest has the tables of these.
fn device_of<'a>(traffic: &GuestTraffic<'a, SmmuV3>) -> Result<&'a Endpoint<SmmuV3>> {
    match traffic.pasid {
        None => Ok(traffic.ep),
        Some(_) => Err(EOPNOTSUPP),
    }
}

/// Carries out one invalidation. Errors as of [`Backend::invalidate_any`].
fn invalidate_one(
    guest: &Guest,
    what: &Invalidation,
    devices: &impl GuestDevices<SmmuV3>,
) -> Result {
    let features = &guest.parent.smmu().features;
    let fits = |ssid: &Option<u32>| ssid.is_none_or(|ssid| expand::ssid_fits(features, ssid));
    let send = |cmds: &mut dyn Iterator<Item = Cmd>| send(guest, cmds, devices);

    match *what {
        Invalidation::Translations { tag, range } => {
            let scope = match tag {
                Some(tag) if expand::asid_fits(features, tag) => Scope::Asid(tag as u16),
                Some(_) => return Err(EINVAL),
                None => Scope::All,
            };
            let range = range.map(|range| Range {
                iova: range.iovas.start,
                size: range.iovas.size,
                granule: range.granule,
                leaf: range.leaf,
            });

            send(&mut expand::translations(features, scope, range.as_ref()))
        }
        Invalidation::PasidEntries {
            device,
            pasid,
            leaf,
        } => {
            let vsid = u32::try_from(device)?;

            if !fits(&pasid) {
                return Err(EINVAL);
            }
            send(&mut [expand::descriptors(vsid, pasid, leaf)].into_iter())
        }
        Invalidation::DeviceCache {
            device,
            pasid,
            range,
        } => {
            let vsid = u32::try_from(device)?;
            let range = range.map(|range| (range.iovas.start, range.iovas.size));

            if !fits(&pasid) {
                return Err(EINVAL);
            }
            // Without PASIDs, descriptor 0 is that of traffic that has none.
            let pasid = pasid.filter(|_| features.ssid_bits != 0);
            match devices.with(device, |ep| ep.ats_capable()) {
                None => Err(EIO),
                Some(false) => Ok(()),
                Some(true) => send(&mut [expand::endpoint(vsid, pasid, range)].into_iter()),
            }
        }
    }
}

/// Carries out a guest's commands, block by block.
fn send(
    guest: &Guest,
    cmds: &mut dyn Iterator<Item = Cmd>,
    devices: &impl GuestDevices<SmmuV3>,
) -> Result {
    let mut block = [[0; 2]; BLOCK];

    loop {
        let mut count = 0;

        for (words, cmd) in block.iter_mut().zip(&mut *cmds) {
            *words = cmd.words().map(u64::to_le);
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        // PANIC: Not more than there are.
        SmmuV3::invalidate(guest, &mut block[..count], devices).map_err(|failed| failed.error)?;
    }
}
