// SPDX-License-Identifier: GPL-2.0

//! What to do when the hardware stops at a command (Arm IHI 0070, chapter 7.1).
//!
//! All of it with `CmdQueue::recovery` held, in any context. The hardware stands still from the
//! error until that is acknowledged: nobody writes to the entry that it stopped at.

use kernel::prelude::*;

use super::{
    faults::Fault,
    CmdQueue,
    Recovery, //
};
use crate::{
    smmu_v3::{
        arch::cmd::{
            self,
            Cmd,
            SyncSignal, //
        },
        regs, //
    },
    sync::Relaxed,
    trace,
};

/// How many aborted fetches of the same command are put down to bad luck.
const ABORTS_MAX: u32 = 16;

/// CMDQ_CONS.ERR: the fetch of the command was aborted.
const CERROR_ABT: u32 = 2;

/// CMDQ_CONS.ERR: the CMD_SYNC follows an ATC invalidation that timed out.
const CERROR_ATC_INV_SYNC: u32 = 3;

impl CmdQueue {
    /// Deals with an active GERROR.CMDQ_ERR, see [`Self::skip_error`].
    pub(super) fn recover(&self) -> Result {
        let mut recovery = self.recovery.lock();

        self.running()?;
        if !self.regs.active_errors()?.cmdq_err() {
            return Ok(());
        }

        let (pos, stopped) = self.regs.with(|regs| self.locate(regs, 0))?;
        if pos < self.producers.claimed() {
            match stopped.err().get() {
                CERROR_ABT => self.retry_fetch(&mut recovery, pos)?,
                CERROR_ATC_INV_SYNC => self.retry_sync(&mut recovery, pos),
                reason => self.replace(&mut recovery, pos, reason)?,
            }
        }
        self.regs
            .acknowledge(regs::GERROR::zeroed().with_cmdq_err(true))
    }

    /// Replaces the command that the hardware stopped at.
    fn replace(&self, recovery: &mut Recovery, pos: u64, reason: u32) -> Result {
        let index = self.ring.index(pos);
        let [word0, word1] = self.entries.read(index)?;

        trace::command_error(&self.dev, word0, word1, reason);
        self.errors.run(&self.dev, || {
            dev_err!(
                self.dev,
                "command queue: {} ({:#018x} {:#018x}) rejected with error {}, skipped\n",
                cmd::name(word0 as u8),
                word0,
                word1,
                reason
            );
        });
        self.entries
            .write(index, Cmd::sync(SyncSignal::None).words())?;
        self.fault(recovery, pos, Fault::Rejected);
        Ok(())
    }

    /// Lets the hardware try the CMD_SYNC again that found ATC invalidations unanswered.
    fn retry_sync(&self, recovery: &mut Recovery, pos: u64) {
        self.errors.run(&self.dev, || {
            dev_err!(
                self.dev,
                "command queue: an endpoint did not answer an ATC invalidation\n"
            );
        });
        self.fault(recovery, pos, Fault::AtcTimeout);
    }

    /// Lets the hardware try to fetch the command again, a few times.
    fn retry_fetch(&self, recovery: &mut Recovery, pos: u64) -> Result {
        recovery.aborts = match recovery.aborts {
            (at, count) if at == pos => (pos, count + 1),
            _ => (pos, 1),
        };
        if recovery.aborts.1 > ABORTS_MAX {
            dev_err!(
                self.dev,
                "command queue: fetch of commands aborted again and again, giving up\n"
            );
            self.halt(EIO);
            return Err(EIO);
        }
        self.errors.run(&self.dev, || {
            dev_err!(
                self.dev,
                "command queue: fetch of a command aborted, trying again\n"
            );
        });
        Ok(())
    }

    /// Records a fault. Relaxed: the hardware goes on only when told so by a later register write.
    fn fault(&self, recovery: &mut Recovery, pos: u64, fault: Fault) {
        recovery.faults.record(pos, fault);
        self.faulted.store(pos + 1, Relaxed);
    }
}
