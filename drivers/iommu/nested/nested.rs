// SPDX-License-Identifier: GPL-2.0

//! IOMMU driver with nested translation.

#[path = "../../../rust/iommu/mod.rs"]
pub mod iommu;

use kernel::prelude::*;

struct NestedModule;

impl kernel::Module for NestedModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

module! {
    type: NestedModule,
    name: "iommu_nested",
    authors: ["The nested-iommu authors"],
    description: "IOMMU driver with nested translation",
    license: "GPL v2",
    imports_ns: ["IOMMUFD"],
}
