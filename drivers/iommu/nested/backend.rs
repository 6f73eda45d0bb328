// SPDX-License-Identifier: GPL-2.0

//! What hardware offers to the front ends: the one interface between the two.
//!
//! The host's own use of an IOMMU (domains, mapping, attaching) is [`iommu::Driver`]; this adds
//! what a guest's use of it takes. Nothing here knows an interface to user space, nor a vendor.

use crate::iommu::{
    self,
    Endpoint,
    Instance, //
};
use kernel::{
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

/// Hardware with nested translation.
pub(crate) trait Backend: iommu::Driver {
    /// The hardware's context of one virtual IOMMU: a second stage and its own tag of cached
    /// translations. Lives as long as it is referred to.
    type Guest: Send + Sync;
    /// A guest's first-stage configuration of a device, validated.
    type Table: Send + Sync;
    /// The same, as the guest wrote it.
    type RawTable: FromBytes;
    /// An invalidation command, as the guest wrote it.
    type Command: FromBytes;
    /// An event, as the guest will read it.
    type Event: AsBytes;

    /// Whether `ep` can be given to a guest that owns its first stage.
    fn nesting(ep: &Endpoint<Self>) -> bool;

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

    /// Whether a device that uses `table` must have an ID that the guest knows it by, because there
    /// will be invalidations and events that name it.
    fn needs_device_id(table: &Self::Table) -> bool;

    /// Attaches a device to a guest context, which knows it by the ID `device`: without one, its
    /// events are the host's. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: device and guest are not on the same IOMMU.
    /// - [`EBUSY`]: not while PASIDs are attached.
    /// - [`ENOMEM`]
    fn attach_guest(
        ep: &Endpoint<Self>,
        guest: &Arc<Self::Guest>,
        table: &Self::Table,
        device: Option<u64>,
    ) -> Result;

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

    /// Checks that a guest's invalidations can name `ep`, by `id`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `id` is more than what the hardware's commands hold.
    /// - [`EOPNOTSUPP`]: the device has not exactly one ID of the hardware's.
    fn check_guest_device(ep: &Endpoint<Self>, id: u64) -> Result;
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
