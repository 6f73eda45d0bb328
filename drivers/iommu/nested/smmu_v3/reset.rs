// SPDX-License-Identifier: GPL-2.0

//! Bring-up and shutdown of an SMMU (Arm IHI 0070, chapters 3.11 and 6.3).
//!
//! While the SMMU is disabled, GBPA says what becomes of the devices' transactions. A live SMMU
//! (left by a boot loader, or by the kernel that crashed) is told to abort them before it is
//! disabled: what it let through with translation must not get through without. One that was never
//! enabled stays as it is until it is enabled, so that a device which the firmware uses works on.

use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*, //
};

use super::{
    arch::{
        cmd::Cmd,
        features::Features, //
    },
    cmdq::CmdQueue,
    evtq::ReadQueue,
    regs::{
        self,
        Regs,
        CR0,
        CR1,
        CR2,
        IRQ_CTRL, //
    },
    strtab::StreamTable, //
};

/// What the hardware is given to work with.
pub(crate) struct Parts<'a> {
    /// The registers.
    pub(crate) regs: &'a Regs,
    /// What the SMMU can do.
    pub(crate) features: &'a Features,
    /// The stream table. Its entries apply from [`Ready::start`] on.
    pub(crate) strtab: &'a StreamTable,
    /// The command queue.
    pub(crate) cmdq: &'a CmdQueue,
    /// The event queue.
    pub(crate) evtq: &'a ReadQueue<4>,
    /// The PRI queue, if there is to be one.
    pub(crate) priq: Option<&'a ReadQueue<2>>,
}

/// An SMMU that has forgotten its past, knows its tables and queues, and executes commands, but
/// neither translates nor interrupts yet.
#[must_use = "the SMMU does not translate until it is started"]
pub(crate) struct Ready<'a> {
    regs: &'a Regs,
    cr0: CR0,
    irqs: IRQ_CTRL,
}

/// Brings the SMMU from whatever state it is in to where it can be started. May sleep.
///
/// `ETIMEDOUT` if it does not follow; it is left disabled as far as possible then.
pub(crate) fn bring_up<'a>(dev: &Device<Bound>, parts: &Parts<'a>) -> Result<Ready<'a>> {
    prepare(dev, parts).inspect_err(|_| {
        // Nothing is to be gained from a second error.
        let _ = shutdown(parts.regs, parts.cmdq);
    })
}

fn prepare<'a>(dev: &Device<Bound>, parts: &Parts<'a>) -> Result<Ready<'a>> {
    let Parts {
        regs,
        features,
        strtab,
        cmdq,
        evtq,
        priq,
    } = *parts;

    disable(dev, regs)?;
    wire_interrupts(regs, features)?;
    regs.write(table_attributes(features.coherent))?;
    regs.write(CR2::zeroed().with_ptm(true).with_recinvsid(true))?;
    regs.write(strtab.base())?;
    regs.write(strtab.config()?)?;

    let cr0 = CR0::zeroed().with_cmdqen(true);
    cmdq.program()?;
    regs.set_cr0(cr0)?;
    forget_everything(cmdq, features)?;

    let cr0 = cr0.with_evtqen(true);
    evtq.program(regs)?;
    regs.set_cr0(cr0)?;

    let cr0 = match priq {
        Some(priq) => {
            let cr0 = cr0.with_priqen(true);

            priq.program(regs)?;
            regs.set_cr0(cr0)?;
            cr0
        }
        None => cr0,
    };

    let cr0 = cr0.with_atschk(features.ats);
    regs.set_cr0(cr0)?;

    Ok(Ready {
        regs,
        cr0,
        irqs: IRQ_CTRL::zeroed()
            .with_gerror(true)
            .with_evtq(true)
            .with_priq(priq.is_some()),
    })
}

impl Ready<'_> {
    /// Lets the SMMU interrupt, whose handlers are there by now, and translate. May sleep.
    ///
    /// `ETIMEDOUT` if it does not follow.
    pub(crate) fn start(self) -> Result {
        self.regs.set_irq_ctrl(self.irqs)?;
        self.regs.set_cr0(self.cr0.with_smmuen(true))
    }
}

/// Leaves the SMMU such that no transaction of any device gets through, and takes it out of use:
/// tables and queues may be freed. May sleep.
///
/// `ETIMEDOUT` if it does not follow, in which case the memory had better not be freed; `ENODEV`
/// after unbind.
pub(crate) fn shutdown(regs: &Regs, cmdq: &CmdQueue) -> Result {
    cmdq.halt(ENODEV);

    // Even if one of the steps fails the others make things better.
    let abort = regs.abort_when_disabled();
    let irqs = regs.set_irq_ctrl(IRQ_CTRL::zeroed());

    regs.set_cr0(CR0::zeroed()).and(abort).and(irqs)
}

/// Stops the SMMU without letting anything slip through, and forgets its pending errors, of which
/// one would keep the command queue from running.
fn disable(dev: &Device<Bound>, regs: &Regs) -> Result {
    if regs.read(regs::CR0)?.smmuen() {
        dev_warn!(dev, "SMMU is enabled, aborting all DMA until it is reset\n");
        regs.abort_when_disabled()?;
    }
    regs.set_irq_ctrl(IRQ_CTRL::zeroed())?;
    regs.set_cr0(CR0::zeroed())?;
    regs.acknowledge(regs.active_errors()?)
}

/// Makes the SMMU raise wired interrupts, whatever messages it was told to send before.
fn wire_interrupts(regs: &Regs, features: &Features) -> Result {
    if !features.msi {
        return Ok(());
    }
    regs.write(regs::GERROR_IRQ_CFG0::zeroed())?;
    regs.write(regs::EVTQ_IRQ_CFG0::zeroed())?;
    if features.pri {
        regs.write(regs::PRIQ_IRQ_CFG0::zeroed())?;
    }
    Ok(())
}

/// Forgets configuration and translations of whoever used the SMMU before.
fn forget_everything(cmdq: &CmdQueue, features: &Features) -> Result {
    cmdq.submit(&[Cmd::cfgi_all(), Cmd::tlbi_nsnh_all()])?;
    if features.hyp {
        cmdq.submit(&[Cmd::tlbi_el2_all()])?;
    }
    cmdq.sync()
}

/// How the SMMU accesses tables and queues: like the CPU's write-back mappings of them, or like its
/// non-cacheable ones.
fn table_attributes(coherent: bool) -> CR1 {
    const OUTER_SHAREABLE: u32 = 2;
    const INNER_SHAREABLE: u32 = 3;
    const WRITE_BACK: u32 = 1;

    match coherent {
        true => CR1::zeroed()
            .with_const_table_sh::<INNER_SHAREABLE>()
            .with_const_table_oc::<WRITE_BACK>()
            .with_const_table_ic::<WRITE_BACK>()
            .with_const_queue_sh::<INNER_SHAREABLE>()
            .with_const_queue_oc::<WRITE_BACK>()
            .with_const_queue_ic::<WRITE_BACK>(),
        false => CR1::zeroed()
            .with_const_table_sh::<OUTER_SHAREABLE>()
            .with_const_queue_sh::<OUTER_SHAREABLE>(),
    }
}
