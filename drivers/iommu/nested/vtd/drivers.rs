// SPDX-License-Identifier: GPL-2.0

//! The driver of remapping units, and the devices that stand for them.

use super::{
    arch::dmar::{
        Dmar,
        SIGNATURE, //
    },
    probe::{
        RemappingUnit,
        UNIT_NAME, //
    },
};
use crate::iommu::{
    firmware::AcpiTable,
    UnitDevice, //
};
use kernel::{
    driver,
    platform,
    prelude::*, //
};

/// The driver of remapping units, and a device for each of them, as long as this exists.
#[pin_data]
pub(crate) struct Drivers {
    /// Before the driver, which is unbound from them then.
    units: KVec<UnitDevice>,
    #[pin]
    driver: driver::Registration<platform::Adapter<RemappingUnit>>,
}

impl Drivers {
    /// Registers the driver and finds the units.
    pub(crate) fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            driver <- driver::Registration::new(UNIT_NAME, module),
            units: find()?,
        })
    }
}

/// Makes a device for each unit that firmware tells of.
fn find() -> Result<KVec<UnitDevice>> {
    let mut units = KVec::new();
    let Some(table) = AcpiTable::get(&SIGNATURE) else {
        pr_info!("no remapping units: firmware has no DMAR table\n");
        return Ok(units);
    };
    let dmar = Dmar::parse(table.as_bytes()).map_err(|why| {
        pr_err!("firmware's DMAR table can't be used: {}\n", why.as_str());
        ENODEV
    })?;

    for (index, unit) in dmar.units().enumerate() {
        // CAST: There are fewer than the table has bytes.
        let device = UnitDevice::new(UNIT_NAME, index as u16, unit.registers, unit.size)?;

        units.push(device, GFP_KERNEL)?;
    }
    Ok(units)
}
