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
    iommu::{
        client::Member,
        Endpoint, //
    },
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

    fn is_of(&self, member: &Member<'_>) -> bool {
        member
            .endpoint::<B>()
            .is_some_and(|found| Arc::ptr_eq(&found, &self.ep))
    }
}

impl<B: Backend> State<B> {
    /// Calls `f` for the device of a switch, with the group's mutex held.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is gone.
    /// - [`EBUSY`]: being reset.
    /// - Those of `f`.
    fn with_device<R>(
        &self,
        switch: &Switch<B>,
        f: impl Fn(&Member<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut result = Err(ENODEV);

        self.groups[switch.group]
            .attached
            .for_each_of_all(|member, attached| {
                if switch.is_of(member) {
                    result = match attached {
                        true => f(member),
                        false => Err(EBUSY),
                    };
                }
                Ok(())
            })?;
        result
    }

    /// Keeps what a device may have to go back to.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - As [`Self::with_device`] and [`Backend::keep`].
    fn keep(&self, switch: &Switch<B>, count: usize) -> Result<B::Kept> {
        self.groups[switch.group].devices().reserve(count)?;
        self.with_device(switch, |_| B::keep(&switch.ep, switch.pasid))
    }

    /// Switches one device.
    ///
    /// # Errors
    ///
    /// - As [`Self::with_device`], [`Backend::attach_guest`] and [`Backend::attach_shadow`].
    fn switch(&self, switch: &Switch<B>) -> Result {
        let devices = self.groups[switch.group].devices();

        self.with_device(switch, |member| {
            let hw = member.iommu_dev::<B>().ok_or(ENODEV)?;

            devices.switch(&switch.ep, hw, switch.pasid, switch.to.clone())
        })
    }

    /// Undoes that. What it takes was `kept`.
    fn put_back(&self, switch: &Switch<B>, kept: B::Kept) {
        let group = &self.groups[switch.group];
        let mut kept = Some(kept);
        let mut found = false;
        let put_back = |kept| {
            let Switch {
                ep, pasid, from, ..
            } = switch;

            group.devices().put_back(ep, *pasid, from.clone(), kept);
        };

        // Can't fail, as nothing in it does.
        let _ = group.attached.for_each_of_all(|member, attached| {
            if switch.is_of(member) {
                found = true;
                put_back(kept.take().filter(|_| attached));
            }
            Ok(())
        });
        if !found {
            // The device is gone, and nothing is to be attached.
            put_back(None);
        }
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

    /// Switches all devices, or none: what it takes to go back is there before the first is
    /// switched. A device whose hardware does not answer is blocked.
    pub(super) fn switch_all(&self, state: &State<B>, switches: &[Switch<B>]) -> Result {
        let count = switches.len();
        let mut kept = KVec::with_capacity(count, GFP_KERNEL)?;

        self.routes.reserve(count)?;
        for switch in switches {
            kept.push(state.keep(switch, count)?, GFP_KERNEL)?;
        }
        for (done, switch) in switches.iter().enumerate() {
            if let Err(e) = state.switch(switch) {
                for (switch, kept) in switches[..done].iter().zip(kept) {
                    state.put_back(switch, kept);
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
