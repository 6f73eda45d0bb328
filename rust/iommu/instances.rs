// SPDX-License-Identifier: GPL-2.0

//! The IOMMUs that a driver has registered.

use super::{
    bindings,
    static_mutex::StaticMutex,
    Driver,
    FwSpec,
    Instance, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The registered [`Instance`]s of a driver, in a `static`.
///
/// It is empty, and holds no memory, when nothing is registered. Its mutex, which all drivers in a
/// module share, is taken inside `iommu_probe_device_lock`; nothing is taken inside it.
pub struct Instances<D: Driver>(StaticMutex<KVec<Arc<Instance<D>>>>);

impl<D: Driver> Instances<D> {
    /// An empty list.
    #[expect(clippy::new_without_default)] // Only for a `static`.
    pub const fn new() -> Self {
        // SAFETY: `DEFINE_MUTEX()` initialises it, and it is there as long as the code is.
        Self(unsafe { StaticMutex::new(&raw mut bindings::rust_iommu_instances, KVec::new()) })
    }

    /// The registered instance that `is_it` is true of. `is_it` must not use any such list.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: there is none.
    pub fn find(&self, mut is_it: impl FnMut(&Instance<D>) -> bool) -> Result<Arc<Instance<D>>> {
        self.0
            .with(|all| all.iter().find(|instance| is_it(instance)).cloned())
            .ok_or(ENODEV)
    }

    /// The registered IOMMU that a device is behind, by what firmware says of the device.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: firmware says nothing, or the IOMMU is not registered.
    pub fn by_firmware(&self, spec: Option<FwSpec<'_>>) -> Result<Arc<Instance<D>>> {
        let spec = spec.ok_or(ENODEV)?;

        self.find(|instance| instance.fwnode() == spec.iommu())
    }

    /// `instance`, if it is registered.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is not.
    pub(super) fn registered(&self, instance: Arc<Instance<D>>) -> Result<Arc<Instance<D>>> {
        self.find(|there| core::ptr::eq(there, &*instance))
    }

    /// Adds an instance that is being registered.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn add(&self, instance: Arc<Instance<D>>) -> Result {
        Ok(self.0.with(|all| all.push(instance, GFP_KERNEL))?)
    }

    /// Takes an instance out, if it is in.
    pub(super) fn remove(&self, instance: &Arc<Instance<D>>) {
        self.0.with(|all| {
            all.retain(|there| !Arc::ptr_eq(there, instance));
            // Statics are not dropped when the module goes.
            if all.is_empty() {
                *all = KVec::new();
            }
        });
    }
}
