// SPDX-License-Identifier: GPL-2.0

//! The page request queue (chapter 7): devices ask for pages that are not there yet (PRI).
//!
//! A ring of descriptors in one page, which the unit fills and this empties. A group of requests
//! is answered as a whole, when its last one has come, by a descriptor of the invalidation queue:
//! by whom the requests were handed to, or, if nobody takes them, at once, as one that can't be
//! fulfilled. A device waits for its answer, and has only so many groups.
//!
//! When the ring is full the unit refuses requests, by itself and so that the device tries again,
//! until it is told that this was noticed.

use super::{
    arch::{
        descriptor::{
            Descriptor,
            Response, //
        },
        request::{
            Group,
            Message,
            PageRequest,
            WORDS, //
        },
    },
    engine::Engine,
    flush::Batch,
    hw::{
        Machine,
        Page,
        Registers, //
    },
    regs,
    slot::Invalidate, //
};
use crate::common::ring::Ring;
use kernel::prelude::*;

/// The descriptors of a page.
const RING: Ring = Ring { log2: 7 };

/// How often to wait again for what is on its way while others fill the queue.
const DRAINS: u32 = 4;

/// Whom requests are handed to.
pub(crate) trait Server {
    /// Takes a request, or does not. A group whose last request was taken gets an answer
    /// ([`Engine::answer`]). May sleep.
    fn take(&self, request: &PageRequest) -> bool;

    /// Nobody has taken the last request of a group, which is refused.
    fn refused(&self, request: &PageRequest);

    /// Requests were lost: groups of which some were taken may never be complete.
    fn lost(&self);

    /// Something came that is no request, or a bad one, which is refused.
    fn malformed(&self, raw: &[u64; WORDS]);
}

/// Has the unit use the ring at `address` (HPA), whatever was in use before.
pub(super) fn start(regs: &impl Registers, address: u64) {
    regs.write32(regs::PECTL, regs::PECTL_IM);
    regs.write64(regs::PQH, 0);
    regs.write64(regs::PQT, 0);
    regs.write64(regs::PQA, address);
    regs.write32(regs::PRS, regs::PRS_PENDING | regs::PRS_OVERFLOW);
}

/// Has it use none any more. No device asks for pages.
pub(super) fn stop(regs: &impl Registers) {
    regs.write64(regs::PQH, 0);
    regs.write64(regs::PQT, 0);
    regs.write64(regs::PQA, 0);
}

/// The index in PQH or PQT.
fn index(register: u64) -> u64 {
    (register >> regs::PQ_SHIFT) & (RING.entries() - 1)
}

fn answer(group: &Group, response: Response) -> Descriptor {
    Descriptor::page_group_response(group.sid, group.pasid, group.index, response)
}

impl<M: Machine> Engine<M> {
    /// Answers a group of requests, of which the last was taken. May sleep.
    ///
    /// # Errors
    ///
    /// - As [`Invalidate::invalidate`].
    pub(crate) fn answer(&self, group: &Group, response: Response) -> Result {
        self.invalidate(&[answer(group, response)])
    }

    /// Hands on what is in the queue. Returns whether requests were lost since last time. May
    /// sleep.
    pub(crate) fn serve_page_requests(&self, server: &impl Server) -> bool {
        let ring = self.requests.lock();
        let Some(ring) = &*ring else {
            return false;
        };
        let regs = &self.regs;
        // From then on the unit adds nothing, so that the queue is empty below.
        let lost = regs.read32(regs::PRS) & regs::PRS_OVERFLOW != 0;
        let tail = regs.read64(regs::PQT);

        if tail == u64::MAX {
            return false;
        }

        let (first, tail) = (index(regs.read64(regs::PQH)), index(tail));
        let mut refusals: Batch<'_, _> = Batch::new(self);

        for pos in (first..).take_while(|&pos| RING.index(pos) != RING.index(tail)) {
            let at = RING.index(pos) * WORDS;
            let raw = core::array::from_fn(|i| ring.load(at + i));

            if let Some(group) = hand_on(server, &raw) {
                refusals.push(answer(&group, Response::Invalid));
            }
        }
        if first != tail {
            regs.write64(regs::PQH, tail << regs::PQ_SHIFT);
            regs.write32(regs::PRS, regs::PRS_PENDING);
        }
        // A unit that does not answer has said so in the log.
        let _ = refusals.complete();

        if lost {
            server.lost();
            regs.write32(regs::PRS, regs::PRS_OVERFLOW);
        }
        lost
    }

    /// Hands on all requests that a device has made: to be called when it makes no more, or no more
    /// that matter, and the unit has invalidated what it had cached (section 7.10). May sleep.
    pub(crate) fn drain_page_requests(&self, server: &impl Server) {
        if self.requests.lock().is_none() {
            return;
        }
        for _ in 0..DRAINS {
            // What did come is handed on even if the unit does not say that it is all.
            let _ = self.wait_for_page_requests();

            // What was lost can't be in the queue later, but what is on its way can.
            if !self.serve_page_requests(server) {
                return;
            }
        }
    }
}

/// Hands on a descriptor. Returns the group that is to be refused, if one is.
fn hand_on(server: &impl Server, raw: &[u64; WORDS]) -> Option<Group> {
    match Message::decode(raw) {
        Message::Request(request) if server.take(&request) => None,
        Message::Request(request) => {
            let refused = request.last.then_some(request.group);

            if refused.is_some() {
                server.refused(&request);
            }
            refused
        }
        Message::Stop => None,
        Message::Malformed(group) => {
            server.malformed(raw);
            group
        }
        Message::Unknown(_) => {
            server.malformed(raw);
            None
        }
    }
}
