// SPDX-License-Identifier: GPL-2.0

//! VT-d's formats in the uAPIs of iommufd and of VFIO's nesting containers.

use super::{
    unit::Unit,
    Vtd, //
};
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
use crate::iommu::Instance;
use crate::{
    frontend::iommufd::Abi,
    iommu::{
        bindings,
        plain::plain_struct, //
    }, //
};

impl Abi for Vtd {
    const TABLE: u32 = bindings::iommu_hwpt_data_type_IOMMU_HWPT_DATA_VTD_S1;
    const COMMAND: u32 =
        bindings::iommu_hwpt_invalidate_data_type_IOMMU_HWPT_INVALIDATE_DATA_VTD_S1;
}

#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
impl crate::frontend::vfio::Abi for Vtd {
    const MODEL: u32 = bindings::VFIO_NESTED_MODEL_INTEL_VTD;
    /// `struct vfio_nested_info_intel_vtd` without its header.
    type Info = [u64; 3];

    fn info(unit: &Instance<Self>, index: u32) -> [u64; 3] {
        [index.into(), unit.ids.0, unit.ids.1]
    }
}

plain_struct! {
    /// `struct iommu_hw_info_vtd`.
    pub(crate) struct HwInfo(bindings::iommu_hw_info_vtd) {
        flags: u32,
        __reserved: u32,
        cap_reg: u64,
        ecap_reg: u64,
    }
}

impl HwInfo {
    /// The capability registers, as the hardware has them.
    pub(crate) fn new(unit: &Unit) -> Self {
        let flags = match unit.read_only_errs {
            true => bindings::iommu_hw_info_vtd_flags_IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17,
            false => 0,
        };

        Self(bindings::iommu_hw_info_vtd {
            flags,
            __reserved: 0,
            cap_reg: unit.ids.0,
            ecap_reg: unit.ids.1,
        })
    }
}

// The formats that are plain arrays of words on our side.
const _: () = {
    use crate::backend::Backend;

    assert!(size_of::<<Vtd as Backend>::RawTable>() == size_of::<bindings::iommu_hwpt_vtd_s1>());
    assert!(
        size_of::<<Vtd as Backend>::Command>()
            == size_of::<bindings::iommu_hwpt_vtd_s1_invalidate>()
    );
    #[cfg(CONFIG_IOMMU_NESTED_VFIO)]
    assert!(
        size_of::<<Vtd as crate::frontend::vfio::Abi>::Info>()
            == size_of::<bindings::vfio_nested_info_intel_vtd>()
                - size_of::<bindings::vfio_info_cap_header>()
    );
};
