// SPDX-License-Identifier: GPL-2.0

//! vIOMMU, with its vDEVICEs, nested HWPTs and vEVENTQ.

use super::Abi;
use crate::{
    backend::{
        EventSink,
        GuestDevices,
        GuestTraffic, //
    },
    iommu::{
        self,
        viommu::{
            Operations,
            Reporter, //
        },
        Endpoint,
        Instance,
        UserArray,
        UserData, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc,
    transmute::AsBytes, //
};

/// The numbers by which the uAPI calls the formats of a back end with virtual IOMMUs.
pub(crate) trait ViommuAbi: Abi {
    /// Of `enum iommu_viommu_type`.
    const VIOMMU: u32;
    /// Of `enum iommu_veventq_type`, for `Backend::Event`.
    const EVENT: u32;
}

/// A virtual IOMMU of a back end.
pub(crate) struct Viommu<B: ViommuAbi> {
    guest: Arc<B::Guest>,
}

impl<B: ViommuAbi<Viommu = Viommu<B>>> Operations for Viommu<B> {
    type Driver = B;
    type Nested = B::Table;

    const TYPE: u32 = B::VIOMMU;
    const EVENT: u32 = B::EVENT;

    fn supported(ep: &Endpoint<B>) -> bool {
        B::nesting(ep)
    }

    fn new(iommu: &Instance<B>, parent: &Arc<B::Paging>, reporter: &Arc<Reporter>) -> Result<Self> {
        Ok(Self {
            guest: B::new_guest(iommu, parent, reporter.clone())?,
        })
    }

    fn alloc_nested(
        this: &iommu::viommu::Viommu<Self>,
        flags: u32,
        user: &UserData<'_>,
    ) -> Result<B::Table> {
        if flags != 0 {
            return Err(EOPNOTSUPP);
        }
        B::parse_table(&this.guest, user.read(B::TABLE)?)
    }

    fn attach(this: &iommu::viommu::Viommu<Self>, table: &B::Table, ep: &Endpoint<B>) -> Result {
        let device = match this.virtual_id(ep) {
            Ok(id) => Some(id),
            Err(_) if !B::needs_device_id(table) => None,
            Err(e) => return Err(e),
        };

        let traffic = GuestTraffic {
            ep,
            pasid: None,
            device,
        };

        B::attach_guest(&traffic, &this.guest, table)
    }

    fn invalidate(this: &iommu::viommu::Viommu<Self>, array: &mut UserArray<'_>) -> Result {
        super::invalidate::<B>(&this.guest, &VDevices(this), array)
    }

    fn check_vdevice(ep: &Endpoint<B>, virtual_id: u64) -> Result {
        B::check_guest_device(ep, virtual_id)
    }
}

/// The vDEVICEs of a virtual IOMMU.
struct VDevices<'a, B: ViommuAbi<Viommu = Viommu<B>>>(&'a iommu::viommu::Viommu<Viommu<B>>);

impl<B: ViommuAbi<Viommu = Viommu<B>>> GuestDevices<B> for VDevices<'_, B> {
    fn with<R>(&self, id: u64, f: impl FnOnce(&Endpoint<B>) -> R) -> Option<R> {
        self.0.devices().find(id).map(f)
    }
}

impl<E: AsBytes> EventSink<E> for Reporter {
    /// The event says itself which device it is of.
    fn report(&self, _device: u64, event: &E) -> Result {
        Reporter::report(self, event)
    }
}
