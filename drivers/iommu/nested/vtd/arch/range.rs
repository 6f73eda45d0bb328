// SPDX-License-Identifier: GPL-2.0

//! Ranges of addresses, as invalidations have them (6.5.2): as naturally aligned blocks of pages.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

/// log2 of the bytes of a page.
pub(crate) const PAGE_SHIFT: u32 = 12;

/// The order of the block that is the whole address space.
pub(crate) const ORDER_ALL: u32 = u64::BITS - PAGE_SHIFT;

/// A naturally aligned block of `1 << order` pages of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first address, aligned to the size of the block: IOVA, or GPA of a second stage.
    pub(crate) address: u64,
    /// log2 of the number of pages (AM), at most [`ORDER_ALL`].
    pub(crate) order: u32,
}

impl Block {
    /// The whole address space.
    pub(crate) const ALL: Self = Self {
        address: 0,
        order: ORDER_ALL,
    };

    /// The smallest block with all of `first..=last`.
    pub(crate) const fn around(first: u64, last: u64) -> Self {
        let order = u64::BITS - ((first ^ last) >> PAGE_SHIFT).leading_zeros();

        if order >= ORDER_ALL {
            return Self::ALL;
        }
        Self {
            address: first & (u64::MAX << (PAGE_SHIFT + order)),
            order,
        }
    }
}
