// SPDX-License-Identifier: GPL-2.0

//! What to do when the hardware stops at a command (Arm IHI 0070, chapter 7.1).
//!
//! All of it with the queue's lock held, in any context.

use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

use super::{
    ledger::Fault,
    CmdQueue,
    State, //
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
    pub(super) fn recover(&self, state: &mut State) -> Result {
        if let Some(error) = state.halted {
            return Err(error);
        }
        if !self.regs.active_errors()?.cmdq_err() {
            return Ok(());
        }

        let stopped = self.regs.read(regs::CMDQ_CONS)?;
        if state.ledger.retire(stopped.into_raw()) {
            state.aborts = 0;
        }
        if state.ledger.cons() != state.ledger.prod() {
            match stopped.err().get() {
                CERROR_ABT => self.retry_fetch(state)?,
                CERROR_ATC_INV_SYNC => self.retry_sync(state),
                reason => self.replace(state, reason)?,
            }
        }
        self.publish(state);
        self.regs
            .acknowledge(regs::GERROR::zeroed().with_cmdq_err(true))
    }

    /// Replaces the command that the hardware stopped at.
    fn replace(&self, state: &mut State, reason: u32) -> Result {
        let pos = state.ledger.cons();
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
        self.fault(state, Fault::Rejected);
        Ok(())
    }

    /// Lets the hardware try the CMD_SYNC again that found ATC invalidations unanswered.
    fn retry_sync(&self, state: &mut State) {
        self.errors.run(&self.dev, || {
            dev_err!(
                self.dev,
                "command queue: an endpoint did not answer an ATC invalidation\n"
            );
        });
        self.fault(state, Fault::AtcTimeout);
    }

    /// Lets the hardware try to fetch the command again, a few times.
    fn retry_fetch(&self, state: &mut State) -> Result {
        state.aborts += 1;
        if state.aborts > ABORTS_MAX {
            dev_err!(
                self.dev,
                "command queue: fetch of commands aborted again and again, giving up\n"
            );
            state.halted = Some(EIO);
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

    fn fault(&self, state: &mut State, fault: Fault) {
        state.ledger.fault(fault);
        self.faulted.store(state.ledger.cons() + 1, Relaxed);
    }
}
