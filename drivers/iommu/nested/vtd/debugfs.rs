// SPDX-License-Identifier: GPL-2.0

//! What a person who debugs a VM wants to see: `/sys/kernel/debug/iommu_nested.DEVICE/`.
//!
//! - `features`: what the unit can do
//! - `queue`: positions of the invalidation queue
//! - `devices`: which devices there are, with their requester IDs, and their PASID entries in words
//! - `guests`: what guests have had done

use super::{
    unit::Unit,
    Vtd, //
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

/// Makes the directory of a unit. It goes when the result is dropped.
///
/// # Errors
///
/// - [`ENOMEM`]
pub(crate) fn create(unit: &Arc<Instance<Vtd>>) -> Result<Files<Vtd>> {
    debugfs::create(
        unit,
        |unit: &Arc<Instance<Vtd>>, dir: &ScopedDir<'_, '_>| {
            dir.read_callback_file(c"features", unit, &features);
            dir.read_callback_file(c"queue", unit, &queue);
            dir.read_callback_file(c"devices", unit, &devices);
            dir.read_callback_file(c"guests", unit, &guests);
        },
    )
}

fn features(unit: &Arc<Instance<Vtd>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (cap, ecap) = unit.ids;

    writeln!(f, "CAP_REG {cap:#018x}")?;
    writeln!(f, "ECAP_REG {ecap:#018x}")?;
    writeln!(f, "{:#?}", unit.features)
}

fn queue(unit: &Arc<Instance<Vtd>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (tail, completed) = unit.queue_positions();

    writeln!(f, "submitted {tail} completed {completed}")
}

fn devices(unit: &Arc<Instance<Vtd>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let unit: &Unit = unit;

    for ep in unit.devices.lock().iter() {
        write!(f, "{}:", ep.dev().name().to_str().unwrap_or("?"))?;
        for rid in ep.rids() {
            write!(f, " {rid:#06x}")?;
        }
        writeln!(f)?;
        ep.try_for_each_entry(|pasid, entry| {
            writeln!(f, "  pasid {pasid}: {}", format_args!("{}", entry.decode()))
        })?;
    }
    Ok(())
}

fn guests(unit: &Arc<Instance<Vtd>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for guest in unit.guests.lock().iter() {
        writeln!(
            f,
            "commands {} refused {} events {}",
            guest.commands.load(Relaxed),
            guest.refused.load(Relaxed),
            guest.reported.load(Relaxed)
        )?;
    }
    Ok(())
}
