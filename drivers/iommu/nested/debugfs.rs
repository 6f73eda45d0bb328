// SPDX-License-Identifier: GPL-2.0

//! The directories of IOMMUs in debugfs.

use crate::iommu::{
    Driver,
    Instance, //
};
use kernel::{
    debugfs::{
        Scope,
        ScopedDir, //
    },
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// The directory of an IOMMU.
pub(crate) type Files<D> = Pin<KBox<Scope<Arc<Instance<D>>>>>;

/// Makes the directory `iommu_nested.DEVICE` of an IOMMU, and what `fill` adds. It goes when the
/// result is dropped.
///
/// # Errors
///
/// - [`ENOMEM`]
pub(crate) fn create<D: Driver>(
    instance: &Arc<Instance<D>>,
    fill: impl for<'a, 'b> FnOnce(&'a Arc<Instance<D>>, &'b ScopedDir<'a, 'b>),
) -> Result<Files<D>> {
    let device = Instance::dev(instance).name().to_str()?;
    let name = CString::try_from_fmt(fmt!("iommu_nested.{device}"))?;

    KBox::pin_init(
        Scope::dir(Ok::<_, Error>(instance.clone()), &name, fill),
        GFP_KERNEL,
    )
}
