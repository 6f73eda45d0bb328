// SPDX-License-Identifier: GPL-2.0

//! The command queue (Arm IHI 0070, chapters 3.5, 4 and 7.1).
//!
//! Any number of submitters, from any context but NMI: with interrupts off, in a hard interrupt,
//! or sleeping. A submitter writes its commands and the CMD_SYNC after them as one contiguous run,
//! without a lock ([`Producers`]), and waits for the hardware to be past the run.
//!
//! # Locking
//!
//! `CmdQueue::recovery`, with interrupts off, serialises those who deal with an error of the queue:
//! it protects the list of [`Faults`] and GERROR.CMDQ_ERR. It nests outside of the lock within
//! [`Regs`] and inside of everything else. Who finds no error does not take it.
//!
//! # Ordering
//!
//! - Commands before CMDQ_PROD: each submitter has a DMA write barrier between its commands and the
//!   mark that they are written, and the one who writes CMDQ_PROD has seen all marks by acquire
//!   loads. The barrier and not the mark makes it so for observers that are not CPUs.
//! - What commands are about (page tables, table entries) before CMDQ_PROD: the same barrier, as
//!   far as the submitter has stored it; stores of other CPUs are ordered by whatever made the
//!   submitter know that there is something to invalidate.
//! - CMDQ_CONS before what a submitter does when its commands are complete, like freeing a page
//!   table: the register is read with `readl()` semantics, before all later accesses of that CPU;
//!   the position goes to other waiters by a release store and their acquire load.
//! - A fault before the position that passes it: `faulted` is stored before GERRORN is written,
//!   which alone lets the hardware go on; so who sees its run complete sees its fault.
//!
//! # Errors
//!
//! On a command that it cannot execute the SMMU stops, and raises GERROR.CMDQ_ERR until someone
//! deals with it. The interrupt handler does ([`CmdQueue::skip_error`]), and so does every waiter,
//! for it may have interrupts off on the only CPU. A rejected command is overwritten with a
//! CMD_SYNC, which does nothing, and its position recorded, so that its submitter learns of it.

mod batch;
mod faults;
mod patience;
mod recovery;

use core::ops::Range;

use kernel::{
    device::{
        Bound,
        Device, //
    },
    interrupt::local_interrupt_disable,
    new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        barrier::{
            dma_mb,
            Write, //
        },
        Arc,
        SpinLockIrq, //
    },
};

pub(crate) use self::batch::Batch;
use self::{
    faults::{
        Fault,
        Faults,
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
            Commands,
            Opcode,
            SyncSignal, //
        },
        features::Features, //
    },
    regs::{
        self,
        Present,
        Regs, //
    },
};
use crate::{
    common::{
        producers::{
            Claim,
            Producers, //
        },
        ring::Ring, //
    },
    iommu::Table,
    ratelimit::RateLimit,
    sync::{
        Atomic,
        Relaxed, //
    },
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

/// What is known of errors of the queue.
struct Recovery {
    faults: Faults,
    /// Aborted fetches of the command at this position.
    aborts: (u64, u32),
}

/// The command queue of one SMMU.
#[pin_data]
pub(crate) struct CmdQueue {
    dev: ARef<Device>,
    regs: Arc<Regs>,
    ring: Ring,
    entries: Table<2>,
    producers: Producers<KVVec<Atomic<u64>>>,
    /// The longest run, CMD_SYNC aside.
    run_max: usize,
    /// Each run needs a CMD_SYNC, whether someone waits for it or not.
    force_sync: bool,
    /// The errno for which the queue takes no commands, or 0.
    halted: Atomic<i32>,
    /// The position after the newest fault.
    faulted: Atomic<u64>,
    #[pin]
    recovery: SpinLockIrq<Recovery>,
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
            let ring = Ring { log2 };
            let mut marks = KVVec::new();

            for _ in 0..ring.entries() {
                marks.push(Atomic::new(0), GFP_KERNEL)?;
            }
            let producers = Producers::new(ring, marks);

            Ok(try_pin_init!(Self {
                dev: ARef::from(&**dev),
                regs,
                ring,
                entries,
                producers,
                // CAST: Not more than `RUN_MAX`.
                run_max: (ring.entries() - 1).min(RUN_MAX as u64) as usize,
                force_sync,
                halted: Atomic::new(ENODEV.to_errno()),
                faulted: Atomic::new(0),
                recovery <- new_spinlock_irq!(
                    Recovery {
                        faults: Faults::new(),
                        aborts: (0, 0),
                    },
                    "CmdQueue::recovery"
                ),
                errors: RateLimit::new(),
                timeouts: RateLimit::new(),
            }? Error))
        })
    }

    /// Points the hardware, whose queue is off, to this queue and lets submitters in.
    pub(super) fn program(&self) -> Result {
        let base = regs::queue_base(self.entries.address(), self.ring.log2);
        let word = self.ring.word(self.producers.claimed());

        self.regs.write(regs::CMDQ_BASE::from(base))?;
        self.regs.write(regs::CMDQ_PROD::from(word))?;
        self.regs.write(regs::CMDQ_CONS::from(word))?;
        self.halted.store(0, Relaxed);
        Ok(())
    }

    /// Turns submitters and waiters away with `error`. Any context.
    pub(super) fn halt(&self, error: Error) {
        self.halted.store(error.to_errno(), Relaxed);
    }

    fn running(&self) -> Result {
        match self.halted.load(Relaxed) {
            0 => Ok(()),
            errno => Err(Error::from_errno(errno)),
        }
    }

    /// Queues `cmds` and does not wait for them. They are complete when a later [`Self::sync`] is.
    ///
    /// Waits for room, if need be. Errors as in [`Failed`]; what came before the error is queued.
    pub(crate) fn submit(&self, cmds: &[Cmd]) -> Result {
        for run in cmds.chunks(self.run_max) {
            self.regs
                .with(|regs| self.post(regs, run, false).map(|_| ()))??;
        }
        Ok(())
    }

    /// Queues `cmds` and busy-waits until the hardware has completed them all.
    ///
    /// A list of more than [`RUN_MAX`] is queued and waited for piece by piece.
    #[inline]
    pub(crate) fn submit_sync(&self, cmds: impl Commands) -> Result<(), Failed> {
        let mut done = 0;
        let mut rest = cmds;

        while rest.len() != 0 {
            let (run, others) = rest.split(rest.len().min(self.run_max));

            self.run(run).map_err(|failed| Failed {
                done: done + failed.done,
                ..failed
            })?;
            done += run.len();
            rest = others;
        }
        Ok(())
    }

    /// Busy-waits until all commands queued so far are complete. Errors as in [`Failed`]; an ATC
    /// invalidation that timed out is reported to the first who waits for it.
    pub(crate) fn sync(&self) -> Result {
        Ok(self.run(&[][..])?)
    }

    /// Starts a list of commands that grows one by one.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// Deals with an active GERROR.CMDQ_ERR, if it is: logs it, and lets the queue go on without
    /// the command in question. Any context; the caller is the interrupt handler of global errors.
    pub(crate) fn skip_error(&self) {
        // An error means that the queue is off or broken, of which its users are told.
        let _ = self.recover();
    }

    /// Queues `cmds`, at most `run_max`, and a CMD_SYNC, and waits for it.
    fn run(&self, cmds: impl Commands) -> Result<(), Failed> {
        let none = |error| Failed { done: 0, error };
        let (run, pos) = self
            .regs
            .with(|regs| self.post(regs, cmds, true))
            .flatten()
            .map_err(none)?;

        if pos < run.end {
            self.wait(run.end).map_err(none)?;
        }
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
                    None if cmds.len() != 0 => Ok(()),
                    first => Err(Failed {
                        done: first.unwrap_or(0),
                        error: EIO,
                    }),
                }
            }
            Verdict::Forgotten => Err(none(EIO)),
        }
    }

    /// Where the hardware is. The caller has told it of all below `told`, and lets those know whose
    /// commands are among that.
    #[inline]
    fn ask(&self, regs: Present<'_>, run: &Range<u64>, told: u64) -> u64 {
        let (pos, _) = self.locate(regs, told);

        if told != run.end {
            self.producers.retire(pos);
        }
        pos
    }

    /// Writes `cmds`, followed by a CMD_SYNC if `sync`, and tells the hardware, unless another
    /// submitter does. Returns their positions, and how far the hardware is known to be: of
    /// interest if there is someone to wait for it.
    #[inline]
    fn post(
        &self,
        regs: Present<'_>,
        cmds: impl Commands,
        sync: bool,
    ) -> Result<(Range<u64>, u64)> {
        let end = (sync || self.force_sync).then_some(Cmd::sync(SyncSignal::None));
        // CAST: `usize` to `u64` keeps the value.
        let slots = cmds.len() as u64 + u64::from(end.is_some());

        // Others wait for what is claimed to be written.
        let uninterrupted = local_interrupt_disable();
        self.running()?;
        let claim = match self.producers.claim(slots) {
            Some(claim) => claim,
            None => self.claim_late(regs, slots)?,
        };
        let run = claim.run().clone();
        let words = |cmd: Cmd| *cmd.words();
        let next = self
            .entries
            .write_ring(self.ring.index(run.start), cmds.iter().map(words));
        self.entries.write_ring(next, end.into_iter().map(words));

        dma_mb(Write);
        let told = self.producers.publish(claim, |prod| {
            regs.write(regs::CMDQ_PROD::from(self.ring.word(prod)));
        });
        drop(uninterrupted);
        let pos = match told {
            Some(told) if sync => self.ask(regs, &run, told),
            _ => 0,
        };
        Ok((run, pos))
    }

    /// Claims once what the hardware is done with is known to be free, if need be in turn.
    #[cold]
    fn claim_late(&self, regs: Present<'_>, slots: u64) -> Result<Claim> {
        self.producers.retire(self.locate(regs, 0).0);
        if let Some(claim) = self.producers.claim(slots) {
            return Ok(claim);
        }

        let mut patience = Patience::new();

        self.producers.claim_in_turn(slots, || {
            let pos = self.look(0)?;

            self.producers.retire(pos);
            patience.spend(pos).inspect_err(|_| self.complain(pos))
        })
    }

    /// Waits until the hardware is past all positions below `end`.
    #[cold]
    fn wait(&self, end: u64) -> Result {
        // Who told the hardware himself does not wait for it long here.
        if self.producers.follow(end) >= end {
            return Ok(());
        }

        let mut patience = Patience::new();

        loop {
            let pos = self.look(end)?;

            if pos >= end {
                return Ok(());
            }
            patience.spend(pos).inspect_err(|_| self.complain(pos))?;
        }
    }

    /// Looks how far the hardware is, and after it if it has stopped. `claimed` as for
    /// [`Producers::locate`].
    fn look(&self, claimed: u64) -> Result<u64> {
        let (pos, cons) = self.regs.with(|regs| self.locate(regs, claimed))?;

        self.running()?;
        // No proof: the field keeps its value after the error was dealt with.
        if cons.err() != 0 {
            self.recover()?;
        }
        Ok(pos)
    }

    /// Where the hardware is, and what it says.
    #[inline]
    fn locate(&self, regs: Present<'_>, claimed: u64) -> (u64, regs::CMDQ_CONS) {
        let mut cons = regs::CMDQ_CONS::zeroed();
        let pos = self.producers.locate(claimed, || {
            cons = regs.read(regs::CMDQ_CONS);
            cons.into_raw()
        });

        (pos, cons)
    }

    /// What became of the completed commands at the positions of `run`.
    fn verdict(&self, run: &Range<u64>) -> Verdict {
        match self.faulted.load(Relaxed) <= run.start {
            true => Verdict::Executed,
            false => self.recovery.lock().faults.verdict(run),
        }
    }

    fn complain(&self, pos: u64) {
        self.timeouts.run(&self.dev, || {
            let raw = |word: Result<u32>| word.unwrap_or(u32::MAX);
            dev_err!(
                self.dev,
                "command queue: no progress at {} for {} ms, PROD {:#x} CONS {:#x} GERROR {:#x}\n",
                pos,
                TIMEOUT.as_millis(),
                raw(self.regs.read(regs::CMDQ_PROD).map(|r| r.into_raw())),
                raw(self.regs.read(regs::CMDQ_CONS).map(|r| r.into_raw())),
                raw(self.regs.active_errors().map(|r| r.into_raw()))
            );
        });
    }
}
