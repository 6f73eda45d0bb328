// SPDX-License-Identifier: GPL-2.0

//! VFIO containers of the type `VFIO_TYPE1_NESTING_IOMMU`.
//!
//! uAPI: [`include/uapi/linux/vfio_nested.h`](srctree/include/uapi/linux/vfio_nested.h)
//!
//! A [`container::Container`] is one guest with one virtual IOMMU. Its [`memory`] is the guest's,
//! GPA to HPA, and is mapped in a [`stage::Stage`] for each IOMMU that its [`group`]s are behind.
//! [`bind`] gives devices a first stage, [`invalidate`] keeps it coherent, [`msi`] leads their
//! interrupts through it, [`events`] tells what went wrong, and [`info`] what there is. [`ioctl`]
//! is the edge: what user space says is checked there, once, and made into types of [`args`] that
//! cannot be wrong.
//!
//! Where hardware does not nest, [`page_table`] gives devices [`shadow`]s of the guest's tables,
//! that software keeps up to date with the tables and with the memory. Guests of hardware whose
//! PASIDs are the host's to give have theirs from [`pasid`].
//!
//! # Locking
//!
//! From the outside to the inside, for one container:
//!
//! 1. VFIO's lock of the container's groups
//! 2. `Container::state`: groups, memory, shadows, PASIDs; taken by all that changes one of them,
//!    and hence also by invalidations where there are shadows
//! 3. user memory: arguments are read, and pages pinned, with `state` held
//! 4. the IOMMU core's group mutex
//! 5. `Devices::bound`
//! 6. the back end's
//! 7. `Window::mapped`
//! 8. `Stage::doorbells`
//! 9. `Container::routes`, `Container::stages` and `Events::reader`, of which nobody takes another
//! 10. `Queue::ring`
//!
//! `Queue::readers` is outside of user memory and of `Queue::ring`, and inside of nothing.

pub(crate) mod args;
mod bind;
pub(crate) mod container;
mod devices;
mod events;
mod group;
mod info;
mod invalidate;
mod ioctl;
mod memory;
mod msi;
mod page_table;
mod pasid;
mod shadow;
mod stage;
mod target;

use crate::{
    backend::Backend,
    iommu::Instance, //
};
use kernel::transmute::AsBytes;

/// What the uAPI calls the formats of a [`Backend`].
pub(crate) trait Abi: Backend {
    /// `VFIO_NESTED_MODEL_*`.
    const MODEL: u32;
    /// What follows the header of the model's own capability.
    type Info: AsBytes;

    /// The registers of `iommu`, the `index`th of a container.
    fn info(iommu: &Instance<Self>, index: u32) -> Self::Info;
}
