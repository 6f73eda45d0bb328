// SPDX-License-Identifier: GPL-2.0

//! Global errors (Arm IHI 0070, chapter 7.5): what goes wrong with the SMMU itself.

use kernel::{
    device::Device,
    prelude::*, //
};

use super::{
    cmdq::CmdQueue,
    regs::{
        Regs,
        GERROR, //
    },
};
use crate::ratelimit::RateLimit;

/// One of the causes, and what it means to the reader of the log.
struct Cause {
    mask: u32,
    text: &'static str,
}

/// All causes but CMDQ_ERR, which the command queue deals with.
const CAUSES: [Cause; 8] = [
    Cause {
        mask: GERROR::SFM_ERR_MASK,
        text: "service failure mode entered, the SMMU is out of order and aborts all DMA",
    },
    Cause {
        mask: GERROR::EVTQ_ABT_ERR_MASK,
        text: "write to the event queue aborted, faults of devices may have been lost",
    },
    Cause {
        mask: GERROR::PRIQ_ABT_ERR_MASK,
        text: "write to the PRI queue aborted, page requests may have been lost",
    },
    Cause {
        mask: GERROR::MSI_EVTQ_ABT_ERR_MASK,
        text: "MSI of the event queue aborted, faults may be reported late",
    },
    Cause {
        mask: GERROR::MSI_PRIQ_ABT_ERR_MASK,
        text: "MSI of the PRI queue aborted, page requests may be served late",
    },
    Cause {
        mask: GERROR::MSI_CMDQ_ABT_ERR_MASK,
        text: "MSI of a CMD_SYNC aborted",
    },
    Cause {
        mask: GERROR::MSI_GERROR_ABT_ERR_MASK,
        text: "MSI of a global error aborted, errors may be reported late",
    },
    Cause {
        mask: !GERROR::KNOWN,
        text: "unknown error",
    },
];

impl GERROR {
    const KNOWN: u32 = Self::SFM_ERR_MASK
        | Self::MSI_GERROR_ABT_ERR_MASK
        | Self::MSI_PRIQ_ABT_ERR_MASK
        | Self::MSI_EVTQ_ABT_ERR_MASK
        | Self::MSI_CMDQ_ABT_ERR_MASK
        | Self::PRIQ_ABT_ERR_MASK
        | Self::EVTQ_ABT_ERR_MASK
        | Self::CMDQ_ERR_MASK;
}

/// The handler of global errors of one SMMU.
pub(crate) struct GlobalErrors {
    limits: [RateLimit; CAUSES.len()],
}

impl GlobalErrors {
    /// Creates the handler.
    pub(crate) fn new() -> Self {
        Self {
            limits: core::array::from_fn(|_| RateLimit::new()),
        }
    }

    /// Logs, deals with and acknowledges the active global errors. Returns whether there were any.
    ///
    /// For one interrupt handler, which does not run concurrently with itself; hard interrupt
    /// context will do. In service failure mode the command queue is halted with `EIO`: no command
    /// is ever going to complete.
    pub(crate) fn handle(&self, dev: &Device, regs: &Regs, cmdq: &CmdQueue) -> bool {
        let Ok(active) = regs.active_errors() else {
            return false;
        };
        let others = active.with_cmdq_err(false);

        if active.into_raw() == 0 {
            return false;
        }
        for (cause, limit) in CAUSES.iter().zip(&self.limits) {
            if active.into_raw() & cause.mask != 0 {
                limit.run(dev, || {
                    dev_err!(dev, "{} (GERROR {:#x})\n", cause.text, active.into_raw())
                });
            }
        }
        if active.sfm_err() {
            cmdq.halt(EIO);
        } else if active.cmdq_err() {
            cmdq.skip_error();
        }
        regs.acknowledge(others).is_ok()
    }
}
