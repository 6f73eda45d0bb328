// SPDX-License-Identifier: GPL-2.0

//! The guest's memory: what `VFIO_IOMMU_MAP_DMA` puts there, with type1's rules.

use super::{
    args::MapDma,
    stage::Stage, //
};
use crate::{
    backend::{
        AddressRange,
        Backend, //
    },
    iommu::client::Access,
    vfio::memory::{
        Accounted,
        Pinned,
        PinnedPage, //
    },
};
use kernel::{
    io::PhysAddr,
    page::PAGE_SIZE,
    pr_err_once,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::Arc, //
};

/// The most mappings of a container, as type1 has it.
const LIMIT: u32 = 65535;

/// What is mapped or unmapped at once. A multiple of all blocks but those of 4 TiB.
const CHUNK: u64 = 1 << 30;

/// Part of the guest's memory.
struct Mapping {
    range: AddressRange,
    access: Access,
    pages: Pinned,
    _accounted: Accounted,
}

impl Mapping {
    /// Maps it in `stage`; on an error, nothing of it.
    fn map_in<B: Backend>(&self, stage: &Stage<B>) -> Result {
        let mut gpa = self.range.start;

        for (mut paddr, mut left) in self.pages.runs() {
            while left != 0 {
                let size = left.min(CHUNK - gpa % CHUNK);

                stage
                    .space
                    .map(gpa, paddr, size, self.access)
                    .inspect_err(|_| self.unmap_part(stage, gpa - self.range.start))?;
                gpa += size;
                paddr += size;
                left -= size;
            }
        }
        Ok(())
    }

    /// Unmaps it from `stage`.
    fn unmap_from<B: Backend>(&self, stage: &Stage<B>) {
        self.unmap_part(stage, self.range.size);
    }

    /// Unmaps the first `size` bytes.
    fn unmap_part<B: Backend>(&self, stage: &Stage<B>, size: u64) {
        let mut done = 0;

        while done < size {
            let gpa = self.range.start + done;
            let chunk = (size - done).min(CHUNK - gpa % CHUNK);

            if stage.space.unmap(gpa, chunk) != chunk {
                pr_err_once!("guest memory could not be unmapped, and stays pinned\n");
                self.pages.keep();
            }
            done += chunk;
        }
    }
}

/// The guest's memory, by GPA. When it is dropped, its pages are unpinned: devices must not have
/// them any more.
pub(super) struct Memory {
    mappings: RBTree<u64, Mapping>,
    available: u32,
}

impl Memory {
    /// No memory.
    pub(super) fn new() -> Self {
        Self {
            mappings: RBTree::new(),
            available: LIMIT,
        }
    }

    /// How many more mappings there can be.
    pub(super) fn available(&self) -> u32 {
        self.available
    }

    /// The last mapping that starts at or below `gpa`.
    fn at_or_below(&self, gpa: u64) -> Option<&Mapping> {
        match self.mappings.cursor_lower_bound(&gpa) {
            Some(cursor) if *cursor.current().0 == gpa => Some(self.mappings.get(&gpa)?),
            Some(cursor) => cursor
                .peek_prev()
                .and_then(|(start, _)| self.mappings.get(start)),
            None => self
                .mappings
                .cursor_back()
                .and_then(|cursor| self.mappings.get(cursor.current().0)),
        }
    }

    /// Whether a part of `range` is mapped.
    pub(super) fn overlaps(&self, range: &AddressRange) -> bool {
        self.at_or_below(range.last())
            .is_some_and(|mapping| mapping.range.overlaps(range))
    }

    /// Whether something is mapped beyond `last`.
    pub(super) fn reaches_beyond(&self, last: u64) -> bool {
        last.checked_add(1)
            .and_then(|start| AddressRange::new(start, u64::MAX - last))
            .is_some_and(|beyond| self.overlaps(&beyond))
    }

    /// Whether all of `range` is mapped, for devices to read.
    pub(super) fn readable(&self, range: &AddressRange) -> bool {
        let mut next = range.start;

        loop {
            match self.at_or_below(next) {
                Some(mapping) if mapping.access.read && mapping.range.last() >= next => {
                    if mapping.range.last() >= range.last() {
                        return true;
                    }
                    next = mapping.range.last() + 1;
                }
                _ => return false,
            }
        }
    }

    /// Pins and maps.
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: something is mapped there.
    /// - [`ENOSPC`]: too many mappings.
    /// - [`ENOMEM`], [`EFAULT`], [`EINTR`]: as [`Accounted::new`] and [`Pinned::new`].
    pub(super) fn map<B: Backend>(&mut self, map: &MapDma, stages: &[Arc<Stage<B>>]) -> Result {
        if self.overlaps(&map.range) {
            return Err(EEXIST);
        }
        let available = self.available.checked_sub(1).ok_or(ENOSPC)?;
        let node = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        // CAST: `usize` has 64 bits where there is nesting.
        let pages = map.range.size as usize / PAGE_SIZE;
        let accounted = Accounted::new(pages)?;
        let mapping = Mapping {
            range: map.range,
            access: map.access,
            pages: Pinned::new(map.vaddr, pages, map.access.write)?,
            _accounted: accounted,
        };

        for (i, stage) in stages.iter().enumerate() {
            mapping.map_in(stage).inspect_err(|_| {
                for stage in &stages[..i] {
                    mapping.unmap_from(stage);
                }
            })?;
        }
        self.mappings
            .insert(node.into_node(map.range.start, mapping));
        self.available = available;
        Ok(())
    }

    /// Takes all that is mapped in `range` out. It stays pinned, and mapped in the stages.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: a mapping is only partly in it.
    pub(super) fn take(&mut self, range: &AddressRange) -> Result<Self> {
        let cut = |gpa: u64| {
            self.at_or_below(gpa).is_some_and(|mapping| {
                mapping.range.overlaps(range) && !range.contains(&mapping.range)
            })
        };

        if cut(range.start) || cut(range.last()) {
            return Err(EINVAL);
        }
        let mut taken = Self::new();

        while let Some(start) = self.first_from(range.start) {
            if start > range.last() {
                break;
            }
            let Some(node) = self.mappings.remove_node(&start) else {
                break;
            };

            taken.mappings.insert(node);
            self.available += 1;
        }
        Ok(taken)
    }

    /// In bytes.
    pub(super) fn size(&self) -> u64 {
        self.mappings
            .values()
            .map(|mapping| mapping.range.size)
            .sum()
    }

    /// Keeps all of it pinned for good.
    pub(super) fn keep(&self) {
        for mapping in self.mappings.values() {
            mapping.pages.keep();
        }
    }

    /// The first part of `range` that is one mapping's, and what devices may do there.
    pub(super) fn first_in(&self, range: &AddressRange) -> Option<(AddressRange, Access)> {
        let mapping = match self.at_or_below(range.start) {
            Some(mapping) if mapping.range.overlaps(range) => mapping,
            _ => self.mappings.get(&self.first_from(range.start)?)?,
        };
        let start = mapping.range.start.max(range.start);
        let last = mapping.range.last().min(range.last());
        let size = last.checked_sub(start)?.checked_add(1)?;

        Some((AddressRange::new(start, size)?, mapping.access))
    }

    /// Where `gpa` is (HPA), and how many bytes are contiguous from there on, if it is mapped.
    pub(super) fn at(&self, gpa: u64) -> Option<(PhysAddr, u64)> {
        let mapping = self.at_or_below(gpa)?;

        mapping.pages.at(gpa - mapping.range.start)
    }

    /// The page that has `gpa` in it, if devices may read there.
    pub(super) fn page(&self, gpa: u64) -> Option<PinnedPage<'_>> {
        let mapping = self
            .at_or_below(gpa)
            .filter(|mapping| mapping.access.read)?;

        mapping.pages.page(gpa - mapping.range.start)
    }

    /// Where the first mapping from `gpa` on starts.
    fn first_from(&self, gpa: u64) -> Option<u64> {
        Some(*self.mappings.cursor_lower_bound(&gpa)?.current().0)
    }

    /// Maps all in a new stage; on an error, nothing that matters, for it is not used then.
    ///
    /// # Errors
    ///
    /// As of [`Space::map`](crate::iommu::client::Space::map).
    pub(super) fn replay<B: Backend>(&self, stage: &Stage<B>) -> Result {
        self.mappings
            .values()
            .try_for_each(|mapping| mapping.map_in(stage))
    }

    /// Unmaps all from a stage that no device uses any more.
    pub(super) fn withdraw<B: Backend>(&self, stage: &Stage<B>) {
        for mapping in self.mappings.values() {
            mapping.unmap_from(stage);
        }
    }

    /// Unpins everything. No stage has it any more.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}
