// SPDX-License-Identifier: GPL-2.0

//! The stock iommufd: vIOMMU, vDEVICE, nested HWPT, `IOMMU_HWPT_INVALIDATE` and vEVENTQ.
//!
//! uAPI: [`include/uapi/linux/iommufd.h`](srctree/include/uapi/linux/iommufd.h)

use crate::{
    backend::{
        Backend,
        EventSink,
        Failed,
        GuestDevice,
        GuestDevices,
        BLOCK, //
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
use core::mem::MaybeUninit;
use kernel::{
    prelude::*,
    sync::Arc,
    transmute::AsBytes, //
};

/// The numbers by which the uAPI calls the formats of a [`Backend`].
pub(crate) trait Abi: Backend {
    /// Of `enum iommu_viommu_type`.
    const VIOMMU: u32;
    /// Of `enum iommu_hwpt_data_type`, for [`Backend::RawTable`].
    const TABLE: u32;
    /// Of `enum iommu_hwpt_invalidate_data_type`, for [`Backend::Command`].
    const COMMAND: u32;
    /// Of `enum iommu_veventq_type`, for [`Backend::Event`].
    const EVENT: u32;
}

/// A virtual IOMMU of a [`Backend`].
pub(crate) struct Viommu<B: Abi> {
    guest: Arc<B::Guest>,
    reporter: Arc<Reporter>,
}

impl<B: Abi<Viommu = Viommu<B>>> Operations for Viommu<B> {
    type Driver = B;
    type Nested = B::Table;

    const TYPE: u32 = B::VIOMMU;
    const EVENT: u32 = B::EVENT;

    fn supported(ep: &Endpoint<B>) -> bool {
        B::nesting(ep)
    }

    fn new(
        iommu: &Instance<B>,
        parent: &Arc<B::Paging>,
        user: Option<UserData<'_>>,
        reporter: &Arc<Reporter>,
    ) -> Result<Self> {
        if user.is_some() {
            return Err(EOPNOTSUPP);
        }
        Ok(Self {
            guest: B::new_guest(iommu, parent)?,
            reporter: reporter.clone(),
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
            Ok(id) => Some(GuestDevice {
                id,
                events: this.reporter.clone(),
            }),
            Err(_) if !B::needs_device_id(table) => None,
            Err(e) => return Err(e),
        };

        B::attach_guest(ep, &this.guest, table, device)
    }

    fn invalidate(this: &iommu::viommu::Viommu<Self>, array: &mut UserArray<'_>) -> Result {
        let mut done = 0;
        let result = invalidate_blocks(this, array, &mut done);

        array.set_handled(done);
        result
    }

    fn check_vdevice(ep: &Endpoint<B>, virtual_id: u64) -> Result {
        B::check_guest_device(ep, virtual_id)
    }
}

fn invalidate_blocks<B: Abi<Viommu = Viommu<B>>>(
    this: &iommu::viommu::Viommu<Viommu<B>>,
    array: &UserArray<'_>,
    done: &mut u32,
) -> Result {
    if array.data_type() != B::COMMAND {
        return Err(EINVAL);
    }

    let mut block = [const { MaybeUninit::uninit() }; BLOCK];

    while *done < array.len() {
        // CAST: `u32` to `usize` widens.
        let left = (array.len() - *done) as usize;
        let count = left.min(BLOCK);

        let block = array.read(*done, &mut block[..count])?;
        let (handled, result) = match B::invalidate(&this.guest, block, &VDevices(this)) {
            Ok(()) => (count, Ok(())),
            Err(Failed { done, error }) => (done, Err(error)),
        };
        // CAST: Not more than `BLOCK`.
        *done += handled as u32;
        result?;
        array.pause()?;
    }
    Ok(())
}

/// The vDEVICEs of a virtual IOMMU.
struct VDevices<'a, B: Abi<Viommu = Viommu<B>>>(&'a iommu::viommu::Viommu<Viommu<B>>);

impl<B: Abi<Viommu = Viommu<B>>> GuestDevices<B> for VDevices<'_, B> {
    fn with<R>(&self, id: u64, f: impl FnOnce(&Endpoint<B>) -> R) -> Option<R> {
        self.0.devices().find(id).map(f)
    }
}

impl<E: AsBytes> EventSink<E> for Reporter {
    fn report(&self, _id: u64, event: &E) -> Result {
        Reporter::report(self, event)
    }
}
