// SPDX-License-Identifier: GPL-2.0

//! Nested domains that are directly on a nesting parent, without a virtual IOMMU in between:
//! `iommu_ops.domain_alloc_nested`.

use super::{
    bindings,
    domain::PagingDomain,
    page_requests,
    Driver,
    Endpoint,
    UserArray,
    UserData, //
};
use core::{
    convert::Infallible,
    marker::PhantomData, //
};
use kernel::{
    container_of,
    device::{
        Bound,
        Device, //
    },
    error::from_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// A nested domain: a guest's first stage (IOVA to GPA) on a nesting parent (GPA to HPA).
///
/// It lives no longer than the parent. All of this may sleep.
pub trait Nested: Send + Sync + Sized + 'static {
    /// The driver that this is a part of.
    type Driver: Driver<Nested = Self>;

    /// Whether there are any; if not, `IOMMU_HWPT_ALLOC` fails with `EOPNOTSUPP`.
    const SUPPORTED: bool = true;

    /// Makes the driver's data of a nested domain for the IOMMU of `ep`, on `parent`, which is a
    /// nesting parent for the same IOMMU. `flags` are those of `IOMMU_HWPT_ALLOC`.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: unknown `flags`, or the hardware can't.
    /// - [`EINVAL`], [`EFAULT`]: as [`UserData::read`], or a configuration that the hardware or the
    ///   interface does not allow.
    /// - [`ENOSPC`]: no free hardware ID.
    /// - [`ENOMEM`]
    fn alloc(
        ep: &Endpoint<Self::Driver>,
        parent: &Arc<<Self::Driver as Driver>::Paging>,
        flags: u32,
        user: &UserData<'_>,
    ) -> Result<Self>;

    /// Attaches a device's own traffic, as [`Driver::attach`].
    ///
    /// # Errors
    ///
    /// As [`Driver::attach`].
    fn attach(&self, ep: &Endpoint<Self::Driver>) -> Result;

    /// Attaches the traffic of one PASID, as [`Driver::attach_pasid`].
    ///
    /// # Errors
    ///
    /// As [`Driver::attach_pasid`].
    fn attach_pasid(&self, ep: &Endpoint<Self::Driver>, hw: &Device<Bound>, pasid: u32) -> Result;

    /// Invalidates what the guest asks for, and tells `array` how many of its entries were handled:
    /// issued to the hardware and completed.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`EFAULT`], [`E2BIG`]: as [`UserArray::read`], or another type of data.
    /// - [`EIO`]: an entry that is not allowed, or that the hardware refused.
    /// - [`ETIMEDOUT`]: the hardware does not answer.
    /// - [`EINTR`]: as [`UserArray::pause`].
    fn invalidate(&self, array: &mut UserArray<'_>) -> Result;
}

/// For a driver whose nested domains are those of virtual IOMMUs.
pub struct NoNested<D>(Infallible, PhantomData<fn() -> D>);

impl<D: Driver<Nested = Self>> Nested for NoNested<D> {
    type Driver = D;

    const SUPPORTED: bool = false;

    fn alloc(
        _ep: &Endpoint<D>,
        _parent: &Arc<D::Paging>,
        _flags: u32,
        _user: &UserData<'_>,
    ) -> Result<Self> {
        Err(EOPNOTSUPP)
    }

    fn attach(&self, _ep: &Endpoint<D>) -> Result {
        match self.0 {}
    }

    fn attach_pasid(&self, _ep: &Endpoint<D>, _hw: &Device<Bound>, _pasid: u32) -> Result {
        match self.0 {}
    }

    fn invalidate(&self, _array: &mut UserArray<'_>) -> Result {
        match self.0 {}
    }
}

/// The core's part of a nested domain.
pub(super) fn raw_domain(
    ops: &'static bindings::iommu_domain_ops,
) -> Opaque<bindings::iommu_domain> {
    Opaque::new(bindings::iommu_domain {
        type_: bindings::IOMMU_DOMAIN_NESTED,
        ops,
        ..pin_init::zeroed()
    })
}

/// The core's `struct iommu_domain` of a nested domain.
#[repr(C)]
struct NestedDomain<N> {
    raw: Opaque<bindings::iommu_domain>,
    data: N,
}

/// The C operations of [`Nested`].
pub(super) struct Ops<N>(PhantomData<N>);

/// `domain_alloc_nested` of `struct iommu_ops`.
type AllocNested = unsafe extern "C" fn(
    *mut bindings::device,
    *mut bindings::iommu_domain,
    u32,
    *const bindings::iommu_user_data,
) -> *mut bindings::iommu_domain;

impl<N: Nested> Ops<N> {
    pub(super) const ALLOC: Option<AllocNested> = match N::SUPPORTED {
        true => Some(Self::alloc),
        false => None,
    };

    const DOMAIN: &'static bindings::iommu_domain_ops = &bindings::iommu_domain_ops {
        attach_dev: Some(Self::attach_dev),
        set_dev_pasid: Some(Self::set_dev_pasid),
        cache_invalidate_user: Some(Self::cache_invalidate_user),
        free: Some(Self::free),
        ..pin_init::zeroed()
    };

    // SAFETY (of all the callbacks below): iommufd and the IOMMU core call them with valid
    // pointers, with devices that the driver has probed and not released, and, but for `alloc`,
    // with a domain that `alloc` has made and `free` was not called for.

    extern "C" fn alloc(
        dev: *mut bindings::device,
        parent: *mut bindings::iommu_domain,
        flags: u32,
        user: *const bindings::iommu_user_data,
    ) -> *mut bindings::iommu_domain {
        let alloc = || -> Result<*mut bindings::iommu_domain> {
            // SAFETY: See above.
            let ep = unsafe { Endpoint::<N::Driver>::from_dev(dev) };
            // SAFETY: See above.
            let user = unsafe { UserData::from_raw(user) }.ok_or(EINVAL)?;
            let iommu = ep.iommu().as_raw();

            // SAFETY: See above.
            if !unsafe { PagingDomain::<N::Driver>::is_parent_on(parent, iommu) } {
                return Err(EINVAL);
            }
            // SAFETY: See above; just checked to be a domain of this driver's.
            let parent = unsafe { PagingDomain::<N::Driver>::shared(parent) };
            let domain = KBox::new(
                NestedDomain {
                    raw: raw_domain(Self::DOMAIN),
                    data: N::alloc(ep, &parent, flags, &user)?,
                },
                GFP_KERNEL_ACCOUNT,
            )?;

            Ok(KBox::into_raw(domain).cast())
        };

        alloc().unwrap_or_else(|e| e.to_ptr())
    }

    /// # Safety
    ///
    /// `raw` must come from [`Self::alloc`] and be valid for `'a`.
    unsafe fn data<'a>(raw: *mut bindings::iommu_domain) -> &'a N {
        // SAFETY: By this function's requirement.
        unsafe { &(*container_of!(Opaque::cast_from(raw), NestedDomain<N>, raw)).data }
    }

    extern "C" fn attach_dev(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: See above.
        let (data, ep) = unsafe { (Self::data(raw), Endpoint::from_dev(dev)) };
        let attach = || data.attach(ep);

        // SAFETY: See above.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn set_dev_pasid(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        pasid: bindings::ioasid_t,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: See above.
        let (data, ep) = unsafe { (Self::data(raw), Endpoint::from_dev(dev)) };

        // SAFETY: An endpoint's IOMMU is registered.
        let hw = unsafe { Endpoint::<N::Driver>::iommu(ep).bound_dev() };
        let attach = || data.attach_pasid(ep, hw, pasid);

        // SAFETY: See above.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn cache_invalidate_user(
        raw: *mut bindings::iommu_domain,
        array: *mut bindings::iommu_user_data_array,
    ) -> c_int {
        // SAFETY: See above.
        let (data, mut array) = unsafe { (Self::data(raw), UserArray::from_raw(array)) };

        from_result(|| data.invalidate(&mut array).map(|()| 0))
    }

    extern "C" fn free(raw: *mut bindings::iommu_domain) {
        // SAFETY: See above; `raw` is the first member of the box that `alloc()` leaked, and
        // nothing uses it any more.
        drop(unsafe { KBox::<NestedDomain<N>>::from_raw(raw.cast()) });
    }
}
