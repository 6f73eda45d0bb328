// SPDX-License-Identifier: GPL-2.0

//! Second stages: a container's memory for the devices behind one IOMMU.

use crate::{
    backend::{
        Backend,
        EventSink, //
    },
    iommu::{
        client::Space,
        Instance, //
    },
};
use kernel::{
    io::PhysAddr,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// A page of GPAs at which there is a doorbell of the host's.
struct Doorbell {
    gpa: u64,
    /// The doorbell's page (HPA).
    doorbell: PhysAddr,
    /// How many groups have it there.
    users: usize,
}

/// A second stage, and the hardware's context of the guest on it.
#[pin_data]
pub(super) struct Stage<B: Backend> {
    /// The context. Before its second stage.
    pub(super) guest: Arc<B::Guest>,
    /// The second stage, GPA to HPA.
    pub(super) space: Space<B>,
    /// The IOMMU.
    pub(super) iommu: Arc<Instance<B>>,
    /// All devices on it can be made coherent, and are.
    pub(super) coherent: bool,
    #[pin]
    doorbells: Mutex<KVec<Doorbell>>,
}

impl<B: Backend> Stage<B> {
    /// The empty `space` as a second stage on `iommu`, of whose guest `events` takes the events.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `space` is not one of `iommu`.
    /// - [`ENOSPC`]: no tag left.
    /// - [`ENOMEM`]
    pub(super) fn new(
        iommu: &Arc<Instance<B>>,
        space: Space<B>,
        coherent: bool,
        events: Arc<dyn EventSink<B::Event>>,
    ) -> Result<Arc<Self>> {
        // VFIO tells KVM that such devices are coherent.
        let coherent = coherent && space.enforce_cache_coherency();

        Arc::pin_init(
            try_pin_init!(Self {
                guest: B::new_guest(iommu, space.paging(), events)?,
                space,
                iommu: iommu.clone(),
                coherent,
                doorbells <- new_mutex!(KVec::new(), "Stage::doorbells"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Whether this is the second stage for devices behind `iommu` that are `coherent` or not.
    pub(super) fn is_for(&self, iommu: &Arc<Instance<B>>, coherent: bool) -> bool {
        Arc::ptr_eq(&self.iommu, iommu) && self.coherent == coherent
    }

    /// Has the page at `doorbell` (HPA) appear at `gpa`, for one more group.
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: something else is there.
    /// - [`ENOMEM`], and [`EINVAL`] beyond the second stage.
    pub(super) fn map_doorbell(&self, gpa: u64, doorbell: PhysAddr) -> Result {
        let mut doorbells = self.doorbells.lock();

        if let Some(there) = doorbells.iter_mut().find(|there| there.gpa == gpa) {
            if there.doorbell != doorbell {
                return Err(EEXIST);
            }
            there.users += 1;
            return Ok(());
        }
        doorbells.reserve(1, GFP_KERNEL_ACCOUNT)?;
        self.space.map_doorbell(gpa, doorbell, PAGE_SIZE as u64)?;
        doorbells.push(
            Doorbell {
                gpa,
                doorbell,
                users: 1,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        Ok(())
    }

    /// Undoes one [`Self::map_doorbell`].
    pub(super) fn unmap_doorbell(&self, gpa: u64) {
        let mut doorbells = self.doorbells.lock();
        let Some(there) = doorbells.iter_mut().find(|there| there.gpa == gpa) else {
            return;
        };

        there.users -= 1;
        if there.users == 0 {
            self.space.unmap(gpa, PAGE_SIZE as u64);
            doorbells.retain(|there| there.gpa != gpa);
        }
    }
}
