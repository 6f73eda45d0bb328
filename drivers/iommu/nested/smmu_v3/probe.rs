// SPDX-License-Identifier: GPL-2.0

//! Finding SMMUs: the platform driver.

use super::{
    arch::{
        features::Features,
        ste::Ste, //
    },
    debugfs,
    device::Smmu,
    irq,
    regs::Regs,
    reset,
    SmmuV3, //
};
use crate::{
    debugfs::Files,
    iommu::{
        firmware::of_dma_is_coherent,
        smmu_v3::{
            for_each_rmr_sid,
            IortSmmuV3, //
        },
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
    of,
    platform,
    prelude::*,
    str::CStr, //
};

/// The platform driver of SMMUs in a device tree.
pub(crate) struct DeviceTree;

/// The platform driver of SMMUs in ACPI's IORT, which are found by the name of the driver.
pub(crate) struct Iort;

/// The name of the platform devices that ACPI's IORT makes of SMMUs.
pub(crate) const IORT_NAME: &CStr = c"arm-smmu-v3";

/// The model of an SMMU with page 0 of the registers alone.
const MODEL_CAVIUM_CN99XX: u32 = 2;

/// An SMMU that is in use.
///
/// Fields are dropped in this order: files and devices first, then interrupts, then the hardware is
/// stopped.
pub(crate) struct Running<'a> {
    _files: Files<SmmuV3>,
    _registration: Registration<'a, SmmuV3>,
    _lines: irq::Lines<'a>,
    _on: PoweredOn<SmmuV3>,
}

kernel::of_device_table!(
    OF_TABLE,
    <DeviceTree as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"arm,smmu-v3"), ())]
);

impl platform::Driver for DeviceTree {
    type IdInfo = ();
    type Data<'bound> = Running<'bound>;

    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_TABLE);

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let coherent = of_dma_is_coherent(pdev.as_ref());

        start(pdev, coherent)
    }
}

impl platform::Driver for Iort {
    type IdInfo = ();
    type Data<'bound> = Running<'bound>;

    fn probe<'bound>(
        pdev: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        let node = IortSmmuV3::of(pdev.as_ref()).ok_or(ENODEV)?;

        if node.model == MODEL_CAVIUM_CN99XX {
            dev_err!(
                pdev,
                "can't drive this SMMU: it has one page of registers\n"
            );
            return Err(ENODEV);
        }
        start(pdev, node.coherent())
    }
}

/// Starts an SMMU whose table walks are coherent, or not, by what firmware says.
fn start<'a>(pdev: &'a platform::Device<Core<'_>>, coherent: bool) -> Result<Running<'a>> {
    let dev: &'a Device<Bound> = pdev.as_ref();
    let regs = Regs::new(pdev)?;
    let ids = regs.raw_ids()?;
    let features = Features::decode(&ids, coherent).map_err(|why| {
        dev_err!(pdev, "can't drive this SMMU: {}\n", why.as_str());
        ENODEV
    })?;

    set_dma_mask(pdev, features.oas_bits)?;
    if features.cohacc != features.coherent {
        dev_warn!(
            pdev,
            "firmware says that table walks are {}coherent, IDR0.COHACC differs\n",
            if features.coherent { "" } else { "not " }
        );
    }
    dev_info!(
        pdev,
        "SMMUv3.{}: {}-bit output, {} StreamID bits, {} SubstreamID bits, stages {}\n",
        features.arch_minor,
        features.oas_bits,
        features.sid_bits,
        features.ssid_bits,
        match (features.s1p, features.s2p, features.nesting()) {
            (true, true, true) => "1+2, nested",
            (true, true, false) => "1 or 2",
            (true, false, _) => "1",
            _ => "2",
        }
    );

    let max_pasids = 1 << features.ssid_bits;
    let address = pdev.resource_by_index(0).ok_or(EINVAL)?.start();
    let smmu = Instance::<SmmuV3>::new(dev, Smmu::new(dev, regs, ids, features))?;
    let ready = reset::bring_up(dev, &smmu.parts())?;
    let on = PoweredOn::new(smmu.clone())?;
    let lines = irq::request(pdev, &smmu)?;

    for_each_rmr_sid(dev, |sid| keep_running(dev, &smmu, sid));
    ready.start()?;
    Ok(Running {
        _files: debugfs::create(&smmu)?,
        _registration: Registration::new(
            dev,
            smmu.clone(),
            fmt!("smmu3.0x{address:016x}"),
            max_pasids,
        )?,
        _lines: lines,
        _on: on,
    })
}

/// Lets a device that firmware has left running go on until it is attached to something.
fn keep_running(dev: &Device<Bound>, smmu: &Smmu, sid: u32) {
    let kept = smmu.strtab.ensure(dev, sid).and_then(|()| {
        let bypass = Ste::bypass(&smmu.features);

        smmu.strtab.write(sid, &bypass, &smmu.cmdq)
    });

    if let Err(e) = kept {
        dev_err!(
            dev,
            "StreamID {sid:#x} of a reserved memory range is stopped: {e:?}\n"
        );
    }
}

/// Tells the DMA API what the SMMU's own accesses, to tables and queues, can reach.
fn set_dma_mask(pdev: &platform::Device<Core<'_>>, bits: u32) -> Result {
    use kernel::dma::{
        Device as _,
        DmaMask, //
    };

    // SAFETY: Nothing was allocated for this device yet, and only its probe allocates.
    unsafe { pdev.dma_set_mask_and_coherent(DmaMask::try_new(bits)?) }
}
