// SPDX-License-Identifier: GPL-2.0

//! Atomics for logic that also runs on the host, where `cargo test` model-checks it: there this
//! module is another one, with the same items.

pub(crate) use kernel::{
    processor::cpu_relax as relax,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    }, //
};
