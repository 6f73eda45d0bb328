// SPDX-License-Identifier: GPL-2.0

//! VFIO container abstractions.
//!
//! What an IOMMU driver of VFIO containers (the kind of thing that `vfio_iommu_type1` is) needs,
//! when written in Rust. Everything that must be `unsafe` is here, so that it can be written
//! without:
//!
//! - [`Container`] is `struct vfio_iommu_driver_ops`, and [`Registration`] makes VFIO know it;
//! - [`memory`] pins a process's pages and accounts for them;
//! - [`EventFile`] is a file descriptor that events are read from;
//! - [`user`] reads what ioctls are given, checked.
//!
//! C header: [`drivers/vfio/vfio.h`](srctree/drivers/vfio/vfio.h)

pub mod cmd;
mod driver;
mod event_file;
pub mod memory;
pub mod user;

pub use self::{
    driver::{
        Container,
        Registration, //
    },
    event_file::{
        EventFile,
        Readiness, //
    }, //
};

pub(crate) use crate::iommu::bindings;
