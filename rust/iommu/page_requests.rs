// SPDX-License-Identifier: GPL-2.0

//! Page requests (PRI): devices ask for pages that are not there yet, and wait for an answer from
//! the fault handler of the domain that they are attached to (`iommu_domain.iopf_handler`).
//!
//! A device may ask for as long as it is attached to such a domain, itself or by a PASID. What it
//! asks for is [reported](report) to the core, which collects the requests of a group and has the
//! handler serve them; the answer comes back through [`PageRequests::respond`].

use super::{
    bindings,
    raw_dev,
    Driver,
    Endpoint, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    fmt,
    prelude::*,
    str::CString,
    sync::atomic::Relaxed, //
};

/// The devices of an IOMMU that may ask for pages, and their requests: `struct iopf_queue`.
///
/// # Invariants
///
/// The pointer is a valid queue, and this object's.
pub struct FaultQueue(NonNull<bindings::iopf_queue>);

// SAFETY: The core locks queues; they belong to no thread.
unsafe impl Send for FaultQueue {}
// SAFETY: As above.
unsafe impl Sync for FaultQueue {}

impl FaultQueue {
    /// A queue without devices. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(name: fmt::Arguments<'_>) -> Result<Self> {
        let name = CString::try_from_fmt(name)?;
        // SAFETY: A C string, which is copied.
        let queue = unsafe { bindings::iopf_queue_alloc(name.as_char_ptr()) };

        // INVARIANT: Just allocated, for this object.
        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }

    /// Forgets the groups whose last request has not come, as that may have been lost. Nobody
    /// [reports](report) meanwhile. May sleep.
    pub fn discard_partial(&self) {
        // SAFETY: By the type's invariant. It fails for null alone.
        unsafe { bindings::iopf_queue_discard_partial(self.0.as_ptr()) };
    }
}

impl Drop for FaultQueue {
    fn drop(&mut self) {
        // SAFETY: By the type's invariant. Devices have left it, at the latest when they were
        // released.
        unsafe { bindings::iopf_queue_free(self.0.as_ptr()) };
    }
}

/// Requests that are answered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestGroup {
    /// The PASID, if the requests have one.
    pub pasid: Option<u32>,
    /// The device's number for it.
    pub index: u32,
}

/// A request for one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The group that the request belongs to.
    pub group: RequestGroup,
    /// It is the last one of its group, and the device waits for an answer.
    pub last: bool,
    /// The page (IOVA).
    pub address: u64,
    /// To read it.
    pub read: bool,
    /// To write to it.
    pub write: bool,
    /// To execute what is in it.
    pub execute: bool,
    /// With privileges.
    pub privileged: bool,
}

/// The answer to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageResponse {
    /// The pages are there now.
    Success,
    /// At least one of them can't be had.
    Invalid,
    /// A permanent error: the device is to ask no more.
    Failure,
}

/// Page requests of a driver's devices. All of this may sleep; [`enable`](Self::enable) and
/// [`disable`](Self::disable) of one endpoint are serialised by the core's group mutex.
pub trait PageRequests: Sized + 'static {
    /// The driver that this is a part of.
    type Driver: Driver<PageRequests = Self>;

    /// Whether there are any; if not, domains with a fault handler are attached like others, and
    /// nothing is reported to them.
    const SUPPORTED: bool = true;

    /// The queue for the device's requests; `None` if it can't make any.
    fn queue(ep: &Endpoint<Self::Driver>) -> Option<&FaultQueue>;

    /// Lets the device ask for pages.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: it waits for answers to earlier requests.
    /// - [`ENODEV`], [`EIO`]: it can't, or does not answer.
    /// - [`ENOMEM`]
    fn enable(ep: &Endpoint<Self::Driver>) -> Result;

    /// Lets the device ask for pages no more. What it has asked for may still be on its way.
    fn disable(ep: &Endpoint<Self::Driver>);

    /// [Reports](report), or refuses, all that the device has asked for by what it is not attached
    /// to any more. When it returns, no report of before is going on.
    fn drain(ep: &Endpoint<Self::Driver>);

    /// Answers a group whose last request was reported.
    fn respond(ep: &Endpoint<Self::Driver>, group: &RequestGroup, response: PageResponse);
}

/// For a driver without page requests.
pub struct NoPageRequests<D>(PhantomData<fn() -> D>);

impl<D: Driver<PageRequests = Self>> PageRequests for NoPageRequests<D> {
    type Driver = D;

    const SUPPORTED: bool = false;

    fn queue(_ep: &Endpoint<D>) -> Option<&FaultQueue> {
        None
    }

    fn enable(_ep: &Endpoint<D>) -> Result {
        Err(ENODEV)
    }

    fn disable(_ep: &Endpoint<D>) {}

    fn drain(_ep: &Endpoint<D>) {}

    fn respond(_ep: &Endpoint<D>, _group: &RequestGroup, _response: PageResponse) {}
}

/// Reports a request of a device. Returns whether somebody serves the device: then the last one of
/// a group is answered, by [`PageRequests::respond`], which may be called from here. May sleep.
///
/// To be called for one request after the other, while the endpoint is not released.
pub fn report<D: Driver>(ep: &Endpoint<D>, fault: &Fault) -> bool {
    if ep.served.load(Relaxed) == 0 {
        return false;
    }

    let flag = |set, flag| match set {
        true => flag,
        false => 0,
    };
    let mut raw = bindings::iopf_fault {
        fault: bindings::iommu_fault {
            type_: bindings::iommu_fault_type_IOMMU_FAULT_PAGE_REQ,
            prm: bindings::iommu_fault_page_request {
                flags: flag(fault.last, bindings::IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
                    | flag(
                        fault.group.pasid.is_some(),
                        bindings::IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
                    ),
                pasid: fault.group.pasid.unwrap_or(0),
                grpid: fault.group.index,
                perm: flag(fault.read, bindings::IOMMU_FAULT_PERM_READ)
                    | flag(fault.write, bindings::IOMMU_FAULT_PERM_WRITE)
                    | flag(fault.execute, bindings::IOMMU_FAULT_PERM_EXEC)
                    | flag(fault.privileged, bindings::IOMMU_FAULT_PERM_PRIV),
                addr: fault.address,
                ..pin_init::zeroed()
            },
        },
        ..pin_init::zeroed()
    };

    // SAFETY: The device is valid, was probed and is not released; the fault is copied. If this
    // fails it was answered.
    unsafe { bindings::iommu_report_device_fault(raw_dev(ep.dev()), &mut raw) };
    true
}

/// Whether requests of devices on a domain are served.
///
/// # Safety
///
/// `domain` must be null or valid.
unsafe fn is_served(domain: *const bindings::iommu_domain) -> bool {
    // SAFETY: By this function's requirement; what is read does not change once it is attached.
    unsafe { domain.as_ref() }.is_some_and(|domain| domain.iopf_handler.is_some())
}

/// Runs `change`, which attaches the device or one of its PASIDs to the domain `new` instead of
/// `old`, and has the device's page requests reported as long as there is somebody to serve them.
///
/// # Errors
///
/// - [`ENODEV`]: `new` wants to serve page requests, and the device makes none.
/// - Those of [`PageRequests::enable`] and of `change`.
///
/// # Safety
///
/// The domains must be null or valid. The core's group mutex is held.
pub(super) unsafe fn around<D: Driver>(
    ep: &Endpoint<D>,
    new: *const bindings::iommu_domain,
    old: *const bindings::iommu_domain,
    change: impl FnOnce() -> Result,
) -> Result {
    if !D::PageRequests::SUPPORTED {
        return change();
    }

    // SAFETY: By this function's requirement.
    let (new, old) = unsafe { (is_served(new), is_served(old)) };

    if new {
        begin(ep)?;
    }

    let result = change();
    let over = match result {
        Ok(()) => old,
        Err(_) => new,
    };

    if over {
        end(ep);
    }
    result
}

/// One more attachment of the device is served.
fn begin<D: Driver>(ep: &Endpoint<D>) -> Result {
    let queue = D::PageRequests::queue(ep).ok_or(ENODEV)?;
    let served = ep.served.load(Relaxed);

    if served == 0 {
        // SAFETY: Queue and device are valid, and the device has not been added.
        to_result(unsafe {
            bindings::iopf_queue_add_device(queue.0.as_ptr(), raw_dev(ep.dev()))
            //
        })?;
    }
    ep.served.store(served + 1, Relaxed);
    if served == 0 {
        D::PageRequests::enable(ep).inspect_err(|_| end(ep))?;
    }
    Ok(())
}

/// One attachment of the device is not served any more. Its requests are over when this returns.
fn end<D: Driver>(ep: &Endpoint<D>) {
    let served = ep.served.load(Relaxed);

    if served > 1 {
        D::PageRequests::drain(ep);
        ep.served.store(served - 1, Relaxed);
    } else if served == 1 {
        close(ep);
    }
}

/// Nothing of the device is served any more.
pub(super) fn close<D: Driver>(ep: &Endpoint<D>) {
    let (Some(queue), true) = (D::PageRequests::queue(ep), ep.served.load(Relaxed) != 0) else {
        return;
    };

    // From here on, what comes is refused, so that the core hears of nothing after what follows.
    ep.served.store(0, Relaxed);
    D::PageRequests::disable(ep);
    D::PageRequests::drain(ep);
    // SAFETY: Queue and device are valid, and the device has been added. This answers what waits.
    unsafe { bindings::iopf_queue_remove_device(queue.0.as_ptr(), raw_dev(ep.dev())) };
}

/// `page_response` of `struct iommu_ops`.
type Respond = unsafe extern "C" fn(
    *mut bindings::device,
    *mut bindings::iopf_fault,
    *mut bindings::iommu_page_response,
);

/// The C operations of [`PageRequests`].
pub(super) struct Ops<P>(PhantomData<P>);

impl<P: PageRequests> Ops<P> {
    pub(super) const RESPOND: Option<Respond> = match P::SUPPORTED {
        true => Some(Self::page_response),
        false => None,
    };

    extern "C" fn page_response(
        dev: *mut bindings::device,
        fault: *mut bindings::iopf_fault,
        response: *mut bindings::iommu_page_response,
    ) {
        // SAFETY: The core calls this with a device that the driver has probed and not released,
        // and valid pointers.
        let (ep, request, code) = unsafe {
            (
                Endpoint::<P::Driver>::from_dev(dev),
                &(*fault).fault.prm,
                (*response).code,
            )
        };
        let flag = |flag| request.flags & flag != 0;

        // The core refuses each request for which there is no handler; only the last one of a group
        // has an answer.
        if !flag(bindings::IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) {
            return;
        }

        let group = RequestGroup {
            pasid: flag(bindings::IOMMU_FAULT_PAGE_REQUEST_PASID_VALID).then_some(request.pasid),
            index: request.grpid,
        };

        P::respond(
            ep,
            &group,
            match code {
                bindings::iommu_page_response_code_IOMMU_PAGE_RESP_SUCCESS => PageResponse::Success,
                bindings::iommu_page_response_code_IOMMU_PAGE_RESP_INVALID => PageResponse::Invalid,
                _ => PageResponse::Failure,
            },
        );
    }
}
