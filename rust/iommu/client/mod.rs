// SPDX-License-Identifier: GPL-2.0

//! The IOMMU core as its users see it: who gives devices to others.
//!
//! A user of [`Group`]s of devices maps into [`Space`]s and chooses, for each device of a group,
//! what it is attached to: by a [`Translation`], as long as there is an [`Attached`]. [`Pasid`]s
//! are the system's to give.
//!
//! C headers: [`include/linux/iommu.h`](srctree/include/linux/iommu.h),
//! [`drivers/iommu/iommu-priv.h`](srctree/drivers/iommu/iommu-priv.h)

mod attached;
mod group;
mod pasid;
mod space;

pub use self::{
    attached::{
        Attached,
        Doorbells,
        Translation, //
    },
    group::{
        Group,
        Member,
        Reserved,
        ReservedKind, //
    },
    pasid::Pasid,
    space::{
        Access,
        Purpose,
        Space, //
    },
};
