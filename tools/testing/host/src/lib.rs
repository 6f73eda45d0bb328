// SPDX-License-Identifier: GPL-2.0

//! The pure logic of the nested IOMMU driver, for the host.
//!
//! These are the very files that the kernel module is made of, at the same module paths. `cargo
//! test` runs their unit tests, which are KUnit suites in the kernel, and the property tests in
//! `tests/`, which need the standard library. With `--cfg loom` it runs the models in `models/`
//! instead.

mod sync;

#[path = "../../../../drivers/iommu/nested"]
mod nested {
    pub(crate) mod common;
    pub(crate) mod smmu_v3 {
        pub(crate) mod arch;
        pub(crate) mod cmdq {
            pub(crate) mod faults;
        }
    }
}

pub(crate) use nested::common;
#[cfg(test)]
pub(crate) use nested::smmu_v3;

#[cfg(all(test, loom))]
#[path = "../models"]
mod models {
    mod queue;
}

#[cfg(all(test, not(loom)))]
#[path = "../tests"]
mod properties {
    mod entry;
    mod event;
    mod features;
    mod guest;
    mod invalidate;
    mod ring;
}
