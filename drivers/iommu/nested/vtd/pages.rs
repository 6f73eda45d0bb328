// SPDX-License-Identifier: GPL-2.0

//! Devices that ask for pages (PRI): from the unit's queue to the core, which has whoever serves
//! the device answer, and back.
//!
//! Like faults, they are looked for: what the kernel has for interrupts of a unit belongs to its
//! built-in drivers. As devices wait, that is more often as long as some may ask.

use super::{
    arch::{
        descriptor::Response,
        request::{
            Group,
            PageRequest,
            WORDS, //
        },
    },
    requests::Server,
    unit::Unit,
    Vtd, //
};
use crate::iommu::{
    page_requests::{
        self,
        Fault,
        FaultQueue,
        PageRequests,
        PageResponse,
        RequestGroup, //
    },
    periodic::{
        Periodic,
        Task, //
    },
    Endpoint,
    Instance,
    PciEndpoint, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How often to look while a device may ask, in milliseconds.
const PAUSE_MS: u32 = 5;

/// How many pages a device may ask for at a time. Four of them can't fill the queue.
const REQUESTS: u32 = 31;

/// Looks for page requests of a unit.
pub(crate) struct Look(Arc<Instance<Vtd>>);

impl Task for Look {
    fn run(&self) {
        self.0.look_for_requests();
    }
}

/// Hands what devices of a unit ask for on to the core.
struct Core<'a>(&'a Unit);

impl Server for Core<'_> {
    fn take(&self, request: &PageRequest) -> bool {
        // No device is released while this is locked.
        let devices = self.0.devices.lock();
        let Some(ep) = devices.iter().find(|ep| ep.rid() == request.group.sid) else {
            return false;
        };

        page_requests::report(
            ep,
            &Fault {
                group: RequestGroup {
                    pasid: request.group.pasid,
                    index: request.group.index.into(),
                },
                last: request.last,
                address: request.address,
                read: request.read,
                write: request.write,
                execute: request.execute,
                privileged: request.privileged,
            },
        )
    }

    fn refused(&self, request: &PageRequest) {
        let dev = self.0.dev();

        self.0.faults.run(dev, || {
            dev_warn!(
                dev,
                "page request that nobody serves: {}\n",
                format_args!("{request}")
            );
        });
    }

    fn lost(&self) {
        let dev = self.0.dev();

        self.0.faults.run(dev, || {
            dev_warn!(dev, "more page requests than the queue can hold\n");
        });
        if let Some(queue) = &self.0.page_requests {
            queue.discard_partial();
        }
    }

    fn malformed(&self, raw: &[u64; WORDS]) {
        let dev = self.0.dev();

        self.0.faults.run(dev, || {
            dev_warn!(
                dev,
                "malformed page request: {:#018x} {:#018x}\n",
                raw[0],
                raw[1]
            );
        });
    }
}

impl Unit {
    /// Takes page requests out of the queue, and hands them on. May sleep.
    pub(super) fn look_for_requests(&self) {
        self.serve_page_requests(&Core(self));
    }
}

/// Page requests, for the core.
pub(crate) enum Pages {}

impl PageRequests for Pages {
    type Driver = Vtd;

    fn queue(ep: &Endpoint<Vtd>) -> Option<&FaultQueue> {
        let queue = ep.iommu().page_requests.as_ref();

        queue.filter(|_| ep.source().asks_for_pages())
    }

    fn enable(ep: &Endpoint<Vtd>) -> Result {
        let look = Periodic::new(PAUSE_MS, Look(ep.iommu().clone()))?;

        PciEndpoint::new(ep.dev())
            .ok_or(ENODEV)?
            .enable_pri(REQUESTS)?;
        *ep.look.lock() = Some(look);
        Ok(())
    }

    fn disable(ep: &Endpoint<Vtd>) {
        if let Some(pci) = PciEndpoint::new(ep.dev()) {
            pci.disable_pri();
        }

        // Not with the lock held: this waits.
        let look = ep.look.lock().take();

        drop(look);
    }

    fn drain(ep: &Endpoint<Vtd>) {
        ep.source().drain_page_requests(&Core(ep.iommu()));
    }

    fn respond(ep: &Endpoint<Vtd>, group: &RequestGroup, response: PageResponse) {
        let group = Group {
            sid: ep.rid(),
            pasid: group.pasid,
            // CAST: 9 bits, as reported.
            index: group.index as u16,
        };
        let response = match response {
            PageResponse::Success => Response::Success,
            PageResponse::Invalid => Response::Invalid,
            PageResponse::Failure => Response::Failure,
        };

        // A unit that does not answer has said so in the log, and there is nobody else to tell.
        let _ = ep.iommu().answer(&group, response);
    }
}
