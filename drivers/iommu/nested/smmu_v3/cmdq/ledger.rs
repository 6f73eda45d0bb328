// SPDX-License-Identifier: GPL-2.0

//! The books of the command queue: who owns which position, how far the hardware is, and which
//! commands it could not execute.
//!
//! Sequential and free of any access to memory or registers: the queue calls it with its lock held,
//! and a model of the queue can call it without one.

use core::ops::Range;

use crate::common::ring::Ring;

/// How many faults are remembered one by one.
const REMEMBERED: usize = 32;

/// Why a command was not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It was rejected and replaced by a harmless one.
    Rejected,
    /// This CMD_SYNC found that an ATC invalidation before it got no answer from its endpoint.
    AtcTimeout,
}

/// What became of a run of commands that the hardware is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All were executed.
    Executed,
    /// The command at this position was the first that was not.
    Faulted(u64, Fault),
    /// There were so many faults since that nobody knows.
    Forgotten,
}

/// The state of a command queue. All positions are those of [`Ring`].
///
/// # Invariants
///
/// - `cons <= prod <= cons + ring.entries()`.
/// - The first `remembered` entries of `faults` are in ascending order, all below `prod`.
/// - A fault that is not among them was at a position below `forgotten`.
pub(crate) struct Ledger {
    ring: Ring,
    prod: u64,
    cons: u64,
    faults: [(u64, Fault); REMEMBERED],
    remembered: usize,
    forgotten: u64,
}

impl Ledger {
    /// Creates the books of an empty queue at position 0.
    pub(crate) const fn new(ring: Ring) -> Self {
        Self {
            ring,
            prod: 0,
            cons: 0,
            faults: [(0, Fault::Rejected); REMEMBERED],
            remembered: 0,
            forgotten: 0,
        }
    }

    /// The position of the next command to be written.
    pub(crate) const fn prod(&self) -> u64 {
        self.prod
    }

    /// The position of the oldest command that the hardware is not known to be done with.
    pub(crate) const fn cons(&self) -> u64 {
        self.cons
    }

    /// Claims `slots` consecutive positions, or none if there is not enough room.
    pub(crate) fn claim(&mut self, slots: u64) -> Option<Range<u64>> {
        if self.ring.space(self.prod, self.cons) < slots {
            return None;
        }

        let start = self.prod;
        self.prod += slots;
        Some(start..self.prod)
    }

    /// Takes over the hardware's consumer word. Returns whether it had moved.
    ///
    /// A word that is not between the known consumer and the producer is not believed: it is what
    /// one reads from a device that is gone.
    pub(crate) fn retire(&mut self, word: u32) -> bool {
        let cons = self.ring.extend(self.cons, word);
        let moved = cons != self.cons && cons <= self.prod;

        if moved {
            self.cons = cons;
        }
        moved
    }

    /// Records that the command at the consumer's position is not executed.
    ///
    /// A CMD_SYNC that is tried again may fault again; that is one fault.
    pub(crate) fn fault(&mut self, fault: Fault) {
        let newest = self.faults.get(self.remembered.wrapping_sub(1));

        if newest.is_some_and(|(pos, _)| *pos == self.cons) {
            return;
        }
        if self.remembered == REMEMBERED {
            self.forgotten = self.faults[0].0 + 1;
            self.faults.rotate_left(1);
            self.remembered -= 1;
        }
        self.faults[self.remembered] = (self.cons, fault);
        self.remembered += 1;
    }

    /// What became of the commands at the positions in `run`, which the hardware is done with.
    pub(crate) fn verdict(&self, run: &Range<u64>) -> Verdict {
        if run.start < self.forgotten {
            return Verdict::Forgotten;
        }

        let faults = self.faults.iter().take(self.remembered);
        match faults.clone().find(|(pos, _)| run.contains(pos)) {
            Some((pos, fault)) => Verdict::Faulted(*pos, *fault),
            None => Verdict::Executed,
        }
    }
}

#[cfg(any(test, CONFIG_KUNIT))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_smmu_v3_cmdq))]
mod tests {
    use super::*;

    const RING: Ring = Ring { log2: 2 };

    #[test]
    fn claims_until_full_and_again_after_retiring() {
        let mut ledger = Ledger::new(RING);

        assert_eq!(ledger.claim(3), Some(0..3));
        assert_eq!(ledger.claim(2), None);
        assert_eq!(ledger.claim(1), Some(3..4));
        assert_eq!(ledger.claim(1), None);
        assert_eq!(ledger.retire(RING.word(2)), true);
        assert_eq!(ledger.claim(3), None);
        assert_eq!(ledger.claim(2), Some(4..6));
    }

    #[test]
    fn a_full_lap_is_told_from_none() {
        let mut ledger = Ledger::new(RING);

        for lap in 0..5 {
            assert_eq!(ledger.claim(4), Some(4 * lap..4 * lap + 4));
            assert_eq!(ledger.retire(RING.word(4 * lap)), false);
            assert_eq!(ledger.cons(), 4 * lap);
            assert_eq!(ledger.retire(RING.word(4 * lap + 4)), true);
            assert_eq!(ledger.cons(), 4 * lap + 4);
        }
    }

    #[test]
    fn the_consumer_never_passes_the_producer() {
        let mut ledger = Ledger::new(RING);

        assert_eq!(ledger.claim(2), Some(0..2));
        assert_eq!(ledger.retire(RING.word(3)), false);
        assert_eq!(ledger.retire(u32::MAX), false);
        assert_eq!(ledger.cons(), 0);
        assert_eq!(ledger.retire(RING.word(2)), true);
    }

    #[test]
    fn each_run_learns_of_its_own_fault() {
        let mut ledger = Ledger::new(RING);

        assert_eq!(ledger.claim(2), Some(0..2));
        assert_eq!(ledger.claim(2), Some(2..4));
        assert_eq!(ledger.retire(RING.word(1)), true);
        ledger.fault(Fault::Rejected);
        assert_eq!(ledger.retire(RING.word(3)), true);
        ledger.fault(Fault::AtcTimeout);
        ledger.fault(Fault::AtcTimeout);
        assert_eq!(ledger.verdict(&(0..1)), Verdict::Executed);
        assert_eq!(
            ledger.verdict(&(0..2)),
            Verdict::Faulted(1, Fault::Rejected)
        );
        assert_eq!(
            ledger.verdict(&(2..4)),
            Verdict::Faulted(3, Fault::AtcTimeout)
        );
        assert_eq!(ledger.verdict(&(4..6)), Verdict::Executed);
    }

    #[test]
    fn a_late_waiter_is_not_told_that_all_is_well() {
        let mut ledger = Ledger::new(RING);
        let last = REMEMBERED as u64;

        for pos in 0..=last {
            assert_eq!(ledger.claim(1), Some(pos..pos + 1));
            ledger.fault(Fault::Rejected);
            assert_eq!(ledger.retire(RING.word(pos + 1)), true);
        }
        assert_eq!(ledger.verdict(&(0..1)), Verdict::Forgotten);
        assert_eq!(
            ledger.verdict(&(1..2)),
            Verdict::Faulted(1, Fault::Rejected)
        );
        assert_eq!(
            ledger.verdict(&(last..last + 1)),
            Verdict::Faulted(last, Fault::Rejected)
        );
        assert_eq!(ledger.verdict(&(last + 1..last + 2)), Verdict::Executed);
    }

    /// A ring that hardware consumes a random bit of at a time, with a fault every now and then.
    #[test]
    fn the_books_agree_with_a_model() {
        const POSITIONS: usize = 512;
        let ring = Ring { log2: 3 };
        let mut ledger = Ledger::new(ring);
        let mut faulty = [false; POSITIONS];
        let (mut prod, mut cons) = (0u64, 0u64);
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };

        while prod < POSITIONS as u64 - ring.entries() {
            let slots = 1 + random(ring.entries());
            let fits = prod + slots <= cons + ring.entries();

            assert_eq!(ledger.claim(slots), fits.then_some(prod..prod + slots));
            prod += if fits { slots } else { 0 };

            let goal = cons + random(prod - cons + 1);
            assert_eq!(ledger.retire(ring.word(goal)), goal != cons);
            cons = goal;
            if cons < prod && random(4) == 0 {
                faulty[cons as usize] = true;
                ledger.fault(Fault::Rejected);
            }

            assert_eq!((ledger.prod(), ledger.cons()), (prod, cons));
            for pos in cons.saturating_sub(2 * ring.entries())..cons {
                let expected = match faulty[pos as usize] {
                    true => Verdict::Faulted(pos, Fault::Rejected),
                    false => Verdict::Executed,
                };
                assert_eq!(ledger.verdict(&(pos..pos + 1)), expected);
            }
        }
    }
}
