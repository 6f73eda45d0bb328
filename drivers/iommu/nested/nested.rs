// SPDX-License-Identifier: GPL-2.0

//! IOMMU drivers with nested translation: a guest owns the first stage of its devices' DMA.
//!
//! - [`iommu`]: abstractions of the IOMMU core, iommufd's driver side and io-pgtable;
//! - `common`: logic that belongs to no vendor and touches no hardware;
//! - `backend`: what hardware offers to the front ends;
//! - `frontend`: interfaces to user space;
//! - `smmu_v3`: Arm SMMUv3.

#[path = "../../../rust/iommu/mod.rs"]
pub mod iommu;

mod backend;
mod common;
mod frontend;
mod params;
mod ratelimit;
mod smmu_v3;
mod table;

use kernel::{
    driver,
    platform,
    prelude::*,
    InPlaceModule, //
};

#[pin_data]
struct Nested {
    #[pin]
    smmu_v3: driver::Registration<platform::Adapter<smmu_v3::probe::Platform>>,
}

impl InPlaceModule for Nested {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: Once, and before the driver below can probe anything.
        unsafe { smmu_v3::ops::init() };

        try_pin_init!(Self {
            smmu_v3 <- driver::Registration::new(c"iommu-nested-smmu-v3", module),
        })
    }
}

module! {
    type: Nested,
    name: "iommu_nested",
    authors: ["The nested-iommu authors"],
    description: "IOMMU drivers with nested translation",
    license: "GPL v2",
    imports_ns: ["IOMMUFD"],
}
