// SPDX-License-Identifier: GPL-2.0

//! Lists of commands that grow one by one.

use core::ops::Range;

use kernel::prelude::*;

use super::{
    CmdQueue,
    Verdict,
    RUN_MAX, //
};
use crate::smmu_v3::arch::cmd::Cmd;

/// Commands that are queued as many at a time, and waited for together.
///
/// For invalidations after a change of page tables, whose number is not known beforehand. Whoever
/// needs to know which command failed uses [`CmdQueue::submit_sync`].
#[must_use = "commands in a batch may be lost unless it is synced"]
pub(crate) struct Batch<'a> {
    queue: &'a CmdQueue,
    cmds: [Cmd; RUN_MAX],
    len: usize,
    /// The positions from the first command that was queued already to the last, if any was.
    queued: Option<Range<u64>>,
    /// The first error, after which nothing is queued any more.
    status: Result,
}

impl<'a> Batch<'a> {
    pub(super) fn new(queue: &'a CmdQueue) -> Self {
        Self {
            queue,
            cmds: [Cmd::default(); RUN_MAX],
            len: 0,
            queued: None,
            status: Ok(()),
        }
    }

    /// Adds `cmd`. Queues what there is when the batch is full, for which it may have to wait for
    /// room; an error in that is kept for [`Self::sync`].
    pub(crate) fn push(&mut self, cmd: Cmd) {
        if self.len == self.queue.run_max() {
            self.flush(false);
        }
        self.cmds[self.len] = cmd;
        self.len += 1;
    }

    /// Busy-waits until all commands of the batch are complete. Errors as in [`super::Failed`].
    ///
    /// The batch is empty afterwards and may be used again. A batch that nothing was added to does
    /// not touch the hardware.
    pub(crate) fn sync(&mut self) -> Result {
        if self.len > 0 || self.queued.is_some() {
            self.flush(true);
        }

        let queued = self.queued.take();
        core::mem::replace(&mut self.status, Ok(()))?;

        let Some(queued) = queued else {
            return Ok(());
        };
        self.queue.wait(queued.end)?;

        // Runs of others may lie between those of a long batch, so that a fault of theirs may be
        // taken for one of ours. That is the safe side to err on.
        match self.queue.verdict(&queued) {
            Verdict::Executed => Ok(()),
            Verdict::Faulted(..) | Verdict::Forgotten => Err(EIO),
        }
    }

    fn flush(&mut self, sync: bool) {
        let cmds = self.cmds.get(..self.len).unwrap_or(&[]);

        self.len = 0;
        if self.status.is_err() {
            return;
        }
        match self.queue.post(cmds, sync) {
            Ok(run) => {
                let start = self
                    .queued
                    .as_ref()
                    .map_or(run.start, |queued| queued.start);
                self.queued = Some(start..run.end);
            }
            Err(e) => self.status = Err(e),
        }
    }
}
