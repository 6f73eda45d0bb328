// SPDX-License-Identifier: GPL-2.0

//! Shadows of guests' page tables, where hardware does not nest.
//!
//! A shadow is a table of the host's that translates what the guest's table does (IOVA to GPA) and
//! what the container's memory does (GPA to HPA) in one step. What is in it follows from both:
//!
//! - When the guest says that a part of its table has changed, that part is walked again.
//! - When memory is unmapped, the whole table is walked again as if that memory, with whatever
//!   tables are in it, were not there; and only then is it unpinned. So what stays in the shadow
//!   leads to memory that stays, by way of tables in memory that stays.
//! - When memory is mapped and something was not to be found before, the whole table is walked,
//!   too.
//!
//! All of this is done with `Container::state` held, and the memory is that of the moment.

use super::{
    container::State,
    memory::Memory,
    stage::Stage, //
};
use crate::{
    backend::{
        AddressRange,
        Backend, //
    },
    common::shadow::{
        self,
        Access,
        Format,
        Host,
        Piece,
        Stop, //
    },
    iommu::{
        client::{
            self,
            Space, //
        },
        Endpoint, //
    },
    vfio::{
        memory::PinnedPage,
        user, //
    },
};
use kernel::{
    page::PAGE_SIZE,
    pr_err_once,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::Arc, //
};

/// The most shadows of a container for traffic with a PASID.
const BY_PASID_MAX: usize = 256;

/// The most tables of the host's that a shadow has on its last levels.
const REGIONS_MAX: u32 = 1 << 14;

/// What shadows take, or may take.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Pieces.
    pieces: u32,
    /// Tables of the host's on their last levels.
    regions: u32,
}

impl Extent {
    /// The most of all shadows of a container.
    const MAX: Self = Self {
        pieces: 1 << 18,
        regions: 1 << 16,
    };

    /// What is left beside `other`.
    pub(super) fn less(self, other: Self) -> Self {
        Self {
            pieces: self.pieces.saturating_sub(other.pieces),
            regions: self.regions.saturating_sub(other.regions),
        }
    }
}

/// A shadow, for one device.
pub(super) struct Shadow<B: Backend> {
    /// The device.
    pub(super) ep: Arc<Endpoint<B>>,
    /// Its traffic with this PASID, or that without.
    pub(super) pasid: Option<u32>,
    stage: Arc<Stage<B>>,
    /// The guest's table; without, every access is refused.
    table: Option<B::PageTable>,
    pieces: Pieces<B>,
}

/// What is in a shadow.
struct Pieces<B: Backend> {
    space: Arc<Space<B>>,
    tree: RBTree<u64, Piece>,
    count: u32,
    /// Where there is a table of the host's, because there is or was a piece: see [`Region::key`].
    regions: RBTree<u64, ()>,
    region_count: u32,
    /// IOVAs that are the host's.
    reserved: KVec<AddressRange>,
    /// Something was not to be found: there may be more to map when there is more memory.
    incomplete: bool,
    /// Something could not be unmapped.
    stuck: bool,
}

impl<B: Backend> Shadow<B> {
    /// An empty shadow of `table` on `stage` for a device's own traffic, or that with a PASID,
    /// where the IOVAs in `reserved` are not the guest's. Doorbells are in it already.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: accesses can't be coherent though they are to be.
    /// - [`ENOMEM`]
    pub(super) fn new(
        (ep, pasid): (&Arc<Endpoint<B>>, Option<u32>),
        stage: &Arc<Stage<B>>,
        space: Space<B>,
        table: Option<B::PageTable>,
        reserved: impl Iterator<Item = AddressRange>,
    ) -> Result<Self> {
        const PAGE_MASK: u64 = PAGE_SIZE as u64 - 1;
        let mut holes = KVec::new();

        for range in reserved {
            let start = range.start & !PAGE_MASK;

            if let Some(range) = AddressRange::new(start, (range.last() | PAGE_MASK) - start + 1) {
                holes.push(range, GFP_KERNEL_ACCOUNT)?;
            }
        }
        if stage.coherent && !space.enforce_cache_coherency() {
            return Err(EINVAL);
        }
        let space = Arc::new(space, GFP_KERNEL_ACCOUNT)?;

        stage.add_shadow(&space)?;
        // From here on, dropping it undoes that.
        Ok(Self {
            ep: ep.clone(),
            pasid,
            stage: stage.clone(),
            table,
            pieces: Pieces {
                space,
                tree: RBTree::new(),
                count: 0,
                regions: RBTree::new(),
                region_count: 0,
                reserved: holes,
                incomplete: false,
                stuck: false,
            },
        })
    }

    /// What a device is attached to.
    pub(super) fn space(&self) -> &Arc<Space<B>> {
        &self.pieces.space
    }

    /// What it takes.
    pub(super) fn extent(&self) -> Extent {
        Extent {
            pieces: self.pieces.count,
            regions: self.pieces.region_count,
        }
    }

    /// Brings the IOVAs `first` to `last` up to date. It may take `room`. On an error, what may not
    /// be right is not there any more.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: more pieces than there is room for, more tables than a walk looks at, or more
    ///   tables of the host's than a shadow has.
    /// - [`EINTR`]: the process is being killed.
    /// - [`ENOMEM`]
    pub(super) fn refresh(
        &mut self,
        memory: &Memory,
        room: Extent,
        first: u64,
        last: u64,
    ) -> Result {
        let Some(table) = &self.table else {
            return Ok(());
        };
        let end = self.pieces.space.last();
        if first == 0 && last >= end {
            self.pieces.incomplete = false;
        }
        let mut walk = Walk {
            pieces: &mut self.pieces,
            memory,
            room,
            page: None,
        };

        shadow::refresh(table, first, last.min(end), &mut walk).map_err(|stop| {
            self.pieces.incomplete = true;
            match stop {
                Stop::TooManyTables => ENOSPC,
                Stop::Host(e) => e,
            }
        })
    }

    /// Whether the guest has given the table's translations `tag`, as far as is known.
    fn has_tag(&self, tag: Option<u32>) -> bool {
        let own = self.table.as_ref().and_then(|table| table.tag());

        tag.is_none() || own.is_none() || tag == own
    }
}

impl<B: Backend> Drop for Shadow<B> {
    fn drop(&mut self) {
        self.stage.remove_shadow(&self.pieces.space);
    }
}

impl<B: Backend> Pieces<B> {
    fn before(&self, iova: u64) -> Option<Piece> {
        match self.tree.cursor_lower_bound(&iova) {
            Some(cursor) => cursor.peek_prev().map(|(_, piece)| *piece),
            None => self.tree.cursor_back().map(|cursor| *cursor.current().1),
        }
    }

    fn next(&self, iova: u64) -> Option<Piece> {
        match self.before(iova) {
            Some(before) if before.last() >= iova => Some(before),
            _ => self
                .tree
                .cursor_lower_bound(&iova)
                .map(|cursor| *cursor.current().1),
        }
    }

    /// The blocks of the host's that a piece is smaller than, and in, from the smallest.
    fn regions_of(&self, piece: &Piece) -> impl DoubleEndedIterator<Item = Region> + use<B> {
        let piece = *piece;
        let sizes = self.space.pgsizes();

        (0..u64::BITS)
            .filter(move |bits| sizes >> bits & 1 != 0 && 1 << bits > piece.size)
            .map(move |bits| Region {
                start: piece.iova >> bits << bits,
                bits,
            })
            .filter(move |region| region.last() >= piece.last())
    }

    /// Notes that there will be a table for a piece. There may be `most`.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: too many.
    /// - [`ENOMEM`]
    fn note_table(&mut self, piece: &Piece, most: u32) -> Result {
        let Some(region) = self.regions_of(piece).next() else {
            return Ok(());
        };

        if self.regions.get(&region.key()).is_some() {
            return Ok(());
        }
        if self.region_count >= most.min(REGIONS_MAX) {
            return Err(ENOSPC);
        }
        self.regions
            .try_create_and_insert(region.key(), (), GFP_KERNEL_ACCOUNT)?;
        self.region_count += 1;
        Ok(())
    }

    /// Gives back tables that have held a piece and are empty now, if the host's table can: a guest
    /// must not make the host have one for each IOVA that it has ever used.
    fn free_tables(&mut self, gone: &Piece) {
        let empty = |region: &Region| {
            self.next(region.start)
                .is_none_or(|next| next.iova > region.last())
                && !self
                    .reserved
                    .iter()
                    .any(|range| range.start <= region.last() && region.start <= range.last())
        };
        let Some(region) = self.regions_of(gone).rev().find(empty) else {
            return;
        };

        if self.space.unmap(region.start, region.size()) < region.size() {
            return;
        }
        while let Some(key) = self
            .regions
            .cursor_lower_bound(&region.start)
            .map(|cursor| *cursor.current().0)
            .filter(|key| *key <= region.last())
        {
            self.regions.remove(&key);
            self.region_count -= 1;
        }
    }
}

/// A block of the host's.
#[derive(Clone, Copy)]
struct Region {
    start: u64,
    /// log2 of its size in bytes.
    bits: u32,
}

impl Region {
    fn size(&self) -> u64 {
        1 << self.bits
    }

    fn last(&self) -> u64 {
        self.start + (self.size() - 1)
    }

    /// Where it starts, and how large it is: blocks are larger than they have bits.
    fn key(&self) -> u64 {
        self.start | u64::from(self.bits)
    }
}

/// A walk of a guest's table.
struct Walk<'a, B: Backend> {
    pieces: &'a mut Pieces<B>,
    memory: &'a Memory,
    /// What the shadow may take.
    room: Extent,
    /// The last page of a table (GPA) that was looked for.
    page: Option<(u64, PinnedPage<'a>)>,
}

impl<B: Backend> Host for Walk<'_, B> {
    type Error = Error;

    fn pause(&mut self) -> Result {
        user::pause()
    }

    fn read(&mut self, gpa: u64) -> Option<u64> {
        let start = gpa & !(PAGE_SIZE as u64 - 1);

        if self.page.is_none_or(|(there, _)| there != start) {
            self.page = self.memory.page(start).map(|page| (start, page));
        }
        let Some((_, page)) = self.page else {
            self.pieces.incomplete = true;
            return None;
        };
        // CAST: Less than a page.
        page.read((gpa - start) as usize).map(u64::from_le)
    }

    fn part(&mut self, leaf: &Piece, from: u64) -> Option<Piece> {
        let pieces = &mut *self.pieces;
        let last = leaf.last().min(pieces.space.last());
        let mut from = from;

        while from <= last {
            let reserved = &pieces.reserved;
            if let Some(hole) = reserved
                .iter()
                .find(|hole| hole.start <= from && from <= hole.last())
            {
                from = hole.last().checked_add(1)?;
                continue;
            }
            let end = reserved
                .iter()
                .filter(|hole| hole.start > from)
                .fold(last, |end, hole| end.min(hole.start - 1));
            let gpas = AddressRange::new(leaf.gpa + (from - leaf.iova), end - from + 1)?;
            let Some((part, access)) = self.memory.first_in(&gpas) else {
                pieces.incomplete = true;
                from = end + 1;
                continue;
            };
            let iova = from + (part.start - gpas.start);
            let access = leaf.access
                & Access {
                    read: access.read,
                    write: access.write,
                };

            pieces.incomplete |= part.start != gpas.start;
            if !access.is_none() {
                return Some(Piece {
                    iova,
                    gpa: part.start,
                    size: part.size,
                    leaf_bits: leaf.leaf_bits,
                    access,
                });
            }
            from = iova + part.size;
        }
        None
    }

    fn next(&self, iova: u64) -> Option<Piece> {
        self.pieces.next(iova)
    }

    fn before(&self, iova: u64) -> Option<Piece> {
        self.pieces.before(iova)
    }

    fn map(&mut self, piece: &Piece) -> Result {
        let pieces = &mut *self.pieces;
        let access = client::Access {
            read: piece.access.read,
            write: piece.access.write,
        };
        let mut done = 0;

        if pieces.count >= self.room.pieces {
            return Err(ENOSPC);
        }
        let node = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        pieces.note_table(piece, self.room.regions)?;
        let space = &pieces.space;

        while done < piece.size {
            let mapped = match self.memory.at(piece.gpa + done) {
                Some((paddr, left)) => {
                    let size = left.min(piece.size - done);

                    space
                        .map_data(piece.iova + done, paddr, size, access)
                        .map(|()| size)
                }
                None => Err(EFAULT),
            };

            done += mapped.inspect_err(|_| {
                if done != 0 {
                    space.unmap(piece.iova, done);
                }
            })?;
        }
        pieces.tree.insert(node.into_node(piece.iova, *piece));
        pieces.count += 1;
        Ok(())
    }

    fn unmap(&mut self, piece: &Piece) {
        let pieces = &mut *self.pieces;

        pieces.tree.remove(&piece.iova);
        pieces.count -= 1;
        if pieces.space.unmap(piece.iova, piece.size) != piece.size {
            pr_err_once!("a part of a shadow could not be unmapped: memory will stay pinned\n");
            pieces.stuck = true;
        }
        pieces.free_tables(piece);
    }
}

impl<B: Backend> State<B> {
    /// Checks that there can be one more shadow beside `others`, which are not in use yet, in place
    /// of the one that `ep` may have for `pasid`.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: as many as there may be.
    pub(super) fn check_shadows(
        &self,
        ep: &Arc<Endpoint<B>>,
        pasid: Option<u32>,
        others: &[Shadow<B>],
    ) -> Result {
        let count = |shadows: &[Shadow<B>]| {
            shadows
                .iter()
                .filter(|there| there.pasid.is_some())
                .filter(|there| there.pasid != pasid || !Arc::ptr_eq(&there.ep, ep))
                .count()
        };

        match pasid.is_some() && count(&self.shadows) + count(others) >= BY_PASID_MAX {
            false => Ok(()),
            true => Err(ENOSPC),
        }
    }

    /// What may be taken in addition, or by the shadow `own`.
    pub(super) fn room(&self, own: Option<usize>) -> Extent {
        self.shadows
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != own)
            .fold(Extent::MAX, |room, (_, shadow)| room.less(shadow.extent()))
    }

    /// Brings a range of the `i`th shadow up to date. Errors as of [`Shadow::refresh`].
    fn refresh(&mut self, i: usize, first: u64, last: u64) -> Result {
        let room = self.room(Some(i));

        self.shadows[i].refresh(&self.memory, room, first, last)
    }

    /// Brings all shadows up to date with memory of which there is less. What can't be kept is
    /// dropped. Returns whether nothing leads elsewhere.
    pub(super) fn refresh_all(&mut self) -> bool {
        for i in 0..self.shadows.len() {
            // What was found to be right is there, and nothing else.
            let _ = self.refresh(i, 0, u64::MAX);
        }
        !self.shadows.iter().any(|shadow| shadow.pieces.stuck)
    }

    /// Brings the shadows up to date for which there was not all memory.
    ///
    /// # Errors
    ///
    /// As of [`Shadow::refresh`].
    pub(super) fn refresh_incomplete(&mut self) -> Result {
        for i in 0..self.shadows.len() {
            if self.shadows[i].pieces.incomplete {
                self.refresh(i, 0, u64::MAX)?;
            }
        }
        Ok(())
    }

    /// Brings what has changed up to date: the IOVAs `first` to `last` of the tables with `tag`.
    ///
    /// # Errors
    ///
    /// As of [`Shadow::refresh`].
    pub(super) fn refresh_tagged(&mut self, tag: Option<u32>, first: u64, last: u64) -> Result {
        for i in 0..self.shadows.len() {
            if self.shadows[i].has_tag(tag) {
                self.refresh(i, first, last)?;
            }
        }
        Ok(())
    }
}
