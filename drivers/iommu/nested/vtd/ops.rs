// SPDX-License-Identifier: GPL-2.0

//! VT-d as a driver of the IOMMU core.

use super::{
    attach::{
        self,
        Attachment, //
    },
    domain::Domain,
    firmware,
    master::Master,
    pages::Pages,
    space::Purpose,
    uapi::HwInfo,
    unit::Unit,
    Vtd, //
};
use crate::{
    frontend::iommufd,
    iommu::{
        bindings,
        Capability,
        DefaultDomain,
        Driver,
        Endpoint,
        FwSpec,
        Instance,
        Instances,
        NewPaging,
        NoViommu,
        PciEndpoint,
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

/// Where interrupts are messages to (architecture's Interrupt Address Range): never translated.
const INTERRUPTS: u64 = 0xfee0_0000;
const INTERRUPTS_SIZE: usize = 0x10_0000;

/// The registered units.
static UNITS: Instances<Vtd> = Instances::new();

/// Takes a device out of the list of those in use. Others have what requester IDs they had in
/// common.
fn forget(ep: &Endpoint<Vtd>) {
    let mut devices = ep.iommu().devices.lock();

    devices.retain(|there| !core::ptr::eq(&**there, ep));
    // There is nobody to tell if the unit does not answer; the entries say it.
    let _ = attach::settle(ep.rids(), devices.iter().map(|there| there.source()));
}

impl Driver for Vtd {
    type Instance = Unit;
    type Endpoint = Master;
    type Paging = Domain;
    type Viommu = NoViommu<Self>;
    type Nested = iommufd::Nested<Self>;
    type PageRequests = Pages;
    type HwInfo = HwInfo;

    const OWNER: ThisModule = crate::LocalModule::THIS_MODULE;
    const HW_INFO_TYPE: u32 = bindings::iommu_hw_info_type_IOMMU_HW_INFO_TYPE_INTEL_VTD;

    fn instances() -> &'static Instances<Self> {
        &UNITS
    }

    fn stop(unit: &Instance<Self>) -> Result {
        unit.stop()
    }

    fn locate(dev: &Device, _spec: Option<FwSpec<'_>>) -> Result<Arc<Instance<Self>>> {
        let registers = firmware::unit_of(&PciEndpoint::new(dev).ok_or(ENODEV)?)?;

        UNITS.find(|unit| unit.registers == registers)
    }

    fn probe<'a>(
        iommu: &'a Arc<Instance<Self>>,
        hw: &'a Device<Bound>,
        dev: &'a Device,
        _spec: Option<FwSpec<'a>>,
    ) -> Result<impl PinInit<Master, Error> + 'a> {
        Master::new(iommu, hw, dev)
    }

    fn added(ep: &Arc<Endpoint<Self>>) -> Result {
        let mut devices = ep.iommu().devices.lock();

        devices.push(ep.clone(), GFP_KERNEL)?;

        let settled = attach::settle(ep.rids(), devices.iter().map(|there| there.source()));

        drop(devices);
        settled.inspect_err(|_| Self::release(ep))?;
        ep.start();
        Ok(())
    }

    fn release(ep: &Endpoint<Self>) {
        forget(ep);
        ep.stop();
    }

    fn capable(ep: &Endpoint<Self>, cap: Capability) -> bool {
        let features = &ep.iommu().features;

        match cap {
            // Devices snoop the CPU caches unless they ask not to.
            Capability::CacheCoherency | Capability::DeferredFlush => true,
            Capability::EnforceCacheCoherency => features.snoop_control,
            Capability::PciAts => ep.ats_capable(),
            Capability::DirtyTracking => features.dirty,
            Capability::NoExec | Capability::PreBootProtection => false,
        }
    }

    fn default_domain(ep: &Endpoint<Self>) -> Option<DefaultDomain> {
        // Without pass-through there is no identity.
        (!ep.iommu().features.pass_through).then_some(DefaultDomain::Dma)
    }

    fn hw_info(ep: &Endpoint<Self>) -> Result<HwInfo> {
        Ok(HwInfo::new(ep.iommu()))
    }

    fn resv_regions(ep: &Endpoint<Self>, list: &mut ResvList<'_>) -> Result {
        list.add_msi(INTERRUPTS, INTERRUPTS_SIZE)?;
        ep.own_memory()
            .iter()
            .try_for_each(|memory| memory.add_to(list))
    }

    fn alloc_paging(
        ep: &Endpoint<Self>,
        flags: u32,
        user: Option<UserData<'_>>,
    ) -> Result<NewPaging<Self>> {
        const NEST_PARENT: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_NEST_PARENT;
        const DIRTY: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
        const PASID: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_PASID;

        if user.is_some() {
            return Err(EOPNOTSUPP);
        }
        let dirty = flags & DIRTY != 0;
        let purpose = match flags & !(DIRTY | PASID) {
            // Only the second stage can be tracked.
            0 if ep.iommu().features.first_stage && !dirty => Purpose::FirstStage,
            0 => Purpose::SecondStage,
            NEST_PARENT => Purpose::NestParent,
            _ => return Err(EOPNOTSUPP),
        };

        Domain::create(ep, purpose, dirty)
    }

    fn attach(ep: &Endpoint<Self>, target: Target<'_, Self>) -> Result {
        Master::attach(
            ep,
            match target {
                Target::Identity => Attachment::Identity,
                Target::Blocked => Attachment::Blocked,
                Target::Paging(domain) => Attachment::Paging(domain.clone()),
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
            Some(domain) => Master::attach_pasid(ep, hw, pasid, Attachment::Paging(domain.clone())),
            None => {
                ep.detach_pasid(pasid);
                Ok(())
            }
        }
    }
}
