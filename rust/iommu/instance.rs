// SPDX-License-Identifier: GPL-2.0

//! A registered IOMMU.

use super::{
    bindings,
    driver::Ops,
    raw_dev,
    Driver, //
};
use core::marker::PhantomData;
use kernel::{
    container_of,
    device::{
        Bound,
        Device, //
    },
    error::to_result,
    fmt,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::Opaque, //
};

/// One IOMMU: `struct iommu_device` and the driver's data of it.
///
/// Shared by everything that refers to the IOMMU, so it may outlive the binding of its driver; the
/// driver's data must cope with that.
#[pin_data]
pub struct Instance<D: Driver> {
    #[pin]
    raw: Opaque<bindings::iommu_device>,
    dev: ARef<Device>,
    #[pin]
    data: D::Instance,
}

// SAFETY: `raw` is only touched by the IOMMU core, under its own locks; the rest is `Send`.
unsafe impl<D: Driver> Send for Instance<D> {}
// SAFETY: As above; the rest is `Sync`.
unsafe impl<D: Driver> Sync for Instance<D> {}

impl<D: Driver> Instance<D> {
    /// An IOMMU that is not registered yet; `dev` is its hardware device.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`], and those of `data`.
    pub fn new(dev: &Device, data: impl PinInit<D::Instance, Error>) -> Result<Arc<Self>> {
        Arc::pin_init(
            try_pin_init!(Self {
                raw: Opaque::zeroed(),
                dev: dev.into(),
                data <- data,
            }),
            GFP_KERNEL,
        )
    }

    /// The hardware device, in an operation that the IOMMU core calls on a device behind it.
    ///
    /// # Safety
    ///
    /// The instance must be registered for `'a`.
    pub(super) unsafe fn bound_dev<'a>(&self) -> &'a Device<Bound> {
        // SAFETY: `Device` is transparent; a `Registration` lives no longer than the binding of its
        // device.
        unsafe { &*raw_dev(&self.dev).cast::<Device<Bound>>() }
    }

    /// The hardware device.
    pub fn dev(&self) -> &Device {
        &self.dev
    }

    pub(super) fn as_raw(&self) -> *mut bindings::iommu_device {
        self.raw.get()
    }

    /// # Safety
    ///
    /// `raw` must be the member of an `Instance<D>` that is alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(raw: *mut bindings::iommu_device) -> &'a Self {
        // SAFETY: By this function's requirement; `Opaque` is transparent.
        unsafe { &*container_of!(Opaque::cast_from(raw), Self, raw) }
    }

    /// What firmware says of the IOMMU, to be compared; `None` if it is not registered yet or
    /// firmware says nothing.
    pub(super) fn fwnode(&self) -> *mut bindings::fwnode_handle {
        // SAFETY: Set before the first device is probed and constant while registered.
        unsafe { (*self.as_raw()).fwnode }
    }
}

impl<D: Driver> core::ops::Deref for Instance<D> {
    type Target = D::Instance;

    fn deref(&self) -> &D::Instance {
        &self.data
    }
}

/// The registration of an [`Instance`] with the IOMMU core.
///
/// Dropping it first hides the instance from new devices, then releases all devices behind it.
pub struct Registration<'a, D: Driver> {
    instance: Arc<Instance<D>>,
    _bound: PhantomData<&'a Device<Bound>>,
}

impl<'a, D: Driver> Registration<'a, D> {
    /// Registers `instance`, whose hardware device is `bound`, under `name` in sysfs and probes the
    /// devices behind it. The result must not be leaked.
    ///
    /// If `bound` has a firmware node, firmware has to tell of each device that it is behind this
    /// IOMMU. If not, each device is offered about which firmware says nothing.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `bound` is another device.
    /// - [`ENOMEM`], and those of `iommu_device_sysfs_add()` and `iommu_device_register()`.
    pub fn new(
        bound: &'a Device<Bound>,
        instance: Arc<Instance<D>>,
        name: fmt::Arguments<'_>,
        max_pasids: u32,
    ) -> Result<Self> {
        let name = CString::try_from_fmt(name)?;

        if !core::ptr::eq(raw_dev(bound), raw_dev(&instance.dev)) {
            return Err(EINVAL);
        }

        // SAFETY: Nothing else refers to the `iommu_device` before it is registered.
        unsafe { (*instance.as_raw()).max_pasids = max_pasids };

        // SAFETY: The pointers are valid, and the format takes one C string.
        to_result(unsafe {
            bindings::iommu_device_sysfs_add(
                instance.as_raw(),
                raw_dev(&instance.dev),
                core::ptr::null_mut(),
                c"%s".as_char_ptr(),
                name.as_char_ptr(),
            )
        })?;

        let registered = D::instances().add(instance.clone()).and_then(|()| {
            // SAFETY: The `iommu_device` and the operations stay valid until `drop()` unregisters
            // them; the latter are static.
            to_result(unsafe {
                bindings::iommu_device_register(
                    instance.as_raw(),
                    Ops::<D>::IOMMU,
                    raw_dev(&instance.dev),
                )
            })
        });
        if let Err(e) = registered {
            D::instances().remove(&instance);
            // SAFETY: Added above.
            unsafe { bindings::iommu_device_sysfs_remove(instance.as_raw()) };
            return Err(e);
        }
        Ok(Self {
            instance,
            _bound: PhantomData,
        })
    }

    /// The registered instance.
    pub fn instance(&self) -> &Arc<Instance<D>> {
        &self.instance
    }
}

impl<D: Driver> Drop for Registration<'_, D> {
    fn drop(&mut self) {
        D::instances().remove(&self.instance);
        // SAFETY: Registered by `new()`, and unregistered once.
        unsafe {
            bindings::iommu_device_unregister(self.instance.as_raw());
            bindings::iommu_device_sysfs_remove(self.instance.as_raw());
        }
    }
}
