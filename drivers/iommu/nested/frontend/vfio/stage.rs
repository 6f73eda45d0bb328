// SPDX-License-Identifier: GPL-2.0

//! Second stages: a container's memory for the devices behind one IOMMU.
//!
//! Where hardware does not nest there is the same table of GPAs, which a device uses that has no
//! first stage, and which no guest context is on.

use crate::{
    backend::{
        Backend,
        Capabilities,
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

/// The doorbells of a stage.
struct Doorbells<B: Backend> {
    pages: KVec<Doorbell>,
    /// The shadows of the guest's tables, that have all of them, too.
    shadows: KVec<Arc<Space<B>>>,
}

/// A second stage, and the hardware's context of the guest on it.
#[pin_data]
pub(super) struct Stage<B: Backend> {
    /// The context, if hardware nests. Before its second stage.
    guest: Option<Arc<B::Guest>>,
    /// The second stage, GPA to HPA.
    pub(super) space: Space<B>,
    /// The IOMMU.
    pub(super) iommu: Arc<Instance<B>>,
    /// All devices on it can be made coherent, and are.
    pub(super) coherent: bool,
    /// Who takes the events of its devices.
    pub(super) events: Arc<dyn EventSink<B::Event>>,
    #[pin]
    doorbells: Mutex<Doorbells<B>>,
}

impl<B: Backend> Stage<B> {
    /// The empty `space` as a second stage on `iommu`, of whose guest `events` takes the events;
    /// with a guest context if it `nests`.
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
        nests: bool,
        events: Arc<dyn EventSink<B::Event>>,
    ) -> Result<Arc<Self>> {
        // VFIO tells KVM that such devices are coherent.
        let coherent = coherent && space.enforce_cache_coherency();

        Arc::pin_init(
            try_pin_init!(Self {
                guest: match nests {
                    true => Some(B::new_guest(iommu, space.paging(), events.clone())?),
                    false => None,
                },
                space,
                iommu: iommu.clone(),
                coherent,
                events,
                doorbells <- new_mutex!(
                    Doorbells {
                        pages: KVec::new(),
                        shadows: KVec::new(),
                    },
                    "Stage::doorbells"
                ),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Whether this is the second stage for devices behind `iommu` that are `coherent` or not.
    pub(super) fn is_for(&self, iommu: &Arc<Instance<B>>, coherent: bool) -> bool {
        Arc::ptr_eq(&self.iommu, iommu) && self.coherent == coherent
    }

    /// Whether hardware walks the guest's tables.
    pub(super) fn nests(&self) -> bool {
        self.guest.is_some()
    }

    /// Whether a guest has page tables only, and not the tables that lead to them.
    pub(super) fn takes_page_tables(&self) -> bool {
        !self.nests() || B::HOST_PASID_TABLES
    }

    /// The guest context.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: there is none.
    pub(super) fn guest(&self) -> Result<&Arc<B::Guest>> {
        self.guest.as_ref().ok_or(EOPNOTSUPP)
    }

    /// What there is for the guest.
    pub(super) fn capabilities(&self) -> Capabilities {
        match self.nests() {
            true => B::capabilities(&self.iommu),
            false => {
                let all = B::shadow_capabilities(&self.iommu);

                Capabilities {
                    output_bits: all
                        .output_bits
                        .min(u64::BITS - self.space.last().leading_zeros()),
                    ..all
                }
            }
        }
    }

    /// Has the doorbells appear in `shadow`, too, where they are in the host's window.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    /// - [`EEXIST`]: something else is there.
    pub(super) fn add_shadow(&self, shadow: &Arc<Space<B>>) -> Result {
        let mut doorbells = self.doorbells.lock();

        doorbells.shadows.reserve(1, GFP_KERNEL_ACCOUNT)?;
        for page in doorbells.pages.iter() {
            shadow.map_doorbell(page.gpa, page.doorbell, PAGE_SIZE as u64)?;
        }
        doorbells.shadows.push(shadow.clone(), GFP_KERNEL_ACCOUNT)?;
        Ok(())
    }

    /// Forgets about a shadow, which goes.
    pub(super) fn remove_shadow(&self, shadow: &Arc<Space<B>>) {
        self.doorbells
            .lock()
            .shadows
            .retain(|there| !Arc::ptr_eq(there, shadow));
    }

    /// Has the page at `doorbell` (HPA) appear at `gpa`, for one more group.
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: something else is there.
    /// - [`ENOMEM`], and [`EINVAL`] beyond the second stage.
    pub(super) fn map_doorbell(&self, gpa: u64, doorbell: PhysAddr) -> Result {
        let mut doorbells = self.doorbells.lock();
        let Doorbells { pages, shadows } = &mut *doorbells;

        if let Some(there) = pages.iter_mut().find(|there| there.gpa == gpa) {
            if there.doorbell != doorbell {
                return Err(EEXIST);
            }
            there.users += 1;
            return Ok(());
        }
        pages.reserve(1, GFP_KERNEL_ACCOUNT)?;
        self.space.map_doorbell(gpa, doorbell, PAGE_SIZE as u64)?;
        for (done, shadow) in shadows.iter().enumerate() {
            if let Err(e) = shadow.map_doorbell(gpa, doorbell, PAGE_SIZE as u64) {
                for shadow in &shadows[..done] {
                    shadow.unmap(gpa, PAGE_SIZE as u64);
                }
                self.space.unmap(gpa, PAGE_SIZE as u64);
                return Err(e);
            }
        }
        pages.push(
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
        let Doorbells { pages, shadows } = &mut *doorbells;
        let Some(there) = pages.iter_mut().find(|there| there.gpa == gpa) else {
            return;
        };

        there.users -= 1;
        if there.users == 0 {
            for shadow in shadows.iter() {
                shadow.unmap(gpa, PAGE_SIZE as u64);
            }
            self.space.unmap(gpa, PAGE_SIZE as u64);
            pages.retain(|there| there.gpa != gpa);
        }
    }
}
