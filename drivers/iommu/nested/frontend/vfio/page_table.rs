// SPDX-License-Identifier: GPL-2.0

//! Giving devices a page table of the guest's, where it is the host that has the tables which lead
//! there, and taking it away.
//!
//! To the rest it is a first stage as any other: the table itself where hardware walks it, or else
//! a [shadow](super::shadow).

use super::{
    args::BindPageTable,
    bind::Switch,
    container::{
        Container,
        State, //
    },
    devices::{
        Bound,
        First, //
    },
    shadow::Shadow,
    target::Target,
    Abi, //
};
use crate::{
    backend::{
        AddressRange,
        GuestTable, //
    },
    common::shadow::Format,
    iommu::{
        client::{
            Purpose,
            Space, //
        },
        Endpoint, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

impl<B: Abi> State<B> {
    /// The first stage of a device that is to use `table`, or nothing. Adds it to `shadows` if it
    /// is a shadow.
    fn new_first(
        &self,
        group: usize,
        ep: &Arc<Endpoint<B>>,
        pasid: Option<u32>,
        table: Option<&GuestTable>,
        shadows: &mut KVec<Shadow<B>>,
    ) -> Result<First<B>> {
        let stage = self.groups[group].stage();

        if !stage.nests() {
            self.check_shadows(ep, pasid, shadows)?;
            let shadow = self.new_shadow(group, ep, pasid, table, shadows)?;
            let space = shadow.space().clone();

            shadows.push(shadow, GFP_KERNEL)?;
            return Ok(First::Shadow(space));
        }
        // It may have joined its group later.
        if !B::nesting(ep) {
            return Err(EOPNOTSUPP);
        }
        let Some(table) = table else {
            return Ok(First::Blocked);
        };
        let table = B::make_first_stage(stage.guest()?, table)?;

        self.check_table(&table)?;
        Ok(First::Table(Arc::new(table, GFP_KERNEL_ACCOUNT)?))
    }

    /// A shadow of `table` for a device, up to date, beside `others` that are not in use yet.
    fn new_shadow(
        &self,
        group: usize,
        ep: &Arc<Endpoint<B>>,
        pasid: Option<u32>,
        table: Option<&GuestTable>,
        others: &[Shadow<B>],
    ) -> Result<Shadow<B>> {
        let group = &self.groups[group];
        let stage = group.stage();
        let table = match table {
            Some(table) => Some(B::make_page_table(table, &stage.capabilities())?),
            None => None,
        };

        if let Some(table) = &table {
            let entry = AddressRange::new(table.root(), size_of::<u64>() as u64).ok_or(ERANGE)?;

            if !self.memory.readable(&entry) {
                return Err(EFAULT);
            }
        }
        let mut space = None;
        group.attached.for_each(|member| {
            if member
                .endpoint::<B>()
                .is_some_and(|found| Arc::ptr_eq(&found, ep))
            {
                space = Some(Space::new(member, Purpose::Plain)?);
            }
            Ok(())
        })?;
        let mut shadow = Shadow::new(
            (ep, pasid),
            stage,
            space.ok_or(ENODEV)?,
            table,
            group.holes(),
        )?;
        let room = others
            .iter()
            .fold(self.room(None), |room, other| room.less(other.extent()));

        shadow.refresh(&self.memory, room, 0, u64::MAX)?;
        Ok(shadow)
    }
}

impl<B: Abi> Container<B> {
    /// Gives the devices of a target a page table.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_BIND_GUEST_PGTBL`.
    pub(super) fn bind_page_table(&self, target: &Target, request: &BindPageTable) -> Result {
        let mut state = self.state.lock();
        let devices = state.devices(target)?;
        let mut switches = KVec::with_capacity(devices.len(), GFP_KERNEL)?;
        let mut shadows = KVec::with_capacity(devices.len(), GFP_KERNEL)?;

        if request.id.is_some() && devices.len() != 1 {
            return Err(EINVAL);
        }
        for (group, ep) in devices {
            let pasid = request.pasid;
            let there = state.groups[group].devices();
            let from = there.bound(&ep, pasid);
            let other = there.other_id(&ep, pasid);

            state.check_pasid(&ep, pasid)?;
            if from.is_some() && !request.replace {
                return Err(EBUSY);
            }
            // A device has one ID.
            if request.id.is_some() && other.is_some() && request.id != other {
                return Err(EBUSY);
            }
            let known = there.id(&ep);
            let id = self.device_id(&ep, known, request.id, false)?;
            if id.is_some() && switches.iter().any(|other: &Switch<B>| other.id() == id) {
                return Err(EEXIST);
            }
            let to = Bound {
                ep: ep.clone(),
                pasid,
                first: state.new_first(group, &ep, pasid, request.table.as_ref(), &mut shadows)?,
                id,
            };

            switches.push(
                Switch {
                    group,
                    ep,
                    pasid,
                    from,
                    to: Some(to),
                },
                GFP_KERNEL,
            )?;
        }
        state.shadows.reserve(shadows.len(), GFP_KERNEL_ACCOUNT)?;
        self.switch_all(&state, &switches)?;
        state.forget_shadows(&switches);
        for shadow in shadows {
            // There is room: reserved above.
            let _ = state.shadows.push_within_capacity(shadow);
        }
        Ok(())
    }

    /// Leaves the devices of a target with GPAs, or without the PASID.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_UNBIND_GUEST_PGTBL`.
    pub(super) fn unbind_page_table(&self, target: &Target, pasid: Option<u32>) -> Result {
        let mut state = self.state.lock();
        let switches = state.releases(target, pasid)?;

        self.switch_all(&state, &switches)?;
        state.forget_shadows(&switches);
        Ok(())
    }

    /// Brings the shadows up to date with what the guest has changed: of all tables or those with
    /// `tag`, of a range of IOVAs or all.
    ///
    /// # Errors
    ///
    /// As of [`Shadow::refresh`].
    pub(super) fn refresh_shadows(&self, tag: Option<u32>, iovas: Option<AddressRange>) -> Result {
        let (first, last) = iovas.map_or((0, u64::MAX), |iovas| (iovas.start, iovas.last()));

        self.state.lock().refresh_tagged(tag, first, last)
    }
}

impl<B: Abi> State<B> {
    /// Drops the shadows that devices had before they were switched.
    fn forget_shadows(&mut self, switches: &[Switch<B>]) {
        self.shadows.retain(|shadow| {
            !switches
                .iter()
                .any(|switch| Arc::ptr_eq(&switch.ep, &shadow.ep) && switch.pasid == shadow.pasid)
        });
    }
}
