// SPDX-License-Identifier: GPL-2.0

//! The drivers of SMMUs that the module registers.

use super::{
    probe::{
        DeviceTree,
        Iort,
        IORT_NAME, //
    }, //
};
use crate::iommu::firmware::acpi_in_use;
use kernel::{
    driver,
    platform,
    prelude::*, //
};

type PlatformDriver<T> = driver::Registration<platform::Adapter<T>>;

/// The drivers, registered as long as this exists.
#[pin_data]
pub(crate) struct Drivers {
    #[pin]
    device_tree: PlatformDriver<DeviceTree>,
    iort: Option<Pin<KBox<PlatformDriver<Iort>>>>,
}

impl Drivers {
    /// Registers them.
    pub(crate) fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device_tree <- driver::Registration::new(c"iommu-nested-smmu-v3", module),
            iort: register_iort(module)?,
        })
    }
}

/// Registers the driver of SMMUs in ACPI, if there can be any. Its name is the C driver's: with
/// arm_smmu_v3 present it is taken, and the SMMUs are that driver's.
fn register_iort(module: &'static ThisModule) -> Result<Option<Pin<KBox<PlatformDriver<Iort>>>>> {
    if !acpi_in_use() {
        return Ok(None);
    }
    match KBox::pin_init(driver::Registration::new(IORT_NAME, module), GFP_KERNEL) {
        Ok(iort) => Ok(Some(iort)),
        Err(e) if e == EBUSY => {
            pr_info!("arm_smmu_v3 is present: leaving SMMUs in ACPI to it\n");
            Ok(None)
        }
        Err(e) => Err(e),
    }
}
