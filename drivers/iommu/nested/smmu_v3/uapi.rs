// SPDX-License-Identifier: GPL-2.0

//! The SMMU's formats in the uAPIs of iommufd and of VFIO's nesting containers.

use super::{
    arch::features::RawIds,
    SmmuV3, //
};
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
use crate::iommu::Instance;
use crate::{
    frontend::iommufd::{
        Abi,
        ViommuAbi, //
    },
    iommu::{
        bindings,
        plain::plain_struct, //
    }, //
};

impl Abi for SmmuV3 {
    const TABLE: u32 = bindings::iommu_hwpt_data_type_IOMMU_HWPT_DATA_ARM_SMMUV3;
    const COMMAND: u32 =
        bindings::iommu_hwpt_invalidate_data_type_IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3;
}

impl ViommuAbi for SmmuV3 {
    const VIOMMU: u32 = bindings::iommu_viommu_type_IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
    const EVENT: u32 = bindings::iommu_veventq_type_IOMMU_VEVENTQ_TYPE_ARM_SMMUV3;
}

#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
impl crate::frontend::vfio::Abi for SmmuV3 {
    const MODEL: u32 = bindings::VFIO_NESTED_MODEL_ARM_SMMUV3;
    /// `struct vfio_nested_info_arm_smmuv3` without its header.
    type Info = [u32; 10];

    fn info(smmu: &Instance<Self>, index: u32) -> [u32; 10] {
        let RawIds { idr, iidr, aidr } = smmu.ids;
        let [idr0, idr1, idr2, idr3, idr4, idr5] = idr;

        [
            index, 0, idr0, idr1, idr2, idr3, idr4, idr5, iidr, aidr, //
        ]
    }
}

plain_struct! {
    /// `struct iommu_hw_info_arm_smmuv3`.
    pub(crate) struct HwInfo(bindings::iommu_hw_info_arm_smmuv3) {
        flags: u32,
        __reserved: u32,
        idr: [u32; 6],
        iidr: u32,
        aidr: u32,
    }
}

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
    #[cfg(CONFIG_IOMMU_NESTED_VFIO)]
    assert!(
        size_of::<<SmmuV3 as crate::frontend::vfio::Abi>::Info>()
            == size_of::<bindings::vfio_nested_info_arm_smmuv3>()
                - size_of::<bindings::vfio_info_cap_header>()
    );
};
