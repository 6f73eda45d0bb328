// SPDX-License-Identifier: GPL-2.0

//! What the logic of the nested IOMMU driver uses of the kernel crate, for the host.
//!
//! Same names, same signatures, and nothing more than the kernel has: what compiles against this
//! compiles in the kernel.

pub mod alloc;
pub mod error;
pub mod id_pool;
pub mod init;
mod print;
pub mod sync;

/// What kernel code imports.
pub mod prelude {
    pub use crate::{
        alloc::{
            flags::*,
            KBox,
            KVec, //
        },
        error::{
            code::*,
            Error,
            Result, //
        },
        init,
        init::{
            self as pin_init,
            Init,
            PinInit, //
        },
        pin_init, pr_err, try_pin_init,
    };
    pub use macros::pin_data;
}
