// SPDX-License-Identifier: GPL-2.0

//! What firmware's DMAR table says of a device.
//!
//! Firmware names devices by the way to them from a root bus. The table is read when a device is
//! probed: it does not change.

use super::arch::dmar::{
    Dmar,
    Hop,
    Structure,
    SIGNATURE, //
};
use crate::iommu::{
    firmware::AcpiTable,
    PciEndpoint,
    ResvList, //
};
use kernel::prelude::*;

/// Where a PCI function is, for firmware.
struct Location {
    segment: u16,
    way: KVec<Hop>,
}

impl Location {
    fn of(function: &PciEndpoint<'_>) -> Result<Self> {
        // Firmware knows nothing of virtual functions, nor of what is behind a VMD.
        let function = function.physical().requester();
        let mut way = KVec::new();

        for step in &function.path()? {
            way.push(
                Hop {
                    bus: step.bus,
                    device: step.device,
                    function: step.function,
                },
                GFP_KERNEL,
            )?;
        }
        Ok(Self {
            // Segments that ACPI has are of 16 bits.
            segment: u16::try_from(function.segment()).map_err(|_| ENODEV)?,
            way,
        })
    }
}

/// Runs `f` on the table.
///
/// # Errors
///
/// - [`ENODEV`]: there is none, or it is not to be believed.
/// - Those of `f`.
pub(super) fn with_dmar<R>(f: impl FnOnce(&Dmar<'_>) -> Result<R>) -> Result<R> {
    let table = AcpiTable::get(&SIGNATURE).ok_or(ENODEV)?;

    f(&Dmar::parse(table.as_bytes()).map_err(|_| ENODEV)?)
}

/// Where the registers are (HPA) of the unit that a function is behind.
///
/// # Errors
///
/// - [`ENODEV`]: there is none.
/// - [`ENOMEM`]
pub(super) fn unit_of(function: &PciEndpoint<'_>) -> Result<u64> {
    let Location { segment, way } = Location::of(function)?;

    with_dmar(|dmar| {
        let unit = dmar.unit_of(segment, &way).ok_or(ENODEV)?;

        Ok(unit.registers)
    })
}

/// Memory that firmware says a function uses by itself.
pub(super) struct OwnMemory {
    /// Where it is (HPA).
    start: u64,
    /// Its size in bytes.
    size: usize,
    /// Not any more once a driver has the function.
    relaxable: bool,
}

impl OwnMemory {
    /// Adds it to `list`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn add_to(&self, list: &mut ResvList<'_>) -> Result {
        list.add_direct(self.start, self.size, self.relaxable)
    }
}

/// The memory that firmware says a function uses by itself (RMRR).
///
/// # Errors
///
/// - [`ENOMEM`]
pub(super) fn own_memory(function: &PciEndpoint<'_>) -> Result<KVec<OwnMemory>> {
    let Location { segment, way } = Location::of(function)?;

    with_dmar(|dmar| {
        let mut all = KVec::new();

        for structure in dmar.structures() {
            let Structure::Reserved(memory) = structure else {
                continue;
            };

            if memory.segment == segment
                && memory.is_sane()
                && memory.scopes.reach(&way) == Some(way.len())
            {
                let own = OwnMemory {
                    start: memory.first,
                    // CAST: `usize` has 64 bits where there is such a unit.
                    size: (memory.last - memory.first + 1) as usize,
                    relaxable: function.leaves_reserved_memory(),
                };

                all.push(own, GFP_KERNEL)?;
            }
        }
        Ok(all)
    })
}

/// Whether the root complex lets a function's translation requests through (ATSR), or it is in the
/// package and has a cache (SATC).
///
/// # Errors
///
/// - [`ENOMEM`]
pub(super) fn allows_ats(function: &PciEndpoint<'_>) -> Result<bool> {
    let Location { segment, way } = Location::of(function)?;

    with_dmar(|dmar| {
        Ok(dmar.structures().any(|structure| match structure {
            Structure::RootPorts(ports) => {
                ports.segment == segment && (ports.all || ports.scopes.reach(&way).is_some())
            }
            Structure::Caches(caches) => {
                caches.segment == segment && caches.scopes.reach(&way) == Some(way.len())
            }
            _ => false,
        }))
    })
}
