// SPDX-License-Identifier: GPL-2.0

//! Domains: what devices are attached to.

use super::{
    bindings,
    driver::{
        Ops,
        Target, //
    },
    page_requests,
    Driver,
    Endpoint,
    Gather, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr, //
};
#[cfg(CONFIG_X86_64)]
use kernel::{
    device::Device,
    sync::aref::ARef, //
};
use kernel::{
    error::from_result,
    io::PhysAddr,
    prelude::*,
    sync::{
        Arc,
        UniqueArc, //
    },
    types::Opaque, //
};

/// A domain that devices can be attached to: `struct iommu_domain_ops`.
///
/// Addresses are the domain's input addresses: IOVA, or GPA for a nesting parent. The IOMMU core
/// may call all of this in atomic context, concurrently on disjoint ranges.
pub trait Paging: Send + Sync + 'static {
    /// Invalidates everything that the TLB may hold of this domain, tables included, and waits.
    ///
    /// A lazy DMA domain gives memory, and tables, back after this and without [`Self::sync`].
    fn flush_all(&self);

    /// Invalidates what was collected in `gather`, and waits.
    fn sync(&self, gather: &Gather<'_>);

    /// Makes every access coherent, from now on and for every device attached later. Returns
    /// whether it could be done.
    fn enforce_cache_coherency(&self) -> bool;

    /// Makes the hardware see what was mapped in `[iova, iova + size)`, where nothing was.
    ///
    /// For domains that have asked for it when they were made: the hardware buffers writes, or
    /// caches that there is no entry.
    fn sync_map(&self, _iova: usize, _size: usize) {}

    /// Has the hardware record in the table which pages devices write to, or no longer. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: this domain can't.
    fn set_dirty_tracking(&self, _on: bool) -> Result {
        Err(EOPNOTSUPP)
    }
}

/// A [`Paging`] domain that has its own page table, which the IOMMU core asks it to change.
pub trait Mapped: Paging {
    /// Prepares `size` bytes of memory at `paddr` (HPA), which are about to be mapped. Only for
    /// domains that have asked for it when they were made.
    fn prepare(&self, paddr: PhysAddr, size: usize);

    /// Maps pages. Adds to `mapped` how many bytes, from the start, are mapped, also in case of an
    /// error.
    fn map(&self, req: &MapRequest, mapped: &mut usize) -> Status;

    /// Unmaps pages, invalidates or collects in `gather` what the TLB may hold of them, and
    /// returns how many bytes, from the start, were unmapped.
    fn unmap(&self, req: &UnmapRequest, gather: &mut Gather<'_>) -> usize;

    /// The HPA that `iova` translates to, or 0 if it is not mapped.
    fn iova_to_phys(&self, iova: usize) -> PhysAddr;
}

/// How mapping has ended: 0 or a negative errno, as the core wants it and the page table library
/// returns it. Mapping is too frequent to check in between that an errno is one.
#[must_use]
#[repr(transparent)]
pub struct Status(pub(super) c_int);

/// The IOMMU core's request to map `pgcount` pages of `pgsize` bytes at `iova` to `paddr` (HPA).
///
/// # Invariants
///
/// The core made the request: the range is within the domain's aperture and aligned to `pgsize`,
/// which is one of the domain's sizes, and no other operation is under way on the range.
#[derive(Clone, Copy)]
pub struct MapRequest {
    iova: usize,
    paddr: PhysAddr,
    pgsize: usize,
    pgcount: usize,
    // For page tables of the driver's own.
    #[cfg_attr(not(CONFIG_IOMMU_IO_PGTABLE), allow(dead_code))]
    prot: c_int,
    #[cfg_attr(not(CONFIG_IOMMU_IO_PGTABLE), allow(dead_code))]
    gfp: bindings::gfp_t,
}

#[expect(missing_docs)]
impl MapRequest {
    pub fn iova(&self) -> usize {
        self.iova
    }
    pub fn paddr(&self) -> PhysAddr {
        self.paddr
    }
    pub fn pgsize(&self) -> usize {
        self.pgsize
    }
    pub fn pgcount(&self) -> usize {
        self.pgcount
    }
    #[cfg(CONFIG_IOMMU_IO_PGTABLE)]
    pub(super) fn prot(&self) -> c_int {
        self.prot
    }
    #[cfg(CONFIG_IOMMU_IO_PGTABLE)]
    pub(super) fn gfp(&self) -> bindings::gfp_t {
        self.gfp
    }
}

/// The IOMMU core's request to unmap `pgcount` pages of `pgsize` bytes at `iova`.
///
/// # Invariants
///
/// As for [`MapRequest`].
#[derive(Clone, Copy)]
pub struct UnmapRequest {
    iova: usize,
    pgsize: usize,
    pgcount: usize,
}

#[expect(missing_docs)]
impl UnmapRequest {
    pub fn iova(&self) -> usize {
        self.iova
    }
    pub fn pgsize(&self) -> usize {
        self.pgsize
    }
    pub fn pgcount(&self) -> usize {
        self.pgcount
    }

    /// The request's size in bytes.
    pub fn size(&self) -> usize {
        self.pgsize * self.pgcount
    }

    /// A part of the request: `pgcount` pages or blocks of `pgsize` bytes from `offset` bytes on.
    /// `None` if that is not within the request.
    pub fn part(&self, offset: usize, pgsize: usize, pgcount: usize) -> Option<Self> {
        let end = pgsize.checked_mul(pgcount)?.checked_add(offset)?;

        // INVARIANT: A part of the range of `self`.
        (end <= self.size()).then(|| Self {
            iova: self.iova + offset,
            pgsize,
            pgcount,
        })
    }
}

/// Has a [`PagingDomain`] as a field. To be implemented by [`impl_has_domain`](crate::iommu).
///
/// # Safety
///
/// At `OFFSET` bytes there is a field of type `PagingDomain<D>`.
pub unsafe trait HasDomain<D: Driver> {
    /// Where the field is.
    const OFFSET: usize;
}

/// Implements [`HasDomain`] for the driver's type of [`Paging`] domains.
macro_rules! impl_has_domain {
    (impl HasDomain<$driver:ty> for $paging:ty { $field:ident }) => {
        // SAFETY: The field is of that type, or this does not compile.
        unsafe impl $crate::iommu::HasDomain<$driver> for $paging {
            const OFFSET: usize = {
                let _: fn(&$paging) -> &$crate::iommu::PagingDomain<$driver> = |this| &this.$field;

                ::core::mem::offset_of!($paging, $field)
            };
        }
    };
}
pub(crate) use impl_has_domain;

/// A new [`Paging`] domain, which nobody else refers to.
pub struct NewPaging<D: Driver>(Pin<UniqueArc<D::Paging>>);

impl<D: Driver> NewPaging<D> {
    /// A domain for the core.
    pub fn new(paging: Pin<UniqueArc<D::Paging>>) -> Self {
        Self(paging)
    }
}

/// `map_pages` of `struct iommu_domain_ops`.
type MapPages = extern "C" fn(
    *mut bindings::iommu_domain,
    usize,
    PhysAddr,
    usize,
    usize,
    c_int,
    bindings::gfp_t,
    *mut usize,
) -> c_int;

/// What the core has of a domain, or the library whose page table it is.
///
/// # Invariants
///
/// Zeroes follow a `domain` that is not one of the library's.
#[repr(C)]
pub(super) union Storage {
    _domain: bindings::iommu_domain,
    #[cfg(CONFIG_X86_64)]
    _x86_64: ManuallyDrop<bindings::pt_iommu_x86_64>,
    #[cfg(CONFIG_X86_64)]
    _vtdss: ManuallyDrop<bindings::pt_iommu_vtdss>,
}

/// The C side of a domain: a `struct iommu_domain` at the start, whatever it is a part of.
#[repr(C)]
pub(super) struct Raw {
    pub(super) storage: Opaque<Storage>,
    /// The IOMMU that walks the library's page table.
    #[cfg(CONFIG_X86_64)]
    pub(super) walker: Option<ARef<Device>>,
}

impl Raw {
    pub(super) fn new(domain: bindings::iommu_domain) -> Self {
        let storage = Opaque::<Storage>::zeroed();

        // SAFETY: It is large enough. INVARIANT: what follows is zero.
        unsafe { storage.get().cast::<bindings::iommu_domain>().write(domain) };
        Self {
            storage,
            #[cfg(CONFIG_X86_64)]
            walker: None,
        }
    }
}

/// What the IOMMU core has of a [`Paging`] domain: a [field](HasDomain) of the driver's.
///
/// The core frees it before the driver's, which may live longer, is dropped.
#[repr(C)]
#[pin_data]
pub struct PagingDomain<D: Driver> {
    #[pin]
    pub(super) raw: Raw,
    /// The IOMMU that it is a nesting parent for, if it is one. Constant once the core has it.
    pub(super) parent_on: Opaque<*mut bindings::iommu_device>,
    #[cfg(CONFIG_X86_64)]
    pub(super) root: super::generic_pt::Root,
    pub(super) _driver: PhantomData<fn() -> D>,
}

// SAFETY: The core uses it from all threads, under its own rules; otherwise it is only read.
unsafe impl<D: Driver> Send for PagingDomain<D> {}
// SAFETY: As above.
unsafe impl<D: Driver> Sync for PagingDomain<D> {}

impl<D: Driver> PagingDomain<D>
where
    D::Paging: Mapped,
{
    /// Of a domain with a page table of its own, of pages and blocks of the sizes in
    /// `pgsize_bitmap` (powers of two, in bytes), in which input addresses up to `aperture_end` can
    /// be mapped. With `prepares`, [`Mapped::prepare`] is called before.
    pub fn mapped(prepares: bool, pgsize_bitmap: usize, aperture_end: u64) -> impl PinInit<Self> {
        let ops = match prepares {
            true => Self::PREPARING_OPS,
            false => Self::OPS,
        };

        pin_init!(Self {
            raw: Raw::new(bindings::iommu_domain {
                type_: bindings::IOMMU_DOMAIN_UNMANAGED,
                ops,
                pgsize_bitmap,
                geometry: bindings::iommu_domain_geometry {
                    aperture_start: 0,
                    aperture_end,
                    force_aperture: true,
                },
                ..pin_init::zeroed()
            }),
            parent_on: Opaque::zeroed(),
            #[cfg(CONFIG_X86_64)]
            root: super::generic_pt::Root::NONE,
            _driver: PhantomData,
        })
    }

    const OPS: &'static bindings::iommu_domain_ops = &Self::mapped_ops(Self::map_pages);

    /// Of a domain that prepares. A table of its own, so that what is most
    /// frequent is a jump to the page table library with all arguments in place.
    const PREPARING_OPS: &'static bindings::iommu_domain_ops =
        &Self::mapped_ops(Self::prepare_and_map_pages);

    const fn mapped_ops(map_pages: MapPages) -> bindings::iommu_domain_ops {
        bindings::iommu_domain_ops {
            map_pages: Some(map_pages),
            unmap_pages: Some(Self::unmap_pages),
            iotlb_sync: Some(Self::iotlb_sync),
            iova_to_phys: Some(Self::iova_to_phys),
            ..Self::COMMON_OPS
        }
    }

    // SAFETY (of all the callbacks below): as those of all domains.

    extern "C" fn map_pages(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        paddr: PhysAddr,
        pgsize: usize,
        pgcount: usize,
        prot: c_int,
        gfp: bindings::gfp_t,
        mapped: *mut usize,
    ) -> c_int {
        // INVARIANT: This is the core's request.
        let req = MapRequest {
            iova,
            paddr,
            pgsize,
            pgcount,
            prot,
            gfp,
        };
        // SAFETY: See above.
        let (paging, mapped) = unsafe { (Self::paging(raw), &mut *mapped) };

        paging.map(&req, mapped).0
    }

    extern "C" fn prepare_and_map_pages(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        paddr: PhysAddr,
        pgsize: usize,
        pgcount: usize,
        prot: c_int,
        gfp: bindings::gfp_t,
        mapped: *mut usize,
    ) -> c_int {
        // SAFETY: See above.
        unsafe { Self::paging(raw) }.prepare(paddr, pgsize * pgcount);
        Self::map_pages(raw, iova, paddr, pgsize, pgcount, prot, gfp, mapped)
    }

    extern "C" fn unmap_pages(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        pgsize: usize,
        pgcount: usize,
        gather: *mut bindings::iommu_iotlb_gather,
    ) -> usize {
        // INVARIANT: This is the core's request.
        let req = UnmapRequest {
            iova,
            pgsize,
            pgcount,
        };

        // SAFETY: See above.
        unsafe { Self::paging(raw).unmap(&req, &mut Gather::from_raw(gather)) }
    }

    extern "C" fn iotlb_sync(
        raw: *mut bindings::iommu_domain,
        gather: *mut bindings::iommu_iotlb_gather,
    ) {
        // SAFETY: See above.
        unsafe { Self::paging(raw).sync(&Gather::from_raw(gather)) };
    }

    extern "C" fn iova_to_phys(
        raw: *mut bindings::iommu_domain,
        iova: bindings::dma_addr_t,
    ) -> PhysAddr {
        // CAST: The aperture, which the core has checked, fits the CPU's word.
        // SAFETY: See above.
        unsafe { Self::paging(raw) }.iova_to_phys(iova as usize)
    }
}

impl<D: Driver> PagingDomain<D> {
    /// What all domains have.
    pub(super) const COMMON_OPS: bindings::iommu_domain_ops = bindings::iommu_domain_ops {
        attach_dev: Some(Self::attach_dev),
        set_dev_pasid: Some(Self::set_dev_pasid),
        flush_iotlb_all: Some(Self::flush_iotlb_all),
        enforce_cache_coherency: Some(Self::enforce_cache_coherency),
        free: Some(Self::free),
        ..pin_init::zeroed()
    };

    /// Hands a new domain over to the core, which frees it with `ops->free`. It is a nesting parent
    /// for the IOMMU `parent_on`, unless that is null.
    pub(super) fn into_raw(
        new: NewPaging<D>,
        parent_on: *mut bindings::iommu_device,
    ) -> *mut bindings::iommu_domain {
        let paging = Arc::into_raw(Arc::from(new.0)).cast_mut();
        let offset = <D::Paging as HasDomain<D>>::OFFSET;
        // SAFETY: The field is within the driver's type.
        let this: *mut Self = unsafe { paging.byte_add(offset) }.cast();

        // SAFETY: Valid, and nobody else refers to it yet.
        unsafe { (*this).parent_on.get().write(parent_on) };
        this.cast()
    }

    /// The driver's type that `raw` is a part of, as [`Arc::into_raw`] has returned it.
    ///
    /// # Safety
    ///
    /// `raw` must come from [`Self::into_raw`].
    unsafe fn container(raw: *mut bindings::iommu_domain) -> *const D::Paging {
        let offset = <D::Paging as HasDomain<D>>::OFFSET;

        // SAFETY: By this function's requirement; the inverse of what `into_raw()` does.
        unsafe { raw.byte_sub(offset) }.cast()
    }

    /// Whether `raw` is one of this driver's domains and a nesting parent for `iommu`.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid domain that the core or iommufd has allocated.
    pub(super) unsafe fn is_parent_on(
        raw: *mut bindings::iommu_domain,
        iommu: *mut bindings::iommu_device,
    ) -> bool {
        // SAFETY: Valid by this function's requirement; what is read does not change.
        let ours = unsafe {
            ptr::eq((*raw).owner, Ops::<D>::IOMMU)
                && (*raw).type_ & bindings::__IOMMU_DOMAIN_PAGING != 0
        };

        // SAFETY: Only `into_raw()` makes this driver's domains of these types.
        ours && unsafe { *(*raw.cast::<Self>()).parent_on.get() } == iommu
    }

    /// # Safety
    ///
    /// `raw` must come from [`Self::into_raw`] and be valid for `'a`.
    pub(super) unsafe fn paging<'a>(raw: *mut bindings::iommu_domain) -> &'a D::Paging {
        // SAFETY: By this function's requirements.
        unsafe { &*Self::container(raw) }
    }

    /// The same to refer to beyond that.
    ///
    /// # Safety
    ///
    /// As for [`Self::paging`], as long as the result is used.
    pub(super) unsafe fn shared(raw: *mut bindings::iommu_domain) -> ManuallyDrop<Arc<D::Paging>> {
        // SAFETY: By this function's requirements. The reference is the core's, and stays that.
        ManuallyDrop::new(unsafe { Arc::from_raw(Self::container(raw)) })
    }

    // SAFETY (of all the callbacks below): the core calls a domain's operations with that domain,
    // which came from `into_raw()` and is not freed meanwhile, with devices that the driver has
    // probed and not released, and with valid pointers otherwise.

    extern "C" fn attach_dev(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: See above.
        let (paging, ep) = unsafe { (Self::shared(raw), Endpoint::from_dev(dev)) };
        let attach = || D::attach(ep, Target::Paging(&paging));

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
        let (paging, ep) = unsafe { (Self::shared(raw), Endpoint::from_dev(dev)) };

        // SAFETY: An endpoint's IOMMU is registered.
        let hw = unsafe { Endpoint::<D>::iommu(ep).bound_dev() };
        let attach = || D::attach_pasid(ep, hw, pasid, Some(&paging));

        // SAFETY: See above.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn flush_iotlb_all(raw: *mut bindings::iommu_domain) {
        // SAFETY: See above.
        unsafe { Self::paging(raw) }.flush_all();
    }

    extern "C" fn enforce_cache_coherency(raw: *mut bindings::iommu_domain) -> bool {
        // SAFETY: See above.
        unsafe { Self::paging(raw) }.enforce_cache_coherency()
    }

    extern "C" fn free(raw: *mut bindings::iommu_domain) {
        // SAFETY: See above; the reference is the one that `into_raw()` has taken for the core,
        // which does not use it any more.
        drop(ManuallyDrop::into_inner(unsafe { Self::shared(raw) }));
    }
}

/// The domains that exist once for a driver: identity and blocked.
pub(super) struct StaticDomain<D>(PhantomData<D>);

impl<D: Driver> StaticDomain<D> {
    /// The identity domain. The core never writes to it (it is not the core's to free or to give a
    /// cookie), so that it can be constant.
    pub(super) const IDENTITY: &'static bindings::iommu_domain = &bindings::iommu_domain {
        type_: bindings::IOMMU_DOMAIN_IDENTITY,
        ops: &bindings::iommu_domain_ops {
            attach_dev: Some(Self::attach_identity),
            ..pin_init::zeroed()
        },
        ..pin_init::zeroed()
    };

    /// The blocked domain, constant for the same reason.
    pub(super) const BLOCKED: &'static bindings::iommu_domain = &bindings::iommu_domain {
        type_: bindings::IOMMU_DOMAIN_BLOCKED,
        ops: &bindings::iommu_domain_ops {
            attach_dev: Some(Self::attach_blocked),
            set_dev_pasid: Some(Self::block_pasid),
            ..pin_init::zeroed()
        },
        ..pin_init::zeroed()
    };

    extern "C" fn attach_identity(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: The core calls this with a device that the driver has probed and not released.
        let ep = unsafe { Endpoint::from_dev(dev) };
        let attach = || D::attach(ep, Target::Identity);

        // SAFETY: As above; the domains are valid.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn attach_blocked(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: As in `attach_identity()`.
        let ep = unsafe { Endpoint::<D>::from_dev(dev) };
        let attach = || D::attach(ep, Target::Blocked);

        if let Some(keeper) = ep.set_keeper(None) {
            // SAFETY: An endpoint's IOMMU is registered.
            keeper.block(ep, unsafe { ep.iommu().bound_dev() });
        }
        // SAFETY: As above; the domains are valid.
        from_result(|| unsafe { page_requests::around(ep, raw, old, attach) }.map(|()| 0))
    }

    extern "C" fn block_pasid(
        raw: *mut bindings::iommu_domain,
        dev: *mut bindings::device,
        pasid: bindings::ioasid_t,
        old: *mut bindings::iommu_domain,
    ) -> c_int {
        // SAFETY: As in `attach_identity()`.
        let ep = unsafe { Endpoint::from_dev(dev) };

        // SAFETY: An endpoint's IOMMU is registered.
        let hw = unsafe { Endpoint::<D>::iommu(ep).bound_dev() };
        let block = || D::attach_pasid(ep, hw, pasid, None);

        // SAFETY: As above; the domains are valid.
        from_result(|| unsafe { page_requests::around(ep, raw, old, block) }.map(|()| 0))
    }
}
