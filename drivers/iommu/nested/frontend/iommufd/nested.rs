// SPDX-License-Identifier: GPL-2.0

//! Nested HWPTs directly on a nesting parent, with `IOMMU_HWPT_INVALIDATE` of their own.

use super::Abi;
use crate::{
    backend::{
        EventSink,
        GuestDevices,
        GuestTraffic, //
    },
    iommu::{
        self,
        bindings,
        Endpoint,
        UserArray,
        UserData, //
    },
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::Arc, //
};

/// A nested HWPT of a back end: a guest context that has one table.
pub(crate) struct Nested<B: Abi> {
    guest: Arc<B::Guest>,
    table: B::Table,
}

impl<B: Abi> Nested<B> {
    /// The guest has told no ID of the device.
    fn attach_traffic(&self, ep: &Endpoint<B>, pasid: Option<(u32, &Device<Bound>)>) -> Result {
        let traffic = GuestTraffic {
            ep,
            pasid,
            device: None,
        };

        B::attach_guest(&traffic, &self.guest, &self.table)
    }
}

impl<B: Abi<Nested = Nested<B>>> iommu::Nested for Nested<B> {
    type Driver = B;

    fn alloc(
        ep: &Endpoint<B>,
        parent: &Arc<B::Paging>,
        flags: u32,
        user: &UserData<'_>,
    ) -> Result<Self> {
        // Any of them can be attached to a PASID.
        const PASID: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_PASID;

        if flags & !PASID != 0 || !B::nesting(ep) {
            return Err(EOPNOTSUPP);
        }

        let raw = user.read(B::TABLE)?;
        let events = Arc::new(NoEvents, GFP_KERNEL_ACCOUNT)?;
        let guest = B::new_guest(ep.iommu(), parent, events)?;

        Ok(Self {
            table: B::parse_table(&guest, raw)?,
            guest,
        })
    }

    fn attach(&self, ep: &Endpoint<B>) -> Result {
        self.attach_traffic(ep, None)
    }

    fn attach_pasid(&self, ep: &Endpoint<B>, hw: &Device<Bound>, pasid: u32) -> Result {
        self.attach_traffic(ep, Some((pasid, hw)))
    }

    fn invalidate(&self, array: &mut UserArray<'_>) -> Result {
        super::invalidate::<B>(&self.guest, &NoDevices, array)
    }
}

/// The guest has told no IDs of its devices.
struct NoDevices;

impl<B: Abi> GuestDevices<B> for NoDevices {
    fn with<R>(&self, _id: u64, _f: impl FnOnce(&Endpoint<B>) -> R) -> Option<R> {
        None
    }
}

/// There is no queue for events.
struct NoEvents;

impl<E> EventSink<E> for NoEvents {
    fn report(&self, _device: u64, _event: &E) -> Result {
        Err(EOPNOTSUPP)
    }
}
