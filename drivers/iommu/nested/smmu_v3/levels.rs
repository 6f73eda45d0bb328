// SPDX-License-Identifier: GPL-2.0

//! Tables of stream table entries or context descriptors, in one level or two (Arm IHI 0070,
//! chapter 3.3).

use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    rbtree::RBTree,
    sync::barrier::{
        dma_mb,
        Write, //
    }, //
};

use crate::iommu::{
    Entry,
    Table, //
};

/// A table of entries of eight words, by ID (StreamID or SubstreamID). A level 2 table is for
/// `1 << SPLIT` IDs.
///
/// The memory must outlive the hardware's use of it.
pub(super) enum Levels<const SPLIT: u32> {
    /// All entries.
    Linear(Table<8>),
    /// Level 2 tables are made when they are needed.
    Two {
        /// The level 1 descriptors.
        l1: Table<1>,
        /// The level 2 tables by index of their level 1 descriptor.
        l2: RBTree<u32, Table<8>>,
    },
}

impl<const SPLIT: u32> Levels<SPLIT> {
    /// No level 2 tables yet.
    pub(super) fn two(l1: Table<1>) -> Self {
        Self::Two {
            l1,
            l2: RBTree::new(),
        }
    }

    /// Where the hardware finds the table, or its first level (HPA).
    pub(super) fn address(&self) -> u64 {
        match self {
            Self::Linear(table) => table.address(),
            Self::Two { l1, .. } => l1.address(),
        }
    }

    /// Whether there is one level only.
    pub(super) fn is_linear(&self) -> bool {
        matches!(self, Self::Linear(_))
    }

    /// Makes sure that there is an entry for `id`, which the table covers.
    ///
    /// A new level 2 table is zero. `fill` makes it what the hardware may find and returns the
    /// level 1 descriptor. `dev` is the SMMU. May sleep. Errors of `fill`, or `ENOMEM`.
    pub(super) fn ensure(
        &mut self,
        dev: &Device<Bound>,
        id: u32,
        fill: impl FnOnce(&Table<8>) -> Result<u64>,
    ) -> Result {
        let Self::Two { l1, l2 } = self else {
            return Ok(());
        };
        let index = id >> SPLIT;

        if l2.get(&index).is_some() {
            return Ok(());
        }

        let table = Table::zeroed(dev, SPLIT)?;
        let descriptor = fill(&table)?;
        l2.try_create_and_insert(index, table, GFP_KERNEL)?;
        // The entries are as they should be before the hardware can find them.
        dma_mb(Write);
        l1.store(index as usize, 0, descriptor)
    }

    /// The entry of `id`. `ERANGE` if there is no such ID, `ENOENT` if [`Self::ensure`] was not
    /// called for it.
    pub(super) fn entry(&self, id: u32) -> Result<Entry<'_, 8>> {
        match self {
            Self::Linear(table) => table.entry(id as usize),
            Self::Two { l2, .. } => {
                let table = l2.get(&(id >> SPLIT)).ok_or(ENOENT)?;

                table.entry((id & ((1 << SPLIT) - 1)) as usize)
            }
        }
    }
}
