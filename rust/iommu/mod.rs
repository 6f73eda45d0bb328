// SPDX-License-Identifier: GPL-2.0

//! IOMMU driver abstractions.
//!
//! What an IOMMU driver written in Rust needs from the IOMMU core, from iommufd's driver side and
//! from the io-pgtable library. Everything that must be `unsafe` is here, so that a driver can be
//! written without:
//!
//! - [`Driver`] is `struct iommu_ops`, [`Instance`] a registered `struct iommu_device` with the
//!   driver's data of one unit, [`Instances`] the list of them, [`Endpoint`] the driver's data of
//!   one device behind it;
//! - [`Paging`] is `struct iommu_domain_ops` of a domain that the kernel maps into, [`Mapped`] if
//!   the driver has its page table;
//! - [`Nested`] is a guest's first stage on a [`Paging`] domain, where it takes no virtual IOMMU;
//! - [`page_requests`] is the core's part of PRI: `struct iopf_queue` and the answers;
//! - [`viommu`] is `struct iommufd_viommu_ops`: virtual IOMMUs, nested domains, events;
//! - [`client`] is the other side: groups of devices that are given to somebody;
//! - `pgtable`, [`Gather`], [`FwSpec`], [`ResvList`], [`PciEndpoint`], [`UserData`] and
//!   [`cache`] are the libraries around them.
//!
//! None of this knows a vendor. What only the driver of one vendor's IOMMUs needs is in a directory
//! of the name that the driver's has, with its own helpers in C.
//!
//! C headers: [`include/linux/iommu.h`](srctree/include/linux/iommu.h),
//! [`include/linux/iommufd.h`](srctree/include/linux/iommufd.h),
//! [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

#[allow(
    clippy::all,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]
pub(crate) mod bindings {
    //! What bindgen makes of `bindings.h`, on top of what the kernel crate has.
    pub(crate) use kernel::bindings::*;
    use kernel::ffi;
    include!(env!("IOMMU_NESTED_BINDINGS"));
}

pub mod cache;
pub mod client;
mod domain;
mod driver;
mod endpoint;
pub mod firmware;
mod fwspec;
mod gate;
mod gather;
#[cfg(CONFIG_X86_64)]
pub mod generic_pt;
mod instance;
mod instances;
mod nested;
pub mod page_requests;
mod pci;
#[cfg(CONFIG_X86_64)]
pub mod periodic;
#[cfg(CONFIG_IOMMU_IO_PGTABLE)]
pub mod pgtable;
pub(crate) mod plain;
mod power;
mod resv;
#[cfg(CONFIG_ARM64)]
pub mod smmu_v3;
mod spare;
pub(crate) mod static_mutex;
mod table;
#[cfg(CONFIG_X86_64)]
mod table_page;
pub(crate) mod trace;
mod unit_device;
mod user;
pub mod viommu;
#[cfg(CONFIG_X86_64)]
pub mod vtd;

pub(crate) use self::domain::impl_has_domain;
#[cfg(CONFIG_X86_64)]
pub use self::table_page::TablePage;
pub use self::{
    domain::{
        HasDomain,
        MapRequest,
        Mapped,
        NewPaging,
        Paging,
        PagingDomain,
        Status,
        UnmapRequest, //
    },
    driver::{
        Capability,
        DefaultDomain,
        Driver,
        Target, //
    },
    endpoint::Endpoint,
    fwspec::FwSpec,
    gather::Gather,
    instance::{
        Instance,
        Registration, //
    },
    instances::Instances,
    nested::{
        Nested,
        NoNested, //
    },
    pci::{
        find_in_use,
        PathStep,
        PciEndpoint, //
    },
    power::PoweredOn,
    resv::ResvList,
    table::{
        Entry,
        Table, //
    },
    unit_device::UnitDevice,
    user::{
        UserArray,
        UserData, //
    },
    viommu::NoViommu,
};

/// The C side of a device.
pub(crate) fn raw_dev(dev: &kernel::device::Device) -> *mut bindings::device {
    // CAST: `Device` is a transparent wrapper of `struct device`.
    core::ptr::from_ref(dev).cast_mut().cast()
}
