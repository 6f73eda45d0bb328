// SPDX-License-Identifier: GPL-2.0

//! A guest's first-stage page table (9.6 to 9.8), to be walked by software.
//!
//! Requests are taken to be those of a user, as all are that do not ask for supervisor privilege.
//! Nothing is written to the table, so that an access for which hardware would set an accessed or
//! a dirty flag is refused: a page that was not accessed is not mapped, and one that is not dirty
//! is not writable. A guest whose table is not that of a CPU sets both beforehand.
//!
//! Only the lower half of the addresses is translated.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use crate::common::{
    field::fields,
    shadow::{
        Access,
        Entry,
        Format, //
    },
};

fields! {
    PRESENT         = 0 [0];
    WRITE           = 0 [1];
    USER            = 0 [2];
    ACCESSED        = 0 [5];
    DIRTY           = 0 [6];
    /// Not a table but a page, on levels that have both.
    LARGE           = 0 [7];
    ADDRESS         = 0 [51:12];
    /// The lowest bit of a large page's address, which is a memory type.
    LARGE_PAT       = 0 [12];
}

/// `IOMMU_VTD_S1_SRE` and `IOMMU_VTD_S1_WPE`, which are about requests with supervisor privilege.
/// There are none.
const SUPERVISOR: u64 = 1 << 0 | 1 << 2;
/// `IOMMU_VTD_S1_EAFE`: hardware sets the extended accessed flag.
const EAFE: u64 = 1 << 1;

/// The largest size of a GPA in bits.
pub(crate) const OUTPUT_BITS: u32 = 52;

/// log2 of the smallest page in bytes.
const PAGE_BITS: u32 = 12;
/// log2 of the entries of a table.
const INDEX_BITS: u32 = 9;
/// The last level on which there are large pages: of 1 GiB.
const LARGE_LAST: usize = 2;

/// Why a page table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTable {
    /// A flag that is not defined.
    Flags,
    /// The extended accessed flag, which software does not set.
    Unsupported,
    /// The address width is neither 48 nor 57.
    Width,
    /// The table is not aligned.
    Alignment,
    /// The table is beyond the guest's addresses.
    Range,
}

/// A page table that was found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageTable {
    root: u64,
    five_levels: bool,
    gpa_bits: u32,
}

impl PageTable {
    /// The table at `base` (GPA) for addresses of `width` bits, with `flags` as of
    /// `struct iommu_hwpt_vtd_s1`. GPAs have `gpa_bits`.
    pub(crate) fn parse(
        base: u64,
        width: u32,
        flags: u64,
        gpa_bits: u32,
    ) -> Result<Self, BadTable> {
        let gpa_bits = gpa_bits.min(OUTPUT_BITS);

        if flags & !(SUPERVISOR | EAFE) != 0 {
            return Err(BadTable::Flags);
        }
        if flags & EAFE != 0 {
            return Err(BadTable::Unsupported);
        }
        let five_levels = match width {
            48 => false,
            57 => true,
            _ => return Err(BadTable::Width),
        };
        if base >> gpa_bits != 0 {
            return Err(BadTable::Range);
        }
        if base & ((1 << PAGE_BITS) - 1) != 0 {
            return Err(BadTable::Alignment);
        }
        Ok(Self {
            root: base,
            five_levels,
            gpa_bits,
        })
    }
}

impl Format for PageTable {
    fn root(&self) -> u64 {
        self.root
    }

    fn levels(&self) -> usize {
        match self.five_levels {
            true => 5,
            false => 4,
        }
    }

    fn page_bits(&self) -> u32 {
        PAGE_BITS
    }

    fn last(&self) -> u64 {
        match self.five_levels {
            true => (1 << 56) - 1,
            false => (1 << 47) - 1,
        }
    }

    fn tag(&self) -> Option<u32> {
        None
    }

    fn decode(&self, entry: u64, level: usize) -> Entry {
        let entry = &[entry];
        let large = LARGE.is_set(entry) && level != 0;
        let leaf = large || level == 0;

        if !PRESENT.is_set(entry) || (large && level > LARGE_LAST) {
            return Entry::Absent;
        }
        let mut address = entry[0] & ADDRESS.mask();
        if large {
            address &= !LARGE_PAT.mask();
        }
        // CAST: A small number.
        let size = 1u64 << (PAGE_BITS + if large { level as u32 * INDEX_BITS } else { 0 });
        // Bits that have to be zero
        if address >> self.gpa_bits != 0 || address & (size - 1) != 0 {
            return Entry::Absent;
        }
        let access = Access {
            read: USER.is_set(entry),
            write: USER.is_set(entry) && WRITE.is_set(entry),
        };

        match leaf {
            false => Entry::Table {
                gpa: address,
                access,
            },
            true if !ACCESSED.is_set(entry) => Entry::Absent,
            true => Entry::Leaf {
                gpa: address,
                access: Access {
                    write: access.write && DIRTY.is_set(entry),
                    ..access
                },
            },
        }
    }
}
