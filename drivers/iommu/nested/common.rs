// SPDX-License-Identifier: GPL-2.0

//! Vendor-neutral logic of the nested IOMMU driver.
//!
//! Nothing here knows a particular IOMMU, and nothing here depends on more than `core` and the
//! atomics in `crate::sync`: the same files are part of the kernel module and of the host crate
//! `tools/testing/host`, where `cargo test` runs the unit tests, the property tests and the models.

pub(crate) mod entry;
pub(crate) mod field;
pub(crate) mod producers;
pub(crate) mod ring;
pub(crate) mod shadow;
