// SPDX-License-Identifier: GPL-2.0

//! A device behind an IOMMU.

use super::{
    bindings,
    driver::Ops,
    Driver,
    FwSpec,
    Instance, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic,
        Arc,
        ArcBorrow,
        SpinLock, //
    },
};

/// Who attaches PASIDs of a device without the core.
pub(super) trait Keeper<D: Driver>: Send + Sync {
    /// Blocks these PASIDs of a device: the core has blocked the rest of its traffic. Called with
    /// the group's mutex held. May sleep.
    fn block(&self, ep: &Endpoint<D>, hw: &Device<Bound>);
}

/// The driver's data of one device behind an IOMMU: what `dev_iommu_priv_get()` returns.
#[pin_data]
pub struct Endpoint<D: Driver> {
    dev: ARef<Device>,
    iommu: Arc<Instance<D>>,
    /// The virtual IOMMU that the device is a vDEVICE of, by address, and its ID there. Innermost
    /// lock.
    #[pin]
    virtual_id: SpinLock<Option<(usize, u64)>>,
    /// How many attachments of the device have somebody who serves page requests. Changed with the
    /// core's group mutex held.
    pub(super) served: Atomic<u32>,
    /// Who attaches its PASIDs without the core, if somebody does. Innermost lock.
    #[pin]
    keeper: SpinLock<Option<Arc<dyn Keeper<D>>>>,
    #[pin]
    data: D::Endpoint,
}

impl<D: Driver> Endpoint<D> {
    pub(super) fn new(
        dev: &Device,
        iommu: &Arc<Instance<D>>,
        hw: &Device<Bound>,
        spec: Option<FwSpec<'_>>,
    ) -> Result<Arc<Self>> {
        let data = D::probe(iommu, hw, dev, spec)?;

        Arc::pin_init(
            try_pin_init!(Self {
                dev: dev.into(),
                iommu: iommu.clone(),
                virtual_id <- new_spinlock!(None, "Endpoint::virtual_id"),
                served: Atomic::new(0),
                keeper <- new_spinlock!(None, "Endpoint::keeper"),
                data <- data,
            }),
            GFP_KERNEL,
        )
    }

    /// The device.
    pub fn dev(&self) -> &Device {
        &self.dev
    }

    /// The IOMMU it is behind.
    pub fn iommu(&self) -> &Arc<Instance<D>> {
        &self.iommu
    }

    /// The device's ID as a vDEVICE of the virtual IOMMU at `viommu`, if it is one.
    pub(super) fn virtual_id(&self, viommu: usize) -> Option<u64> {
        match *self.virtual_id.lock() {
            Some((of, id)) if of == viommu => Some(id),
            _ => None,
        }
    }

    /// iommufd makes and destroys the vDEVICEs of a device one after the other.
    pub(super) fn set_virtual_id(&self, id: Option<(usize, u64)>) {
        *self.virtual_id.lock() = id;
    }

    /// Has `keeper` told when the core blocks the device, until then. Returns who was before.
    pub(super) fn set_keeper(
        &self,
        keeper: Option<Arc<dyn Keeper<D>>>,
    ) -> Option<Arc<dyn Keeper<D>>> {
        core::mem::replace(&mut *self.keeper.lock(), keeper)
    }

    /// The endpoint of `dev`.
    ///
    /// # Safety
    ///
    /// `dev` must be behind an instance of `D`, between the core's calls of `probe_device` (after
    /// its success) and `release_device`, for `'a`.
    pub(super) unsafe fn from_dev<'a>(dev: *mut bindings::device) -> &'a Self {
        // SAFETY: By this function's requirement there is a valid endpoint.
        unsafe { &*Self::raw_from_dev(dev) }
    }

    /// The same, as it was leaked as an `Arc<Self>`.
    ///
    /// # Safety
    ///
    /// As for [`Self::from_dev`].
    #[inline]
    pub(super) unsafe fn raw_from_dev(dev: *mut bindings::device) -> *mut Self {
        // What `dev_iommu_priv_get()` does, a call of which would be most of what this costs.
        // SAFETY: By this function's requirement the device has private data: what `Ops` stored.
        unsafe { (*(*dev).iommu).priv_.cast() }
    }
}

impl<D: Driver> Endpoint<D> {
    /// The endpoint of `dev`, if it is behind an instance of `D`.
    ///
    /// # Safety
    ///
    /// `dev` must be valid, and not released by its IOMMU's driver meanwhile.
    pub(super) unsafe fn try_from_dev(dev: *mut bindings::device) -> Option<Arc<Self>> {
        // SAFETY: By this function's requirement.
        let ops = unsafe { bindings::rust_helper_dev_iommu_ops(dev) };

        core::ptr::eq(ops, Ops::<D>::IOMMU).then(|| {
            // SAFETY: By this function's requirement the private data is what `Ops` stored there: a
            // leaked `Arc<Self>`.
            unsafe { ArcBorrow::from_raw(Self::raw_from_dev(dev)).into() }
        })
    }
}

impl<D: Driver> core::ops::Deref for Endpoint<D> {
    type Target = D::Endpoint;

    fn deref(&self) -> &D::Endpoint {
        &self.data
    }
}
