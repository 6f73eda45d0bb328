// SPDX-License-Identifier: GPL-2.0

//! The SMMU's formats in the uAPI of iommufd.

use super::{
    arch::features::RawIds,
    SmmuV3, //
};
use crate::{
    frontend::iommufd::Abi,
    iommu::bindings, //
};
use kernel::transmute::AsBytes;

impl Abi for SmmuV3 {
    const VIOMMU: u32 = bindings::iommu_viommu_type_IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
    const TABLE: u32 = bindings::iommu_hwpt_data_type_IOMMU_HWPT_DATA_ARM_SMMUV3;
    const COMMAND: u32 =
        bindings::iommu_hwpt_invalidate_data_type_IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;
    const EVENT: u32 = bindings::iommu_veventq_type_IOMMU_VEVENTQ_TYPE_ARM_SMMUV3;
}

/// `struct iommu_hw_info_arm_smmuv3`.
#[repr(transparent)]
pub(crate) struct HwInfo(bindings::iommu_hw_info_arm_smmuv3);

// SAFETY: Ten `u32`, all initialised, without padding.
unsafe impl AsBytes for HwInfo {}

impl HwInfo {
    /// The ID registers, as the hardware has them.
    pub(crate) fn new(ids: &RawIds) -> Self {
        Self(bindings::iommu_hw_info_arm_smmuv3 {
            flags: 0,
            __reserved: 0,
            idr: ids.idr,
            iidr: ids.iidr,
            aidr: ids.aidr,
        })
    }
}

// The formats that are plain arrays of words on our side.
const _: () = {
    use crate::backend::Backend;

    assert!(
        size_of::<<SmmuV3 as Backend>::RawTable>() == size_of::<bindings::iommu_hwpt_arm_smmuv3>()
    );
    assert!(
        size_of::<<SmmuV3 as Backend>::Command>()
            == size_of::<bindings::iommu_viommu_arm_smmuv3_invalidate>()
    );
    assert!(
        size_of::<<SmmuV3 as Backend>::Event>() == size_of::<bindings::iommu_vevent_arm_smmuv3>()
    );
    assert!(size_of::<HwInfo>() == 40);
};
