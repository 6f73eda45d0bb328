// SPDX-License-Identifier: GPL-2.0

//! Page tables of the library io-pgtable: its formats `ARM_64_LPAE_S1` and `ARM_64_LPAE_S2`, one
//! for each stage, with TLB callbacks.
//!
//! C header: [`include/linux/io-pgtable.h`](srctree/include/linux/io-pgtable.h)

mod walk;

pub use self::walk::Leaf;
use self::walk::Walk;
use super::{
    bindings,
    domain::{
        MapRequest,
        Status,
        UnmapRequest, //
    },
    Gather, //
};
use core::ptr::NonNull;
use kernel::{
    device::Device,
    io::PhysAddr,
    prelude::*,
    sync::Arc, //
};

/// What the page table library needs of the TLB. Addresses are input addresses of the table (IOVA
/// or, for a second stage, GPA), sizes are in bytes.
///
/// All of these may be called in atomic context and must not sleep.
pub trait Tlb: Send + Sync + 'static {
    /// Invalidates all that was cached of this table, and waits.
    fn flush_all(&self);

    /// Invalidates what was cached of `[iova, iova + size)` including intermediate levels, and
    /// waits; the last level's entries are of `granule` bytes.
    fn flush_walk(&self, iova: usize, size: usize, granule: usize);

    /// One leaf entry of `granule` bytes at `iova` was removed: collect or invalidate it.
    fn add_page(&self, gather: &mut Gather<'_>, iova: usize, granule: usize);
}

/// Which of the two stages of translation a table is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// VA (or IOVA) to IPA: format `ARM_64_LPAE_S1`.
    One,
    /// IPA (GPA) to PA: format `ARM_64_LPAE_S2`.
    Two,
}

/// What is asked of a table.
pub struct Config {
    /// The stage it is for.
    pub stage: Stage,
    /// Usable sizes of pages and blocks, as a bitmap of powers of two in bytes. The library
    /// restricts it to one granule.
    pub pgsize_bitmap: usize,
    /// Input address size in bits.
    pub ias: u32,
    /// Output address size in bits.
    pub oas: u32,
    /// Whether the table walker is coherent with the CPU caches.
    pub coherent_walk: bool,
    /// Whether memory attributes are in the format of S2FWB (second stage only).
    pub s2fwb: bool,
}

/// The registers of a first-stage table, in the encodings of a context descriptor.
#[expect(missing_docs)]
#[derive(Clone, Copy)]
pub struct Stage1Regs {
    pub ttbr: u64,
    pub ips: u8,
    pub tg: u8,
    pub sh: u8,
    pub orgn: u8,
    pub irgn: u8,
    pub tsz: u8,
    pub mair: u64,
}

/// The registers of a second-stage table, in the encodings of a stream table entry.
#[expect(missing_docs)]
#[derive(Clone, Copy)]
pub struct Stage2Regs {
    pub vttbr: u64,
    pub ps: u8,
    pub tg: u8,
    pub sh: u8,
    pub orgn: u8,
    pub irgn: u8,
    pub sl: u8,
    pub tsz: u8,
}

/// A page table and the TLB that may cache it.
///
/// # Invariants
///
/// - `ops` is a page table made by `alloc_io_pgtable_ops()` with the `FLUSH_OPS` of
///   `T`, in the format of `stage`.
/// - Its cookie points to what `tlb` points to.
/// - `walk` is of this table.
pub struct PgTable<T: Tlb> {
    ops: NonNull<bindings::io_pgtable_ops>,
    stage: Stage,
    walk: Walk,
    tlb: Arc<T>,
}

// SAFETY: `struct io_pgtable_ops` may be used and freed by any thread; `T` is `Send` and `Sync`.
unsafe impl<T: Tlb> Send for PgTable<T> {}
// SAFETY: Its operations may run concurrently, on the conditions that `MapRequest` and
// `UnmapRequest` stand for.
unsafe impl<T: Tlb> Sync for PgTable<T> {}

impl<T: Tlb> PgTable<T> {
    const FLUSH_OPS: bindings::iommu_flush_ops = bindings::iommu_flush_ops {
        tlb_flush_all: Some(Self::flush_all),
        tlb_flush_walk: Some(Self::flush_walk),
        tlb_add_page: Some(Self::add_page),
    };

    /// Makes an empty table, walked by the IOMMU `dev`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: no memory, or a configuration that the library refuses.
    pub fn new(dev: &Device, config: &Config, tlb: Arc<T>) -> Result<Self> {
        let (format, quirk) = match config.stage {
            Stage::One => (bindings::io_pgtable_fmt_ARM_64_LPAE_S1, 0),
            Stage::Two if config.s2fwb => (
                bindings::io_pgtable_fmt_ARM_64_LPAE_S2,
                bindings::RUST_CONST_HELPER_IO_PGTABLE_QUIRK_ARM_S2FWB,
            ),
            Stage::Two => (bindings::io_pgtable_fmt_ARM_64_LPAE_S2, 0),
        };
        let mut raw = bindings::io_pgtable_cfg {
            quirks: quirk,
            pgsize_bitmap: config.pgsize_bitmap,
            ias: config.ias,
            oas: config.oas,
            coherent_walk: config.coherent_walk,
            tlb: &raw const *const { &Self::FLUSH_OPS },
            iommu_dev: super::raw_dev(dev),
            ..pin_init::zeroed()
        };

        // SAFETY: `raw` is valid for the call and copied by it; the callbacks accept the cookie,
        // which stays valid until the table is freed, because `Self` keeps `tlb` for longer.
        let ops = unsafe {
            bindings::alloc_io_pgtable_ops(format, &mut raw, Arc::as_ptr(&tlb).cast_mut().cast())
        };

        // INVARIANT: As just made.
        Ok(Self {
            ops: NonNull::new(ops).ok_or(ENOMEM)?,
            stage: config.stage,
            walk: Walk::new(&raw, config.stage),
            tlb,
        })
    }

    /// The TLB given at construction.
    pub fn tlb(&self) -> &Arc<T> {
        &self.tlb
    }

    fn cfg(&self) -> &bindings::io_pgtable_cfg {
        // SAFETY: By the type's invariant `ops` is a member of a `struct io_pgtable`, whose `cfg`
        // does not change after its allocation.
        unsafe {
            let table = kernel::container_of!(self.ops.as_ptr(), bindings::io_pgtable, ops);
            &(*table).cfg
        }
    }

    /// The sizes of pages and blocks in use, as a bitmap of powers of two in bytes.
    pub fn pgsize_bitmap(&self) -> usize {
        self.cfg().pgsize_bitmap
    }

    /// Input address size in bits.
    pub fn ias(&self) -> u32 {
        self.cfg().ias
    }

    /// The registers of a first-stage table; `None` for a second-stage one.
    pub fn stage1(&self) -> Option<Stage1Regs> {
        if self.stage != Stage::One {
            return None;
        }
        // SAFETY: This member of the union goes with the format, by the type's invariant.
        let cfg = unsafe { &self.cfg().__bindgen_anon_1.arm_lpae_s1_cfg };

        // CAST: Each is a bit field of at most 6 bits.
        Some(Stage1Regs {
            ttbr: cfg.ttbr,
            ips: cfg.tcr.ips() as u8,
            tg: cfg.tcr.tg() as u8,
            sh: cfg.tcr.sh() as u8,
            orgn: cfg.tcr.orgn() as u8,
            irgn: cfg.tcr.irgn() as u8,
            tsz: cfg.tcr.tsz() as u8,
            mair: cfg.mair,
        })
    }

    /// The registers of a second-stage table; `None` for a first-stage one.
    pub fn stage2(&self) -> Option<Stage2Regs> {
        if self.stage != Stage::Two {
            return None;
        }
        // SAFETY: This member of the union goes with the format, by the type's invariant.
        let cfg = unsafe { &self.cfg().__bindgen_anon_1.arm_lpae_s2_cfg };

        // CAST: Each is a bit field of at most 6 bits.
        Some(Stage2Regs {
            vttbr: cfg.vttbr,
            ps: cfg.vtcr.ps() as u8,
            tg: cfg.vtcr.tg() as u8,
            sh: cfg.vtcr.sh() as u8,
            orgn: cfg.vtcr.orgn() as u8,
            irgn: cfg.vtcr.irgn() as u8,
            sl: cfg.vtcr.sl() as u8,
            tsz: cfg.vtcr.tsz() as u8,
        })
    }

    /// Maps what the IOMMU core asked for. Adds to `mapped` how many bytes, from the start, are
    /// mapped (also in case of an error).
    #[inline]
    pub fn map(&self, req: &MapRequest, mapped: &mut usize) -> Status {
        // SAFETY: The pointer is valid by the type's invariant. A `MapRequest` stands for the
        // core's promise that nothing else operates on this range of the domain meanwhile.
        Status(unsafe {
            let map_pages = (*self.ops.as_ptr()).map_pages.unwrap_unchecked();
            map_pages(
                self.ops.as_ptr(),
                req.iova(),
                req.paddr(),
                req.pgsize(),
                req.pgcount(),
                req.prot(),
                req.gfp(),
                mapped,
            )
        })
    }

    /// Unmaps what the IOMMU core asked for. Returns how many bytes, from the start, were
    /// unmapped. The TLB is told through [`Tlb`], with `gather`.
    pub fn unmap(&self, req: &UnmapRequest, gather: &mut Gather<'_>) -> usize {
        // SAFETY: As in `map()`.
        unsafe {
            let unmap_pages = (*self.ops.as_ptr()).unmap_pages.unwrap_unchecked();
            unmap_pages(
                self.ops.as_ptr(),
                req.iova(),
                req.pgsize(),
                req.pgcount(),
                gather.as_raw(),
            )
        }
    }

    /// The page or block that maps `iova`; `None` if it is not mapped.
    #[inline]
    pub fn leaf(&self, iova: usize) -> Option<Leaf> {
        // SAFETY: The table is this one, by the type's invariant; the core does not ask for what it
        // changes meanwhile.
        unsafe { self.walk.leaf(iova) }
    }

    /// What `iova` translates to, or 0 if it is not mapped.
    pub fn iova_to_phys(&self, iova: usize) -> PhysAddr {
        let paddr = match self.leaf(iova) {
            Some(leaf) => leaf.paddr | (iova & (leaf.size - 1)) as PhysAddr,
            None => 0,
        };

        #[cfg(debug_assertions)]
        assert_eq!(paddr, self.iova_to_phys_by_library(iova));
        paddr
    }

    #[cfg(debug_assertions)]
    fn iova_to_phys_by_library(&self, iova: usize) -> PhysAddr {
        // SAFETY: The pointer is valid by the type's invariant; this operation only reads.
        unsafe {
            let iova_to_phys = (*self.ops.as_ptr()).iova_to_phys.unwrap_unchecked();
            iova_to_phys(self.ops.as_ptr(), iova)
        }
    }

    extern "C" fn flush_all(cookie: *mut c_void) {
        // SAFETY: The cookie is what `new()` passed, alive by the type's invariant.
        unsafe { &*cookie.cast::<T>() }.flush_all();
    }

    extern "C" fn flush_walk(iova: usize, size: usize, granule: usize, cookie: *mut c_void) {
        // SAFETY: As in `flush_all()`.
        unsafe { &*cookie.cast::<T>() }.flush_walk(iova, size, granule);
    }

    extern "C" fn add_page(
        gather: *mut bindings::iommu_iotlb_gather,
        iova: usize,
        granule: usize,
        cookie: *mut c_void,
    ) {
        // SAFETY: As in `flush_all()`; `gather` is what `unmap()` passed, borrowed by it mutably.
        unsafe {
            (*cookie.cast::<T>()).add_page(&mut Gather::from_raw(gather), iova, granule);
        }
    }
}

impl<T: Tlb> Drop for PgTable<T> {
    fn drop(&mut self) {
        // SAFETY: Valid by the type's invariant and freed once. What is attached to a table keeps
        // it alive, so the hardware no longer walks it; `tlb` is dropped after this.
        unsafe { bindings::free_io_pgtable_ops(self.ops.as_ptr()) };
    }
}
