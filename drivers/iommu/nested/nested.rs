// SPDX-License-Identifier: GPL-2.0

//! IOMMU drivers with nested translation: a guest owns the first stage of its devices' DMA.
//!
//! - [`iommu`]: abstractions of the IOMMU core, iommufd's driver side and io-pgtable;
//! - `vfio`: abstractions of VFIO's containers;
//! - `common`: logic that belongs to no vendor and touches no hardware;
//! - `backend`: what hardware offers to the front ends;
//! - `frontend`: interfaces to user space;
//! - `back_end`: the hardware that this architecture has;
//! - `sync`: the atomics, of which the host crate has its own;
//! - `trace`, `debugfs`, `params`, `ratelimit`: small things that all of them use.

#[path = "../../../rust/iommu/mod.rs"]
pub mod iommu;
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
#[path = "../../../rust/vfio/mod.rs"]
pub mod vfio;

// Part of what hardware offers is for VFIO's containers only.
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod backend;
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod common;
mod debugfs;
mod frontend;
mod ids;
mod params;
mod ratelimit;
#[cfg(CONFIG_ARM64)]
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod smmu_v3;
mod sync;
mod trace;
#[cfg(CONFIG_X86_64)]
#[cfg_attr(not(CONFIG_IOMMU_NESTED_VFIO), allow(dead_code))]
mod vtd;

use kernel::{
    prelude::*,
    InPlaceModule, //
};

#[cfg(CONFIG_ARM64)]
use smmu_v3 as back_end;
#[cfg(CONFIG_X86_64)]
use vtd as back_end;

#[pin_data]
struct Nested {
    #[pin]
    _drivers: back_end::Drivers,
    _containers: Containers,
}

/// The driver of VFIO's containers.
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
type Containers = vfio::Registration<frontend::vfio::container::Container<back_end::Hardware>>;
#[cfg(not(CONFIG_IOMMU_NESTED_VFIO))]
type Containers = ();

impl InPlaceModule for Nested {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _drivers <- back_end::Drivers::new(module),
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

module! {
    type: Nested,
    name: "iommu_nested",
    authors: ["The nested-iommu authors"],
    description: "IOMMU drivers with nested translation",
    license: "GPL v2",
    imports_ns: ["GENERIC_PT_IOMMU", "IOMMUFD", "IOMMUFD_INTERNAL"],
}
