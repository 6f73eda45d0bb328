// SPDX-License-Identifier: GPL-2.0

//! The SMMU as a driver of the IOMMU core.

use super::{
    device::Smmu,
    domain::{
        Domain,
        Purpose, //
    },
    master::{
        Master,
        Request, //
    },
    uapi::HwInfo,
    SmmuV3, //
};
use crate::{
    frontend::iommufd,
    iommu::{
        bindings,
        page_requests::NoPageRequests,
        Capability,
        Driver,
        Endpoint,
        FwSpec,
        Instance,
        Instances,
        NewPaging,
        NoNested,
        ResvList,
        Target,
        UserData, //
    },
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    module::ModuleMetadata,
    prelude::*,
    sync::Arc,
    ThisModule, //
};

/// IOVAs for the kernel's mappings of MSI doorbells: where every Arm IOMMU driver has them, and
/// VMMs expect them.
const MSI_WINDOW: u64 = 0x800_0000;
const MSI_WINDOW_SIZE: usize = 0x10_0000;

/// The registered SMMUs.
static SMMUS: Instances<SmmuV3> = Instances::new();

impl Driver for SmmuV3 {
    type Instance = Smmu;
    type Endpoint = Master;
    type Paging = Domain;
    type Viommu = iommufd::Viommu<Self>;
    type Nested = NoNested<Self>;
    type PageRequests = NoPageRequests<Self>;
    type HwInfo = HwInfo;

    const OWNER: ThisModule = crate::LocalModule::THIS_MODULE;
    const HW_INFO_TYPE: u32 = bindings::iommu_hw_info_type_IOMMU_HW_INFO_TYPE_ARM_SMMUV3;

    fn instances() -> &'static Instances<Self> {
        &SMMUS
    }

    fn stop(smmu: &Instance<Self>) -> Result {
        smmu.shutdown()
    }

    fn locate(_dev: &Device, spec: Option<FwSpec<'_>>) -> Result<Arc<Instance<Self>>> {
        SMMUS.by_firmware(spec)
    }

    fn probe<'a>(
        iommu: &'a Arc<Instance<Self>>,
        hw: &'a Device<Bound>,
        dev: &'a Device,
        spec: Option<FwSpec<'a>>,
    ) -> Result<impl PinInit<Master, Error> + 'a> {
        Master::new(iommu, hw, dev, spec.ok_or(ENODEV)?)
    }

    fn added(ep: &Arc<Endpoint<Self>>) -> Result {
        ep.iommu().streams.adopt(ep)
    }

    fn release(ep: &Endpoint<Self>) {
        ep.iommu().streams.forget(ep.sids());
    }

    fn capable(ep: &Endpoint<Self>, cap: Capability) -> bool {
        match cap {
            // If the table walker is coherent the translated accesses are taken to be, too.
            Capability::CacheCoherency => ep.iommu().features.coherent,
            Capability::EnforceCacheCoherency => ep.canwbs(),
            Capability::NoExec | Capability::DeferredFlush => true,
            Capability::PciAts => ep.ats_capable(),
            Capability::DirtyTracking | Capability::PreBootProtection => false,
        }
    }

    fn hw_info(ep: &Endpoint<Self>) -> Result<HwInfo> {
        Ok(HwInfo::new(&ep.iommu().ids))
    }

    fn resv_regions(_ep: &Endpoint<Self>, list: &mut ResvList<'_>) -> Result {
        list.add_sw_msi(MSI_WINDOW, MSI_WINDOW_SIZE)?;
        list.add_firmware();
        Ok(())
    }

    fn alloc_paging(
        ep: &Endpoint<Self>,
        flags: u32,
        user: Option<UserData<'_>>,
    ) -> Result<NewPaging<Self>> {
        const NEST_PARENT: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_NEST_PARENT;
        const PASID: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_PASID;

        if user.is_some() {
            return Err(EOPNOTSUPP);
        }
        let purpose = match flags {
            0 if ep.iommu().features.s1p => Purpose::Stage1,
            0 => Purpose::Stage2,
            PASID => Purpose::Stage1,
            NEST_PARENT => Purpose::NestParent,
            _ => return Err(EOPNOTSUPP),
        };

        Domain::create(ep.iommu(), purpose)
    }

    fn attach(ep: &Endpoint<Self>, target: Target<'_, Self>) -> Result {
        Master::attach(
            ep,
            match target {
                Target::Identity => Request::Identity,
                Target::Blocked => Request::Blocked,
                Target::Paging(domain) => Request::Paging(domain),
            },
        )
    }

    fn attach_pasid(
        ep: &Endpoint<Self>,
        hw: &Device<Bound>,
        pasid: u32,
        domain: Option<&Arc<Domain>>,
    ) -> Result {
        match domain {
            Some(domain) => Master::attach_pasid(ep, hw, pasid, domain),
            None => {
                ep.detach_pasid(pasid);
                Ok(())
            }
        }
    }
}
