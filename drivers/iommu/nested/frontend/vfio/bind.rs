// SPDX-License-Identifier: GPL-2.0

//! Giving devices a first stage, and taking it away.
//!
//! A device has the second stage only, or a first stage above it. The switch is the back end's, and
//! the core is not involved: to it, the group stays attached to its one domain.

use super::{
    args::BindTable,
    container::{
        Container,
        State, //
    },
    devices::{
        Bound,
        First, //
    },
    target::Target,
    Abi, //
};
use crate::{
    backend::Backend,
    iommu::Endpoint, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A device that is to be switched, and what to.
pub(super) struct Switch<B: Backend> {
    /// The index of its group.
    pub(super) group: usize,
    pub(super) ep: Arc<Endpoint<B>>,
    /// Its traffic with this PASID, or that without.
    pub(super) pasid: Option<u32>,
    pub(super) from: Option<Bound<B>>,
    pub(super) to: Option<Bound<B>>,
}

impl<B: Backend> Switch<B> {
    /// The guest's ID of the device afterwards.
    pub(super) fn id(&self) -> Option<u64> {
        self.to.as_ref().and_then(|bound| bound.id)
    }
}

impl<B: Backend> State<B> {
    /// Switches one device `to` something.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is gone.
    /// - [`EBUSY`]: being reset.
    /// - As [`Backend::attach_guest`].
    fn switch(&self, switch: &Switch<B>, to: &Option<Bound<B>>) -> Result {
        let Switch {
            group, ep, pasid, ..
        } = switch;
        let group = &self.groups[*group];
        let mut result = None;

        let all = group.attached.for_each(|member| {
            if let Some(found) = member.endpoint::<B>() {
                if Arc::ptr_eq(&found, ep) {
                    let hw = member.iommu_dev::<B>().ok_or(ENODEV)?;

                    result = Some(group.devices().switch(ep, hw, *pasid, to.clone()));
                }
            }
            Ok(())
        });
        // Once it was switched, it does not matter whether a device behind it is being reset.
        result.unwrap_or(all.and(Err(ENODEV)))
    }

    /// Checks that hardware can begin to read a guest's table.
    ///
    /// # Errors
    ///
    /// - [`EFAULT`]: part of it is not mapped.
    pub(super) fn check_table(&self, table: &B::Table) -> Result {
        match B::table_memory(table) {
            Some(memory) if !self.memory.readable(&memory) => Err(EFAULT),
            _ => Ok(()),
        }
    }

    /// How the traffic of a target's devices without PASID gets to have the second stage only, or
    /// that with `pasid` to have nothing.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: they have nothing else.
    /// - [`EOPNOTSUPP`]: a device has no PASIDs.
    /// - As [`State::devices`].
    pub(super) fn releases(&self, target: &Target, pasid: Option<u32>) -> Result<KVec<Switch<B>>> {
        let mut switches = KVec::new();

        for (group, ep) in self.devices(target)? {
            if let Some(from) = self.groups[group].devices().bound(&ep, pasid) {
                switches.push(
                    Switch {
                        group,
                        ep,
                        pasid,
                        from: Some(from),
                        to: None,
                    },
                    GFP_KERNEL,
                )?;
            } else if pasid.is_some() && B::pasid_bits(&ep) == 0 {
                return Err(EOPNOTSUPP);
            }
        }
        match switches.is_empty() {
            false => Ok(switches),
            true => Err(ENOENT),
        }
    }
}

impl<B: Abi> Container<B> {
    /// Gives the devices of a target a first stage.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_BIND_PASID_TABLE`.
    pub(super) fn bind(&self, target: &Target, request: &BindTable<B::TableOptions>) -> Result {
        let state = self.state.lock();
        let devices = state.devices(target)?;
        let mut switches = KVec::with_capacity(devices.len(), GFP_KERNEL)?;

        if request.id.is_some() && devices.len() != 1 {
            return Err(EINVAL);
        }
        for (group, ep) in devices {
            let from = state.groups[group].devices().bound(&ep, None);

            if from.is_some() && !request.replace {
                return Err(EBUSY);
            }
            let to = self.plan(&state, group, &ep, from.as_ref(), request)?;
            if to.id.is_some() && switches.iter().any(|other: &Switch<B>| other.id() == to.id) {
                return Err(EEXIST);
            }
            switches.push(
                Switch {
                    group,
                    ep,
                    pasid: None,
                    from,
                    to: Some(to),
                },
                GFP_KERNEL,
            )?;
        }
        self.switch_all(&state, &switches)
    }

    /// How a device is to be bound.
    fn plan(
        &self,
        state: &State<B>,
        group: usize,
        ep: &Arc<Endpoint<B>>,
        from: Option<&Bound<B>>,
        request: &BindTable<B::TableOptions>,
    ) -> Result<Bound<B>> {
        let stage = state.groups[group].stage();

        // It may have joined its group later.
        if !B::nesting(ep) {
            return Err(EOPNOTSUPP);
        }
        let table = B::make_table(stage.guest()?, &request.stage)?;

        state.check_table(&table)?;
        let known = from.and_then(|bound| bound.id);

        Ok(Bound {
            ep: ep.clone(),
            pasid: None,
            id: self.device_id(ep, known, request.id, B::needs_device_id(&table))?,
            first: First::Table(Arc::new(table, GFP_KERNEL_ACCOUNT)?),
        })
    }

    /// The guest's ID of a device: what it is to be, or is (`known`), or else the hardware's,
    /// without which it has none unless it `needs` one.
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: another device has it.
    /// - As [`Backend::device_id`] and [`Backend::check_guest_device`].
    pub(super) fn device_id(
        &self,
        ep: &Arc<Endpoint<B>>,
        known: Option<u64>,
        wanted: Option<u64>,
        needs: bool,
    ) -> Result<Option<u64>> {
        let id = match wanted.or(known) {
            Some(id) => Some(id),
            None => match B::device_id(ep) {
                Ok(id) => Some(id),
                Err(e) if needs => return Err(e),
                Err(_) => None,
            },
        };

        if let Some(id) = id {
            B::check_guest_device(ep, id)?;
            if self.routes.taken(id, ep) {
                return Err(EEXIST);
            }
        }
        Ok(id)
    }

    /// Leaves the devices of a target with the second stage only.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_UNBIND_PASID_TABLE`.
    pub(super) fn unbind(&self, target: &Target) -> Result {
        let state = self.state.lock();

        if self.takes_page_tables() {
            return Err(EOPNOTSUPP);
        }
        let switches = state.releases(target, None)?;
        self.switch_all(&state, &switches)
    }

    /// Switches all devices, or none.
    pub(super) fn switch_all(&self, state: &State<B>, switches: &[Switch<B>]) -> Result {
        self.routes.reserve(switches.len())?;
        for (done, switch) in switches.iter().enumerate() {
            if let Err(e) = state.switch(switch, &switch.to) {
                for switch in switches[..done].iter().rev() {
                    // A device that does not go back is blocked or, if memory is short, keeps its
                    // new first stage: nothing that is not the guest's own.
                    let _ = state.switch(switch, &switch.from);
                }
                return Err(e);
            }
        }
        for switch in switches {
            let devices = state.groups[switch.group].devices();

            self.routes
                .set(&switch.ep, devices.id(&switch.ep), &devices.stage);
        }
        Ok(())
    }
}
