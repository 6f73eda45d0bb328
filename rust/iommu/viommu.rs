// SPDX-License-Identifier: GPL-2.0

//! Virtual IOMMUs: the driver's side of iommufd's vIOMMU, vDEVICE, nested HWPT and vEVENTQ objects.
//!
//! C header: [`include/linux/iommufd.h`](srctree/include/linux/iommufd.h)

use super::{
    bindings,
    domain::PagingDomain,
    gate::Gate,
    nested,
    page_requests,
    spare::Spare,
    Driver,
    Endpoint,
    Instance,
    UserArray,
    UserData, //
};
use core::{
    convert::Infallible,
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        Arc,
        SetOnce, //
    },
    transmute::AsBytes,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// What a driver does for its virtual IOMMUs: `struct iommufd_viommu_ops`.
///
/// All of these may sleep.
pub trait Operations: Send + Sync + Sized + 'static {
    /// The driver that this is a part of.
    type Driver: Driver<Viommu = Self>;
    /// The driver's data of a nested domain.
    type Nested: Send + Sync;

    /// The type of virtual IOMMU (`enum iommu_viommu_type`).
    const TYPE: u32;

    /// The type of its events (`enum iommu_veventq_type`).
    const EVENT: u32;

    /// Whether there can be a virtual IOMMU for this device; if not, `IOMMU_VIOMMU_ALLOC` fails
    /// with `EOPNOTSUPP`.
    fn supported(ep: &Endpoint<Self::Driver>) -> bool;

    /// Makes the driver's data of a virtual IOMMU on `iommu`, whose second stage is the nesting
    /// parent `parent`, and whose events `reporter` takes. The reporter may outlive the virtual
    /// IOMMU.
    ///
    /// Called when the virtual IOMMU is first used, by its first nested domain or invalidation: one
    /// that is not takes nothing of the hardware's.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: no free hardware ID.
    /// - [`ENOMEM`]
    fn new(
        iommu: &Instance<Self::Driver>,
        parent: &Arc<<Self::Driver as Driver>::Paging>,
        reporter: &Arc<Reporter>,
    ) -> Result<Self>;

    /// Makes a nested domain: a guest's first-stage configuration.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: unknown `flags`.
    /// - [`EINVAL`], [`EFAULT`]: as [`UserData::read`].
    /// - [`EIO`]: a configuration that the hardware or the interface does not allow.
    fn alloc_nested(this: &Viommu<Self>, flags: u32, user: &UserData<'_>) -> Result<Self::Nested>;

    /// Attaches a device to a nested domain, as [`Driver::attach`].
    ///
    /// # Errors
    ///
    /// As [`Driver::attach`], and [`ENOENT`] if a vDEVICE is needed and there is none.
    fn attach(this: &Viommu<Self>, nested: &Self::Nested, ep: &Endpoint<Self::Driver>) -> Result;

    /// Invalidates what the guest asks for, and tells `array` how many of its entries were handled:
    /// issued to the hardware and completed.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`EFAULT`], [`E2BIG`]: as [`UserArray::read`], or another type of data.
    /// - [`EIO`]: an entry that is not allowed, or that the hardware refused.
    /// - [`ETIMEDOUT`]: the hardware does not answer.
    /// - [`EINTR`]: as [`UserArray::pause`].
    fn invalidate(this: &Viommu<Self>, array: &mut UserArray<'_>) -> Result;

    /// Checks a new vDEVICE of this virtual IOMMU, which the guest will know by `virtual_id`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: not with this ID.
    /// - [`EOPNOTSUPP`]: not for this device.
    fn check_vdevice(ep: &Endpoint<Self::Driver>, virtual_id: u64) -> Result;
}

/// For a driver that has no virtual IOMMUs.
pub struct NoViommu<D>(Infallible, PhantomData<fn() -> D>);

impl<D: Driver<Viommu = Self>> Operations for NoViommu<D> {
    type Driver = D;
    type Nested = Infallible;

    const TYPE: u32 = bindings::iommu_viommu_type_IOMMU_VIOMMU_TYPE_DEFAULT;
    const EVENT: u32 = bindings::iommu_veventq_type_IOMMU_VEVENTQ_TYPE_DEFAULT;

    fn supported(_ep: &Endpoint<D>) -> bool {
        false
    }

    fn new(
        _iommu: &Instance<D>,
        _parent: &Arc<D::Paging>,
        _reporter: &Arc<Reporter>,
    ) -> Result<Self> {
        Err(EOPNOTSUPP)
    }

    fn alloc_nested(this: &Viommu<Self>, _flags: u32, _user: &UserData<'_>) -> Result<Infallible> {
        match this.0 {}
    }

    fn attach(_this: &Viommu<Self>, nested: &Infallible, _ep: &Endpoint<D>) -> Result {
        match *nested {}
    }

    fn invalidate(this: &Viommu<Self>, _array: &mut UserArray<'_>) -> Result {
        match this.0 {}
    }

    fn check_vdevice(_ep: &Endpoint<D>, _virtual_id: u64) -> Result {
        Err(EOPNOTSUPP)
    }
}

/// A virtual IOMMU in use.
pub struct Viommu<V: Operations> {
    raw: NonNull<bindings::iommufd_viommu>,
    reporter: Arc<Reporter>,
    /// A guest that changes a first-stage configuration has one nested domain replace another.
    spare: Spare<NestedDomain<V>>,
    data: V,
}

impl<V: Operations> Viommu<V> {
    /// The ID that the guest knows `ep` by.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: it is no vDEVICE of this virtual IOMMU.
    pub fn virtual_id(&self, ep: &Endpoint<V::Driver>) -> Result<u64> {
        ep.virtual_id(self.raw.as_ptr().addr()).ok_or(ENOENT)
    }

    /// Locks the vDEVICEs of this virtual IOMMU. What is between must not sleep.
    pub fn devices(&self) -> DevicesGuard<'_, V> {
        // SAFETY: A virtual IOMMU in use is a valid one.
        unsafe { DevicesGuard::lock(self.raw) }
    }
}

impl<V: Operations> Drop for Viommu<V> {
    fn drop(&mut self) {
        self.reporter.close();
    }
}

impl<V: Operations> core::ops::Deref for Viommu<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.data
    }
}

/// iommufd's object, and what the driver has of it in the same allocation.
///
/// # Invariants
///
/// `ours` is initialised wherever a reference to `Self` exists.
#[repr(C)]
struct Object<V: Operations> {
    raw: Opaque<bindings::iommufd_viommu>,
    ours: MaybeUninit<Ours<V>>,
}

/// What follows iommufd's object.
///
/// # Invariants
///
/// `parent` is a nesting parent of `V::Driver` and for the IOMMU that iommufd's object names.
struct Ours<V: Operations> {
    parent: NonNull<bindings::iommu_domain>,
    viommu: SetOnce<Viommu<V>>,
}

impl<V: Operations> Object<V> {
    /// # Safety
    ///
    /// `raw` must be a virtual IOMMU that [`Ops::init`] has succeeded for, valid for `'a`.
    unsafe fn from_raw<'a>(raw: *mut bindings::iommufd_viommu) -> &'a Self {
        // SAFETY: `raw` is the first member. INVARIANT: initialised, by this function's
        // requirement.
        unsafe { &*raw.cast::<Self>() }
    }

    /// The virtual IOMMU, for use. May sleep. Errors as of [`Operations::new`].
    #[inline]
    fn in_use(&self) -> Result<&Viommu<V>> {
        match self.ours().viommu.as_ref() {
            Some(viommu) => Ok(viommu),
            None => self.begin_use(),
        }
    }

    #[cold]
    fn begin_use(&self) -> Result<&Viommu<V>> {
        let Ours { parent, viommu } = self.ours();
        let raw = NonNull::new(self.raw.get()).ok_or(EINVAL)?;
        // SAFETY: iommufd's object names the IOMMU of a device of this driver.
        let iommu = unsafe { Instance::<V::Driver>::from_raw((*raw.as_ptr()).iommu_dev) };
        // SAFETY: iommufd holds the parent as long as the virtual IOMMU; by the type's invariant it
        // is a domain of this driver.
        let parent = unsafe { PagingDomain::<V::Driver>::shared(parent.as_ptr()) };
        // SAFETY: It is closed if there will be no virtual IOMMU in use, and when that goes, which
        // is before its object does.
        let reporter = unsafe { Reporter::new(raw, V::EVENT) }?;
        let data = V::new(iommu, &parent, &reporter).inspect_err(|_| reporter.close())?;
        let mut new = Some(Viommu {
            raw,
            data,
            reporter,
            spare: Spare::new(),
        });

        {
            // Of several threads one is the first, and under the lock it is also done.
            // SAFETY: A valid object.
            let _devices = unsafe { DevicesGuard::<V>::lock(raw) };

            if viommu.as_ref().is_none() {
                new.take().map(|new| viommu.populate(new));
            }
        }
        // Sleeps.
        drop(new);
        viommu.as_ref().ok_or(EINVAL)
    }

    fn ours(&self) -> &Ours<V> {
        // SAFETY: Initialised, by the type's invariant.
        unsafe { self.ours.assume_init_ref() }
    }
}

/// The vDEVICEs of a [`Viommu`], locked.
pub struct DevicesGuard<'a, V: Operations> {
    viommu: NonNull<bindings::iommufd_viommu>,
    _life: PhantomData<&'a Viommu<V>>,
    _not_send: NotThreadSafe,
}

impl<V: Operations> DevicesGuard<'_, V> {
    /// # Safety
    ///
    /// `viommu` must be a virtual IOMMU of `V`, valid for the lifetime.
    unsafe fn lock(viommu: NonNull<bindings::iommufd_viommu>) -> Self {
        // SAFETY: A valid xarray, by this function's requirement, unlocked when dropped.
        unsafe { bindings::xa_lock(&raw mut (*viommu.as_ptr()).vdevs) };
        Self {
            viommu,
            _life: PhantomData,
            _not_send: NotThreadSafe,
        }
    }

    /// The endpoint that the guest knows by `virtual_id`.
    pub fn find(&self, virtual_id: u64) -> Option<&Endpoint<V::Driver>> {
        // CAST: `unsigned long` is 64 bits wide where there are virtual IOMMUs.
        // SAFETY: A valid virtual IOMMU, whose vDEVICEs are locked.
        let dev =
            unsafe { bindings::iommufd_viommu_find_dev(self.viommu.as_ptr(), virtual_id as usize) };

        // SAFETY: A vDEVICE's device is bound to iommufd, so its endpoint is not released before
        // the vDEVICE is gone, which the lock prevents.
        (!dev.is_null()).then(|| unsafe { Endpoint::from_dev(dev) })
    }
}

impl<V: Operations> Drop for DevicesGuard<'_, V> {
    fn drop(&mut self) {
        // SAFETY: Locked by `Self::lock()`.
        unsafe { bindings::xa_unlock(&raw mut (*self.viommu.as_ptr()).vdevs) };
    }
}

/// Reports events to the vEVENTQ of a virtual IOMMU, as long as there is one.
///
/// # Locking
///
/// iommufd's `veventqs_rwsem`, and through it user memory, nests in what is held when reporting. So
/// nothing that is held in an operation of [`Driver`], which the core calls with its group mutex,
/// may be: the group mutex nests in the locks of interrupt allocation, and those in what a fault on
/// a mapping of vfio's takes.
///
/// # Invariants
///
/// `viommu` is valid as long as `gate` is open or somebody is inside.
#[pin_data]
pub struct Reporter {
    #[pin]
    gate: Gate,
    viommu: NonNull<bindings::iommufd_viommu>,
    event_type: u32,
}

// SAFETY: Events may be reported by any thread.
unsafe impl Send for Reporter {}

// SAFETY: By several at once.
unsafe impl Sync for Reporter {}

impl Reporter {
    /// # Safety
    ///
    /// `viommu` must be valid until [`Self::close`] was called.
    unsafe fn new(viommu: NonNull<bindings::iommufd_viommu>, event_type: u32) -> Result<Arc<Self>> {
        // INVARIANT: By this function's requirement.
        Arc::pin_init(
            pin_init!(Self {
                gate <- Gate::new(),
                viommu,
                event_type,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Forgets the virtual IOMMU, once nothing is being reported to it. May sleep.
    fn close(&self) {
        self.gate.close();
    }

    /// Queues an event for user space. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the virtual IOMMU is gone.
    /// - [`EOPNOTSUPP`]: user space has made no queue for events of this type.
    /// - [`ENOMEM`]
    pub fn report<T: AsBytes>(&self, event: &T) -> Result {
        let _inside = self.gate.enter().ok_or(ENODEV)?;

        // SAFETY: Valid, by the type's invariant; `event` is valid and is copied from.
        to_result(unsafe {
            bindings::iommufd_viommu_report_event(
                self.viommu.as_ptr(),
                self.event_type,
                core::ptr::from_ref(event).cast_mut().cast(),
                size_of::<T>(),
            )
        })
    }
}

/// The core's `struct iommu_domain` of a nested domain.
#[repr(C)]
struct NestedDomain<V: Operations> {
    raw: Opaque<bindings::iommu_domain>,
    /// iommufd destroys a virtual IOMMU after its nested domains.
    viommu: NonNull<Viommu<V>>,
    data: V::Nested,
}

/// The C operations of [`Operations`].
pub(super) struct Ops<V>(PhantomData<V>);

impl<V: Operations> Ops<V> {
    const VIOMMU: &'static bindings::iommufd_viommu_ops = &bindings::iommufd_viommu_ops {
        destroy: Some(Self::destroy),
        alloc_domain_nested: Some(Self::alloc_domain_nested),
        cache_invalidate: Some(Self::cache_invalidate),
        vdevice_init: Some(Self::vdevice_init),
        vdevice_size: 0,
        get_hw_queue_size: None,
        hw_queue_init_phys: None,
    };

    const NESTED: &'static bindings::iommu_domain_ops = &bindings::iommu_domain_ops {
        attach_dev: Some(Self::attach_dev),
        free: Some(Self::free),
        ..pin_init::zeroed()
    };

    // SAFETY (of all the callbacks below): iommufd and the IOMMU core call them with valid
    // pointers, with devices that the driver has probed and not released, and, but for `init`, with
    // a virtual IOMMU that `init` has succeeded for and `destroy` was not called for.

    pub(super) extern "C" fn get_size(
        dev: *mut bindings::device,
        viommu_type: bindings::iommu_viommu_type,
    ) -> usize {
        // SAFETY: See above.
        let ep = unsafe { Endpoint::<V::Driver>::from_dev(dev) };

        if viommu_type == V::TYPE && V::supported(ep) {
            size_of::<Object<V>>()
        } else {
            0
        }
    }

    pub(super) extern "C" fn init(
        // The kernel crate has only a declaration of the structure.
        raw: *mut kernel::bindings::iommufd_viommu,
        parent: *mut bindings::iommu_domain,
        user: *const bindings::iommu_user_data,
    ) -> c_int {
        // `get_size()` announced this size; an allocation is aligned for what fits it.
        const { assert!(align_of::<Object<V>>() <= align_of::<u64>()) };
        let raw: *mut bindings::iommufd_viommu = raw.cast();

        from_result(|| {
            if !user.is_null() {
                return Err(EOPNOTSUPP);
            }
            // SAFETY: See above.
            if !unsafe { PagingDomain::<V::Driver>::is_parent_on(parent, (*raw).iommu_dev) } {
                return Err(EINVAL);
            }

            // INVARIANT: Just checked.
            let ours = Ours {
                parent: NonNull::new(parent).ok_or(EINVAL)?,
                viommu: SetOnce::new(),
            };
            // SAFETY: The allocation is as large as `get_size()` said. With the operations set,
            // iommufd calls `destroy()` when the object goes.
            unsafe {
                (&raw mut (*raw.cast::<Object<V>>()).ours).write(MaybeUninit::new(ours));
                (*raw).ops = Self::VIOMMU;
            }
            Ok(0)
        })
    }

    extern "C" fn destroy(raw: *mut bindings::iommufd_viommu) {
        // SAFETY: See above; nothing but the reporter refers to the object any more.
        unsafe { (*raw.cast::<Object<V>>()).ours.assume_init_drop() };
    }

    extern "C" fn alloc_domain_nested(
        raw: *mut bindings::iommufd_viommu,
        flags: u32,
        user: *const bindings::iommu_user_data,
    ) -> *mut bindings::iommu_domain {
        let alloc = || -> Result<*mut bindings::iommu_domain> {
            // SAFETY: See above.
            let viommu = unsafe { Object::<V>::from_raw(raw) }.in_use()?;
            // SAFETY: See above.
            let user = unsafe { UserData::from_raw(user) }.ok_or(EINVAL)?;
            let domain = viommu.spare.fill(
                NestedDomain {
                    raw: nested::raw_domain(Self::NESTED),
                    viommu: viommu.into(),
                    data: V::alloc_nested(viommu, flags, &user)?,
                },
                GFP_KERNEL_ACCOUNT,
            )?;

            Ok(KBox::into_raw(domain).cast())
        };

        alloc().unwrap_or_else(|e| e.to_ptr())
    }

    extern "C" fn cache_invalidate(
        raw: *mut bindings::iommufd_viommu,
        array: *mut bindings::iommu_user_data_array,
    ) -> c_int {
        // SAFETY: See above.
        let (object, mut array) =
            unsafe { (Object::<V>::from_raw(raw), UserArray::from_raw(array)) };

        from_result(|| V::invalidate(object.in_use()?, &mut array).map(|()| 0))
    }

    extern "C" fn vdevice_init(vdev: *mut bindings::iommufd_vdevice) -> c_int {
        // SAFETY: See above.
        let (ep, viommu, id) = unsafe { Self::vdevice(vdev) };

        from_result(|| {
            V::check_vdevice(ep, id)?;
            ep.set_virtual_id(Some((viommu, id)));
            // SAFETY: See above.
            unsafe { (*vdev).destroy = Some(Self::vdevice_destroy) };
            Ok(0)
        })
    }

    extern "C" fn vdevice_destroy(vdev: *mut bindings::iommufd_vdevice) {
        // SAFETY: See above.
        let (ep, ..) = unsafe { Self::vdevice(vdev) };

        ep.set_virtual_id(None);
    }

    /// The endpoint of a vDEVICE, the address of its virtual IOMMU, and its ID there.
    ///
    /// # Safety
    ///
    /// `vdev` must be a valid vDEVICE, whose device the driver has probed and not released for
    /// `'a`.
    unsafe fn vdevice<'a>(
        vdev: *mut bindings::iommufd_vdevice,
    ) -> (&'a Endpoint<V::Driver>, usize, u64) {
        // SAFETY: By this function's requirement.
        unsafe {
            (
                Endpoint::from_dev(bindings::iommufd_vdevice_to_device(vdev)),
                (*vdev).viommu.addr(),
                (*vdev).virt_id,
            )
        }
    }

    extern "C" fn attach_dev(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: See above; only `alloc_domain_nested()` makes domains with these operations.
        let (domain, ep) = unsafe {
            (
                &*container_of!(Opaque::cast_from(raw), NestedDomain<V>, raw),
                Endpoint::from_dev(dev),
            )
        };
        // SAFETY: The virtual IOMMU outlives its nested domains.
        let viommu = unsafe { domain.viommu.as_ref() };

        let attach = || V::attach(viommu, &domain.data, ep);

        // SAFETY: See above.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn free(raw: *mut bindings::iommu_domain) {
        // SAFETY: See above; `raw` is the first member of the box that `alloc_domain_nested()`
        // leaked, and nothing uses it any more.
        let domain = unsafe { KBox::<NestedDomain<V>>::from_raw(raw.cast()) };
        // SAFETY: The virtual IOMMU outlives its nested domains.
        let viommu = unsafe { domain.viommu.as_ref() };

        viommu.spare.keep(domain);
    }
}
