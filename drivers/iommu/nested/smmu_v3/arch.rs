// SPDX-License-Identifier: GPL-2.0

//! The Arm SMMUv3 architecture (Arm IHI 0070): what bits mean, as pure functions.
//!
//! Encodings of features, stream table entries, context descriptors, commands and events, and the
//! rules for what a guest may ask for. No registers, no memory, no locks: this depends on `core`
//! alone and is tested on the host as well as in the kernel.
//!
//! All words are CPU-endian values of little-endian memory words. Section numbers are those of
//! Arm IHI 0070.

pub(crate) mod cd;
pub(crate) mod cmd;
pub(crate) mod event;
pub(crate) mod features;
pub(crate) mod guest;
pub(crate) mod invalidate;
pub(crate) mod ste;
pub(crate) mod walk;

#[cfg(any(test, CONFIG_KUNIT = "y"))]
pub(crate) mod samples;
