// SPDX-License-Identifier: GPL-2.0

//! The devices of a group, and what their first stages are.

use super::{
    msi::Window,
    stage::Stage, //
};
use crate::{
    backend::{
        Backend,
        GuestDevices,
        GuestTraffic, //
    },
    iommu::{
        client::{
            Space,
            Translation, //
        },
        Endpoint,
        Target, //
    },
};
use kernel::{
    dev_err,
    device::{
        self,
        Device, //
    },
    io::PhysAddr,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// A first stage.
pub(super) enum First<B: Backend> {
    /// Every access is refused.
    Blocked,
    /// The guest's, that hardware reads.
    Table(Arc<B::Table>),
    /// A shadow of the guest's, and of the second stage.
    Shadow(Arc<Space<B>>),
}

impl<B: Backend> Clone for First<B> {
    fn clone(&self) -> Self {
        match self {
            Self::Blocked => Self::Blocked,
            Self::Table(table) => Self::Table(table.clone()),
            Self::Shadow(space) => Self::Shadow(space.clone()),
        }
    }
}

/// What of a device has a first stage.
pub(super) struct Bound<B: Backend> {
    /// The device.
    pub(super) ep: Arc<Endpoint<B>>,
    /// Its traffic with this PASID, or that without.
    pub(super) pasid: Option<u32>,
    /// Its first stage.
    pub(super) first: First<B>,
    /// What the guest knows the device by, if it has to.
    pub(super) id: Option<u64>,
}

impl<B: Backend> Clone for Bound<B> {
    fn clone(&self) -> Self {
        Self {
            ep: self.ep.clone(),
            pasid: self.pasid,
            first: self.first.clone(),
            id: self.id,
        }
    }
}

impl<B: Backend> Bound<B> {
    fn is_of(&self, ep: &Endpoint<B>) -> bool {
        core::ptr::eq(&*self.ep, ep)
    }
}

/// The devices of a group.
#[pin_data]
pub(super) struct Devices<B: Backend> {
    /// Their second stage.
    pub(super) stage: Arc<Stage<B>>,
    /// Those that have a first stage.
    #[pin]
    bound: Mutex<KVec<Bound<B>>>,
}

impl<B: Backend> Devices<B> {
    /// Devices with the second stage only.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn new(stage: Arc<Stage<B>>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                stage,
                bound <- new_mutex!(KVec::new(), "Devices::bound"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// How the traffic of `ep` with `pasid`, or without, is bound, if it is.
    pub(super) fn bound(&self, ep: &Arc<Endpoint<B>>, pasid: Option<u32>) -> Option<Bound<B>> {
        self.bound
            .lock()
            .iter()
            .find(|bound| bound.is_of(ep) && bound.pasid == pasid)
            .cloned()
    }

    /// Whether anything of `ep` is bound.
    pub(super) fn has(&self, ep: &Endpoint<B>) -> bool {
        self.bound.lock().iter().any(|bound| bound.is_of(ep))
    }

    /// Whether a device is bound by `pasid`.
    pub(super) fn uses(&self, pasid: u32) -> bool {
        self.bound
            .lock()
            .iter()
            .any(|bound| bound.pasid == Some(pasid))
    }

    /// What the guest knows `ep` by, if anything of it is bound that has an ID.
    pub(super) fn id(&self, ep: &Endpoint<B>) -> Option<u64> {
        self.id_where(|bound| bound.is_of(ep))
    }

    /// The same, if that is something else than the traffic with `pasid`, or without.
    pub(super) fn other_id(&self, ep: &Endpoint<B>, pasid: Option<u32>) -> Option<u64> {
        self.id_where(|bound| bound.is_of(ep) && bound.pasid != pasid)
    }

    fn id_where(&self, wanted: impl Fn(&Bound<B>) -> bool) -> Option<u64> {
        self.bound
            .lock()
            .iter()
            .filter(|bound| wanted(bound))
            .find_map(|bound| bound.id)
    }

    /// Makes room for so many more first stages. Nobody takes it but [`Self::switch`].
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn reserve(&self, count: usize) -> Result {
        Ok(self.bound.lock().reserve(count, GFP_KERNEL_ACCOUNT)?)
    }

    /// Gives the traffic of a device with `pasid`, or without, another first stage, or none; there
    /// is room. On an error nothing has changed. To be called with the group's mutex held; `hw` is
    /// the IOMMU's hardware device.
    ///
    /// # Errors
    ///
    /// - As [`Backend::attach_guest`] and [`Backend::attach_shadow`].
    pub(super) fn switch(
        &self,
        ep: &Arc<Endpoint<B>>,
        hw: &Device<device::Bound>,
        pasid: Option<u32>,
        to: Option<Bound<B>>,
    ) -> Result {
        let mut bound = self.bound.lock();

        self.attach_as(ep, hw, pasid, to.as_ref())?;
        set(&mut bound, ep, pasid, to);
        Ok(())
    }

    /// Undoes one [`Self::switch`], whatever the hardware does: if it does not do what it is told,
    /// the traffic is blocked. To be called with the group's mutex held, and with what the back end
    /// has `kept` unless the core has yet to attach the device.
    pub(super) fn put_back(
        &self,
        ep: &Arc<Endpoint<B>>,
        pasid: Option<u32>,
        from: Option<Bound<B>>,
        kept: Option<B::Kept>,
    ) {
        let mut bound = self.bound.lock();

        set(&mut bound, ep, pasid, from);
        if let Some(kept) = kept {
            let _ = B::put_back(kept);
        }
    }

    /// Attaches the traffic of a device with `pasid`, or without, as it is bound, if it is.
    fn attach_as(
        &self,
        ep: &Endpoint<B>,
        hw: &Device<device::Bound>,
        pasid: Option<u32>,
        bound: Option<&Bound<B>>,
    ) -> Result {
        let traffic = |device| GuestTraffic {
            ep,
            pasid: pasid.map(|pasid| (pasid, hw)),
            device,
        };

        match bound.map(|bound| (&bound.first, bound.id)) {
            Some((First::Table(table), id)) => {
                B::attach_guest(&traffic(id), self.stage.guest()?, table)
            }
            Some((First::Shadow(space), id)) => {
                B::attach_shadow(&traffic(id), space.paging(), &self.stage.events)
            }
            Some((First::Blocked, id)) => B::block_guest(&traffic(id), self.stage.guest()?),
            None => match pasid {
                Some(pasid) => B::attach_pasid(ep, hw, pasid, None),
                None => B::attach(ep, Target::Paging(self.stage.space.paging())),
            },
        }
    }
}

/// Notes what first stage the traffic of a device with `pasid`, or without, has; there is room.
fn set<B: Backend>(
    all: &mut KVec<Bound<B>>,
    ep: &Endpoint<B>,
    pasid: Option<u32>,
    to: Option<Bound<B>>,
) {
    all.retain(|bound| !bound.is_of(ep) || bound.pasid != pasid);
    if let Some(to) = to {
        let _ = all.push_within_capacity(to);
    }
}

impl<B: Backend> Translation for Devices<B> {
    type Driver = B;
    type Doorbells = Window<B>;

    fn attach(&self, ep: &Arc<Endpoint<B>>, hw: &Device<device::Bound>) -> Result {
        let bound = self.bound.lock();
        let all = || bound.iter().filter(|bound| bound.is_of(ep));

        self.attach_as(ep, hw, None, all().find(|bound| bound.pasid.is_none()))?;
        for bound in all() {
            if let Some(pasid) = bound.pasid {
                // The device has the rest, and is refused what it can't have.
                if let Err(e) = self.attach_as(ep, hw, Some(pasid), Some(bound)) {
                    let _ = B::attach_pasid(ep, hw, pasid, None);
                    dev_err!(ep.dev(), "PASID {pasid} is blocked: {e:?}\n");
                }
            }
        }
        Ok(())
    }

    fn block_pasids(&self, ep: &Endpoint<B>, hw: &Device<device::Bound>) {
        let bound = self.bound.lock();

        for pasid in bound
            .iter()
            .filter(|bound| bound.is_of(ep))
            .filter_map(|bound| bound.pasid)
        {
            // Blocking can't fail.
            let _ = B::attach_pasid(ep, hw, pasid, None);
        }
    }

    fn map_doorbell(&self, window: &Window<B>, iova: u64, doorbell: PhysAddr) -> Result {
        window.map(iova, doorbell)
    }

    fn unmap_doorbell(&self, window: &Window<B>, iova: u64) {
        window.unmap(iova);
    }
}

/// Where a guest's ID of a device leads.
pub(super) struct Route<B: Backend> {
    /// The ID.
    pub(super) id: u64,
    /// The device.
    pub(super) ep: Arc<Endpoint<B>>,
    /// Its second stage.
    pub(super) stage: Arc<Stage<B>>,
}

impl<B: Backend> Route<B> {
    fn is_on(&self, stage: &Arc<Stage<B>>) -> bool {
        Arc::ptr_eq(&self.stage, stage)
    }
}

/// The devices of a container, bound and with an ID.
#[pin_data]
pub(super) struct Routes<B: Backend> {
    #[pin]
    list: Mutex<KVec<Route<B>>>,
}

impl<B: Backend> Routes<B> {
    /// None.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            list <- new_mutex!(KVec::new(), "Container::routes"),
        })
    }

    /// Whether `id` is that of a device other than `ep`.
    pub(super) fn taken(&self, id: u64, ep: &Arc<Endpoint<B>>) -> bool {
        self.list
            .lock()
            .iter()
            .any(|route| route.id == id && !Arc::ptr_eq(&route.ep, ep))
    }

    /// Makes room, so that [`Self::set`] of as many devices does not fail.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn reserve(&self, count: usize) -> Result {
        Ok(self.list.lock().reserve(count, GFP_KERNEL_ACCOUNT)?)
    }

    /// Has `id` lead to `ep`, or nothing; there is room.
    pub(super) fn set(&self, ep: &Arc<Endpoint<B>>, id: Option<u64>, stage: &Arc<Stage<B>>) {
        let mut list = self.list.lock();

        list.retain(|route| !Arc::ptr_eq(&route.ep, ep));
        if let Some(id) = id {
            let _ = list.push_within_capacity(Route {
                id,
                ep: ep.clone(),
                stage: stage.clone(),
            });
        }
    }

    /// Forgets the devices that `gone` names.
    pub(super) fn remove(&self, gone: impl Fn(&Route<B>) -> bool) {
        self.list.lock().retain(|route| !gone(route));
    }

    /// The devices on `stage`, by their IDs.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn ids(&self, stage: &Arc<Stage<B>>) -> Result<KVec<u64>> {
        let list = self.list.lock();
        let mut ids = KVec::with_capacity(list.len(), GFP_KERNEL)?;

        for route in list.iter().filter(|route| route.is_on(stage)) {
            ids.push(route.id, GFP_KERNEL)?;
        }
        Ok(ids)
    }

    /// Those on `stage`.
    pub(super) fn on<'a>(&'a self, stage: &'a Arc<Stage<B>>) -> RoutesOn<'a, B> {
        RoutesOn {
            routes: self,
            stage,
        }
    }

    /// The stage of the device `id`.
    pub(super) fn stage_of(&self, id: u64) -> Option<Arc<Stage<B>>> {
        self.list
            .lock()
            .iter()
            .find(|route| route.id == id)
            .map(|route| route.stage.clone())
    }
}

/// The devices of a container that are on one stage. What an IOMMU knows a device by is of no use
/// to another.
pub(super) struct RoutesOn<'a, B: Backend> {
    routes: &'a Routes<B>,
    stage: &'a Arc<Stage<B>>,
}

impl<B: Backend> GuestDevices<B> for RoutesOn<'_, B> {
    fn with<R>(&self, id: u64, f: impl FnOnce(&Endpoint<B>) -> R) -> Option<R> {
        let list = self.routes.list.lock();

        list.iter()
            .find(|route| route.id == id && route.is_on(self.stage))
            .map(|route| f(&route.ep))
    }
}
