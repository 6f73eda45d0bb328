// SPDX-License-Identifier: GPL-2.0

//! Page tables of the library's that no hardware walks, for tests of what does.

use super::{
    bindings,
    Config,
    Format,
    Raw,
    Root, //
};
use core::ptr;
use kernel::{
    device::{
        self,
        Device, //
    },
    error::to_result,
    faux,
    io::PhysAddr,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// In an entry: it is present.
const PRESENT: u64 = 0b11;
/// In an entry above the lowest level: a block, no table.
const BLOCK: u64 = 1 << 7;
/// In an entry: where it leads to (HPA).
const ADDRESS: u64 = 0xf_ffff_ffff_f000;

/// A table of [`Format::Vtdss`]. Nothing is ever unmapped, so that its pages stay as long as it.
pub struct Unattached {
    raw: Pin<KBox<Raw>>,
    /// Dropped after what refers to it.
    _walker: faux::Registration,
}

impl Unattached {
    const OPS: &'static bindings::iommu_domain_ops = &pin_init::zeroed();

    /// An empty table. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: another format.
    /// - Those of [`PagingDomain::generic`](super::PagingDomain::generic).
    pub fn new(config: &Config) -> Result<Self> {
        if config.format != Format::Vtdss {
            return Err(EOPNOTSUPP);
        }

        let walker = faux::Registration::new(c"iommu_table_walker", None)?;
        let parent: &faux::Device<device::Bound> = walker.as_ref();
        let device: &Device<device::Bound> = parent.as_ref();
        let raw = Raw::generic(device, bindings::NUMA_NO_NODE, config, Self::OPS, None);

        Ok(Self {
            raw: KBox::try_pin_init(raw, GFP_KERNEL)?,
            _walker: walker,
        })
    }

    /// What a walk starts from.
    pub fn root(&self) -> Root {
        self.raw.root(Format::Vtdss)
    }

    /// Maps `size` bytes at `iova` to `paddr` (HPA), for reading and writing. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: not aligned to pages, or too large.
    /// - [`EADDRINUSE`]: something is mapped there.
    /// - [`ENOMEM`]
    pub fn map(&mut self, iova: usize, paddr: PhysAddr, size: usize) -> Result {
        // SAFETY: A valid domain of the library's.
        to_result(unsafe {
            bindings::iommu_map(
                self.raw.storage.get().cast(),
                iova,
                paddr,
                size,
                // CAST: Small flags.
                (bindings::IOMMU_READ | bindings::IOMMU_WRITE) as c_int,
                bindings::GFP_KERNEL,
            )
        })
    }

    /// Makes those of `size` bytes at `iova` clean that are dirty, as iommufd does. Returns the
    /// first and the last IOVA of what was.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: a kernel without dirty tracking.
    /// - [`EINVAL`], [`ERANGE`]: no such range.
    pub fn read_and_clear_dirty(&self, iova: usize, size: usize) -> Result<Option<(usize, usize)>> {
        let mut gather = bindings::iommu_iotlb_gather {
            start: usize::MAX,
            ..pin_init::zeroed()
        };
        let mut dirty = bindings::iommu_dirty_bitmap {
            bitmap: ptr::null_mut(),
            gather: &mut gather,
        };

        // SAFETY: A valid domain of this format. Without a bitmap only ranges are collected.
        to_result(unsafe {
            bindings::pt_iommu_vtdss_read_and_clear_dirty(
                self.raw.storage.get().cast(),
                iova,
                size,
                0,
                &mut dirty,
            )
        })?;
        Ok((gather.start <= gather.end).then_some((gather.start, gather.end)))
    }

    /// The word of the table at an address (HPA), `None` if that is not in the table: what
    /// hardware reads there, and what it writes.
    pub fn word(&self, address: u64) -> Option<&Atomic<u64>> {
        let root = self.root();

        if self.leads_to(root.address, root.levels, address & ADDRESS) {
            // SAFETY: In a page of the table.
            Some(unsafe { self.at(address) })
        } else {
            None
        }
    }

    /// Whether `page` (HPA) is the table at `table`, one of this object's, or below that.
    fn leads_to(&self, table: u64, level: u32, page: u64) -> bool {
        let below = |at| {
            // SAFETY: In a page of the table.
            let entry = unsafe { self.at(at) }.load(Relaxed);

            entry & PRESENT != 0
                && entry & BLOCK == 0
                && self.leads_to(entry & ADDRESS, level - 1, page)
        };

        table == page || (level > 1 && (table..).step_by(8).take(512).any(below))
    }

    /// # Safety
    ///
    /// `address` (HPA) must be in a page of the table.
    unsafe fn at(&self, address: u64) -> &Atomic<u64> {
        // SAFETY: Tables are in the linear mapping and are not freed while `self` is there.
        unsafe {
            let page = bindings::rust_helper_iommu_phys_to_virt(address & ADDRESS);

            // CAST: Below 4096.
            Atomic::from_ptr(page.byte_add((address & 0xff8) as usize).cast())
        }
    }
}
