// SPDX-License-Identifier: GPL-2.0

//! Keeps a shadow of a guest's page table: what it translates (IOVA to GPA), cut into pieces that
//! the host can map (IOVA to HPA).
//!
//! A guest changes its table at any time, and tells afterwards. [`refresh`] then walks the part
//! that has changed and brings the shadow up to date: a piece that is as it should be stays mapped
//! all the time, so that a device that uses it notices nothing.
//!
//! What the guest has written is not trusted. Each entry is read once and decided on by that copy.
//! A table may lead to itself, or change while it is walked: whatever it says, a walk only ever
//! goes to larger IOVAs, and looks at [`TABLES_MAX`] tables at most.

use core::ops::BitAnd;

/// What a device may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// It may read.
    pub(crate) read: bool,
    /// It may write.
    pub(crate) write: bool,
}

impl Access {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        read: true,
        write: true,
    };

    /// Nothing at all.
    pub(crate) fn is_none(self) -> bool {
        !self.read && !self.write
    }
}

impl BitAnd for Access {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self {
            read: self.read && other.read,
            write: self.write && other.write,
        }
    }
}

/// What an entry of a guest's table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// There is no translation, or none that the hardware would use.
    Absent,
    /// A table of the next level is at `gpa`. What is below has not more than `access`.
    Table {
        /// Where it is (GPA).
        gpa: u64,
        /// What it leaves.
        access: Access,
    },
    /// IOVAs are translated to `gpa` and what follows.
    Leaf {
        /// The first GPA.
        gpa: u64,
        /// What devices may do.
        access: Access,
    },
}

/// The most levels that a table has.
pub(crate) const LEVELS_MAX: usize = 5;

/// A guest's page table: where it is, and what its entries say.
///
/// Tables are as large as the smallest pages, and their entries have eight bytes.
pub(crate) trait Format {
    /// The GPA of the first table, aligned to an entry.
    fn root(&self) -> u64;

    /// The number of levels, from 1 to [`LEVELS_MAX`].
    fn levels(&self) -> usize;

    /// log2 of the smallest page in bytes.
    fn page_bits(&self) -> u32;

    /// The last IOVA that there can be, less than 2^63. The first is 0.
    fn last(&self) -> u64;

    /// The tag that the guest invalidates the table's translations by, if there are such tags.
    fn tag(&self) -> Option<u32>;

    /// What an entry (CPU-endian) says. Levels are counted from the smallest pages, which are on
    /// level 0. GPAs may be any: there may be no memory, but a leaf's is aligned to its size.
    fn decode(&self, entry: u64, level: usize) -> Entry;
}

/// A part of a shadow: what was made of one leaf, or of the part of it that is memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first IOVA.
    pub(crate) iova: u64,
    /// What it is translated to.
    pub(crate) gpa: u64,
    /// In bytes, not 0.
    pub(crate) size: u64,
    /// log2 of the size of the leaf in bytes.
    pub(crate) leaf_bits: u32,
    /// What devices may do.
    pub(crate) access: Access,
}

impl Piece {
    /// The last IOVA.
    pub(crate) fn last(&self) -> u64 {
        self.iova + (self.size - 1)
    }

    /// The first IOVA of the leaf.
    fn leaf_first(&self) -> u64 {
        self.iova >> self.leaf_bits << self.leaf_bits
    }

    /// The last IOVA of the leaf.
    fn leaf_last(&self) -> u64 {
        self.leaf_first() + ((1 << self.leaf_bits) - 1)
    }
}

/// The guest's memory, and the shadow.
pub(crate) trait Host {
    /// Why the shadow can't be brought up to date.
    type Error;

    /// Another table is going to be looked at.
    ///
    /// # Errors
    ///
    /// Any: no more of this.
    fn pause(&mut self) -> Result<(), Self::Error>;

    /// Reads an entry (CPU-endian) at `gpa`, once, if there is memory. `gpa` is aligned.
    fn read(&mut self, gpa: u64) -> Option<u64>;

    /// The first part of `leaf`, from the IOVA `from` on, that can be mapped: with memory behind it
    /// all, of one kind, and allowed to be.
    fn part(&mut self, leaf: &Piece, from: u64) -> Option<Piece>;

    /// The first piece of the shadow whose last IOVA is `iova` or greater.
    fn next(&self, iova: u64) -> Option<Piece>;

    /// The last piece of the shadow whose first IOVA is less than `iova`.
    fn before(&self, iova: u64) -> Option<Piece>;

    /// Maps a piece where there is none.
    ///
    /// # Errors
    ///
    /// Any: it is not mapped.
    fn map(&mut self, piece: &Piece) -> Result<(), Self::Error>;

    /// Unmaps a piece. When this returns no device can use it any more.
    fn unmap(&mut self, piece: &Piece);
}

/// Why a shadow is not up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop<E> {
    /// More than [`TABLES_MAX`] tables.
    TooManyTables,
    /// The host's reason.
    Host(E),
}

impl<E> From<E> for Stop<E> {
    fn from(error: E) -> Self {
        Self::Host(error)
    }
}

/// How many tables are looked at by one [`refresh`]: with pages of 4 KiB, 32 GiB of them.
pub(crate) const TABLES_MAX: u32 = 1 << 14;

/// Brings the shadow of the IOVAs `first` to `last` up to date. Where a leaf is only partly among
/// them, or was, that is all of it: to invalidate any address of a leaf is to invalidate the leaf.
///
/// If it fails, the pieces that were not found to be right are unmapped.
///
/// # Errors
///
/// - [`Stop::TooManyTables`]
/// - Those of the host.
pub(crate) fn refresh<F: Format, H: Host>(
    format: &F,
    first: u64,
    last: u64,
    host: &mut H,
) -> Result<(), Stop<H::Error>> {
    // What there is of a leaf may be beside the range though the leaf is not.
    let mut first = match host.before(first) {
        Some(before) if before.leaf_last() >= first => before.leaf_first(),
        _ => first,
    };
    let last = match host.next(last) {
        Some(next) if next.leaf_first() <= last => next.leaf_last().max(last),
        _ => last,
    };
    let mut walk = Walk {
        format,
        host,
        settled: first,
        low: first,
        last: last.min(format.last()),
        tables: 0,
    };

    while first <= walk.last {
        if let Err(stop) = walk.run(first) {
            walk.give_up();
            return Err(stop);
        }
        // What was unmapped may have begun before.
        if walk.low >= first {
            break;
        }
        walk.last = first - 1;
        first = walk.low;
    }
    Ok(())
}

struct Walk<'a, F, H> {
    format: &'a F,
    host: &'a mut H,
    /// The shadow is up to date from where the walk began to here.
    settled: u64,
    /// The first IOVA of all leaves of which something was unmapped.
    low: u64,
    /// The last IOVA to be looked at. Leaves of what is unmapped may reach beyond it.
    last: u64,
    tables: u32,
}

impl<F: Format, H: Host> Walk<'_, F, H> {
    /// From `first` to the last.
    fn run(&mut self, first: u64) -> Result<(), Stop<H::Error>> {
        let top = self.format.levels().clamp(1, LEVELS_MAX) - 1;
        // The tables on the way here, and what they have left.
        let mut way = [(0, Access::ALL); LEVELS_MAX];
        let mut level = top;
        let mut iova = first;

        self.settled = first;
        self.enter()?;
        way[top].0 = self.format.root();
        while iova <= self.last {
            let bits = self.bits(level);
            let (table, limits) = way[level];
            let mut index = iova >> bits;
            if level != top {
                index &= (1 << self.index_bits()) - 1;
            }

            match self.entry(table, index, level) {
                Entry::Table { gpa, access } if level != 0 && !(limits & access).is_none() => {
                    self.enter()?;
                    level -= 1;
                    way[level] = (gpa, limits & access);
                    continue;
                }
                Entry::Leaf { gpa, access } if !(limits & access).is_none() => {
                    self.put(&Piece {
                        iova: iova >> bits << bits,
                        gpa,
                        size: 1 << bits,
                        leaf_bits: bits,
                        access: limits & access,
                    })?
                }
                _ => (),
            }
            iova = ((iova >> bits) + 1) << bits;
            self.settle(iova.min(self.last + 1));
            while level < top && iova & ((1 << self.bits(level + 1)) - 1) == 0 {
                level += 1;
            }
        }
        Ok(())
    }

    /// log2 of the entries of a table.
    fn index_bits(&self) -> u32 {
        self.format.page_bits() - 3
    }

    /// log2 of the bytes that an entry stands for.
    fn bits(&self, level: usize) -> u32 {
        // CAST: A small number.
        self.format.page_bits() + level as u32 * self.index_bits()
    }

    fn enter(&mut self) -> Result<(), Stop<H::Error>> {
        if self.tables == TABLES_MAX {
            return Err(Stop::TooManyTables);
        }
        self.tables += 1;
        Ok(self.host.pause()?)
    }

    fn entry(&mut self, table: u64, index: u64, level: usize) -> Entry {
        table
            .checked_add(index << 3)
            .and_then(|gpa| self.host.read(gpa))
            .map_or(Entry::Absent, |entry| self.format.decode(entry, level))
    }

    /// Has the shadow contain what it can of a leaf.
    fn put(&mut self, leaf: &Piece) -> Result<(), Stop<H::Error>> {
        let mut from = leaf.iova;

        while from <= leaf.last() {
            let Some(piece) = self.host.part(leaf, from) else {
                break;
            };

            self.place(&piece)?;
            from = piece.last() + 1;
        }
        Ok(())
    }

    fn place(&mut self, piece: &Piece) -> Result<(), Stop<H::Error>> {
        let from = self.settled.min(piece.iova);

        while let Some(old) = self.host.next(from) {
            if old == *piece {
                self.settled = self.settled.max(piece.last() + 1);
                return Ok(());
            }
            if old.iova > piece.last() {
                break;
            }
            self.unmap(&old);
        }
        self.host.map(piece)?;
        self.settled = self.settled.max(piece.last() + 1);
        Ok(())
    }

    /// Nothing more was found below `end`.
    fn settle(&mut self, end: u64) {
        while let Some(old) = self.host.next(self.settled) {
            if old.iova >= end {
                break;
            }
            self.unmap(&old);
        }
        self.settled = self.settled.max(end);
    }

    fn unmap(&mut self, old: &Piece) {
        self.low = self.low.min(old.leaf_first());
        self.last = self.last.max(old.leaf_last().min(self.format.last()));
        self.host.unmap(old);
    }

    /// Unmaps what was not found to be right.
    fn give_up(&mut self) {
        while self.settled <= self.last {
            self.settle(self.last + 1);
        }
    }
}
