// SPDX-License-Identifier: GPL-2.0

//! IOMMU drivers with nested translation: a guest owns the first stage of its devices' DMA.
//!
//! - [`iommu`]: abstractions of the IOMMU core, iommufd's driver side and io-pgtable;
//! - `vfio`: abstractions of VFIO's containers;
//! - `common`: logic that belongs to no vendor and touches no hardware;
//! - `backend`: what hardware offers to the front ends;
//! - `frontend`: interfaces to user space;
//! - `smmu_v3`: Arm SMMUv3;
//! - `sync`: the atomics, of which the host crate has its own;
//! - `trace`, `params`, `ratelimit`: small things that all of them use.

#[path = "../../../rust/iommu/mod.rs"]
pub mod iommu;
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
#[path = "../../../rust/vfio/mod.rs"]
pub mod vfio;

// Part of what hardware offers is for VFIO's containers only.
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod backend;
mod common;
mod frontend;
mod params;
mod ratelimit;
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod smmu_v3;
mod sync;
mod trace;

use kernel::{
    driver,
    platform,
    prelude::*,
    InPlaceModule, //
};

type PlatformDriver<T> = driver::Registration<platform::Adapter<T>>;

#[pin_data]
struct Nested {
    #[pin]
    device_tree: PlatformDriver<smmu_v3::probe::DeviceTree>,
    iort: Option<Pin<KBox<PlatformDriver<smmu_v3::probe::Iort>>>>,
    _containers: Containers,
}

/// The driver of VFIO's containers for SMMUs.
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
type Containers = vfio::Registration<frontend::vfio::container::Container<smmu_v3::SmmuV3>>;
#[cfg(not(CONFIG_IOMMU_NESTED_VFIO))]
type Containers = ();

impl InPlaceModule for Nested {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: Once, and before the drivers below can probe anything.
        unsafe { smmu_v3::ops::init() };
        // SAFETY: Once, and before the registration below.
        #[cfg(CONFIG_IOMMU_NESTED_VFIO)]
        unsafe {
            vfio::init()
        };

        try_pin_init!(Self {
            device_tree <- driver::Registration::new(c"iommu-nested-smmu-v3", module),
            iort: register_iort(module)?,
            _containers: register_containers()?,
        })
    }
}

#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
fn register_containers() -> Result<Containers> {
    vfio::Registration::new()
}

#[cfg(not(CONFIG_IOMMU_NESTED_VFIO))]
fn register_containers() -> Result {
    Ok(())
}

/// Registers the driver of SMMUs in ACPI, if there can be any. Its name is the C driver's: with
/// arm_smmu_v3 present it is taken, and the SMMUs are that driver's.
fn register_iort(
    module: &'static ThisModule,
) -> Result<Option<Pin<KBox<PlatformDriver<smmu_v3::probe::Iort>>>>> {
    if !iommu::firmware::acpi_in_use() {
        return Ok(None);
    }
    match KBox::pin_init(
        driver::Registration::new(smmu_v3::probe::IORT_NAME, module),
        GFP_KERNEL,
    ) {
        Ok(iort) => Ok(Some(iort)),
        Err(e) if e == EBUSY => {
            pr_info!("arm_smmu_v3 is present: leaving SMMUs in ACPI to it\n");
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

module! {
    type: Nested,
    name: "iommu_nested",
    authors: ["The nested-iommu authors"],
    description: "IOMMU drivers with nested translation",
    license: "GPL v2",
    imports_ns: ["IOMMUFD", "IOMMUFD_INTERNAL"],
}
