// SPDX-License-Identifier: GPL-2.0

//! Groups whose user says how they are translated, device by device.

use super::{
    Group,
    Member, //
};
use crate::iommu::{
    bindings,
    driver::Ops,
    endpoint::Keeper,
    Driver,
    Endpoint, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    device::{
        Bound,
        Device, //
    },
    error::{
        from_result,
        to_result, //
    },
    io::PhysAddr,
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// How the devices of a group are translated.
///
/// All of this is called with the group's mutex held, and may sleep.
pub trait Translation: Send + Sync + 'static {
    /// The driver of the IOMMU.
    type Driver: Driver;
    /// Where the doorbells of the devices' interrupts are to be found.
    type Doorbells: Send + Sync;

    /// Attaches a device as it should be now, and those of its PASIDs that should be. On an error
    /// nothing has changed. `hw` is the IOMMU's hardware device.
    ///
    /// # Errors
    ///
    /// As [`Driver::attach`].
    fn attach(&self, ep: &Arc<Endpoint<Self::Driver>>, hw: &Device<Bound>) -> Result;

    /// Blocks all PASIDs of a device: it is being reset, until [`Self::attach`], or the group is
    /// not to be translated any more.
    fn block_pasids(&self, ep: &Endpoint<Self::Driver>, hw: &Device<Bound>);

    /// Makes what the devices write to `iova` arrive at `doorbell` (HPA), a page of either.
    ///
    /// # Errors
    ///
    /// Any: the interrupt can't be set up, and `ENOMEM` says so.
    fn map_doorbell(&self, doorbells: &Self::Doorbells, iova: u64, doorbell: PhysAddr) -> Result;

    /// Undoes [`Self::map_doorbell`], right after.
    fn unmap_doorbell(&self, doorbells: &Self::Doorbells, iova: u64);
}

impl<D: Driver, T: Translation<Driver = D>> Keeper<D> for T {
    fn block(&self, ep: &Endpoint<D>, hw: &Device<Bound>) {
        self.block_pasids(ep, hw);
    }
}

/// The core's `struct iommu_domain` of a group that is translated device by device.
///
/// To the core it is one domain like any other. It has no table of its own: what the core maps into
/// it are doorbells, and those are the [`Translation`]'s to map.
#[repr(C)]
struct GroupDomain<T: Translation> {
    raw: Opaque<bindings::iommu_domain>,
    translation: Arc<T>,
    doorbells: T::Doorbells,
}

impl<T: Translation> GroupDomain<T> {
    const OPS: &'static bindings::iommu_domain_ops = &bindings::iommu_domain_ops {
        attach_dev: Some(Self::attach_dev),
        map_pages: Some(Self::map_pages),
        unmap_pages: Some(Self::unmap_pages),
        iova_to_phys: Some(Self::iova_to_phys),
        free: Some(Self::free),
        ..pin_init::zeroed()
    };

    /// A domain in which the core maps doorbells from the IOVA `msi_base` on, page by page, if it
    /// is to map any.
    fn create(
        translation: Arc<T>,
        doorbells: T::Doorbells,
        msi_base: Option<u64>,
    ) -> Result<OwnedDomain<T>> {
        let this = KBox::new(
            Self {
                raw: Opaque::new(bindings::iommu_domain {
                    type_: bindings::IOMMU_DOMAIN_UNMANAGED,
                    ops: Self::OPS,
                    owner: Ops::<T::Driver>::IOMMU,
                    pgsize_bitmap: PAGE_SIZE,
                    geometry: bindings::iommu_domain_geometry {
                        aperture_start: 0,
                        aperture_end: u64::MAX,
                        force_aperture: true,
                    },
                    ..pin_init::zeroed()
                }),
                translation,
                doorbells,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        // INVARIANT: The new domain is the new object's.
        let domain = OwnedDomain {
            raw: NonNull::from(KBox::leak(this)).cast(),
            _domain: PhantomData,
        };

        if let Some(base) = msi_base {
            // SAFETY: A valid domain, without a cookie.
            to_result(unsafe { bindings::iommu_get_msi_cookie(domain.as_raw(), base) })?;
        }
        Ok(domain)
    }

    /// # Safety
    ///
    /// `raw` must come from [`Self::create`] and be valid for `'a`.
    unsafe fn from_raw<'a>(raw: *mut bindings::iommu_domain) -> &'a Self {
        // SAFETY: By this function's requirement.
        unsafe { &*container_of!(Opaque::cast_from(raw), Self, raw) }
    }

    // SAFETY (of all the callbacks below): the core calls a domain's operations with that domain,
    // which came from `create()` and is not freed meanwhile, with devices that the driver has
    // probed and not released, and with valid pointers otherwise.

    extern "C" fn attach_dev(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        _old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: See above.
        let (this, ep) = unsafe { (Self::from_raw(raw), Endpoint::try_from_dev(dev)) };

        from_result(|| {
            let ep: Arc<Endpoint<T::Driver>> = ep.ok_or(EINVAL)?;

            // SAFETY: An endpoint's IOMMU is registered.
            let hw = unsafe { ep.iommu().bound_dev() };

            this.translation.attach(&ep, hw)?;
            drop(ep.set_keeper(Some(this.translation.clone())));
            Ok(0)
        })
    }

    extern "C" fn map_pages(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        paddr: PhysAddr,
        pgsize: usize,
        pgcount: usize,
        _prot: c_int,
        _gfp: bindings::gfp_t,
        mapped: *mut usize,
    ) -> c_int {
        // SAFETY: See above.
        let (this, mapped) = unsafe { (Self::from_raw(raw), &mut *mapped) };

        from_result(|| {
            // All that the core maps by itself, and nobody else has the domain.
            if pgsize != PAGE_SIZE || pgcount != 1 {
                return Err(EINVAL);
            }
            this.translation
                .map_doorbell(&this.doorbells, iova as u64, paddr)?;
            *mapped += PAGE_SIZE;
            Ok(0)
        })
    }

    extern "C" fn unmap_pages(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        pgsize: usize,
        pgcount: usize,
        _gather: *mut bindings::iommu_iotlb_gather,
    ) -> usize {
        // SAFETY: See above.
        let this = unsafe { Self::from_raw(raw) };

        this.translation
            .unmap_doorbell(&this.doorbells, iova as u64);
        pgsize * pgcount
    }

    extern "C" fn iova_to_phys(
        _raw: *mut bindings::iommu_domain,
        _iova: bindings::dma_addr_t,
    ) -> PhysAddr {
        0
    }

    extern "C" fn free(raw: *mut bindings::iommu_domain) {
        // SAFETY: See above; `raw` is the first member of the box that `create()` leaked, and the
        // core does not use it any more.
        drop(unsafe { KBox::<Self>::from_raw(raw.cast()) });
    }
}

/// A [`GroupDomain`] that the core frees.
///
/// # Invariants
///
/// `raw` is a valid domain of that type that is this object's.
struct OwnedDomain<T: Translation> {
    raw: NonNull<bindings::iommu_domain>,
    _domain: PhantomData<GroupDomain<T>>,
}

// SAFETY: The core's part is locked by the core, the rest is `Send`.
unsafe impl<T: Translation> Send for OwnedDomain<T> {}
// SAFETY: As above; the rest is `Sync`.
unsafe impl<T: Translation> Sync for OwnedDomain<T> {}

impl<T: Translation> OwnedDomain<T> {
    fn as_raw(&self) -> *mut bindings::iommu_domain {
        self.raw.as_ptr()
    }
}

impl<T: Translation> Drop for OwnedDomain<T> {
    fn drop(&mut self) {
        // SAFETY: A domain of this object's, by the type's invariant, and attached to nothing.
        unsafe { bindings::iommu_domain_free(self.as_raw()) };
    }
}

/// What the core wants to be told with every attachment.
type Handle = KBox<Opaque<bindings::iommu_attach_handle>>;

/// Other doorbells for a group that is [attached](Attached), to be [exchanged](Attached::exchange)
/// for those in use; or such that were. The core has forgotten none of what it has mapped there.
pub struct Doorbells<T: Translation> {
    domain: OwnedDomain<T>,
    handle: Handle,
}

/// A group that is attached as a [`Translation`] says. Dropping it blocks the devices.
///
/// # Invariants
///
/// The group is attached to `domain` with `handle`.
pub struct Attached<T: Translation> {
    group: Group,
    domain: OwnedDomain<T>,
    handle: Handle,
}

// SAFETY: The handle is the core's, under its lock; the rest is `Send`.
unsafe impl<T: Translation> Send for Attached<T> {}
// SAFETY: As above; the rest is `Sync`.
unsafe impl<T: Translation> Sync for Attached<T> {}

fn new_handle() -> Result<Handle> {
    Ok(KBox::new(
        Opaque::new(pin_init::zeroed()),
        GFP_KERNEL_ACCOUNT,
    )?)
}

impl<T: Translation> Attached<T> {
    /// Attaches a group whose DMA its caller owns. The core maps the doorbells of the devices'
    /// interrupts from the IOVA `msi_base` on, if that is given. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: attached by somebody else, or a device is being reset.
    /// - [`ENOMEM`], and those of [`Translation::attach`].
    pub fn new(
        group: Group,
        translation: Arc<T>,
        doorbells: T::Doorbells,
        msi_base: Option<u64>,
    ) -> Result<Self> {
        let domain = GroupDomain::create(translation, doorbells, msi_base)?;
        let handle = new_handle()?;

        // SAFETY: All are valid, and stay so until `drop()` or `exchange()`.
        to_result(unsafe {
            bindings::iommu_attach_group_handle(domain.as_raw(), group.as_raw(), handle.get())
        })?;
        // INVARIANT: Done above.
        Ok(Self {
            group,
            domain,
            handle,
        })
    }

    /// The group.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// How it is translated.
    pub fn translation(&self) -> &Arc<T> {
        // SAFETY: Ours, and valid as long as `self`.
        unsafe { &GroupDomain::<T>::from_raw(self.domain.as_raw()).translation }
    }

    /// Where the doorbells are.
    pub fn doorbells(&self) -> &T::Doorbells {
        // SAFETY: Ours, and valid as long as `self`.
        unsafe { &GroupDomain::<T>::from_raw(self.domain.as_raw()).doorbells }
    }

    /// Other doorbells, to be mapped from the IOVA `msi_base` on. They are not in use yet.
    ///
    /// The core gives the IOVAs of a domain's doorbells away once and for all, so this takes
    /// another domain.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn prepare(&self, doorbells: T::Doorbells, msi_base: Option<u64>) -> Result<Doorbells<T>> {
        Ok(Doorbells {
            domain: GroupDomain::create(self.translation().clone(), doorbells, msi_base)?,
            handle: new_handle()?,
        })
    }

    /// Has doorbells of interrupts that are set up from now on be `other`, which becomes those of
    /// before. The devices are attached again, as they are. On an error nothing has changed. Takes
    /// no memory, unless [`Translation::attach`] does. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: a device is being reset.
    /// - Those of [`Translation::attach`].
    pub fn exchange(&mut self, other: &mut Doorbells<T>) -> Result {
        // SAFETY: All are valid, and stay so until `drop()` or the next call of this.
        to_result(unsafe {
            bindings::iommu_replace_group_handle(
                self.group.as_raw(),
                other.domain.as_raw(),
                other.handle.get(),
            )
        })?;
        // INVARIANT: Done above. The core does not use the old ones any more.
        core::mem::swap(&mut self.domain, &mut other.domain);
        core::mem::swap(&mut self.handle, &mut other.handle);
        Ok(())
    }

    /// Calls `f` for each device, with the group's mutex held, until it fails.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: a device is being reset. The core will attach it afterwards.
    /// - Those of `f`.
    pub fn for_each(&self, mut f: impl FnMut(&Member<'_>) -> Result) -> Result {
        self.for_each_of_all(|member, attached| match attached {
            true => f(member),
            false => Err(EBUSY),
        })
    }

    /// Calls `f` for each device, with the group's mutex held, until it fails. It is told whether
    /// the device is attached: it is not while it is being reset. The core will attach it
    /// afterwards.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn for_each_of_all(&self, mut f: impl FnMut(&Member<'_>, bool) -> Result) -> Result {
        self.group
            .for_each(|member| f(member, member.domain() == self.domain.as_raw()))
    }
}

impl<T: Translation> Drop for Attached<T> {
    fn drop(&mut self) {
        // SAFETY: Attached so, by the type's invariant.
        unsafe { bindings::iommu_detach_group_handle(self.domain.as_raw(), self.group.as_raw()) };
    }
}
