// SPDX-License-Identifier: GPL-2.0

//! What a person who debugs a VM wants to see: `/sys/kernel/debug/iommu_nested.DEVICE/`.
//!
//! - `features`: what the SMMU can do
//! - `queues`: positions of the command and event queues
//! - `streams`: who owns which StreamID, and its stream table entry in words
//! - `guests`: the virtual IOMMUs by their VMID, and what they have had done

use super::{
    device::Smmu,
    regs,
    SmmuV3, //
};
use crate::{
    debugfs::{
        self,
        Files, //
    },
    iommu::Instance, //
};
use kernel::{
    debugfs::ScopedDir,
    fmt,
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc, //
    },
};

/// Makes the directory of an SMMU. It goes when the result is dropped.
///
/// # Errors
///
/// - [`ENOMEM`]
pub(crate) fn create(smmu: &Arc<Instance<SmmuV3>>) -> Result<Files<SmmuV3>> {
    debugfs::create(
        smmu,
        |smmu: &Arc<Instance<SmmuV3>>, dir: &ScopedDir<'_, '_>| {
            dir.read_callback_file(c"features", smmu, &features);
            dir.read_callback_file(c"queues", smmu, &queues);
            dir.read_callback_file(c"streams", smmu, &streams);
            dir.read_callback_file(c"guests", smmu, &guests);
        },
    )
}

fn features(smmu: &Arc<Instance<SmmuV3>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ids = &smmu.ids;

    for (i, idr) in ids.idr.iter().enumerate() {
        writeln!(f, "IDR{i} {idr:#010x}")?;
    }
    writeln!(f, "IIDR {:#010x}", ids.iidr)?;
    writeln!(f, "AIDR {:#010x}", ids.aidr)?;
    writeln!(f, "{:#?}", smmu.features)
}

fn queues(smmu: &Arc<Instance<SmmuV3>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let smmu: &Smmu = smmu;
    let show =
        |f: &mut fmt::Formatter<'_>, name, prod: Result<u32>, cons: Result<u32>| match (prod, cons)
        {
            (Ok(prod), Ok(cons)) => writeln!(f, "{name} prod {prod:#x} cons {cons:#x}"),
            _ => writeln!(f, "{name} is gone"),
        };

    show(
        f,
        "cmdq",
        smmu.regs.read(regs::CMDQ_PROD).map(|r| r.into_raw()),
        smmu.regs.read(regs::CMDQ_CONS).map(|r| r.into_raw()),
    )?;
    show(
        f,
        "evtq",
        smmu.regs.read(regs::EVTQ_PROD).map(|r| r.into_raw()),
        smmu.regs.read(regs::EVTQ_CONS).map(|r| r.into_raw()),
    )
}

fn streams(smmu: &Arc<Instance<SmmuV3>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    smmu.streams.try_for_each(|sid, ep| {
        let device = ep.dev().name().to_str().unwrap_or("?");

        match smmu.strtab.read(sid) {
            Ok(ste) => writeln!(f, "{sid:#x} {device}: {}", ste.decode()),
            Err(e) => writeln!(f, "{sid:#x} {device}: {e:?}"),
        }
    })
}

fn guests(smmu: &Arc<Instance<SmmuV3>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for guest in smmu.guests.lock().iter() {
        writeln!(
            f,
            "vmid {} commands {} refused {} events {}",
            guest.vmid,
            guest.commands.load(Relaxed),
            guest.refused.load(Relaxed),
            guest.reported.load(Relaxed)
        )?;
    }
    Ok(())
}
