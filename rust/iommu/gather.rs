// SPDX-License-Identifier: GPL-2.0

//! Ranges whose TLB invalidation is pending.

use super::bindings;

/// A `struct iommu_iotlb_gather`: what an unmap has collected for the next sync.
pub struct Gather<'a>(&'a mut bindings::iommu_iotlb_gather);

impl<'a> Gather<'a> {
    /// # Safety
    ///
    /// `raw` must be valid and accessed through nothing else for `'a`.
    pub(super) unsafe fn from_raw(raw: *mut bindings::iommu_iotlb_gather) -> Self {
        // SAFETY: By this function's requirement.
        Self(unsafe { &mut *raw })
    }

    #[cfg(CONFIG_IOMMU_IO_PGTABLE)]
    pub(super) fn as_raw(&mut self) -> *mut bindings::iommu_iotlb_gather {
        self.0
    }

    /// First IOVA (or GPA, for a second stage) that is collected, the number of bytes, and the
    /// size in bytes of the leaf entries that were there; `None` if nothing is collected.
    ///
    /// For [`Mapped`](super::Mapped) domains: others don't collect a size.
    pub fn range(&self) -> Option<(usize, usize, usize)> {
        let pgsize = self.pgsize();

        (pgsize != 0).then(|| (self.0.start, self.0.end - self.0.start + 1, pgsize))
    }

    /// First and last IOVA (or GPA) that is collected, `None` if nothing is. In between may be
    /// pages that are still mapped.
    pub fn span(&self) -> Option<(usize, usize)> {
        (self.0.start <= self.0.end).then_some((self.0.start, self.0.end))
    }

    /// Whether nothing but leaf entries was removed from the page table: no table is waiting to be
    /// freed.
    pub fn leaf_only(&self) -> bool {
        let head = &self.0.freelist.pages;

        core::ptr::eq(head.next, head)
    }

    /// Frees the tables that were removed, after the range was invalidated. What is collected is of
    /// no use afterwards.
    #[cfg(CONFIG_X86_64)]
    pub(super) fn free_tables(self) {
        // SAFETY: A valid list of pages, which nothing refers to any more.
        unsafe { bindings::iommu_put_pages_list(&raw mut self.0.freelist) };
    }

    /// Whether the caller will flush everything later (a lazy DMA domain), so that nothing need be
    /// collected.
    pub fn queued(&self) -> bool {
        self.0.queued
    }

    /// Whether `[iova, iova + size)` with leaf entries of `pgsize` bytes extends what is
    /// collected, so that one range can describe both.
    pub fn accepts(&self, iova: usize, size: usize, pgsize: usize) -> bool {
        match self.range() {
            None => true,
            Some((start, len, have)) => {
                have == pgsize && iova <= start + len && start <= iova + size
            }
        }
    }

    /// Collects `[iova, iova + size)`, whose leaf entries were of `pgsize` bytes.
    ///
    /// The caller has [checked](Self::accepts) that it extends what is there.
    pub fn add(&mut self, iova: usize, size: usize, pgsize: usize) {
        self.0.start = self.0.start.min(iova);
        self.0.end = self.0.end.max(iova + size - 1);
        self.0.__bindgen_anon_1.pgsize = pgsize;
    }

    /// Forgets what was collected, after it has been invalidated.
    pub fn clear(&mut self) {
        self.0.start = !0;
        self.0.end = 0;
        self.0.__bindgen_anon_1.pgsize = 0;
    }

    fn pgsize(&self) -> usize {
        // SAFETY: Every bit pattern is a valid `usize`, and the core has initialised all of it.
        unsafe { self.0.__bindgen_anon_1.pgsize }
    }
}
