// SPDX-License-Identifier: GPL-2.0

//! Starting and stopping a unit (sections 6.2.2, 6.5.2 and 11.4.4), from whatever state it is in.

use super::{
    arch::descriptor::{
        Descriptor,
        Drain, //
    },
    flush::Batch,
    hw::Registers,
    regs::{
        self,
        Command, //
    },
    requests,
    slot::Invalidate, //
};
use kernel::prelude::*;

/// Starts the queue, which `unit` then uses, and translation.
///
/// `queue` is the value of the register that says where the queue is, `pages` that of the
/// register that says where page requests go, if the unit has those, and `root` where the root
/// table is (HPA). Devices that it says nothing of are blocked.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: the unit does not do what it is told.
/// - Those of `unit`.
pub(crate) fn start(
    regs: &impl Registers,
    unit: &impl Invalidate,
    queue: u64,
    pages: Option<u64>,
    root: u64,
    drain: Drain,
) -> Result {
    regs.write32(regs::FECTL, regs::FECTL_IM);
    regs.write64(regs::IQT, 0);
    regs.write64(regs::IQA, queue);
    regs::command(regs, Command::Queue(true))?;
    if let Some(pages) = pages {
        requests::start(regs, pages);
    }

    regs.write64(regs::RTADDR, root | regs::RTADDR_SCALABLE);
    regs::command(regs, Command::SetRootTable)?;
    // Of whatever was in use before.
    let mut batch: Batch<'_, _> = Batch::new(unit);
    for all in [
        Descriptor::context_cache_global(),
        Descriptor::pasid_cache_global(),
        Descriptor::iotlb_global(drain),
    ] {
        batch.push(all);
        batch.flush();
    }
    batch.complete()?;

    regs::command(regs, Command::Translation(true))?;
    unprotect(regs)
}

/// Stops a unit, with its page requests if it has those. Its devices can access all of memory then.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: the unit does not do what it is told.
pub(crate) fn stop(regs: &impl Registers, has_requests: bool) -> Result {
    regs::command(regs, Command::Translation(false))?;
    regs::command(regs, Command::Queue(false))?;
    if has_requests {
        requests::stop(regs);
    }
    Ok(())
}

/// Switches off the regions that firmware had protected: from now on, translation does it.
fn unprotect(regs: &impl Registers) -> Result {
    let mut looks = 0;

    if regs.read64(regs::CAP) & regs::CAP_PROTECTED == 0 {
        return Ok(());
    }
    regs.write32(regs::PMEN, regs.read32(regs::PMEN) & !regs::PMEN_EPM);
    while regs.read32(regs::PMEN) & regs::PMEN_PRS != 0 {
        regs.pause(looks)?;
        looks += 1;
    }
    Ok(())
}
