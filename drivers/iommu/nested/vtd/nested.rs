// SPDX-License-Identifier: GPL-2.0

//! A guest's own use of a unit: the back end of nested translation.

use super::{
    arch::{
        fault::{
            Reason as FaultReason,
            Record,
            Request, //
        },
        range::Block,
        stage1::{
            BadStage1,
            RawStage1,
            Stage1, //
        },
        walk::{
            BadTable,
            PageTable, //
        },
    },
    attach::{
        self,
        Attachment, //
    },
    domain::Domain,
    faults::Sink,
    flush::Change,
    guest,
    master::{
        Kept,
        Master, //
    },
    pasids,
    switch::OWN,
    Vtd, //
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
        Reason, //
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

/// A guest context, and whose it is.
pub(crate) struct Guest {
    translations: Arc<guest::Guest<Vtd>>,
    tenant: Arc<Tenant>,
}

/// What may outlive a guest context: what it has had done, and who takes its events.
pub(crate) struct Tenant {
    events: Sink,
    /// Invalidations that were carried out.
    pub(crate) commands: Atomic<u64>,
    /// Calls that came to one which was refused.
    pub(crate) refused: Atomic<u64>,
    /// Events that were handed over.
    pub(crate) reported: Atomic<u64>,
}

impl EventSink<[u64; 2]> for Tenant {
    fn report(&self, device: u64, event: &[u64; 2]) -> Result {
        self.events.report(device, event)?;
        self.reported.fetch_add(1, Relaxed);
        Ok(())
    }
}

impl Guest {
    /// Carries out what `change` makes of each of `all`: what comes before one that it refuses.
    fn invalidate<T>(
        &self,
        all: &[T],
        mut change: impl FnMut(&T) -> Result<Option<Change>>,
    ) -> Result<(), Failed> {
        let mut changes = KVec::new();
        let mut add = |one: &T| -> Result {
            if let Some(change) = change(one)? {
                changes.push(change, GFP_KERNEL)?;
            }
            Ok(())
        };
        let verdict = all
            .iter()
            .enumerate()
            .try_for_each(|(done, one)| add(one).map_err(|error| Failed { done, error }));
        let result = self
            .translations
            .targets()
            .invalidate_all(&changes)
            .map_err(|error| Failed { done: 0, error })
            .and(verdict);
        let (done, status) = match &result {
            Ok(()) => (all.len(), Ok(())),
            Err(Failed { done, error }) => (*done, Err(*error)),
        };

        self.tenant.commands.fetch_add(done as u64, Relaxed);
        if status.is_err() {
            self.tenant.refused.fetch_add(1, Relaxed);
        }
        // CAST: Not more than a block.
        trace::invalidate(None, 0, all.len() as u32, done as u32, &status);
        result
    }
}

/// What an invalidation is to the unit, if it is anything.
///
/// # Errors
///
/// - [`EINVAL`]: no PASID.
/// - [`EIO`]: an unknown device.
fn change(what: &Invalidation, devices: &impl GuestDevices<Vtd>) -> Result<Option<Change>> {
    let (device, pasid, range) = match *what {
        Invalidation::Translations { tag, range } => (None, tag, range),
        Invalidation::DeviceCache {
            device,
            pasid,
            range,
        } => {
            let sid = devices.with(device, |ep| ep.rid()).ok_or(EIO)?;

            (Some(sid), pasid.or(range.map(|_| OWN)), range)
        }
        // They are the host's.
        Invalidation::PasidEntries { .. } => return Ok(None),
    };

    if pasid.is_some_and(|pasid| pasid >> PASID_BITS != 0) {
        return Err(EINVAL);
    }
    Ok(Some(Change {
        device,
        pasid,
        block: range.map(|range| Block::around(range.iovas.start, range.iovas.last())),
        leaf: range.is_some_and(|range| range.leaf),
    }))
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.translations
            .parent()
            .unit()
            .guests
            .lock()
            .retain(|tenant| !Arc::ptr_eq(tenant, &self.tenant));
    }
}

/// The bits of the lower half of addresses, of tables of four levels.
const LOWER_HALF: u32 = 47;
/// The bits of an address in a first-stage table.
const GPA_BITS: u32 = 52;

/// The bits of a PASID.
const PASID_BITS: u32 = 20;

impl Backend for Vtd {
    type Guest = Guest;
    type Table = Stage1;
    /// `struct iommu_hwpt_vtd_s1`.
    type RawTable = [u64; 3];
    /// PASID tables are the host's.
    type TableOptions = [u8; 8];
    /// `struct iommu_hwpt_vtd_s1_invalidate`.
    type Command = [u64; 3];
    /// A fault recording register.
    type Event = [u64; 2];
    type PageTable = PageTable;
    type Kept = Kept;

    const HOST_PASID_TABLES: bool = true;

    fn nesting(ep: &Endpoint<Self>) -> bool {
        ep.iommu().features.nested
    }

    fn shares_traffic(ep: &Endpoint<Self>) -> bool {
        let devices = ep.iommu().devices.lock();

        attach::is_shared(ep.source(), devices.iter().map(|there| there.source()))
    }

    fn new_guest(
        iommu: &Instance<Self>,
        parent: &Arc<Domain>,
        events: Arc<dyn EventSink<[u64; 2]>>,
    ) -> Result<Arc<Guest>> {
        let unit = parent.unit();

        if !core::ptr::eq(iommu, &**unit) {
            return Err(EINVAL);
        }
        let translations = guest::Guest::new(parent)?;
        let tenant = Arc::new(
            Tenant {
                events,
                commands: Atomic::new(0),
                refused: Atomic::new(0),
                reported: Atomic::new(0),
            },
            GFP_KERNEL_ACCOUNT,
        )?;

        let listed = tenant.clone();
        let guest = Arc::new(
            Guest {
                translations,
                tenant,
            },
            GFP_KERNEL_ACCOUNT,
        )?;

        // From here on, dropping it undoes everything.
        unit.guests.lock().push(listed, GFP_KERNEL_ACCOUNT)?;
        Ok(guest)
    }

    fn parse_table(guest: &Guest, raw: [u64; 3]) -> Result<Stage1> {
        guest.translations.parse(raw)
    }

    fn capabilities(unit: &Instance<Self>) -> Capabilities {
        let features = &unit.features;

        Capabilities {
            // Hardware that walks the guest's tables does not cache what is not there: but what CM
            // stands for is a unit that does.
            caching_mode: features.caching_mode,
            device_caches: features.device_tlb,
            commands: false,
            stalls: false,
            access_flags: true,
            dirty_state: true,
            pgsizes: features.first_stage_pages(),
            granules: 1 << 12,
            table_formats: 0,
            input_bits: features.first_stage_shape().bits,
            output_bits: features.second_stage_shape().bits,
            tag_bits: 0,
            pasid_bits: pasids::width(features),
        }
    }

    /// The guest has no PASID tables here.
    fn make_table(_guest: &Guest, _stage: &FirstStage<[u8; 8]>) -> Result<Stage1> {
        Err(EOPNOTSUPP)
    }

    fn make_first_stage(guest: &Guest, table: &GuestTable) -> Result<Stage1> {
        let [flags, 0, 0, 0] = table.data else {
            return Err(EINVAL);
        };
        let raw = RawStage1 {
            flags,
            table: table.base,
            addr_width: table.input_bits,
            reserved: 0,
        };

        guest.translations.check(&raw).map_err(|why| match why {
            BadStage1::Unknown | BadStage1::Width | BadStage1::Alignment => EINVAL,
            BadStage1::Unsupported => EOPNOTSUPP,
            BadStage1::Range => ERANGE,
        })
    }

    fn table_memory(table: &Stage1) -> Option<AddressRange> {
        AddressRange::new(table.table(), 1 << 12)
    }

    fn needs_device_id(_table: &Stage1) -> bool {
        false
    }

    fn attach_guest(
        traffic: &GuestTraffic<'_, Self>,
        guest: &Arc<Guest>,
        table: &Stage1,
    ) -> Result {
        Master::attach_for(
            traffic,
            Attachment::Guest(guest.translations.clone(), *table),
            guest.tenant.clone(),
        )
    }

    fn block_guest(traffic: &GuestTraffic<'_, Self>, guest: &Arc<Guest>) -> Result {
        Master::attach_for(traffic, Attachment::Blocked, guest.tenant.clone())
    }

    fn attach_shadow(
        traffic: &GuestTraffic<'_, Self>,
        shadow: &Arc<Domain>,
        events: &Sink,
    ) -> Result {
        Master::attach_for(traffic, Attachment::Paging(shadow.clone()), events.clone())
    }

    fn keep(ep: &Arc<Endpoint<Self>>, pasid: Option<u32>) -> Result<Kept> {
        Master::keep(ep, pasid)
    }

    fn put_back(kept: Kept) -> Result {
        kept.put_back()
    }

    fn pasid_bits(ep: &Endpoint<Self>) -> u32 {
        ep.source().pasid_bits()
    }

    fn invalidate(
        guest: &Guest,
        commands: &mut [[u64; 3]],
        _devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed> {
        guest.invalidate(commands, guest::change)
    }

    fn command_device(_command: &[u64; 3]) -> Option<u64> {
        None
    }

    fn invalidate_any(
        guest: &Guest,
        what: &[Invalidation],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed> {
        guest.invalidate(what, |what| change(what, devices))
    }

    fn describe(event: &[u64; 2]) -> Fault {
        let Some(record) = Record::decode(event.map(u64::from_le)) else {
            return Fault {
                reason: Reason::Unknown,
                pasid: None,
                access: None,
            };
        };

        Fault {
            reason: match record.reason {
                FaultReason::FirstAbsent
                | FaultReason::SecondAbsent
                | FaultReason::NotWritableThere
                | FaultReason::NotReadableThere => Reason::Translation,
                FaultReason::FirstTooLarge
                | FaultReason::NotCanonical
                | FaultReason::HostTooLarge
                | FaultReason::SecondTooLarge => Reason::AddressSize,
                FaultReason::NotUser
                | FaultReason::NotExecutable
                | FaultReason::NotWritable
                | FaultReason::NotReadable
                | FaultReason::NoSupervisor => Reason::Permission,
                FaultReason::PasidTooLarge => Reason::BadPasid,
                FaultReason::DirectoryAbsent | FaultReason::PasidAbsent => Reason::BadPasidEntry,
                _ => Reason::Unknown,
            },
            pasid: record.pasid,
            access: record.reason.is_translation().then_some(Access {
                address: record.address,
                write: matches!(record.request, Request::Write | Request::Atomic),
                execute: record.execute,
                privileged: record.privileged,
            }),
        }
    }

    fn device_id(ep: &Endpoint<Self>) -> Result<u64> {
        Ok(ep.rid().into())
    }

    fn check_guest_device(_ep: &Endpoint<Self>, id: u64) -> Result {
        u16::try_from(id).map(|_| ()).map_err(|_| EINVAL)
    }

    fn shadow_capabilities(unit: &Instance<Self>) -> Capabilities {
        let features = &unit.features;
        let shape = match features.first_stage {
            true => features.first_stage_shape(),
            false => features.second_stage_shape(),
        };

        Capabilities {
            caching_mode: true,
            device_caches: false,
            commands: false,
            stalls: false,
            access_flags: false,
            dirty_state: false,
            pgsizes: 1 << 12 | 1 << 21 | 1 << 30,
            granules: 1 << 12,
            table_formats: 0,
            // Of a table's addresses, the lower half is translated.
            input_bits: shape.bits.min(LOWER_HALF),
            output_bits: GPA_BITS,
            tag_bits: 0,
            pasid_bits: pasids::width(features),
        }
    }

    fn make_page_table(table: &GuestTable, limits: &Capabilities) -> Result<PageTable> {
        let [flags, 0, 0, 0] = table.data else {
            return Err(EINVAL);
        };

        PageTable::parse(table.base, table.input_bits, flags, limits.output_bits).map_err(|why| {
            match why {
                BadTable::Flags | BadTable::Width | BadTable::Alignment => EINVAL,
                BadTable::Range => ERANGE,
                BadTable::Unsupported => EOPNOTSUPP,
            }
        })
    }
}
