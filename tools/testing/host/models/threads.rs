// SPDX-License-Identifier: GPL-2.0

//! Four producers and the hardware that consumes what they write, as threads. Entries and what they
//! are about are plain memory: that no two accesses to it are at the same time is for the
//! producers' ordering alone to see to, and for ThreadSanitizer to watch (`scripts/suite/models`).

use crate::{
    common::{
        producers::Producers,
        ring::Ring, //
    },
    sync::{
        relax,
        Acquire,
        Atomic,
        Release, //
    },
};
use std::{
    cell::UnsafeCell,
    sync::Arc,
    thread, //
};

/// Shorter than what all producers want at once.
const RING: Ring = Ring { log2: 3 };
const PRODUCERS: u64 = 4;
const LONGEST: u64 = 5;
const RUNS: u64 = 20_000;

/// Of whom, which of his runs, and how many more of that run there are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    producer: u64,
    run: u64,
    left: u64,
}

/// Nobody's.
const GONE: Entry = Entry {
    producer: PRODUCERS,
    run: 0,
    left: 0,
};

struct Slot(UnsafeCell<Entry>);

// SAFETY: Not without the ordering that is tested: a slot is its producer's until the hardware is
// told, then the hardware's until it says that it is past it.
#[allow(unsafe_code)]
unsafe impl Sync for Slot {}

impl Slot {
    const fn new() -> Self {
        Self(UnsafeCell::new(GONE))
    }

    #[allow(unsafe_code)]
    fn write(&self, entry: Entry) {
        // SAFETY: The slot is the caller's, see above.
        unsafe { *self.0.get() = entry };
    }

    #[allow(unsafe_code)]
    fn read(&self) -> Entry {
        // SAFETY: The slot is the caller's, see above.
        unsafe { *self.0.get() }
    }
}

struct Machine {
    producers: Producers<Vec<Atomic<u64>>>,
    slots: [Slot; 1 << RING.log2],
    /// What a producer's commands are about, who reuses it once they are complete.
    subjects: [Slot; PRODUCERS as usize],
    /// The hardware's registers, words of positions.
    prod: Atomic<u64>,
    cons: Atomic<u64>,
}

impl Machine {
    fn new() -> Self {
        let marks = (0..RING.entries()).map(|_| Atomic::new(0)).collect();

        Self {
            producers: Producers::new(RING, marks),
            slots: [const { Slot::new() }; 1 << RING.log2],
            subjects: [const { Slot::new() }; PRODUCERS as usize],
            prod: Atomic::new(0),
            cons: Atomic::new(0),
        }
    }

    fn locate(&self, claimed: u64) -> u64 {
        self.producers
            .locate(claimed, || self.cons.load(Acquire) as u32)
    }

    /// Submits a run, and waits until the hardware is past it if it is one of those.
    fn submit(&self, producer: u64, run: u64) {
        let (length, wait) = (length(producer, run), waits(run));
        let last = Entry {
            producer,
            run,
            left: 0,
        };

        if wait {
            self.subjects[producer as usize].write(last);
        }
        let claim = self.producers.claim(length).unwrap_or_else(|| {
            let claim = self.producers.claim_in_turn(length, || {
                self.producers.retire(self.locate(0));
                relax();
                Ok::<(), ()>(())
            });
            claim.unwrap_or_else(|()| unreachable!())
        });
        let end = claim.run().end;
        // So that others come in between, more often than chance would have it.
        let linger = || {
            if (run + producer) % 5 == 0 {
                relax();
            }
        };

        for pos in claim.run().clone() {
            self.slots[RING.index(pos)].write(Entry {
                left: end - 1 - pos,
                ..last
            });
        }
        linger();
        let told = self.producers.publish(claim, |prod| {
            self.prod.store(RING.word(prod).into(), Release);
            linger();
        });
        if !wait {
            return;
        }

        let mut pos = match told {
            Some(_) => 0,
            None => self.producers.follow(end),
        };
        while pos < end {
            relax();
            pos = self.locate(end);
            if told.is_some_and(|told| told != end) {
                self.producers.retire(pos);
            }
        }
        self.subjects[producer as usize].write(GONE);
    }

    /// Executes `total` entries. Returns what is wrong with them.
    fn execute(&self, total: u64) -> Option<String> {
        let mut next = [0; PRODUCERS as usize];
        let mut last = GONE;
        let mut wrong = None;
        let mut pos = 0;

        while pos < total {
            let prod = RING.extend(pos, self.prod.load(Acquire) as u32);

            if prod == pos {
                relax();
            }
            while pos < prod {
                let entry = self.slots[RING.index(pos)].read();
                let rest = last.left.checked_sub(1).map(|left| Entry { left, ..last });

                if !self.is_expected(entry, rest, &mut next) {
                    wrong.get_or_insert_with(|| format!("{entry:?} at {pos} after {last:?}"));
                }
                last = entry;
                pos += 1;
                self.cons.store(RING.word(pos).into(), Release);
            }
        }
        wrong
    }

    /// Whether `entry` is `rest`, of a run that has begun, or begins the next run of its producer,
    /// and, if it ends one that is waited for, is about what it was about when it was submitted.
    fn is_expected(&self, entry: Entry, rest: Option<Entry>, next: &mut [u64]) -> bool {
        let Some(next) = next.get_mut(entry.producer as usize) else {
            return false;
        };
        let follows = match rest {
            Some(rest) => entry == rest,
            None => entry.run == *next,
        };

        if entry.left != 0 {
            return follows;
        }
        *next += 1;
        follows && (!waits(entry.run) || self.subjects[entry.producer as usize].read() == entry)
    }
}

/// How many entries a producer's run has.
fn length(producer: u64, run: u64) -> u64 {
    1 + (run * 7 + producer) % LONGEST
}

/// Whether the producer waits for the run.
fn waits(run: u64) -> bool {
    run % 3 != 0
}

#[test]
fn four_producers() {
    let machine = Arc::new(Machine::new());
    let producers = (0..PRODUCERS).map(|producer| {
        let machine = machine.clone();

        thread::spawn(move || {
            for run in 0..RUNS {
                machine.submit(producer, run);
            }
        })
    });
    let producers: Vec<_> = producers.collect();
    let total = (0..PRODUCERS)
        .map(|producer| (0..RUNS).map(|run| length(producer, run)).sum::<u64>())
        .sum();
    let wrong = machine.execute(total);

    for producer in producers {
        assert!(producer.join().is_ok());
    }
    assert_eq!(wrong, None);
}
