// SPDX-License-Identifier: GPL-2.0

//! Finding remapping units: the platform driver.

use super::{
    arch::caps::Features,
    debugfs,
    faults::{
        self,
        Watch, //
    },
    firmware,
    hw::Registers,
    mmio::Mmio,
    pasids,
    regs,
    unit::Unit,
    Vtd, //
};
use crate::{
    debugfs::Files,
    iommu::{
        find_in_use,
        periodic::Periodic,
        vtd::is_sapphire_rapids,
        Instance,
        PoweredOn,
        Registration, //
    },
};
use kernel::{
    device::{
        Bound,
        Core,
        Device, //
    },
    platform,
    prelude::*,
    str::CStr, //
};

/// The name of the devices that stand for units, and of their driver.
pub(crate) const UNIT_NAME: &CStr = c"iommu-nested-vtd";

/// Bits of an HPA.
const ADDRESS_BITS: u32 = 52;

/// The platform driver of remapping units.
pub(crate) struct RemappingUnit;

/// A unit that is in use.
///
/// Fields are dropped in this order: files and devices first, then the hardware is stopped.
pub(crate) struct Running<'a> {
    _files: Files<Vtd>,
    _registration: Registration<'a, Vtd>,
    _watch: Periodic<Watch>,
    _on: PoweredOn<Vtd>,
}

impl platform::Driver for RemappingUnit {
    type IdInfo = ();
    type Data<'bound> = Running<'bound>;

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        start(pdev)
    }
}

/// Starts a unit.
fn start<'a>(pdev: &'a platform::Device<Core<'_>>) -> Result<Running<'a>> {
    let dev: &'a Device<Bound> = pdev.as_ref();
    let base = pdev.resource_by_index(0).ok_or(EINVAL)?.start();
    let regs = Mmio::new(pdev)?;
    let (cap, ecap) = (regs.read64(regs::CAP), regs.read64(regs::ECAP));
    let features = Features::decode(cap, ecap).map_err(|why| {
        dev_err!(pdev, "can't drive this unit: {}\n", why.as_str());
        ENODEV
    })?;

    if let Some(what) = regs::in_use(&regs) {
        dev_info!(pdev, "left alone: {what} is on, by somebody else\n");
        return Err(ENODEV);
    }
    if find_in_use(|function| firmware::unit_of(function) == Ok(base)) {
        dev_info!(
            pdev,
            "left alone: drivers of its devices are there before it\n"
        );
        return Err(ENODEV);
    }
    set_dma_mask(pdev)?;

    dev_info!(
        dev,
        "VT-d {}.{}: {} DID bits, {} PASID bits, stages {}\n",
        regs.read32(regs::VER) >> 4 & 0xf,
        regs.read32(regs::VER) & 0xf,
        features.did_bits,
        features.pasid_bits,
        match (features.first_stage, features.second_stage, features.nested) {
            (true, true, true) => "1+2, nested",
            (true, true, false) => "1 or 2",
            (true, false, _) => "1",
            _ => "2",
        }
    );

    let max_pasids = match pasids::width(&features) {
        0 => 0,
        bits => 1 << bits,
    };
    let unit = Instance::<Vtd>::new(
        dev,
        Unit::new(dev, regs, (cap, ecap), features, base, is_sapphire_rapids()),
    )?;

    unit.start()?;
    let on = PoweredOn::new(unit.clone())?;

    Ok(Running {
        _files: debugfs::create(&unit)?,
        _watch: faults::watch(&unit)?,
        _registration: Registration::new(
            dev,
            unit.clone(),
            fmt!("dmar.0x{base:016x}"),
            max_pasids,
        )?,
        _on: on,
    })
}

/// Tells the DMA API what the unit's own accesses, to tables and queues, can reach.
fn set_dma_mask(pdev: &platform::Device<Core<'_>>) -> Result {
    use kernel::dma::{
        Device as _,
        DmaMask, //
    };

    // SAFETY: Nothing was allocated for this device yet, and only its probe allocates.
    unsafe { pdev.dma_set_mask_and_coherent(DmaMask::try_new(ADDRESS_BITS)?) }
}
