// SPDX-License-Identifier: GPL-2.0

//! The operations of an IOMMU driver: `struct iommu_ops`.

use super::{
    bindings,
    domain::{
        HasDomain,
        NewPaging,
        Paging,
        PagingDomain,
        StaticDomain, //
    },
    nested,
    page_requests::{
        self,
        PageRequests, //
    },
    viommu,
    Endpoint,
    FwSpec,
    Instance,
    Instances,
    Nested,
    ResvList,
    UserData, //
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::Arc,
    transmute::AsBytes,
    ThisModule, //
};

/// A question of `device_iommu_capable()` that depends on the device: `enum iommu_cap`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// `IOMMU_CACHE` mappings make the device's accesses coherent.
    CacheCoherency,
    /// Accesses can be made coherent whatever the device asks for.
    EnforceCacheCoherency,
    /// Mappings can forbid execution.
    NoExec,
    /// Unmapping leaves TLB maintenance to a later flush.
    DeferredFlush,
    /// ATS can be used.
    PciAts,
    /// Domains can record which pages the device writes to.
    DirtyTracking,
    /// Firmware says that no device could reach memory before the kernel ran.
    PreBootProtection,
}

impl Capability {
    fn from_raw(raw: bindings::iommu_cap) -> Option<Self> {
        Some(match raw {
            bindings::iommu_cap_IOMMU_CAP_CACHE_COHERENCY => Self::CacheCoherency,
            bindings::iommu_cap_IOMMU_CAP_ENFORCE_CACHE_COHERENCY => Self::EnforceCacheCoherency,
            bindings::iommu_cap_IOMMU_CAP_NOEXEC => Self::NoExec,
            bindings::iommu_cap_IOMMU_CAP_DEFERRED_FLUSH => Self::DeferredFlush,
            bindings::iommu_cap_IOMMU_CAP_PCI_ATS_SUPPORTED => Self::PciAts,
            bindings::iommu_cap_IOMMU_CAP_DIRTY_TRACKING => Self::DirtyTracking,
            bindings::iommu_cap_IOMMU_CAP_PRE_BOOT_PROTECTION => Self::PreBootProtection,
            _ => return None,
        })
    }
}

/// What the DMA API is to use for a device, unless the user says something else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DefaultDomain {
    /// Input addresses are HPAs.
    Identity,
    /// The DMA API maps what the device is to reach.
    Dma,
}

/// What a device's own traffic (without PASID) is to be attached to.
pub enum Target<'a, D: Driver> {
    /// Input addresses are HPAs.
    Identity,
    /// Every access is refused.
    Blocked,
    /// Translated by a domain.
    Paging(&'a Arc<D::Paging>),
}

/// An IOMMU driver.
///
/// The IOMMU core serialises [`attach`](Self::attach) and [`attach_pasid`](Self::attach_pasid) of
/// one endpoint with its group mutex. All of these may sleep.
pub trait Driver: Sized + 'static {
    /// The driver's data of one IOMMU.
    type Instance: Send + Sync;
    /// The driver's data of one device behind an IOMMU.
    type Endpoint: Send + Sync;
    /// Domains that the kernel maps into.
    type Paging: Paging + HasDomain<Self>;
    /// Virtual IOMMUs, [`NoViommu`](super::NoViommu) if there are none.
    type Viommu: viommu::Operations<Driver = Self>;
    /// Nested domains without a virtual IOMMU, [`NoNested`](super::NoNested) if there are none.
    type Nested: Nested<Driver = Self>;
    /// Page requests, [`NoPageRequests`](page_requests::NoPageRequests) if there are none.
    type PageRequests: PageRequests<Driver = Self>;
    /// The structure of `IOMMU_GET_HW_INFO`.
    type HwInfo: AsBytes;

    /// The module that the code is in.
    const OWNER: ThisModule;
    /// The type of [`Self::HwInfo`] (`enum iommu_hw_info_type`).
    const HW_INFO_TYPE: u32;

    /// The registered instances: a `static` of the driver's.
    fn instances() -> &'static Instances<Self>;

    /// Takes an IOMMU out of use, for good, as far as that goes if there are errors: its driver is
    /// unbound, or the machine shut down, with all devices stopped. Nothing is freed by then. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// - [`ETIMEDOUT`]: it does not do what it is told.
    /// - [`ENODEV`]: it is gone.
    fn stop(instance: &Instance<Self>) -> Result;

    /// Finds the registered IOMMU that `dev` is behind. `spec` is what firmware says of the device
    /// itself, if it does ([`Instances::by_firmware`] knows it then).
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: there is none. With another error no IOMMU can be registered as long as there
    ///   is the device.
    fn locate(dev: &Device, spec: Option<FwSpec<'_>>) -> Result<Arc<Instance<Self>>>;

    /// Makes the driver's data of `dev`, which is behind `iommu`, whose hardware device is `hw`.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: this device can't be translated; others as they are.
    fn probe<'a>(
        iommu: &'a Arc<Instance<Self>>,
        hw: &'a Device<Bound>,
        dev: &'a Device,
        spec: Option<FwSpec<'a>>,
    ) -> Result<impl PinInit<Self::Endpoint, Error> + 'a>;

    /// Starts to use a new endpoint.
    ///
    /// # Errors
    ///
    /// As [`Self::probe`].
    fn added(ep: &Arc<Endpoint<Self>>) -> Result;

    /// Stops using an endpoint, which the core has attached to the blocked domain before, or to
    /// the identity domain if the device has memory that it uses by itself
    /// ([`ResvList::add_direct`]).
    fn release(ep: &Endpoint<Self>);

    /// What the DMA API has to use for the device; `None` if the device does not care.
    fn default_domain(_ep: &Endpoint<Self>) -> Option<DefaultDomain> {
        None
    }

    /// Whether the device has a capability.
    fn capable(ep: &Endpoint<Self>, cap: Capability) -> bool;

    /// What the hardware can do, for a VMM.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the IOMMU is gone.
    fn hw_info(ep: &Endpoint<Self>) -> Result<Self::HwInfo>;

    /// Adds the device's reserved regions to `list`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    fn resv_regions(ep: &Endpoint<Self>, list: &mut ResvList<'_>) -> Result;

    /// Makes a domain for the IOMMU of `ep`. `flags` are those of `IOMMU_HWPT_ALLOC`
    /// (`enum iommufd_hwpt_alloc_flags`), 0 for the kernel's own use.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: flags or data that this driver or this hardware does not do.
    /// - [`ENOSPC`]: no free hardware ID.
    /// - [`ENOMEM`]
    fn alloc_paging(
        ep: &Endpoint<Self>,
        flags: u32,
        user: Option<UserData<'_>>,
    ) -> Result<NewPaging<Self>>;

    /// Attaches the device's own traffic. On an error nothing has changed.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: device and domain don't go together.
    /// - [`EBUSY`]: not while PASIDs are attached.
    /// - [`ENOSPC`]: no free hardware ID.
    /// - [`ENOMEM`]
    fn attach(ep: &Endpoint<Self>, target: Target<'_, Self>) -> Result;

    /// Attaches the traffic of one PASID, or blocks it (which can't fail) for `None`. On an error
    /// nothing has changed. `hw` is the IOMMU's hardware device.
    ///
    /// # Errors
    ///
    /// As [`Self::attach`].
    fn attach_pasid(
        ep: &Endpoint<Self>,
        hw: &Device<Bound>,
        pasid: u32,
        domain: Option<&Arc<Self::Paging>>,
    ) -> Result;
}

/// The C operations of a [`Driver`].
pub(super) struct Ops<D>(PhantomData<D>);

impl<D: Driver> Ops<D> {
    pub(super) const IOMMU: &'static bindings::iommu_ops = &bindings::iommu_ops {
        capable: Some(Self::capable),
        hw_info: Some(Self::hw_info),
        domain_alloc_paging_flags: Some(Self::domain_alloc_paging_flags),
        probe_device: Some(Self::probe_device),
        release_device: Some(Self::release_device),
        device_group: Some(Self::device_group),
        def_domain_type: Some(Self::def_domain_type),
        get_resv_regions: Some(Self::get_resv_regions),
        of_xlate: Some(Self::of_xlate),
        domain_alloc_nested: nested::Ops::<D::Nested>::ALLOC,
        get_viommu_size: Some(viommu::Ops::<D::Viommu>::get_size),
        viommu_init: Some(viommu::Ops::<D::Viommu>::init),
        page_response: page_requests::Ops::<D::PageRequests>::RESPOND,
        owner: D::OWNER.as_ptr(),
        identity_domain: core::ptr::from_ref(StaticDomain::<D>::IDENTITY).cast_mut(),
        blocked_domain: core::ptr::from_ref(StaticDomain::<D>::BLOCKED).cast_mut(),
        release_domain: core::ptr::from_ref(StaticDomain::<D>::BLOCKED).cast_mut(),
        ..pin_init::zeroed()
    };

    // SAFETY (of all the callbacks below): the core calls them with valid pointers, and, but for
    // `probe_device` and `of_xlate`, with a device that was probed and is not released meanwhile.

    extern "C" fn probe_device(dev: *mut bindings::device) -> *mut bindings::iommu_device {
        let probe = || -> Result<*mut bindings::iommu_device> {
            // SAFETY: See above.
            let device = unsafe { Device::from_raw(dev) };
            // SAFETY: See above; the fwspec is complete when the core probes the device.
            let spec = unsafe { FwSpec::of(dev) };
            let iommu = D::instances().registered(D::locate(device, spec)?)?;
            // SAFETY: The instance is registered, and its registration does not go before the
            // devices behind it are released.
            let hw = unsafe { iommu.bound_dev() };
            let ep = Endpoint::<D>::new(device, &iommu, hw, spec)?;

            D::added(&ep)?;
            let raw = ep.iommu().as_raw();
            // SAFETY: See above. `release_device()` takes the reference back.
            unsafe { bindings::dev_iommu_priv_set(dev, Arc::into_raw(ep).cast_mut().cast()) };
            Ok(raw)
        };

        probe().unwrap_or_else(|e| e.to_ptr())
    }

    extern "C" fn release_device(dev: *mut bindings::device) {
        // SAFETY: See above. The reference was leaked by `probe_device()`, and nothing takes the
        // private data of a released device.
        let ep = unsafe {
            let ep: *mut Endpoint<D> = Endpoint::raw_from_dev(dev);
            Arc::from_raw(ep)
        };

        page_requests::close(&ep);
        D::release(&ep);
        // It may have the endpoint in turn.
        drop(ep.set_keeper(None));
    }

    extern "C" fn capable(dev: *mut bindings::device, cap: bindings::iommu_cap) -> bool {
        // SAFETY: See above.
        let ep = unsafe { Endpoint::<D>::from_dev(dev) };

        Capability::from_raw(cap).is_some_and(|cap| D::capable(ep, cap))
    }

    extern "C" fn hw_info(
        dev: *mut bindings::device,
        length: *mut u32,
        data_type: *mut bindings::iommu_hw_info_type,
    ) -> *mut c_void {
        let info = || -> Result<*mut c_void> {
            // SAFETY: See above.
            let (ep, wanted) = unsafe { (Endpoint::<D>::from_dev(dev), *data_type) };

            if wanted != bindings::iommu_hw_info_type_IOMMU_HW_INFO_TYPE_DEFAULT
                && wanted != D::HW_INFO_TYPE
            {
                return Err(EOPNOTSUPP);
            }
            let info = KBox::new(D::hw_info(ep)?, GFP_KERNEL)?;
            // CAST: The size of a small structure.
            // SAFETY: See above.
            unsafe {
                *length = size_of::<D::HwInfo>() as u32;
                *data_type = D::HW_INFO_TYPE;
            }
            // The caller frees it with kfree(), which is what a `KBox` is freed with.
            Ok(KBox::into_raw(info).cast())
        };

        info().unwrap_or_else(|e| e.to_ptr())
    }

    extern "C" fn domain_alloc_paging_flags(
        dev: *mut bindings::device,
        flags: u32,
        user: *const bindings::iommu_user_data,
    ) -> *mut bindings::iommu_domain {
        const NEST_PARENT: u32 = bindings::iommufd_hwpt_alloc_flags_IOMMU_HWPT_ALLOC_NEST_PARENT;

        // SAFETY: See above.
        let (ep, user) = unsafe { (Endpoint::<D>::from_dev(dev), UserData::from_raw(user)) };

        let parent_on = match flags & NEST_PARENT {
            0 => ptr::null_mut(),
            _ => ep.iommu().as_raw(),
        };

        D::alloc_paging(ep, flags, user)
            .map(|new| PagingDomain::into_raw(new, parent_on))
            .unwrap_or_else(|e| e.to_ptr())
    }

    extern "C" fn device_group(dev: *mut bindings::device) -> *mut bindings::iommu_group {
        // SAFETY: See above.
        unsafe {
            if bindings::rust_helper_dev_to_pci(dev).is_null() {
                bindings::generic_device_group(dev)
            } else {
                bindings::pci_device_group(dev)
            }
        }
    }

    extern "C" fn def_domain_type(dev: *mut bindings::device) -> c_int {
        // SAFETY: See above.
        let ep = unsafe { Endpoint::<D>::from_dev(dev) };

        // CAST: Small flags.
        match D::default_domain(ep) {
            Some(DefaultDomain::Identity) => bindings::IOMMU_DOMAIN_IDENTITY as c_int,
            Some(DefaultDomain::Dma) => bindings::IOMMU_DOMAIN_DMA as c_int,
            None => 0,
        }
    }

    extern "C" fn get_resv_regions(dev: *mut bindings::device, list: *mut bindings::list_head) {
        // SAFETY: See above.
        let ep = unsafe { Endpoint::<D>::from_dev(dev) };
        // SAFETY: See above.
        let mut list = unsafe { ResvList::new(list, ep.dev()) };

        if D::resv_regions(ep, &mut list).is_err() {
            dev_err!(ep.dev(), "no memory for reserved regions\n");
        }
    }

    extern "C" fn of_xlate(
        dev: *mut bindings::device,
        args: *const bindings::of_phandle_args,
    ) -> c_int {
        // SAFETY: See above.
        let args = unsafe { &*args };

        // One cell is one ID.
        if args.args_count != 1 {
            return EINVAL.to_errno();
        }
        // SAFETY: See above.
        unsafe { bindings::iommu_fwspec_add_ids(dev, args.args.as_ptr(), 1) }
    }
}
