// SPDX-License-Identifier: GPL-2.0

//! Looking up what a page table maps.
//!
//! The library's own walk serves several purposes by a callback per level, and the DMA API asks
//! for the physical address at each unmap: this one is an order of magnitude shorter.

use super::{
    bindings,
    Stage, //
};
use kernel::io::PhysAddr;

/// The last level of every table.
const LAST: u32 = 3;

/// Where a page or block is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its physical address, or IPA.
    pub paddr: PhysAddr,
    /// Its size in bytes, a power of two.
    pub size: usize,
}

/// The shape of a table (DDI 0487, D8.2).
pub(super) struct Walk {
    root: PhysAddr,
    ias: u32,
    page_log2: u32,
    start_level: u32,
}

/// Descriptor bits 1:0: what it is, a page at the last level, a table at others, or a block there.
const TYPE: u64 = 0b11;
const TABLE_OR_PAGE: u64 = 0b11;
const BLOCK: u64 = 0b01;

/// Descriptor bits of the output address.
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

impl Walk {
    /// The shape of a table that the library has made for `stage`.
    pub(super) fn new(cfg: &bindings::io_pgtable_cfg, stage: Stage) -> Self {
        let page_log2 = cfg.pgsize_bitmap.trailing_zeros();
        let levels = (cfg.ias - page_log2).div_ceil(page_log2 - LAST);
        // SAFETY: The member of the union goes with the format.
        let (root, start_level) = unsafe {
            match stage {
                Stage::One => (cfg.__bindgen_anon_1.arm_lpae_s1_cfg.ttbr, LAST + 1 - levels),
                // SL0 counts from the last level backwards, with 4 KiB pages from the one before.
                Stage::Two => {
                    let s2 = &cfg.__bindgen_anon_1.arm_lpae_s2_cfg;

                    (s2.vttbr, LAST - s2.vtcr.sl() - u32::from(page_log2 == 12))
                }
            }
        };

        Self {
            root: root as PhysAddr,
            ias: cfg.ias,
            page_log2,
            start_level,
        }
    }

    /// The page or block that maps `iova`.
    ///
    /// # Safety
    ///
    /// The table must be the one that `new()` was called for, and must not be changed around `iova`
    /// meanwhile.
    #[inline]
    pub(super) unsafe fn leaf(&self, iova: usize) -> Option<Leaf> {
        let bits = self.page_log2 - LAST;
        let mut table = self.root;
        let mut level = self.start_level;
        // The first level may have more entries than the others: as many as there is input for.
        let mut offset = iova;

        if iova.checked_shr(self.ias).unwrap_or(0) != 0 {
            return None;
        }
        loop {
            let shift = self.page_log2 + (LAST - level) * bits;
            // SAFETY: Tables are in the linear mapping, and this one has an entry of that index.
            let descriptor = unsafe {
                bindings::rust_helper_iommu_phys_to_virt(table)
                    .cast::<u64>()
                    .add(offset >> shift)
                    .read_volatile()
            };

            match (descriptor & TYPE, level) {
                (TABLE_OR_PAGE, LAST) | (BLOCK, 0..LAST) => {
                    return Some(Leaf {
                        paddr: self.address(descriptor),
                        size: 1 << shift,
                    });
                }
                (TABLE_OR_PAGE, _) => table = self.address(descriptor),
                _ => return None,
            }
            offset = iova & ((1 << shift) - 1);
            level += 1;
        }
    }

    /// The output address of a descriptor. With 64 KiB pages bits 51:48 are in bits 15:12.
    fn address(&self, descriptor: u64) -> PhysAddr {
        let address = descriptor & ADDRESS;

        if self.page_log2 < 16 {
            return address as PhysAddr;
        }
        ((address | address << 36) & (ADDRESS << 4)) as PhysAddr
    }
}
