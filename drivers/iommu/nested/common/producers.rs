// SPDX-License-Identifier: GPL-2.0

//! Many producers of one ring that hardware consumes, without a lock.
//!
//! A producer claims a run of consecutive positions with one compare-exchange, writes its entries
//! and marks the run as written. Whoever finds no owner at that moment is the *owner*: it waits for
//! the previous owner, takes responsibility for all that was claimed until then, waits until that
//! is written and tells the hardware once, for all. The others have nothing more to do: their
//! entries are on the way. A run stays in one piece and in order, and so do the runs of one
//! producer.
//!
//! Registers are slow to read, and who reads one holds up who writes one. So the others do not ask
//! the hardware before the owner has told it, and not before he had the time to ask it for them.
//!
//! Between its claim and its mark a producer must not be interrupted, since an owner waits for it,
//! perhaps in an interrupt on the same CPU. Nobody waits for hardware in between.
//!
//! # State
//!
//! All are positions as of [`Ring`], 64 bits wide: they only grow, and no value comes back.
//!
//! ```text
//! retired <= hardware's consumer <= hardware's producer = published <= claimed <= retired + ring
//! ```
//!
//! `retired` is brought up to date when there is no room, not each time that someone looks.
//!
//! `marks` has an element per entry: where the latest run that begins there and is written ends.
//! Marks need no clearing: a mark of an earlier lap is not beyond the position that it is looked up
//! for, as a run is not longer than the ring. One store marks a run of any length.
//!
//! # Ordering
//!
//! - Entries are reused only when the hardware is done with them: `retired` is loaded with acquire
//!   before the claim; its release store follows the read of the hardware's consumer.
//! - Entries before the hardware's producer: a mark is a release store after the entries, the
//!   owner's acquire load of it comes before the store that tells the hardware. That this holds
//!   for the hardware's view of memory as well is for the one who writes the entries, and for the
//!   one who tells, to see to.
//! - The hardware's producer never goes back: `published` is a release store after the hardware was
//!   told, the next owner's acquire load of it comes before that one tells.
//! - The claim itself is relaxed: it hands out positions, and no data goes with them.

use core::ops::{
    Deref,
    Range, //
};

use super::ring::Ring;
use crate::sync::{
    relax,
    Acquire,
    Atomic,
    Backoff,
    Relaxed,
    Release, //
};

/// How often to look in memory for what another CPU is about to do: about as long as it takes to
/// read a register.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 64 };

/// In `claimed`: there is an owner who will see to all that is claimed now.
const OWNED: u64 = 1;

/// A run of positions that a producer has to itself, and has to write.
#[must_use = "everyone waits until a claimed run is published"]
pub(crate) struct Claim {
    run: Range<u64>,
    owner: bool,
}

impl Claim {
    /// The positions.
    #[inline]
    pub(crate) fn run(&self) -> &Range<u64> {
        &self.run
    }
}

/// The producers' side of a ring. `M` holds a mark per entry.
pub(crate) struct Producers<M> {
    ring: Ring,
    marks: M,
    /// The next position to be claimed, times two, and [`OWNED`].
    claimed: Atomic<u64>,
    published: Atomic<u64>,
    retired: Atomic<u64>,
    line: Line,
}

/// Those who wait for room: whose turn it is in the lower half, and the next to come in the upper.
/// Both wrap.
struct Line(Atomic<u64>);

impl Line {
    #[inline]
    fn is_empty(&self) -> bool {
        let line = self.0.load(Relaxed);

        // CAST: The halves.
        (line >> 32) as u32 == line as u32
    }

    /// Joins. Returns the caller's number.
    fn join(&self) -> u32 {
        // CAST: The upper half.
        (self.0.fetch_add(1 << 32, Relaxed) >> 32) as u32
    }

    fn is_turn(&self, number: u32) -> bool {
        // CAST: The lower half.
        self.0.load(Relaxed) as u32 == number
    }

    /// Ends the turn of the caller, whose turn it is.
    fn leave(&self) {
        let mut line = self.0.load(Relaxed);

        loop {
            // CAST: The lower half, whose overflow is not to change the upper.
            let next = (line >> 32) << 32 | u64::from((line as u32).wrapping_add(1));

            match self.0.cmpxchg(line, next, Relaxed) {
                Ok(_) => return,
                Err(current) => line = current,
            }
        }
    }
}

impl<M: Deref<Target = [Atomic<u64>]>> Producers<M> {
    /// Begins at position 0. `marks` are zero and as many as `ring` has entries.
    pub(crate) fn new(ring: Ring, marks: M) -> Self {
        Self {
            ring,
            marks,
            claimed: Atomic::new(0),
            published: Atomic::new(0),
            retired: Atomic::new(0),
            line: Line(Atomic::new(0)),
        }
    }

    /// The position of the next run to be claimed.
    pub(crate) fn claimed(&self) -> u64 {
        self.claimed.load(Relaxed) / 2
    }

    /// The hardware is known to be done with all positions below this one. What follows the call
    /// comes after that.
    #[inline]
    pub(crate) fn retired(&self) -> u64 {
        self.retired.load(Acquire)
    }

    /// Claims `slots` positions, at least one and at most as many as the ring has entries, if there
    /// is room and nobody is waiting for any.
    ///
    /// Until the claim is [published](Self::publish) the caller must be neither interrupted nor
    /// preempted.
    #[inline]
    pub(crate) fn claim(&self, slots: u64) -> Option<Claim> {
        if !self.line.is_empty() {
            return None;
        }
        self.try_claim(slots)
    }

    /// Claims as [`Self::claim`] does, when it is the caller's turn and there is room.
    ///
    /// `pause` is called before every other look; its error ends the waiting. First come, first
    /// served: a long run is not overtaken by shorter ones for ever. The caller must not be
    /// interrupted or preempted from before the call.
    pub(crate) fn claim_in_turn<E>(
        &self,
        slots: u64,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<Claim, E> {
        let number = self.line.join();
        let result = loop {
            let claim = match self.line.is_turn(number) {
                true => self.try_claim(slots),
                false => None,
            };

            if let Some(claim) = claim {
                break Ok(claim);
            }
            if let Err(e) = pause() {
                // Those before give up, too, or get through.
                while !self.line.is_turn(number) {
                    relax();
                }
                break Err(e);
            }
        };

        self.line.leave();
        result
    }

    #[inline]
    fn try_claim(&self, slots: u64) -> Option<Claim> {
        // In this order: what is claimed is then not below what is retired.
        let retired = self.retired();
        let mut claimed = self.claimed.load(Relaxed);

        loop {
            let start = claimed / 2;
            let end = start + slots;

            if self.ring.space(start, retired) < slots {
                return None;
            }
            match self.claimed.cmpxchg(claimed, end * 2 + OWNED, Relaxed) {
                Ok(_) => {
                    return Some(Claim {
                        run: start..end,
                        owner: claimed & OWNED == 0,
                    });
                }
                Err(current) => claimed = current,
            }
        }
    }

    /// Hands a run over, whose entries are written.
    ///
    /// `tell` gives the hardware a new producer position, which is returned, or isn't called as
    /// there is another owner.
    #[inline]
    pub(crate) fn publish(&self, claim: Claim, tell: impl FnOnce(u64)) -> Option<u64> {
        let Range { start, end } = claim.run;

        self.mark(start).store(end, Release);
        if !claim.owner {
            return None;
        }

        if self.published.load(Acquire) != start {
            self.await_predecessor(start);
        }
        // From here on, the next to claim is the next owner.
        let all = self.claimed.fetch_sub(OWNED, Relaxed) / 2;
        if all != end {
            self.await_marks(end..all);
        }

        tell(all);
        self.published.store(all, Release);
        Some(all)
    }

    #[cold]
    fn await_predecessor(&self, start: u64) {
        let mut backoff = Backoff::new(LOOKS);

        while self.published.load(Acquire) != start {
            backoff.wait();
        }
    }

    /// Waits until `runs`, which were claimed, are written.
    #[cold]
    fn await_marks(&self, mut runs: Range<u64>) {
        let mut backoff = Backoff::new(LOOKS);

        while !runs.is_empty() {
            match self.mark(runs.start).load(Acquire) {
                end if end > runs.start => runs.start = end,
                _ => backoff.wait(),
            }
        }
    }

    /// Waits until the owner has told the hardware of all below `end`, and a moment longer for what
    /// he learns from it. Returns as [`Self::retired`] does.
    #[cold]
    pub(crate) fn follow(&self, end: u64) -> u64 {
        let mut backoff = Backoff::new(LOOKS);
        while self.published.load(Relaxed) < end {
            backoff.wait();
        }
        for _ in 0..LOOKS {
            if self.retired.load(Relaxed) >= end {
                break;
            }
            relax();
        }
        self.retired()
    }

    #[inline]
    fn mark(&self, pos: u64) -> &Atomic<u64> {
        // PANIC: There is a mark per entry.
        &self.marks[self.ring.index(pos)]
    }

    /// The position that `read` reads as a register word of the hardware's consumer. `claimed` is
    /// a position that the caller knows to be claimed.
    ///
    /// `read` comes after acquire loads before it and before loads after it, as `readl()` does. The
    /// word tells positions apart within two laps. The hardware is between `retired` and a lap
    /// after it, provided that `retired` is the same before and after the read: the one who would
    /// let it get further claims after he has seen a newer `retired`.
    ///
    /// A position that was never claimed is not believed, as it is what one reads from a device
    /// that is gone; then it is `retired` that is returned.
    #[inline]
    pub(crate) fn locate(&self, claimed: u64, mut read: impl FnMut() -> u32) -> u64 {
        loop {
            let retired = self.retired();
            let word = read();

            if self.retired() == retired {
                let pos = self.ring.extend(retired, word);
                let sane = pos <= claimed || pos <= self.claimed();

                return if sane { pos } else { retired };
            }
        }
    }

    /// Makes room: the hardware is done with all positions below `pos`, which was
    /// [located](Self::locate).
    #[cold]
    pub(crate) fn retire(&self, pos: u64) {
        let mut retired = self.retired.load(Relaxed);

        while retired < pos {
            match self.retired.cmpxchg(retired, pos, Release) {
                Ok(_) => return,
                Err(current) => retired = current,
            }
        }
    }
}

// The models in tools/testing/host look at what several threads do.
#[cfg(all(any(test, CONFIG_KUNIT = "y"), not(loom)))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_producers))]
mod tests {
    use super::*;

    const RING: Ring = Ring { log2: 2 };

    fn marks() -> [Atomic<u64>; 4] {
        [const { Atomic::new(0) }; 4]
    }

    /// Publishes, and returns what the hardware was told, if it was.
    fn publish(producers: &Producers<&[Atomic<u64>]>, claim: Claim) -> Option<u64> {
        let mut told = None;
        let published = producers.publish(claim, |prod| told = Some(prod));
        assert_eq!(published, told);
        told
    }

    fn claim(producers: &Producers<&[Atomic<u64>]>, slots: u64) -> Option<Range<u64>> {
        let claim = producers.claim(slots)?;
        let run = claim.run().clone();

        assert_eq!(publish(producers, claim), Some(run.end));
        Some(run)
    }

    #[test]
    fn claims_until_full_and_again_after_retiring() {
        let marks = marks();
        let producers = Producers::new(RING, &marks[..]);

        assert_eq!(claim(&producers, 3), Some(0..3));
        assert_eq!(claim(&producers, 2), None);
        assert_eq!(claim(&producers, 1), Some(3..4));
        assert_eq!(claim(&producers, 1), None);
        producers.retire(2);
        assert_eq!(claim(&producers, 3), None);
        assert_eq!(claim(&producers, 2), Some(4..6));
        assert_eq!(producers.claimed(), 6);
    }

    #[test]
    fn a_full_lap_is_told_from_none() {
        let marks = marks();
        let producers = Producers::new(RING, &marks[..]);
        let locate = |word| producers.locate(0, || word);

        for lap in 0..5 {
            assert_eq!(claim(&producers, 4), Some(4 * lap..4 * lap + 4));
            assert_eq!(locate(RING.word(4 * lap)), 4 * lap);
            assert_eq!(locate(RING.word(4 * lap + 4)), 4 * lap + 4);
            producers.retire(4 * lap + 4);
            assert_eq!(producers.retired(), 4 * lap + 4);
        }
    }

    #[test]
    fn what_was_never_claimed_is_not_believed() {
        let marks = marks();
        let producers = Producers::new(RING, &marks[..]);
        let locate = |word| producers.locate(0, || word);

        assert_eq!(claim(&producers, 2), Some(0..2));
        assert_eq!(locate(3), 0);
        assert_eq!(locate(u32::MAX), 0);
        assert_eq!(locate(2), 2);
        producers.retire(2);
        producers.retire(1);
        assert_eq!(producers.retired(), 2);
    }

    #[test]
    fn the_owner_tells_of_all_that_was_claimed() {
        let marks = marks();
        let producers = Producers::new(RING, &marks[..]);
        let first = producers.claim(1);
        let second = producers.claim(2);

        assert_eq!(second.and_then(|claim| publish(&producers, claim)), None);
        let third = producers.claim(1);
        assert_eq!(third.and_then(|claim| publish(&producers, claim)), None);
        assert_eq!(first.and_then(|claim| publish(&producers, claim)), Some(4));

        assert_eq!(producers.follow(3), 0);
        producers.retire(4);
        assert_eq!(producers.follow(3), 4);
        assert_eq!(claim(&producers, 1), Some(4..5));
    }

    #[test]
    fn who_gives_up_waiting_leaves_the_line() {
        let marks = marks();
        let producers = Producers::new(RING, &marks[..]);

        assert_eq!(claim(&producers, 3), Some(0..3));
        let mut looks = 0;
        let result = producers.claim_in_turn(2, || {
            // Room for one is not for those who come after.
            assert!(producers.claim(1).is_none());
            looks += 1;
            match looks {
                3 => Err(()),
                _ => Ok(()),
            }
        });
        assert!(result.is_err());
        assert_eq!(claim(&producers, 1), Some(3..4));

        let result = producers.claim_in_turn(2, || {
            producers.retire(producers.retired() + 1);
            Ok::<(), ()>(())
        });
        assert_eq!(
            result.ok().and_then(|claim| publish(&producers, claim)),
            Some(6)
        );
    }
}
