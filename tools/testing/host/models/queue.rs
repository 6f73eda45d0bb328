// SPDX-License-Identifier: GPL-2.0

//! All interleavings, and all that weak memory allows, of a few producers and the hardware that
//! consumes what they write (`cargo test` with `--cfg loom`).
//!
//! The hardware reads its producer register, then the entries, then writes its consumer register,
//! as a device does; nothing else orders it with the producers. It runs on whichever thread waits
//! for it. It stops at an entry that it cannot execute until software has dealt with that, as the
//! command queue of an SMMU does.

use crate::{
    common::{
        producers::Producers,
        ring::Ring, //
    },
    smmu_v3::cmdq::faults::{
        Fault,
        Faults,
        Verdict, //
    },
    sync::{
        relax,
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};
use loom::{
    model::Builder,
    sync::{
        Arc,
        Mutex, //
    },
    thread, //
};
use std::ops::Range;

/// An entry that the hardware cannot execute.
const BAD: u64 = u64::MAX;

/// What software replaces it with.
const SKIPPED: u64 = 0;

/// The hardware is executing, on some thread.
const RUNNING: u64 = 1;

/// The hardware has stopped at an entry, until that is acknowledged.
const STOPPED: u64 = 2;

struct Machine {
    ring: Ring,
    producers: Producers<Vec<Atomic<u64>>>,
    entries: Vec<Atomic<u64>>,
    /// The hardware's registers, words of positions.
    prod: Atomic<u64>,
    cons: Atomic<u64>,
    /// What the hardware knows: [`RUNNING`], [`STOPPED`], and its position times four.
    hardware: Atomic<u64>,
    /// What it has executed. Loom does not see the lock, so that it orders nothing.
    executed: std::sync::Mutex<Vec<u64>>,
    faulted: Atomic<u64>,
    faults: Mutex<Faults>,
}

fn atomics(count: u64) -> Vec<Atomic<u64>> {
    (0..count).map(|_| Atomic::new(0)).collect()
}

impl Machine {
    fn new(log2: u32) -> Self {
        let ring = Ring { log2 };

        Self {
            ring,
            producers: Producers::new(ring, atomics(ring.entries())),
            entries: atomics(ring.entries()),
            prod: Atomic::new(0),
            cons: Atomic::new(0),
            hardware: Atomic::new(0),
            executed: std::sync::Mutex::default(),
            faulted: Atomic::new(0),
            faults: Mutex::new(Faults::new()),
        }
    }

    fn entry(&self, pos: u64) -> &Atomic<u64> {
        &self.entries[self.ring.index(pos)]
    }

    fn locate(&self, claimed: u64) -> u64 {
        self.producers
            .locate(claimed, || self.cons.load(Acquire) as u32)
    }

    /// Submits `entries` as one run. Returns its positions, and what the hardware was told, if it
    /// was.
    fn submit(&self, entries: &[u64]) -> (Range<u64>, Option<u64>) {
        let slots = entries.len() as u64;
        let claim = self.producers.claim(slots).unwrap_or_else(|| {
            let claim = self.producers.claim_in_turn(slots, || {
                self.run();
                self.producers.retire(self.locate(0));
                relax();
                Ok::<(), ()>(())
            });
            claim.unwrap_or_else(|()| unreachable!())
        });
        let run = claim.run().clone();

        for (pos, entry) in run.clone().zip(entries) {
            self.entry(pos).store(*entry, Relaxed);
        }
        let told = self.producers.publish(claim, |prod| {
            self.prod.store(self.ring.word(prod).into(), Release);
        });
        (run, told)
    }

    /// Waits until the hardware is past `run`, and deals with errors meanwhile.
    fn wait(&self, (run, told): (Range<u64>, Option<u64>)) -> Verdict {
        let mut pos = match told {
            Some(_) => 0,
            None => self.producers.follow(run.end),
        };

        while pos < run.end {
            self.run();
            pos = self.locate(run.end);
            if told.is_some_and(|told| told != run.end) {
                self.producers.retire(pos);
            }
            if pos >= run.end {
                break;
            }
            if self.hardware.load(Acquire) & STOPPED != 0 {
                self.recover();
            }
            relax();
        }
        match self.faulted.load(Relaxed) <= run.start {
            true => Verdict::Executed,
            false => self.faults.lock().unwrap().verdict(&run),
        }
    }

    fn recover(&self) {
        let mut faults = self.faults.lock().unwrap();

        let state = self.hardware.load(Acquire);
        if state & STOPPED == 0 {
            return;
        }
        let pos = self.locate(0);
        assert_eq!(pos, state / 4);
        assert_eq!(self.entry(pos).load(Relaxed), BAD);
        self.entry(pos).store(SKIPPED, Relaxed);
        faults.record(pos, Fault::Rejected);
        self.faulted.store(pos + 1, Relaxed);

        let acknowledged = self
            .hardware
            .cmpxchg(state, state & !STOPPED, Release)
            .is_ok();
        assert!(acknowledged);
    }

    /// Lets the hardware execute what it finds, unless it does so already or has stopped.
    fn run(&self) {
        let state = self.hardware.load(Acquire);
        let idle = state & (RUNNING | STOPPED) == 0;

        if !idle
            || self
                .hardware
                .cmpxchg(state, state | RUNNING, Acquire)
                .is_err()
        {
            return;
        }

        let mut pos = state / 4;
        let mut stopped = 0;
        let prod = self.ring.extend(pos, self.prod.load(Acquire) as u32);
        // The producer never goes back, and never gets more than a lap ahead.
        assert!(prod - pos <= self.ring.entries());

        while pos < prod && stopped == 0 {
            match self.entry(pos).load(Relaxed) {
                BAD => stopped = STOPPED,
                entry => {
                    self.executed.lock().unwrap().push(entry);
                    pos += 1;
                    self.cons.store(self.ring.word(pos).into(), Release);
                }
            }
        }
        // So that in the end everyone sees what others have done. It orders more than a device
        // would, but not in those interleavings in which one thread alone runs the hardware.
        self.hardware.store(pos * 4 | stopped, Release);
    }

    /// What was executed, when all are done.
    fn executed(&self) -> Vec<u64> {
        self.run();
        self.executed.lock().unwrap().clone()
    }
}

/// Whether `executed` is made of exactly `runs`, each in one piece.
fn is_made_of(executed: &[u64], runs: &[&[u64]]) -> bool {
    match runs {
        [] => executed.is_empty(),
        _ => (0..runs.len()).any(|i| {
            executed.starts_with(runs[i]) && {
                let rest: Vec<&[u64]> = [&runs[..i], &runs[i + 1..]].concat();

                is_made_of(&executed[runs[i].len()..], &rest)
            }
        }),
    }
}

/// Tries all interleavings with at most `preemptions` involuntary switches.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();

    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Submits `runs` one after the other and waits for each.
fn submit_all(machine: &Machine, runs: &[&[u64]]) {
    for entries in runs {
        let submitted = machine.submit(entries);

        assert_eq!(machine.wait(submitted), Verdict::Executed);
    }
}

fn producer(machine: &Arc<Machine>, runs: &'static [&'static [u64]]) -> thread::JoinHandle<()> {
    let machine = machine.clone();

    thread::spawn(move || submit_all(&machine, runs))
}

#[test]
fn two_producers() {
    explore(2, || {
        let machine = Arc::new(Machine::new(2));
        let other = producer(&machine, &[&[20, 21]]);

        submit_all(&machine, &[&[10, 11]]);
        other.join().unwrap();
        assert!(is_made_of(&machine.executed(), &[&[10, 11], &[20, 21]]));
    });
}

/// Three, of which two leave the waiting to others.
#[test]
fn three_producers() {
    explore(2, || {
        let machine = Arc::new(Machine::new(2));
        let others = [20, 30].map(|entry| {
            let machine = machine.clone();

            thread::spawn(move || {
                machine.submit(&[entry]);
            })
        });

        submit_all(&machine, &[&[10]]);
        for other in others {
            other.join().unwrap();
        }
        assert!(is_made_of(&machine.executed(), &[&[10], &[20], &[30]]));
    });
}

/// Who was not the owner takes the owner's word for it that the hardware is done.
#[test]
fn a_follower_believes_the_owner() {
    explore(2, || {
        let machine = Arc::new(Machine::new(2));
        let other = producer(&machine, &[&[20]]);
        let (run, told) = machine.submit(&[10]);

        if told.is_none() && machine.producers.follow(run.end) >= run.end {
            // What the hardware did with the entry came before.
            assert!(machine.cons.load(Relaxed) as u32 == machine.ring.word(run.end));
        }
        other.join().unwrap();
    });
}

/// Several laps of a ring that one run fills.
#[test]
fn full_and_wrapping() {
    explore(1, || {
        let machine = Arc::new(Machine::new(1));
        let other = producer(&machine, &[&[20], &[21, 22]]);

        submit_all(&machine, &[&[10, 11], &[12]]);
        other.join().unwrap();

        let executed = machine.executed();
        assert!(is_made_of(&executed, &[&[10, 11], &[12], &[20], &[21, 22]]));
        // A producer's own runs are in order.
        for (first, second) in [(10, 12), (20, 21)] {
            let at = |entry| executed.iter().position(|e| *e == entry);

            assert!(at(first) < at(second));
        }
    });
}

/// Who does not wait does not overwrite what is not executed yet.
#[test]
fn without_waiting() {
    explore(2, || {
        let machine = Arc::new(Machine::new(1));
        let other = {
            let machine = machine.clone();
            thread::spawn(move || {
                machine.submit(&[20]);
                machine.submit(&[21]);
            })
        };

        machine.submit(&[10]);
        machine.submit(&[11]);
        other.join().unwrap();

        let executed = machine.executed();
        assert!(is_made_of(&executed, &[&[10], &[11], &[20], &[21]]));
    });
}

/// The one whose entry was skipped learns of it, and nobody else.
#[test]
fn an_error_is_its_submitters() {
    explore(2, || {
        let machine = Arc::new(Machine::new(2));
        let other = producer(&machine, &[&[20]]);
        let submitted = machine.submit(&[10, BAD]);
        let expected = Verdict::Faulted(submitted.0.start + 1, Fault::Rejected);

        assert_eq!(machine.wait(submitted), expected);
        other.join().unwrap();
        assert!(is_made_of(&machine.executed(), &[&[10, SKIPPED], &[20]]));
    });
}
