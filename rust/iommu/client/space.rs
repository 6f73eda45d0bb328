// SPDX-License-Identifier: GPL-2.0

//! Address spaces that a user of the IOMMU maps into.

use super::Member;
use crate::iommu::{
    bindings,
    domain::PagingDomain,
    raw_dev,
    Driver, //
};
use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    io::PhysAddr,
    prelude::*,
    sync::Arc, //
};

/// What a device may do with a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// It may read.
    pub read: bool,
    /// It may write.
    pub write: bool,
}

/// What a [`Space`] is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// GPAs to HPAs, and guests can nest on it.
    Parent,
    /// For devices' own traffic, without more.
    Plain,
}

impl Purpose {
    fn flags(self) -> u32 {
        match self {
            Self::Parent => bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_NEST_PARENT,
            Self::Plain => 0,
        }
    }
}

/// A domain of `D` that its user maps into.
///
/// # Invariants
///
/// `raw` is a domain of `D` that is this object's.
pub struct Space<D: Driver> {
    raw: NonNull<bindings::iommu_domain>,
    paging: Arc<D::Paging>,
}

// SAFETY: Mapping may be done by any thread; who maps what is up to the users, and mapping the same
// range twice at the same time does not hurt memory safety: the tables are changed atomically.
unsafe impl<D: Driver> Send for Space<D> {}
// SAFETY: As above.
unsafe impl<D: Driver> Sync for Space<D> {}

impl<D: Driver> Space<D> {
    /// An empty space for the IOMMU of a device.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: an IOMMU of another driver.
    /// - Those of [`Driver::alloc_paging`].
    pub fn new(member: &Member<'_>, purpose: Purpose) -> Result<Self> {
        member.endpoint::<D>().ok_or(EINVAL)?;
        // SAFETY: A device in a group stays behind its IOMMU while the group's mutex is held.
        let raw = from_err_ptr(unsafe {
            bindings::iommu_paging_domain_alloc_flags(raw_dev(member.dev()), purpose.flags())
        })?;

        // INVARIANT: Allocated by the driver of the device's IOMMU, which is `D`.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            // SAFETY: As above, and valid.
            paging: Arc::clone(unsafe { &PagingDomain::<D>::shared(raw) }),
        })
    }

    /// The driver's side.
    pub fn paging(&self) -> &Arc<D::Paging> {
        &self.paging
    }

    /// Sizes of pages and blocks, as a bitmap of powers of two in bytes.
    pub fn pgsizes(&self) -> u64 {
        // SAFETY: Valid and constant, by the type's invariant.
        unsafe { (*self.raw.as_ptr()).pgsize_bitmap as u64 }
    }

    /// The last address that can be mapped.
    pub fn last(&self) -> u64 {
        // SAFETY: Valid and constant, by the type's invariant.
        unsafe { (*self.raw.as_ptr()).geometry.aperture_end }
    }

    /// Makes every access coherent, whatever the device asks for. Returns whether it is so.
    pub fn enforce_cache_coherency(&self) -> bool {
        // SAFETY: Valid, by the type's invariant; a domain calls its own operation.
        unsafe {
            let raw = self.raw.as_ptr();

            (*(*raw).ops)
                .enforce_cache_coherency
                .is_some_and(|enforce| enforce(raw))
        }
    }

    /// Maps `size` bytes at `gpa` to memory at `paddr` (HPA). May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: not aligned to pages, or beyond [`Self::last`].
    /// - [`EEXIST`]: something is mapped there.
    /// - [`ENOMEM`]
    pub fn map(&self, gpa: u64, paddr: PhysAddr, size: u64, access: Access) -> Result {
        self.map_prot(gpa, paddr, size, access, bindings::IOMMU_CACHE)
    }

    /// Maps as [`Self::map`], not to be executed.
    ///
    /// # Errors
    ///
    /// As [`Self::map`].
    pub fn map_data(&self, iova: u64, paddr: PhysAddr, size: u64, access: Access) -> Result {
        let prot = bindings::IOMMU_CACHE | bindings::IOMMU_NOEXEC;

        self.map_prot(iova, paddr, size, access, prot)
    }

    /// Maps an interrupt doorbell at `paddr` (HPA): devices can write there. Otherwise as
    /// [`Self::map`].
    ///
    /// # Errors
    ///
    /// As [`Self::map`].
    pub fn map_doorbell(&self, gpa: u64, paddr: PhysAddr, size: u64) -> Result {
        let access = Access {
            read: false,
            write: true,
        };

        self.map_prot(
            gpa,
            paddr,
            size,
            access,
            bindings::IOMMU_NOEXEC | bindings::IOMMU_MMIO,
        )
    }

    fn map_prot(
        &self,
        gpa: u64,
        paddr: PhysAddr,
        size: u64,
        access: Access,
        mut prot: u32,
    ) -> Result {
        if access.read {
            prot |= bindings::IOMMU_READ;
        }
        if access.write {
            prot |= bindings::IOMMU_WRITE;
        }
        // CAST: Small flags, and addresses of a 64-bit machine.
        // SAFETY: A valid domain, by the type's invariant.
        to_result(unsafe {
            bindings::iommu_map(
                self.raw.as_ptr(),
                gpa as usize,
                paddr,
                size as usize,
                prot as c_int,
                bindings::GFP_KERNEL_ACCOUNT,
            )
        })
    }

    /// Unmaps `size` bytes at `gpa`. When it returns, no device can reach them any more. May sleep.
    /// Returns how many bytes, from the start, were mapped.
    pub fn unmap(&self, gpa: u64, size: u64) -> u64 {
        // CAST: As in `map_prot()`.
        // SAFETY: A valid domain, by the type's invariant.
        unsafe { bindings::iommu_unmap(self.raw.as_ptr(), gpa as usize, size as usize) as u64 }
    }
}

impl<D: Driver> Drop for Space<D> {
    fn drop(&mut self) {
        // SAFETY: The domain is this object's, by the type's invariant.
        unsafe { bindings::iommu_domain_free(self.raw.as_ptr()) };
    }
}
