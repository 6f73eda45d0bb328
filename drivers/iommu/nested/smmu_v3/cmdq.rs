// SPDX-License-Identifier: GPL-2.0

//! The command queue (Arm IHI 0070, chapters 3.5, 4 and 7.1).
//!
//! Any number of submitters, from any context but NMI: with interrupts off, in a hard interrupt,
//! or sleeping. A submitter writes its commands and the CMD_SYNC after them as one contiguous run,
//! under a lock; it waits for the hardware to be past the run without the lock, so that many can
//! wait at once.
//!
//! # Locking
//!
//! `CmdQueue::state`, with interrupts off, protects the [`Ledger`], the memory of the queue and the
//! registers CMDQ_PROD and GERROR.CMDQ_ERR. It nests outside of the lock within [`Regs`] and inside
//! of everything else. It is held to write one run or to look at the consumer, never to wait.
//!
//! # Ordering
//!
//! - Commands, and all that they are about (page tables, table entries), before CMDQ_PROD: the
//!   register is written with `writel()` semantics, which puts all earlier stores of this CPU
//!   before it, as seen by the SMMU. Stores of other CPUs are ordered by whatever lock made this
//!   CPU know that there is something to invalidate.
//! - CMDQ_CONS before what a submitter does when its commands are complete, like freeing a page
//!   table: the register is read with `readl()` semantics, before all later accesses of that CPU;
//!   the position goes to the waiters by a release store to `cons` and their acquire load.
//! - A fault before the position that passes it: `faulted` is stored before that release, so who
//!   sees its run complete sees its fault.
//!
//! # Errors
//!
//! On a command that it cannot execute the SMMU stops, and raises GERROR.CMDQ_ERR until someone
//! deals with it. The interrupt handler does ([`CmdQueue::skip_error`]), and so does every waiter,
//! for it may have interrupts off on the only CPU. A rejected command is overwritten with a
//! CMD_SYNC, which does nothing, and its position recorded, so that its submitter learns of it.

mod batch;
mod ledger;
mod patience;
mod recovery;

use core::ops::Range;

use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        SpinLockIrq, //
    },
};

pub(crate) use self::batch::Batch;
use self::{
    ledger::{
        Fault,
        Ledger,
        Verdict, //
    },
    patience::{
        Patience,
        TIMEOUT, //
    },
};
use super::{
    arch::{
        cmd::{
            Cmd,
            Opcode,
            SyncSignal, //
        },
        features::Features, //
    },
    regs::{
        self,
        Regs, //
    },
};
use crate::{
    common::ring::Ring,
    ratelimit::RateLimit,
    table::Table, //
};

/// The longest run of commands that is written at once, CMD_SYNC aside. Bounds the time for which
/// interrupts are off, and is as far from a CMD_SYNC as errata allow a command to be.
const RUN_MAX: usize = 63;

/// The most entries that are worth having, as a power of two: room for many submitters' runs.
const LOG2_MAX: u32 = 12;

/// The fewest entries one can work with, as a power of two: a command and its CMD_SYNC.
const LOG2_MIN: u32 = 1;

/// What a list of commands came to when not all of it was executed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// How many commands, from the first, are certainly complete.
    pub(crate) done: usize,
    /// `EIO` if the hardware rejected a command or an endpoint did not answer an ATC invalidation,
    /// or if the queue is broken; `ETIMEDOUT` if the hardware made no progress; `ENODEV` if the
    /// queue is off.
    pub(crate) error: Error,
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Error {
        failed.error
    }
}

struct State {
    ledger: Ledger,
    /// Why the queue takes no commands, if it does not.
    halted: Option<Error>,
    /// Aborted fetches since the hardware last moved.
    aborts: u32,
}

/// The command queue of one SMMU.
#[pin_data]
pub(crate) struct CmdQueue {
    dev: ARef<Device>,
    regs: Arc<Regs>,
    ring: Ring,
    entries: Table<2>,
    /// Each run needs a CMD_SYNC, whether someone waits for it or not.
    force_sync: bool,
    #[pin]
    state: SpinLockIrq<State>,
    /// The ledger's consumer position, for those who wait.
    cons: Atomic<u64>,
    /// The position after the newest fault in the ledger.
    faulted: Atomic<u64>,
    errors: RateLimit,
    timeouts: RateLimit,
}

impl CmdQueue {
    /// Allocates a queue as long as is of use and the SMMU supports, or shorter if memory is short.
    /// It takes commands once [`Self::program`] was called.
    ///
    /// `dev` is the SMMU. `ENOMEM` if there is no memory for the smallest queue.
    pub(crate) fn new<'a>(
        dev: &'a Device<Bound>,
        regs: Arc<Regs>,
        features: &Features,
    ) -> impl PinInit<Self, Error> + 'a {
        let log2 = features.cmdq_log2.min(LOG2_MAX);
        let force_sync = features.errata.force_sync;

        pin_init::pin_init_scope(move || {
            let (entries, log2) = Table::zeroed_or_smaller(dev, log2, LOG2_MIN)?;

            Ok(try_pin_init!(Self {
                dev: ARef::from(&**dev),
                regs,
                ring: Ring { log2 },
                entries,
                force_sync,
                state <- new_spinlock_irq!(
                    State {
                        ledger: Ledger::new(Ring { log2 }),
                        halted: Some(ENODEV),
                        aborts: 0,
                    },
                    "CmdQueue::state"
                ),
                cons: Atomic::new(0),
                faulted: Atomic::new(0),
                errors: RateLimit::new(),
                timeouts: RateLimit::new(),
            }? Error))
        })
    }

    /// Points the hardware, whose queue is off, to this queue and lets submitters in.
    pub(super) fn program(&self) -> Result {
        let mut state = self.state.lock();
        let base = regs::queue_base(self.entries.address(), self.ring.log2);
        let word = self.ring.word(state.ledger.prod());

        self.regs.write(regs::CMDQ_BASE::from(base))?;
        self.regs.write(regs::CMDQ_PROD::from(word))?;
        self.regs.write(regs::CMDQ_CONS::from(word))?;
        state.halted = None;
        Ok(())
    }

    /// Turns submitters and waiters away with `error`. Any context.
    pub(super) fn halt(&self, error: Error) {
        self.state.lock().halted = Some(error);
    }

    /// Queues `cmds` and does not wait for them. They are complete when a later [`Self::sync`] is.
    ///
    /// Waits for room, if need be. Errors as in [`Failed`]; what came before the error is queued.
    pub(crate) fn submit(&self, cmds: &[Cmd]) -> Result {
        for run in cmds.chunks(self.run_max()) {
            self.post(run, false)?;
        }
        Ok(())
    }

    /// Queues `cmds` and busy-waits until the hardware has completed them all.
    ///
    /// A list of more than [`RUN_MAX`] is queued and waited for piece by piece.
    pub(crate) fn submit_sync(&self, cmds: &[Cmd]) -> Result<(), Failed> {
        let mut done = 0;

        for run in cmds.chunks(self.run_max()) {
            self.run(run).map_err(|failed| Failed {
                done: done + failed.done,
                ..failed
            })?;
            done += run.len();
        }
        Ok(())
    }

    /// Busy-waits until all commands queued so far are complete. Errors as in [`Failed`]; an ATC
    /// invalidation that timed out is reported to the first who waits for it.
    pub(crate) fn sync(&self) -> Result {
        Ok(self.run(&[])?)
    }

    /// Starts a list of commands that grows one by one.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Deals with an active GERROR.CMDQ_ERR, if it is: logs it, and lets the queue go on without
    /// the command in question. Any context; the caller is the interrupt handler of global errors.
    pub(crate) fn skip_error(&self) {
        // An error means that the queue is off or broken, of which its users are told.
        let _ = self.recover(&mut self.state.lock());
    }

    fn run_max(&self) -> usize {
        RUN_MAX.min(self.ring.entries() as usize - 1)
    }

    /// Queues `cmds`, at most [`Self::run_max`], and a CMD_SYNC, and waits for it.
    fn run(&self, cmds: &[Cmd]) -> Result<(), Failed> {
        let none = |error| Failed { done: 0, error };
        let run = self.post(cmds, true).map_err(none)?;

        self.wait(run.end).map_err(none)?;
        match self.verdict(&run) {
            Verdict::Executed => Ok(()),
            Verdict::Faulted(pos, Fault::Rejected) => Err(Failed {
                done: (pos - run.start) as usize,
                error: EIO,
            }),
            // All but the ATC invalidations are complete. Which of those timed out is not known,
            // not even whether they are in this run unless another submitter's is impossible.
            Verdict::Faulted(_, Fault::AtcTimeout) => {
                match cmds
                    .iter()
                    .position(|cmd| cmd.opcode() == Opcode::AtcInv as u8)
                {
                    None if !cmds.is_empty() => Ok(()),
                    first => Err(Failed {
                        done: first.unwrap_or(0),
                        error: EIO,
                    }),
                }
            }
            Verdict::Forgotten => Err(none(EIO)),
        }
    }

    /// Writes `cmds`, followed by a CMD_SYNC if `sync`, and tells the hardware. Returns their
    /// positions.
    fn post(&self, cmds: &[Cmd], sync: bool) -> Result<Range<u64>> {
        let sync = (sync || self.force_sync).then_some(Cmd::sync(SyncSignal::None));
        let slots = cmds.len() + usize::from(sync.is_some());
        let mut patience = Patience::new();

        loop {
            let mut state = self.state.lock();

            if let Some(error) = state.halted {
                return Err(error);
            }
            if let Some(run) = state.ledger.claim(slots as u64) {
                for (pos, cmd) in run.clone().zip(Iterator::chain(cmds.iter(), &sync)) {
                    self.entries.write(self.ring.index(pos), cmd.words())?;
                }
                self.regs
                    .write(regs::CMDQ_PROD::from(self.ring.word(run.end)))?;
                return Ok(run);
            }
            self.refresh(&mut state)?;

            let cons = state.ledger.cons();
            drop(state);
            patience.spend(cons).inspect_err(|_| self.complain(cons))?;
        }
    }

    /// Waits until the hardware is past all positions below `end`.
    fn wait(&self, end: u64) -> Result {
        let mut patience = Patience::new();

        loop {
            let cons = self.cons.load(Acquire);

            if cons >= end {
                return Ok(());
            }
            // Whoever has the lock looks at the consumer himself sooner or later, or is about to
            // give the hardware more to do.
            if let Some(mut state) = self.state.try_lock() {
                self.refresh(&mut state)?;
                if state.ledger.cons() != cons {
                    continue;
                }
            }
            patience.spend(cons).inspect_err(|_| self.complain(cons))?;
        }
    }

    /// What became of the completed commands at the positions of `run`.
    fn verdict(&self, run: &Range<u64>) -> Verdict {
        match self.faulted.load(Relaxed) <= run.start {
            true => Verdict::Executed,
            false => self.state.lock().ledger.verdict(run),
        }
    }

    /// Looks how far the hardware is.
    fn refresh(&self, state: &mut State) -> Result {
        if let Some(error) = state.halted {
            return Err(error);
        }

        let cons = self.regs.read(regs::CMDQ_CONS)?;
        if state.ledger.retire(cons.into_raw()) {
            state.aborts = 0;
            self.publish(state);
        } else if cons.err() != 0 {
            // Not a proof: the field keeps its value after the error was dealt with.
            self.recover(state)?;
        }
        Ok(())
    }

    fn publish(&self, state: &State) {
        self.cons.store(state.ledger.cons(), Release);
    }

    fn complain(&self, cons: u64) {
        self.timeouts.run(&self.dev, || {
            let raw = |word: Result<u32>| word.unwrap_or(u32::MAX);
            dev_err!(
                self.dev,
                "command queue: no progress at position {} for {} ms (CMDQ_PROD {:#x}, CMDQ_CONS {:#x}, active GERROR {:#x})\n",
                cons,
                TIMEOUT.as_millis(),
                raw(self.regs.read(regs::CMDQ_PROD).map(|r| r.into_raw())),
                raw(self.regs.read(regs::CMDQ_CONS).map(|r| r.into_raw())),
                raw(self.regs.active_errors().map(|r| r.into_raw()))
            );
        });
    }
}
