// SPDX-License-Identifier: GPL-2.0

//! Interfaces to user space.

pub(crate) mod iommufd;
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
pub(crate) mod vfio;
