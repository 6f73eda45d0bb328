// SPDX-License-Identifier: GPL-2.0

//! The edge to user space: each argument is read once and checked here.

use super::{
    args::{
        BindMsi,
        BindPageTable,
        BindTable,
        MapDma,
        PasidRange,
        UnmapDma, //
    },
    container::Container,
    target::Target,
    Abi, //
};
use crate::{
    iommu::bindings,
    vfio::{
        cmd,
        user, //
    },
};
use core::mem::offset_of;
use kernel::prelude::*;

/// Carries out an ioctl.
///
/// # Errors
///
/// - [`ENOTTY`]: not one of these.
/// - As each of them says in the uAPI.
pub(super) fn ioctl<B: Abi>(this: &Container<B>, number: u32, arg: usize) -> Result<u32> {
    match number {
        cmd::GET_INFO => this.get_info(arg),
        cmd::MAP_DMA => map(this, arg),
        cmd::UNMAP_DMA => unmap(this, arg),
        cmd::BIND_PASID_TABLE => bind(this, arg),
        cmd::UNBIND_PASID_TABLE => {
            let raw: bindings::vfio_nested_unbind = user::read(arg)?;

            no_flags(raw.flags)?;
            this.unbind(&Target::read(&raw.target)?)
        }
        cmd::CACHE_INVALIDATE => this.cache_invalidate(arg),
        cmd::BIND_MSI => bind_msi(this, arg),
        cmd::UNBIND_MSI => {
            let raw: bindings::vfio_nested_unbind = user::read(arg)?;

            no_flags(raw.flags)?;
            this.unbind_msi(&group_target(&raw.target)?)
        }
        cmd::EVENT_FD => {
            let raw: bindings::vfio_nested_event_fd = user::read(arg)?;

            no_flags(raw.flags | raw.reserved)?;
            return this.events.open(raw.depth);
        }
        // For guests that have no PASID tables.
        cmd::BIND_GUEST_PGTBL | cmd::UNBIND_GUEST_PGTBL if !this.takes_page_tables() => {
            Err(EOPNOTSUPP)
        }
        cmd::BIND_GUEST_PGTBL => bind_page_table(this, arg),
        cmd::UNBIND_GUEST_PGTBL => {
            let raw: bindings::vfio_nested_bind_guest_pgtbl = user::read(arg)?;

            let pasid = BindPageTable::unbound(&raw)?;

            this.unbind_page_table(&Target::read(&raw.target)?, pasid)
        }
        cmd::PASID_ALLOC | cmd::PASID_FREE if !this.has_pasids() => Err(EOPNOTSUPP),
        cmd::PASID_ALLOC => alloc_pasid(this, arg),
        cmd::PASID_FREE => this.free_pasid(PasidRange::freed(&user::read(arg)?)?),
        _ => Err(ENOTTY),
    }
    .map(|()| 0)
}

fn no_flags(flags: u32) -> Result {
    match flags {
        0 => Ok(()),
        _ => Err(EINVAL),
    }
}

fn map<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    type Raw = bindings::vfio_iommu_type1_dma_map;

    // As type1: what user space has beyond is its own business.
    this.map(&MapDma::new(&user::read_start::<Raw>(
        arg,
        size_of::<Raw>(),
    )?)?)
}

fn unmap<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    type Raw = bindings::vfio_iommu_type1_dma_unmap;

    let raw: Raw = user::read_start(arg, size_of::<Raw>())?;
    let unmapped = this.unmap(&UnmapDma::new(&raw)?)?;

    user::write(arg + offset_of!(Raw, size), &unmapped)
}

fn bind<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    let raw: bindings::vfio_nested_bind_pasid_table = user::read(arg)?;
    let target = Target::read(&raw.target)?;
    let request = BindTable::new::<B>(&raw)?;

    this.bind(&target, &request)
}

fn bind_page_table<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    let raw: bindings::vfio_nested_bind_guest_pgtbl = user::read(arg)?;
    let target = Target::read(&raw.target)?;

    this.bind_page_table(&target, &BindPageTable::new::<B>(&raw)?)
}

fn bind_msi<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    let raw: bindings::vfio_nested_bind_msi = user::read(arg)?;
    let target = group_target(&raw.target)?;

    this.bind_msi(&target, &BindMsi::new(&raw)?)
}

fn alloc_pasid<B: Abi>(this: &Container<B>, arg: usize) -> Result {
    type Raw = bindings::vfio_nested_pasid;

    let pasid = this.alloc_pasid(&PasidRange::new(&user::read::<Raw>(arg)?)?)?;

    user::write(arg + offset_of!(Raw, pasid), &pasid).inspect_err(|_| {
        // Nobody knows of it.
        let _ = this.free_pasid(pasid);
    })
}

/// A target that is no single device.
fn group_target(raw: &bindings::vfio_nested_target) -> Result<Target> {
    let target = Target::read(raw)?;

    match target.is_device() {
        false => Ok(target),
        true => Err(EINVAL),
    }
}
