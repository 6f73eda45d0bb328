// SPDX-License-Identifier: GPL-2.0

//! The pure logic of the nested IOMMU driver, for the host.
//!
//! These are the very files that the kernel module is made of, at the same module paths; what they
//! use of the kernel crate is in `kernel/`. `cargo test` runs their unit tests, which are KUnit
//! suites in the kernel, and the property tests in `tests/`, which need the standard library. In
//! `models/` is what several threads do: as real threads, for ThreadSanitizer too (`--cfg tsan`,
//! without the property tests), or, with `--cfg loom` instead of all else, explored by loom.

mod sync;

#[path = "../../../../drivers/iommu/nested"]
mod nested {
    pub(crate) mod common;
    pub(crate) mod ids;
    pub(crate) mod smmu_v3 {
        pub(crate) mod arch;
        pub(crate) mod cmdq {
            pub(crate) mod faults;
        }
    }
    pub(crate) mod vtd {
        pub(crate) mod arch;
        pub(crate) mod attach;
        pub(crate) mod bringup;
        pub(crate) mod engine;
        pub(crate) mod flush;
        pub(crate) mod guest;
        pub(crate) mod hw;
        #[cfg(test)]
        pub(crate) mod model;
        pub(crate) mod pasids;
        pub(crate) mod qi;
        pub(crate) mod records;
        pub(crate) mod regs;
        pub(crate) mod requests;
        pub(crate) mod slot;
        pub(crate) mod space;
        pub(crate) mod switch;
        pub(crate) mod tables;
        pub(crate) mod targets;
    }
}

pub(crate) use nested::{
    common,
    ids, //
};
#[cfg(test)]
pub(crate) use nested::{
    smmu_v3,
    vtd, //
};

#[cfg(test)]
#[path = "../models"]
mod models {
    #[cfg(loom)]
    mod queue;
    #[cfg(not(loom))]
    mod threads;
}

#[cfg(all(test, not(any(loom, tsan))))]
#[path = "../tests"]
mod properties {
    mod entry;
    mod event;
    mod features;
    mod guest;
    mod invalidate;
    mod ring;
    mod shadow;
    mod vtd_caps;
    mod vtd_dmar;
    mod vtd_fault;
    mod vtd_range;
    mod vtd_stage1;
}
