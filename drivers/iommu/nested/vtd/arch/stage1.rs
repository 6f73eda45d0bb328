// SPDX-License-Identifier: GPL-2.0

//! What a guest hands to its virtual unit: its first-stage table, and what changed in it.
//!
//! Both are numbers of user space's making. Nothing that was not checked here reaches a PASID
//! table or the invalidation queue.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    caps::Features,
    range::PAGE_SHIFT, //
};

/// `IOMMU_VTD_S1_SRE`: the guest's devices may ask for supervisor privilege.
const SRE: u64 = 1 << 0;
/// `IOMMU_VTD_S1_EAFE`: hardware sets the extended accessed flag.
const EAFE: u64 = 1 << 1;
/// `IOMMU_VTD_S1_WPE`: read-only pages bind supervisor requests too.
const WPE: u64 = 1 << 2;

/// `IOMMU_VTD_INV_FLAGS_LEAF`: only last-level entries have changed.
const LEAF: u32 = 1 << 0;

/// The low bits of the address of a page.
const PAGE_MASK: u64 = (1 << PAGE_SHIFT) - 1;

/// `struct iommu_hwpt_vtd_s1`, as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawStage1 {
    /// `flags`.
    pub(crate) flags: u64,
    /// `pgtbl_addr`.
    pub(crate) table: u64,
    /// `addr_width`.
    pub(crate) addr_width: u32,
    /// `__reserved`.
    pub(crate) reserved: u32,
}

/// Why a guest's first stage is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadStage1 {
    /// A flag that is not defined, or the reserved field is not zero. User space is told
    /// EOPNOTSUPP.
    Unknown,
    /// A flag that the unit does not support. EINVAL, as all below.
    Unsupported,
    /// The address width is neither 48 nor, with tables of five levels, 57.
    Width,
    /// The table is not aligned to a page.
    Alignment,
    /// The table is beyond what the second stage translates.
    Range,
}

/// A guest's first-stage table that was found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage1 {
    table: u64,
    flags: u64,
    five_levels: bool,
}

impl Stage1 {
    /// Checks a guest's first stage against what this unit can do. `gpa_bits` is the width of the
    /// addresses that the second stage below it translates.
    pub(crate) fn parse(
        raw: &RawStage1,
        features: &Features,
        gpa_bits: u32,
    ) -> Result<Stage1, BadStage1> {
        if raw.flags & !(SRE | EAFE | WPE) != 0 || raw.reserved != 0 {
            return Err(BadStage1::Unknown);
        }
        if raw.flags & SRE != 0 && !features.supervisor
            || raw.flags & EAFE != 0 && !features.extended_access
        {
            return Err(BadStage1::Unsupported);
        }
        let five_levels = match raw.addr_width {
            48 => false,
            57 if features.five_levels => true,
            _ => return Err(BadStage1::Width),
        };
        if raw.table & PAGE_MASK != 0 {
            return Err(BadStage1::Alignment);
        }
        if gpa_bits < u64::BITS && raw.table >> gpa_bits != 0 {
            return Err(BadStage1::Range);
        }
        Ok(Stage1 {
            table: raw.table,
            flags: raw.flags,
            five_levels,
        })
    }

    /// The top table (GPA).
    pub(crate) const fn table(&self) -> u64 {
        self.table
    }

    /// The table has five levels, not four.
    pub(crate) const fn five_levels(&self) -> bool {
        self.five_levels
    }

    /// Requests with supervisor privilege are let through (SRE).
    pub(crate) const fn supervisor(&self) -> bool {
        self.flags & SRE != 0
    }

    /// Supervisor requests respect read-only pages (WPE), of which there are none without
    /// [`Stage1::supervisor`].
    pub(crate) const fn write_protect(&self) -> bool {
        self.supervisor() && self.flags & WPE != 0
    }

    /// Hardware sets the extended accessed flag (EAFE).
    pub(crate) const fn extended_access(&self) -> bool {
        self.flags & EAFE != 0
    }
}

/// `struct iommu_hwpt_vtd_s1_invalidate`, as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawInvalidation {
    /// `addr`.
    pub(crate) address: u64,
    /// `npages`.
    pub(crate) pages: u64,
    /// `flags`.
    pub(crate) flags: u32,
    /// `__reserved`.
    pub(crate) reserved: u32,
}

/// Why a guest's invalidation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadInvalidation {
    /// A flag that is not defined, or the reserved field is not zero. User space is told
    /// EOPNOTSUPP.
    Unknown,
    /// The address is not aligned to a page, or the range goes beyond all addresses. EINVAL.
    Range,
}

/// What has changed in a guest's first stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalidation {
    /// It is a range of no pages.
    Nothing,
    /// All of it may have.
    Everything,
    /// The translation of whole pages.
    Pages {
        /// The first address (IOVA).
        first: u64,
        /// The last address.
        last: u64,
        /// Only last-level entries changed. Otherwise cached walks go as well.
        leaf: bool,
    },
}

impl Invalidation {
    /// Checks what a guest says.
    pub(crate) fn parse(raw: &RawInvalidation) -> Result<Invalidation, BadInvalidation> {
        if raw.flags & !LEAF != 0 || raw.reserved != 0 {
            return Err(BadInvalidation::Unknown);
        }
        if raw.address & PAGE_MASK != 0 {
            return Err(BadInvalidation::Range);
        }
        match (raw.address, raw.pages) {
            (0, u64::MAX) => Ok(Self::Everything),
            (_, 0) => Ok(Self::Nothing),
            (first, pages) => {
                let last = (pages - 1)
                    .checked_mul(1 << PAGE_SHIFT)
                    .and_then(|offset| first.checked_add(offset | PAGE_MASK));

                Ok(Self::Pages {
                    first,
                    last: last.ok_or(BadInvalidation::Range)?,
                    leaf: raw.flags & LEAF != 0,
                })
            }
        }
    }
}
