// SPDX-License-Identifier: GPL-2.0

//! The architecture of VT-d: what bits mean, as pure functions.
//!
//! No registers, no memory, no locks: this depends on `core` alone and is tested on the host as
//! well as in the kernel. All words are CPU-endian values of little-endian memory words. Section
//! numbers are those of Intel's "Virtualization Technology for Directed I/O" architecture
//! specification.

pub(crate) mod caps;
pub(crate) mod context;
pub(crate) mod descriptor;
pub(crate) mod dmar;
pub(crate) mod fault;
pub(crate) mod pasid;
pub(crate) mod range;
pub(crate) mod request;
pub(crate) mod root;
pub(crate) mod stage1;
pub(crate) mod walk;

#[cfg(any(test, CONFIG_KUNIT = "y"))]
pub(crate) mod samples;
