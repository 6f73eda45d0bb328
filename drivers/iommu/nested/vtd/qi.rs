// SPDX-License-Identifier: GPL-2.0

//! The invalidation queue (section 6.5.2).
//!
//! A ring of descriptors in one page. The unit is told a new tail and says through its head
//! register how far it has fetched. What it has *completed* it says by wait descriptors: each
//! submission ends with one, which has the unit write its position to a status word.
//!
//! The status word is 32 bits wide and positions are 64; a submission is never more than a ring
//! away from the next, so that the word extends without doubt what is known to be complete.
//!
//! # Errors of the queue
//!
//! - IQE: the unit stopped at a descriptor that it does not understand. It is replaced by one that
//!   does nothing.
//! - ICE: the unit got an answer that it did not expect. Nothing of ours is lost.
//! - ITE: a device did not answer a device-TLB invalidation. The unit drops the wait descriptors
//!   that it had fetched, and goes on when ITE is cleared: what was dropped counts as complete, and
//!   failed.

use super::{
    arch::descriptor::Descriptor,
    hw::{
        Memory,
        Page,
        Registers, //
    },
    regs::{
        self,
        Status, //
    },
};
use crate::{
    common::ring::Ring,
    sync::{
        Acquire,
        Atomic,
        Release, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The descriptors of a page.
const RING: Ring = Ring { log2: 7 };

/// The most descriptors of one submission. With their wait descriptor they fill half of the ring.
pub(crate) const RUN_MAX: usize = 63;

/// Words of a descriptor.
const WORDS: usize = 4;

/// How many failures are remembered one by one.
const REMEMBERED: usize = 16;

/// What waiters look at without a lock.
pub(crate) struct Outcome<P> {
    /// Word 0 is the status word.
    status: P,
    /// How many submissions have failed. Changed before the unit goes on after an error, so that
    /// whoever sees a later completion sees it, too.
    failures: Atomic<u64>,
}

impl<P: Page> Outcome<P> {
    /// Whether the descriptor at `pos` is complete, as far as the status word says. What was
    /// dropped does not show.
    pub(crate) fn is_complete(&self, pos: u64) -> bool {
        // CAST: The lower half, and a difference that is small either way.
        (self.status.load(0) as u32).wrapping_sub((pos + 1) as u32) as i32 >= 0
    }

    /// Whether [`Queue::failed`] is worth asking.
    pub(crate) fn any_failed(&self) -> bool {
        self.failures.load(Acquire) != 0
    }
}

/// The queue of one unit.
pub(crate) struct Queue<P: Page> {
    ring: P,
    outcome: Arc<Outcome<P>>,
    /// The next position to be written.
    tail: u64,
    /// All below this are complete, or dropped.
    completed: u64,
    /// The latest submissions that failed, by the position of their wait descriptor.
    failed: [u64; REMEMBERED],
    /// RWBF: the unit's write buffer is to be flushed before it is told of anything.
    flushes_writes: bool,
}

impl<P: Page> Queue<P> {
    /// A queue that the unit does not know yet.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(memory: &impl Memory<Page = P>, flushes_writes: bool) -> Result<Self> {
        Ok(Self {
            ring: memory.snooped_page()?,
            outcome: Arc::new(
                Outcome {
                    status: memory.snooped_page()?,
                    failures: Atomic::new(0),
                },
                GFP_KERNEL,
            )?,
            tail: 0,
            completed: 0,
            failed: [u64::MAX; REMEMBERED],
            flushes_writes,
        })
    }

    /// The value of the register that tells the unit where the queue is.
    pub(crate) fn address(&self) -> u64 {
        self.ring.address() | regs::IQA_DW
    }

    /// For a look without a lock.
    pub(crate) fn outcome(&self) -> &Arc<Outcome<P>> {
        &self.outcome
    }

    /// Queues descriptors, at most [`RUN_MAX`], and a wait descriptor. Returns its position: when
    /// that is complete, all are.
    ///
    /// # Errors
    ///
    /// - [`EAGAIN`]: no room. [`Self::progress`] makes some when the unit has gone on.
    pub(crate) fn submit(
        &mut self,
        regs: &impl Registers,
        descriptors: &[Descriptor],
    ) -> Result<u64> {
        self.submit_with(regs, descriptors, Descriptor::wait)
    }

    /// The same, with a wait descriptor for more: what is made to write a value (32 bits) to an
    /// address (HPA).
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub(crate) fn submit_with(
        &mut self,
        regs: &impl Registers,
        descriptors: &[Descriptor],
        waiting: fn(u64, u32) -> Descriptor,
    ) -> Result<u64> {
        let wait = self.tail + descriptors.len() as u64;

        // One stays empty, as a full ring looks like an empty one to the unit.
        if RING.space(wait + 2, self.completed) == 0 {
            return Err(EAGAIN);
        }
        for (pos, descriptor) in (self.tail..).zip(descriptors) {
            self.store(pos, descriptor);
        }
        // CAST: The lower half is what the status word holds.
        self.store(
            wait,
            &waiting(self.outcome.status.address(), (wait + 1) as u32),
        );
        self.tail = wait + 1;
        if self.flushes_writes {
            flush_writes(regs)?;
        }
        regs.write32(regs::IQT, Self::register(self.tail));
        Ok(wait)
    }

    /// Looks how far the unit is, and after it if it has stopped. Returns the first position that
    /// is not complete.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is gone.
    pub(crate) fn progress(&mut self, regs: &impl Registers) -> Result<u64> {
        let status = Status(regs.read32(regs::FSTS));

        if status.is_gone() {
            return Err(ENODEV);
        }
        // What the unit has completed before it stopped is none of what it dropped.
        self.complete();
        if status.ite() {
            self.drop_fetched(regs);
        }
        if status.iqe() {
            self.replace_bad(regs);
        }
        if status.is_queue_error() {
            regs.write32(regs::FSTS, status.queue_errors());
            // There are units, QEMU's among them, that go on only when they are told so.
            regs.write32(regs::IQT, Self::register(self.tail));
        }
        Ok(self.completed)
    }

    /// Whether the submission whose wait descriptor was at `pos`, which is complete, has failed. If
    /// nobody can know any more it counts as failed.
    pub(crate) fn failed(&self, pos: u64) -> bool {
        let forgets = self.outcome.failures.load(Acquire) > REMEMBERED as u64;

        self.failed.contains(&pos) || forgets && self.failed.iter().all(|&failed| pos < failed)
    }

    /// The first position that nothing was submitted for.
    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    /// Takes over what the status word says.
    fn complete(&mut self) {
        // CAST: The lower half.
        let ahead = (self.outcome.status.load(0) as u32).wrapping_sub(self.completed as u32);

        // A ring ahead at most: another value is none that was asked for.
        if u64::from(ahead) <= self.tail - self.completed {
            self.completed += u64::from(ahead);
        }
    }

    /// The position that the unit fetches from next.
    fn head(&self, regs: &impl Registers) -> u64 {
        // CAST: An index into the ring.
        let index = (regs.read64(regs::IQH) >> regs::IQ_SHIFT) as u32;
        let distance = u64::from(index).wrapping_sub(self.completed) & (RING.entries() - 1);

        (self.completed + distance).min(self.tail)
    }

    /// ITE: the wait descriptors that the unit had fetched will not be carried out. What is after a
    /// fence may have been begun with too early then.
    fn drop_fetched(&mut self, regs: &impl Registers) {
        let head = self.head(regs);
        let mut pos = self.completed;

        while let Some(dropped) = (pos..head).find(|&pos| Descriptor::waits(&self.load(pos))) {
            let Some(wait) = self.wait_from(dropped) else {
                break;
            };

            self.fail(wait);
            pos = wait + 1;
        }
        self.completed = head;
    }

    /// IQE: the unit stands at a descriptor that it does not know.
    fn replace_bad(&mut self, regs: &impl Registers) {
        let head = self.head(regs);

        if head >= self.tail {
            return;
        }
        let wait = self.wait_from(head);

        if wait != Some(head) {
            self.store(head, &Descriptor::fence());
        }
        if let Some(wait) = wait {
            self.fail(wait);
        }
    }

    /// Where the submission ends that the descriptor at `pos` is of.
    fn wait_from(&self, pos: u64) -> Option<u64> {
        (pos..self.tail).find(|&pos| Descriptor::writes_status(&self.load(pos)))
    }

    fn fail(&mut self, pos: u64) {
        let failures = self.outcome.failures.load(Acquire);

        self.failed[failures as usize % REMEMBERED] = pos;
        self.outcome.failures.store(failures + 1, Release);
    }

    fn load(&self, pos: u64) -> [u64; WORDS] {
        self.ring.load_all(RING.index(pos) * WORDS)
    }

    fn store(&self, pos: u64, descriptor: &Descriptor) {
        self.ring
            .put_all(RING.index(pos) * WORDS, &descriptor.words());
    }

    fn register(pos: u64) -> u32 {
        // CAST: An index into the ring.
        (RING.index(pos) as u32) << regs::IQ_SHIFT
    }
}

/// Has the unit write out what it buffers of the CPU's stores (RWBF).
fn flush_writes(regs: &impl Registers) -> Result {
    regs::command(regs, regs::Command::FlushWrites)
}
