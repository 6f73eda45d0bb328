// SPDX-License-Identifier: GPL-2.0

//! What hardware offers to the front ends: the one interface between the two.
//!
//! The host's own use of an IOMMU (domains, mapping, attaching) is [`iommu::Driver`]; this adds
//! what a guest's use of it takes. Nothing here knows an interface to user space, nor a vendor.

use crate::{
    common::shadow::Format,
    iommu::{
        self,
        Endpoint,
        Instance, //
    },
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::Arc,
    transmute::{
        AsBytes,
        FromBytes, //
    },
};

/// The most commands that [`Backend::invalidate`] takes at once.
pub(crate) const BLOCK: usize = 63;

/// An invalidation that was not carried out in full.
pub(crate) struct Failed {
    /// How many commands, from the first, were issued and are complete.
    pub(crate) done: usize,
    /// Why the next one was not.
    pub(crate) error: Error,
}

/// A guest's first stage of a device, in what all hardware has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstStage<O> {
    /// Every access is refused.
    Abort,
    /// IOVAs are GPAs.
    Bypass,
    /// The guest's table translates.
    Translate(PasidTable<O>),
}

/// A guest's table of PASIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PasidTable<O> {
    /// Where it is (GPA).
    pub(crate) base: u64,
    /// It has entries for PASIDs of so many bits.
    pub(crate) pasid_bits: u32,
    /// The guest uses, and invalidates, the device's own cache of translations.
    pub(crate) device_cache: bool,
    /// What only this hardware has to know.
    pub(crate) options: O,
}

/// A guest's page table, as it asks for it to be used or shadowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GuestTable {
    /// Where it is (GPA).
    pub(crate) base: u64,
    /// Size of an IOVA in bits.
    pub(crate) input_bits: u32,
    /// What only this hardware knows.
    pub(crate) data: [u64; 4],
}

/// A range of addresses. It does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRange {
    /// The first address.
    pub(crate) start: u64,
    /// In bytes, not 0.
    pub(crate) size: u64,
}

impl AddressRange {
    /// A range of `size` bytes, if it is one.
    pub(crate) fn new(start: u64, size: u64) -> Option<Self> {
        start.checked_add(size.checked_sub(1)?)?;
        Some(Self { start, size })
    }

    /// The last address.
    pub(crate) fn last(&self) -> u64 {
        self.start + (self.size - 1)
    }

    /// Whether an address is in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.last() && other.start <= self.last()
    }

    /// Whether all of `other` is in `self`.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.last() <= self.last()
    }
}

/// A range of IOVAs whose translations have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangedRange {
    /// Which.
    pub(crate) iovas: AddressRange,
    /// The size in bytes of the pages or blocks that have changed, one of
    /// [`Capabilities::pgsizes`]. The range is aligned to it.
    pub(crate) granule: u64,
    /// Only last-level entries have.
    pub(crate) leaf: bool,
}

/// An invalidation, whatever the hardware calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalidation {
    /// Cached translations: of one tag or all, of a range or all.
    Translations {
        tag: Option<u32>,
        range: Option<ChangedRange>,
    },
    /// Cached entries of the PASID table of a device, by the guest's ID of it: of one PASID or all.
    /// `leaf`: tables that lead there have not changed.
    PasidEntries {
        device: u64,
        pasid: Option<u32>,
        leaf: bool,
    },
    /// What a device, by the guest's ID of it, has cached itself. A range is that of `pasid` or,
    /// without, of IOVAs that have none.
    DeviceCache {
        device: u64,
        pasid: Option<u32>,
        range: Option<ChangedRange>,
    },
}

impl Invalidation {
    /// The one device that it is for, by the guest's ID of it, if it is for one.
    pub(crate) fn device(&self) -> Option<u64> {
        match self {
            Self::Translations { .. } => None,
            Self::PasidEntries { device, .. } | Self::DeviceCache { device, .. } => Some(*device),
        }
    }
}

/// What there is for guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Entries that become present are to be invalidated, too.
    pub(crate) caching_mode: bool,
    /// Devices can cache translations themselves.
    pub(crate) device_caches: bool,
    /// Guests can invalidate by [`Backend::Command`], too.
    pub(crate) commands: bool,
    /// Guests can have faulting transactions wait.
    pub(crate) stalls: bool,
    /// Hardware sets access flags in the guest's tables.
    pub(crate) access_flags: bool,
    /// Hardware sets the dirty state in the guest's tables.
    pub(crate) dirty_state: bool,
    /// Pages and blocks of the first stage, a bit each, in bytes.
    pub(crate) pgsizes: u64,
    /// Granules of the first stage, a bit each, in bytes.
    pub(crate) granules: u64,
    /// Formats of PASID tables, a bit each, by the hardware's numbers.
    pub(crate) table_formats: u32,
    /// Size of an IOVA in bits.
    pub(crate) input_bits: u32,
    /// Size of a GPA in bits.
    pub(crate) output_bits: u32,
    /// Size of a tag in bits.
    pub(crate) tag_bits: u32,
    /// Size of a PASID in bits.
    pub(crate) pasid_bits: u32,
}

/// What an event tells of. Not all hardware tells all of it.
#[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Something of the hardware's own.
    Unknown,
    /// The configuration is not valid.
    BadConfig,
    /// There is no PASID where there has to be one.
    PasidRequired,
    /// The PASID is beyond the table.
    BadPasid,
    /// The PASID's entry is not valid.
    BadPasidEntry,
    /// Not mapped.
    Translation,
    /// An address in a table is too large.
    AddressSize,
    /// An access flag is clear.
    AccessFlag,
    /// Not permitted.
    Permission,
}

/// An event, in what all hardware has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What it tells of.
    pub(crate) reason: Reason,
    /// The PASID of the transaction.
    pub(crate) pasid: Option<u32>,
    /// Where it went, if that has to do with it.
    pub(crate) access: Option<Access>,
}

/// An access that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// The IOVA.
    pub(crate) address: u64,
    /// It was a write.
    pub(crate) write: bool,
    /// It was an instruction fetch.
    pub(crate) execute: bool,
    /// It was privileged.
    pub(crate) privileged: bool,
}

/// Hardware with nested translation, or whose guests' tables are shadowed by software.
pub(crate) trait Backend: iommu::Driver {
    /// The hardware's context of one virtual IOMMU: a second stage and its own tag of cached
    /// translations. Lives as long as it is referred to.
    type Guest: Send + Sync;
    /// A guest's first-stage configuration of a device, validated.
    type Table: Send + Sync;
    /// The same, as the guest wrote it.
    type RawTable: FromBytes;
    /// What only this hardware has to know of a PASID table.
    type TableOptions: Copy + FromBytes;
    /// An invalidation command, as the guest wrote it.
    type Command: Copy + FromBytes;
    /// An event, as the guest will read it.
    type Event: AsBytes + 'static;
    /// A guest's page table that software can walk, validated.
    type PageTable: Format + Send + Sync;
    /// What some traffic was attached to, with all that it takes to go back to that.
    type Kept: Send;

    /// Where hardware walks guests' tables, a guest has page tables only: the tables of PASIDs,
    /// which lead to them, are the host's.
    const HOST_PASID_TABLES: bool;

    /// Whether hardware walks the tables of a guest that `ep` is given to.
    fn nesting(ep: &Endpoint<Self>) -> bool;

    /// Whether hardware can't tell the device's traffic from that of another one, which is behind
    /// the same bridge.
    fn shares_traffic(_ep: &Endpoint<Self>) -> bool {
        false
    }

    /// Makes a guest context on `iommu` whose second stage is `parent` (GPA to HPA). `events` takes
    /// the events of its devices, and may outlive the context.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `parent` is not a nesting parent, or not one of `iommu`.
    /// - [`ENOSPC`]: the hardware has no tag left.
    /// - [`ENOMEM`]
    fn new_guest(
        iommu: &Instance<Self>,
        parent: &Arc<Self::Paging>,
        events: Arc<dyn EventSink<Self::Event>>,
    ) -> Result<Arc<Self::Guest>>;

    /// Validates a first-stage configuration. Addresses in it are GPAs.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: not what a guest may ask for, or more than the hardware has.
    fn parse_table(guest: &Self::Guest, raw: Self::RawTable) -> Result<Self::Table>;

    /// What there is for guests of `iommu`.
    fn capabilities(iommu: &Instance<Self>) -> Capabilities;

    /// Validates a first-stage configuration, as [`Self::parse_table`].
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: values that don't go together, or that the hardware's architecture reserves.
    /// - [`ERANGE`]: a size beyond that of the hardware.
    /// - [`EOPNOTSUPP`]: this hardware can't.
    fn make_table(
        guest: &Self::Guest,
        stage: &FirstStage<Self::TableOptions>,
    ) -> Result<Self::Table>;

    /// Validates a page table that hardware is to walk, as [`Self::parse_table`], where it is the
    /// host that has the [tables of PASIDs](Self::HOST_PASID_TABLES).
    ///
    /// # Errors
    ///
    /// As of [`Self::make_table`].
    fn make_first_stage(_guest: &Self::Guest, _table: &GuestTable) -> Result<Self::Table> {
        Err(EOPNOTSUPP)
    }

    /// Where the hardware starts to read (GPAs), if it does: all of the table, or its first level.
    fn table_memory(table: &Self::Table) -> Option<AddressRange>;

    /// Whether a device that uses `table` must have an ID that the guest knows it by, because there
    /// will be invalidations and events that name it.
    fn needs_device_id(table: &Self::Table) -> bool;

    /// Attaches traffic to a guest context. With a PASID that is possible where the kernel has the
    /// tables of PASIDs. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: device and guest are not on the same IOMMU, or there is no such PASID.
    /// - [`EOPNOTSUPP`]: traffic with a PASID, and the guest has the tables.
    /// - [`EBUSY`]: not while PASIDs are attached.
    /// - [`ENOMEM`]
    fn attach_guest(
        traffic: &GuestTraffic<'_, Self>,
        guest: &Arc<Self::Guest>,
        table: &Self::Table,
    ) -> Result;

    /// Has traffic of a guest's refused, where it is the host that has the
    /// [tables of PASIDs](Self::HOST_PASID_TABLES): to the guest it is a first stage in which
    /// nothing is. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: it is the guest that has them.
    /// - As [`Self::attach_guest`].
    fn block_guest(_traffic: &GuestTraffic<'_, Self>, _guest: &Arc<Self::Guest>) -> Result {
        Err(EOPNOTSUPP)
    }

    /// Keeps what the traffic of `ep` with `pasid`, or without, is attached to, until the result is
    /// dropped. Nobody sees that but by more invalidations.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: traffic with a PASID, and the guest has the tables.
    /// - [`ENOMEM`]
    fn keep(ep: &Arc<Endpoint<Self>>, pasid: Option<u32>) -> Result<Self::Kept>;

    /// Attaches traffic to what was kept of it, whatever it is attached to by now. Takes nothing
    /// that may not be had: no memory, and no ID.
    ///
    /// # Errors
    ///
    /// - Those of the hardware, which does not do what it is told: the traffic is blocked.
    fn put_back(kept: Self::Kept) -> Result;

    /// PASIDs of that many bits of a device can be attached to what a guest has: 0 if none.
    fn pasid_bits(_ep: &Endpoint<Self>) -> u32 {
        0
    }

    /// Carries out invalidation commands, at most [`BLOCK`], on behalf of a guest and in order.
    /// Returns when all are complete, or all before the first that is refused. What is in
    /// `commands` afterwards is of no use.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: a command that is not allowed, or names an unknown device, or that the hardware
    ///   refused.
    /// - [`ETIMEDOUT`], [`ENODEV`]: the hardware does not answer, or is gone.
    fn invalidate(
        guest: &Self::Guest,
        commands: &mut [Self::Command],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed>;

    /// The device that a command is for, by the guest's ID of it, if it is for one.
    fn command_device(command: &Self::Command) -> Option<u64>;

    /// Carries out invalidations on behalf of a guest, of what a device has cached after all of
    /// translations that come before. Returns when they are complete, or all before the first that
    /// is refused. A device that has nothing cached is passed over.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: a PASID or a tag that the hardware's commands don't hold.
    /// - As [`Self::invalidate`].
    fn invalidate_any(
        guest: &Self::Guest,
        what: &[Invalidation],
        devices: &impl GuestDevices<Self>,
    ) -> Result<(), Failed>;

    /// What `event` tells of.
    fn describe(event: &Self::Event) -> Fault;

    /// The ID by which the hardware knows `ep`.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: it has not exactly one.
    fn device_id(ep: &Endpoint<Self>) -> Result<u64>;

    /// Checks that a guest's invalidations can name `ep`, by `id`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `id` is more than what the hardware's commands hold.
    /// - [`EOPNOTSUPP`]: the device has not exactly one ID of the hardware's.
    fn check_guest_device(ep: &Endpoint<Self>, id: u64) -> Result;

    /// What there is for guests of `iommu` whose tables are shadowed. How large GPAs can be is not
    /// the back end's to say, nor what caching mode it is.
    fn shadow_capabilities(iommu: &Instance<Self>) -> Capabilities;

    /// Validates a page table against `limits`, those of the container.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: values that don't go together, or that the hardware's architecture reserves.
    /// - [`ERANGE`]: a size beyond `limits`.
    /// - [`EOPNOTSUPP`]: software can't.
    fn make_page_table(table: &GuestTable, limits: &Capabilities) -> Result<Self::PageTable>;

    /// Attaches traffic to a shadow of a guest's table, as [`iommu::Driver::attach`] and
    /// [`iommu::Driver::attach_pasid`]. `events` takes what it does wrong there.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: traffic with a PASID, and [`Self::pasid_bits`] is 0.
    /// - As [`iommu::Driver::attach`] and [`iommu::Driver::attach_pasid`].
    fn attach_shadow(
        traffic: &GuestTraffic<'_, Self>,
        shadow: &Arc<Self::Paging>,
        events: &Arc<dyn EventSink<Self::Event>>,
    ) -> Result;
}

/// Traffic of a device that goes where a guest says: the device's own, or that with a PASID.
pub(crate) struct GuestTraffic<'a, B: Backend> {
    pub(crate) ep: &'a Endpoint<B>,
    /// A PASID, and the IOMMU's hardware device.
    pub(crate) pasid: Option<(u32, &'a Device<Bound>)>,
    /// What the guest knows the device by. Without it, the events are the host's.
    pub(crate) device: Option<u64>,
}

/// The devices of a guest, by the IDs that it knows them by.
pub(crate) trait GuestDevices<B: Backend> {
    /// Runs `f` on the device that the guest knows by `id`. `f` must not sleep.
    fn with<R>(&self, id: u64, f: impl FnOnce(&Endpoint<B>) -> R) -> Option<R>;
}

/// Takes events for a guest.
pub(crate) trait EventSink<E>: Send + Sync {
    /// Hands over an event of the device that the guest knows by `device`. May sleep.
    ///
    /// # Errors
    ///
    /// Any: the guest will not see the event.
    fn report(&self, device: u64, event: &E) -> Result;
}
