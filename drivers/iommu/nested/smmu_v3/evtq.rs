// SPDX-License-Identifier: GPL-2.0

//! Queues that the hardware writes: events and page requests (Arm IHI 0070, chapters 3.5, 7.2
//! and 8).

use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::barrier::{
        dma_mb,
        Full, //
    }, //
};

use super::regs::{
    self,
    Regs, //
};
use crate::{
    common::ring::Ring,
    iommu::Table,
    sync::{
        Atomic,
        Relaxed, //
    },
};

/// The most entries that are worth having, as a power of two.
const LOG2_MAX: u32 = 12;

/// The most entries that one call of [`ReadQueue::drain`] takes.
const DRAIN_MAX: u64 = 256;

/// After how many entries the hardware is told that it may write there again.
const RELEASE_PERIOD: u64 = 16;

/// The registers of a queue with entries of a certain size.
pub(crate) trait Pointers {
    /// Reads the producer's word.
    fn prod(regs: &Regs) -> Result<u32>;

    /// Writes the consumer's word.
    fn set_cons(regs: &Regs, word: u32) -> Result;

    /// Points the hardware, whose queue is off, to an empty queue.
    fn program(regs: &Regs, base: u64) -> Result;
}

/// Where the consumer is.
struct Cursor {
    cons: u64,
    /// The overflow flag of the last acknowledged overflow, as in the consumer's word.
    overflow: u32,
}

/// Keeps a [`Cursor`] for the one who moves it: the position times two, with the overflow flag in
/// bit 0. Relaxed, as one thread's own stores are in order anyway.
struct CursorCell(Atomic<u64>);

impl CursorCell {
    /// The hardware does not know the queue yet.
    const NONE: u64 = u64::MAX;

    fn set(&self, cursor: &Cursor) {
        let overflow = u64::from(cursor.overflow != 0);

        self.0.store(cursor.cons << 1 | overflow, Relaxed);
    }

    fn get(&self) -> Option<Cursor> {
        let word = self.0.load(Relaxed);

        (word != Self::NONE).then_some(Cursor {
            cons: word >> 1,
            overflow: if word & 1 != 0 { Ring::OVERFLOW } else { 0 },
        })
    }
}

/// What a call of [`ReadQueue::drain`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drained {
    /// How many entries were handed out.
    pub(crate) entries: u64,
    /// Entries were lost before or after those, because the queue was full.
    pub(crate) overflowed: bool,
    /// There are more. The hardware raises no interrupt for them, having raised one when the queue
    /// became non-empty: give others the CPU, then call again.
    pub(crate) more: bool,
}

/// A queue of entries of WORDS 64-bit words, written by hardware: 4 for the event queue, 2 for the
/// PRI queue.
///
/// Drained by one thread at a time, which may sleep: that of the one threaded interrupt that stands
/// for the queue.
pub(crate) struct ReadQueue<const WORDS: usize> {
    ring: Ring,
    entries: Table<WORDS>,
    cursor: CursorCell,
}

impl<const WORDS: usize> ReadQueue<WORDS>
where
    Self: Pointers,
{
    /// Allocates a queue of at most `1 << log2` entries: fewer if memory is short or that many are
    /// of no use. `dev` is the SMMU. May sleep; `ENOMEM`.
    pub(crate) fn new(dev: &Device<Bound>, log2: u32) -> Result<Self> {
        let (entries, log2) = Table::zeroed_or_smaller(dev, log2.min(LOG2_MAX), 1)?;

        Ok(Self {
            ring: Ring { log2 },
            entries,
            cursor: CursorCell(Atomic::new(CursorCell::NONE)),
        })
    }

    /// Points the hardware, whose queue is off, to this queue, emptied.
    pub(super) fn program(&self, regs: &Regs) -> Result {
        let base = regs::queue_base(self.entries.address(), self.ring.log2);

        <Self as Pointers>::program(regs, base)?;
        self.cursor.set(&Cursor {
            cons: 0,
            overflow: 0,
        });
        Ok(())
    }

    /// Takes entries out of the queue, oldest first, and calls `handle` with each. May sleep, and
    /// so may `handle`, but it must not drain the queue.
    ///
    /// Bounded, so that devices cannot keep the thread busy forever. The hardware's memory is read
    /// once: what `handle` gets does not change any more. An overflow is acknowledged, which lets
    /// the hardware record events again.
    ///
    /// `ENODEV` after unbind. A queue that the hardware does not use yet is empty.
    pub(crate) fn drain(
        &self,
        regs: &Regs,
        mut handle: impl FnMut([u64; WORDS]),
    ) -> Result<Drained> {
        let Some(mut cursor) = self.cursor.get() else {
            return Ok(Drained::default());
        };

        // Ordered before the reads of the entries that it announces, being a `readl()`.
        let word = Self::prod(regs)?;
        let start = cursor.cons;
        let pending = self.ring.extend(start, word) - start;

        // More than the ring holds is what one reads from a device that is gone.
        if pending > self.ring.entries() {
            return Err(ENODEV);
        }

        let end = start + pending.min(DRAIN_MAX);
        let overflowed = Ring::overflowed(word, cursor.overflow);

        while cursor.cons < end {
            handle(self.entries.read(self.ring.index(cursor.cons))?);
            cursor.cons += 1;
            if cursor.cons < end && (cursor.cons - start) % RELEASE_PERIOD == 0 {
                self.release(regs, &cursor)?;
            }
        }
        if pending == 0 && !overflowed {
            return Ok(Drained::default());
        }
        cursor.overflow = word & Ring::OVERFLOW;
        self.release(regs, &cursor)?;

        Ok(Drained {
            entries: end - start,
            overflowed,
            more: self.ring.extend(end, Self::prod(regs)?) != end,
        })
    }

    /// Tells the hardware how far the consumer is.
    fn release(&self, regs: &Regs, cursor: &Cursor) -> Result {
        // The entries' loads are complete before the hardware may overwrite them. `writel()` orders
        // stores only.
        dma_mb(Full);
        self.cursor.set(cursor);
        Self::set_cons(regs, self.ring.acknowledge(cursor.cons, cursor.overflow))
    }
}

impl Pointers for ReadQueue<4> {
    fn prod(regs: &Regs) -> Result<u32> {
        Ok(regs.read(regs::EVTQ_PROD)?.into_raw())
    }

    fn set_cons(regs: &Regs, word: u32) -> Result {
        regs.write(regs::EVTQ_CONS::from(word))
    }

    fn program(regs: &Regs, base: u64) -> Result {
        regs.write(regs::EVTQ_BASE::from(base))?;
        regs.write(regs::EVTQ_PROD::zeroed())?;
        regs.write(regs::EVTQ_CONS::zeroed())
    }
}

impl Pointers for ReadQueue<2> {
    fn prod(regs: &Regs) -> Result<u32> {
        Ok(regs.read(regs::PRIQ_PROD)?.into_raw())
    }

    fn set_cons(regs: &Regs, word: u32) -> Result {
        regs.write(regs::PRIQ_CONS::from(word))
    }

    fn program(regs: &Regs, base: u64) -> Result {
        regs.write(regs::PRIQ_BASE::from(base))?;
        regs.write(regs::PRIQ_PROD::zeroed())?;
        regs.write(regs::PRIQ_CONS::zeroed())
    }
}
