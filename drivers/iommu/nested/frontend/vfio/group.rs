// SPDX-License-Identifier: GPL-2.0

//! Groups of a container.

use super::{
    devices::Devices,
    memory::Memory,
    msi::Window,
    stage::Stage, //
};
use crate::{
    backend::{
        AddressRange,
        Backend,
        EventSink, //
    },
    iommu::{
        self,
        client::{
            Attached,
            Doorbells,
            Purpose,
            Reserved,
            ReservedKind,
            Space, //
        },
        Capability,
        Endpoint, //
    },
    params,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What a group has to say before it is attached.
pub(super) struct Candidate<B: Backend> {
    group: iommu::client::Group,
    /// One of its devices.
    ep: Arc<Endpoint<B>>,
    /// All its devices can be made coherent.
    coherent: bool,
    /// Hardware walks the tables of a guest that has its devices.
    nests: bool,
    reserved: KVec<Reserved>,
}

impl<B: Backend> Candidate<B> {
    /// Looks at a group.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: not behind one IOMMU of the back end.
    /// - [`EPERM`]: the devices could raise any interrupt.
    /// - [`ENOMEM`]
    pub(super) fn new(group: iommu::client::Group) -> Result<Self> {
        let mut first: Option<Arc<Endpoint<B>>> = None;
        let mut coherent = true;
        let mut nests = true;

        group.for_each(|member| {
            let ep = member.endpoint::<B>().ok_or(EINVAL)?;

            nests &= B::nesting(&ep);
            coherent &= B::capable(&ep, Capability::EnforceCacheCoherency);
            match &first {
                None => first = Some(ep),
                Some(first) if !Arc::ptr_eq(first.iommu(), ep.iommu()) => return Err(EINVAL),
                Some(_) => (),
            }
            Ok(())
        })?;
        if !group.has_isolated_msi() && !params::allow_unsafe_interrupts() {
            return Err(EPERM);
        }
        Ok(Self {
            reserved: group.reserved()?,
            ep: first.ok_or(EINVAL)?,
            coherent,
            nests,
            group,
        })
    }

    /// Whether memory is in the way.
    pub(super) fn conflicts(&self, memory: &Memory) -> bool {
        self.reserved.iter().any(|reserved| {
            reserved.kind != ReservedKind::Relaxable
                && range_of(reserved).is_some_and(|range| memory.overlaps(&range))
        })
    }

    /// Whether hardware walks the guest's tables; otherwise software does.
    pub(super) fn nests(&self) -> bool {
        self.nests
    }

    /// Whether there can't be a guest's doorbell at `gpas`.
    pub(super) fn reserves(&self, gpas: &AddressRange) -> bool {
        reserves(&self.reserved, gpas)
    }

    /// Whether `stage` is the one for this group.
    pub(super) fn fits(&self, stage: &Stage<B>) -> bool {
        stage.is_for(self.ep.iommu(), self.coherent)
    }

    /// A new second stage for this group, as [`Stage::new`].
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: all of its devices have gone.
    /// - As [`Space::new`] and [`Stage::new`].
    pub(super) fn new_stage(&self, events: Arc<dyn EventSink<B::Event>>) -> Result<Arc<Stage<B>>> {
        let mut space = None;
        let purpose = match self.nests {
            true => Purpose::Parent,
            false => Purpose::Plain,
        };

        // Not for `ep`: it may have gone meanwhile.
        self.group.for_each(|member| {
            if space.is_none() {
                space = Some(Space::new(member, purpose)?);
            }
            Ok(())
        })?;
        Stage::new(
            self.ep.iommu(),
            space.ok_or(ENODEV)?,
            self.coherent,
            self.nests,
            events,
        )
    }

    /// Attaches the group to the second stage.
    ///
    /// # Errors
    ///
    /// - As [`Attached::new`].
    pub(super) fn attach(self, stage: Arc<Stage<B>>, slot: usize) -> Result<Group<B>> {
        let host_window = self
            .reserved
            .iter()
            .find(|reserved| reserved.kind == ReservedKind::MsiWindow)
            .and_then(range_of);
        let window = Window::host(stage.clone(), host_window, slot)?;
        let base = window.base();

        Ok(Group {
            attached: Attached::new(self.group, Devices::new(stage)?, window, base)?,
            reserved: self.reserved,
            host_window,
            slot,
        })
    }
}

fn range_of(reserved: &Reserved) -> Option<AddressRange> {
    AddressRange::new(
        reserved.start,
        (reserved.last - reserved.start).saturating_add(1),
    )
}

fn reserves(reserved: &[Reserved], gpas: &AddressRange) -> bool {
    reserved.iter().any(|reserved| {
        reserved.kind == ReservedKind::Other
            && range_of(reserved).is_some_and(|range| range.overlaps(gpas))
    })
}

/// A group of a container.
pub(super) struct Group<B: Backend> {
    /// The group, attached.
    pub(super) attached: Attached<Devices<B>>,
    reserved: KVec<Reserved>,
    /// Where the host has doorbells, if they are to be mapped (IOVAs).
    pub(super) host_window: Option<AddressRange>,
    /// Which part of that window it uses.
    pub(super) slot: usize,
}

impl<B: Backend> Group<B> {
    /// The devices.
    pub(super) fn devices(&self) -> &Arc<Devices<B>> {
        self.attached.translation()
    }

    /// Their second stage.
    pub(super) fn stage(&self) -> &Arc<Stage<B>> {
        &self.devices().stage
    }

    /// The ranges that can't be memory.
    pub(super) fn holes(&self) -> impl Iterator<Item = AddressRange> + '_ {
        self.reserved
            .iter()
            .filter(|reserved| reserved.kind != ReservedKind::Relaxable)
            .filter_map(range_of)
    }

    /// Whether there can't be a guest's doorbell at `gpas`.
    pub(super) fn reserves(&self, gpas: &AddressRange) -> bool {
        reserves(&self.reserved, gpas)
    }

    /// A window to be [exchanged](Attached::exchange) for the one in use.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn prepare(&self, window: Window<B>) -> Result<Doorbells<Devices<B>>> {
        let base = window.base();

        self.attached.prepare(window, base)
    }
}
