// SPDX-License-Identifier: GPL-2.0

//! Which commands of a queue the hardware could not execute.

use core::ops::Range;

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

/// The newest faults. All positions are those of [`crate::common::ring::Ring`].
///
/// # Invariants
///
/// - The first `remembered` entries of `faults` are in ascending order.
/// - A fault that is not among them was at a position below `forgotten`.
pub(crate) struct Faults {
    faults: [(u64, Fault); REMEMBERED],
    remembered: usize,
    forgotten: u64,
}

impl Faults {
    /// No fault yet.
    pub(crate) const fn new() -> Self {
        Self {
            faults: [(0, Fault::Rejected); REMEMBERED],
            remembered: 0,
            forgotten: 0,
        }
    }

    /// Records that the command at `pos`, not below those before, is not executed.
    ///
    /// A CMD_SYNC that is tried again may fault again; that is one fault.
    pub(crate) fn record(&mut self, pos: u64, fault: Fault) {
        let newest = self.faults.get(self.remembered.wrapping_sub(1));

        if newest.is_some_and(|(newest, _)| *newest == pos) {
            return;
        }
        if self.remembered == REMEMBERED {
            self.forgotten = self.faults[0].0 + 1;
            self.faults.rotate_left(1);
            self.remembered -= 1;
        }
        self.faults[self.remembered] = (pos, fault);
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

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_smmu_v3_cmdq))]
mod tests {
    use super::*;

    #[test]
    fn each_run_learns_of_its_own_fault() {
        let mut faults = Faults::new();

        faults.record(1, Fault::Rejected);
        faults.record(3, Fault::AtcTimeout);
        faults.record(3, Fault::AtcTimeout);
        assert_eq!(faults.verdict(&(0..1)), Verdict::Executed);
        assert_eq!(
            faults.verdict(&(0..2)),
            Verdict::Faulted(1, Fault::Rejected)
        );
        assert_eq!(
            faults.verdict(&(2..4)),
            Verdict::Faulted(3, Fault::AtcTimeout)
        );
        assert_eq!(faults.verdict(&(4..6)), Verdict::Executed);
    }

    #[test]
    fn a_late_waiter_is_not_told_that_all_is_well() {
        let mut faults = Faults::new();
        let last = REMEMBERED as u64;

        for pos in 0..=last {
            faults.record(pos, Fault::Rejected);
        }
        assert_eq!(faults.verdict(&(0..1)), Verdict::Forgotten);
        assert_eq!(
            faults.verdict(&(1..2)),
            Verdict::Faulted(1, Fault::Rejected)
        );
        assert_eq!(
            faults.verdict(&(last..last + 1)),
            Verdict::Faulted(last, Fault::Rejected)
        );
        assert_eq!(faults.verdict(&(last + 1..last + 2)), Verdict::Executed);
    }
}
