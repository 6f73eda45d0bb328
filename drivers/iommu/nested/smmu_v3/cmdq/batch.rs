// SPDX-License-Identifier: GPL-2.0

//! Lists of commands that grow one by one.

use kernel::prelude::*;

use super::{
    CmdQueue,
    RUN_MAX, //
};
use crate::smmu_v3::arch::cmd::Cmd;

/// Commands that are queued, and waited for, as many at a time as the queue takes.
///
/// For invalidations after a change of page tables, whose number is not known beforehand. Whoever
/// needs to know which command failed uses [`CmdQueue::submit_sync`].
#[must_use = "commands in a batch may be lost unless it is synced"]
pub(crate) struct Batch<'a> {
    queue: &'a CmdQueue,
    cmds: [Cmd; RUN_MAX],
    len: usize,
    /// The first error. Later commands are issued even so: it is better to have dropped most of
    /// what is stale than some of it.
    status: Result,
}

impl<'a> Batch<'a> {
    pub(super) fn new(queue: &'a CmdQueue) -> Self {
        Self {
            queue,
            cmds: [Cmd::default(); RUN_MAX],
            len: 0,
            status: Ok(()),
        }
    }

    /// Adds `cmd`, after having made room by waiting for the commands so far if need be. An error
    /// in that is kept for [`Self::sync`].
    pub(crate) fn push(&mut self, cmd: Cmd) {
        if self.len == RUN_MAX {
            self.flush();
        }
        self.cmds[self.len] = cmd;
        self.len += 1;
    }

    /// Busy-waits until all commands of the batch are complete. Errors as in [`super::Failed`].
    ///
    /// The batch is empty afterwards and may be used again. A batch that nothing was added to does
    /// not touch the hardware.
    pub(crate) fn sync(&mut self) -> Result {
        self.flush();
        core::mem::replace(&mut self.status, Ok(()))
    }

    fn flush(&mut self) {
        let cmds = self.cmds.get(..self.len).unwrap_or(&[]);
        let result = self.queue.submit_sync(cmds);

        self.len = 0;
        if let (Err(failed), Ok(())) = (result, self.status) {
            self.status = Err(failed.error);
        }
    }
}
