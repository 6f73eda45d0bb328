// SPDX-License-Identifier: GPL-2.0

//! Page requests (chapter 7): devices that ask, the queue that the unit writes, and answers.
//!
//! What a device asks for is on its way for as long as it can be: until a wait descriptor has it
//! waited for, or a test lets it arrive.

use super::{
    bit,
    bits,
    registers::{
        half,
        with_half, //
    },
    shared::Shared,
    walk::Walk,
    Unit, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// A request as a device sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) rid: u16,
    pub(crate) pasid: Option<u32>,
    /// The number of its group.
    pub(crate) group: u16,
    pub(crate) address: u64,
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// The last of its group.
    pub(crate) last: bool,
    /// Set in the first word of its descriptor, by a device that sends what it must not.
    pub(crate) junk: u64,
}

impl Ask {
    /// A stop marker is answered by nobody.
    fn is_stop(&self) -> bool {
        self.last && !self.read && !self.write && self.pasid.is_some()
    }
}

/// The answer to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rid: u16,
    pub(crate) pasid: Option<u32>,
    pub(crate) group: u16,
    /// As in PCIe: 0 success, 1 invalid request, 15 failure.
    pub(crate) code: u8,
    /// The unit has answered by itself.
    pub(crate) by_unit: bool,
}

/// The page request queue, and what is on its way to it.
pub(crate) struct Requests {
    /// PQH_REG.
    head: Cell<u64>,
    /// PQT_REG.
    tail: Cell<u64>,
    /// PQA_REG.
    address: Cell<u64>,
    /// PRS_REG.
    status: Cell<u32>,
    /// PECTL_REG.
    control: Cell<u32>,
    posted: Shared<KVec<Ask>>,
    /// Groups whose device waits for an answer.
    waiting: Shared<KVec<Ask>>,
    answers: Shared<KVec<Answer>>,
    /// How many answers get through before one that does not.
    omit: Cell<Option<usize>>,
    /// Wait descriptors do not wait for requests.
    forgets_to_drain: Cell<bool>,
}

/// PRS: pending, and overflow.
const PPR: u32 = 1 << 0;
const PRO: u32 = 1 << 1;

/// PECTL: interrupt mask, and pending.
const IM: u32 = 1 << 31;
const IP: u32 = 1 << 30;

/// Bits of PQH and PQT.
const POSITION: u64 = 0x7_ffe0;

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            head: Cell::new(0),
            tail: Cell::new(0),
            address: Cell::new(0),
            status: Cell::new(0),
            control: Cell::new(IM),
            posted: Shared::new(KVec::new()),
            waiting: Shared::new(KVec::new()),
            answers: Shared::new(KVec::new()),
            omit: Cell::new(None),
            forgets_to_drain: Cell::new(false),
        }
    }
}

impl Unit {
    /// Has a device ask for a page.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn ask(&self, ask: Ask) -> Result {
        let requests = &self.requests;

        requests.posted.borrow_mut().push(ask, GFP_KERNEL)?;
        if ask.last && !ask.is_stop() {
            requests.waiting.borrow_mut().push(ask, GFP_KERNEL)?;
        }
        Ok(())
    }

    /// Lets all arrive that is on its way.
    pub(crate) fn arrive(&self) {
        let posted = core::mem::take(&mut *self.requests.posted.borrow_mut());

        for ask in posted {
            self.receive(&ask);
        }
    }

    pub(super) fn arrive_all(&self) {
        // PDS.
        if !bit(self.config.ecap, 42) {
            self.complain("a wait for page requests on a unit that can't");
        }
        if !self.requests.forgets_to_drain.get() {
            self.arrive();
        }
    }

    /// From now on: lets wait descriptors not wait for requests.
    pub(crate) fn forget_to_drain(&self) {
        self.requests.forgets_to_drain.set(true);
    }

    /// From now on: lets the `n`th answer of software get lost.
    pub(crate) fn lose_answer(&self, n: usize) {
        self.requests.omit.set(Some(n));
    }

    /// Sets what software has left behind in PRS_REG.
    pub(crate) fn preset_requests(&self, status: u32) {
        self.requests.status.set(status);
    }

    /// How many groups wait for an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.requests.waiting.borrow().len()
    }

    /// Takes the answers that devices have got since last time.
    pub(crate) fn answers(&self) -> KVec<Answer> {
        core::mem::take(&mut *self.requests.answers.borrow_mut())
    }

    /// How large the queue is in bytes. None of its entries may make it look empty.
    fn requests_size(&self) -> u64 {
        4096 << bits(self.requests.address.get(), 2, 0)
    }

    /// A request arrives.
    fn receive(&self, ask: &Ask) {
        let requests = &self.requests;
        let context = Walk::real(self).context(ask.rid);
        // DTE and PRE.
        let allowed = self.translating()
            && context.is_ok_and(|context| bit(context[0], 2) && bit(context[0], 4));
        let next = (requests.tail.get() + 32) % self.requests_size();

        if !allowed {
            return self.answer_by_unit(ask, 1);
        }
        if next == requests.head.get() {
            requests.status.set(requests.status.get() | PRO);
            self.request_interrupt();
        }
        if requests.status.get() & PRO != 0 {
            return self.answer_by_unit(ask, 0);
        }

        let pasid = ask.pasid.map_or(0, |pasid| u64::from(pasid) << 32 | 1 << 8);
        let at = (requests.address.get() & !0xfff) + requests.tail.get();
        let words = [
            1 | pasid | u64::from(ask.rid) << 16 | ask.junk,
            ask.address & !0xfff
                | u64::from(ask.group) << 3
                | u64::from(ask.last) << 2
                | u64::from(ask.write) << 1
                | u64::from(ask.read),
            0,
            0,
        ];

        for (at, word) in (at..).step_by(8).zip(words) {
            match self.memory.read(at) {
                Some(_) => self.memory.write(at, word),
                None => self.complain("a page request has nowhere to go"),
            }
        }
        requests.tail.set(next);
        if requests.status.get() & PPR == 0 {
            requests.status.set(requests.status.get() | PPR);
            self.request_interrupt();
        }
    }

    fn request_interrupt(&self) {
        if self.requests.control.get() & IM != 0 {
            self.requests.control.set(IM | IP);
        } else {
            self.complain("an interrupt of the page request queue");
        }
    }

    fn answer_by_unit(&self, ask: &Ask, code: u8) {
        if ask.last && !ask.is_stop() {
            self.deliver(Answer {
                rid: ask.rid,
                pasid: ask.pasid,
                group: ask.group,
                code,
                by_unit: true,
            });
        }
    }

    /// A page group response.
    pub(super) fn respond(&self, d: &[u64; 4]) {
        let omit = &self.requests.omit;
        let left = omit.get();

        omit.set(left.and_then(|n| n.checked_sub(1)));
        if left == Some(0) {
            return;
        }
        // CAST: Fields of 16, 20, 9 and 4 bits.
        self.deliver(Answer {
            rid: bits(d[0], 31, 16) as u16,
            pasid: bit(d[0], 4).then_some(bits(d[0], 51, 32) as u32),
            group: bits(d[1], 11, 3) as u16,
            code: bits(d[0], 15, 12) as u8,
            by_unit: false,
        });
    }

    /// A device gets an answer.
    fn deliver(&self, answer: Answer) {
        let mut waiting = self.requests.waiting.borrow_mut();
        let asked = waiting.iter().position(|ask| {
            (ask.rid, ask.pasid, ask.group) == (answer.rid, answer.pasid, answer.group)
        });

        match asked {
            Some(i) => drop(waiting.remove(i)),
            None => self.complain("an answer to nobody who has asked"),
        }
        if self
            .requests
            .answers
            .borrow_mut()
            .push(answer, GFP_ATOMIC)
            .is_err()
        {
            self.complain("no memory for an answer");
        }
    }

    pub(super) fn read_requests(&self, offset: usize) -> u32 {
        let requests = &self.requests;

        match offset {
            0xc0 | 0xc4 => half(requests.head.get(), offset),
            0xc8 | 0xcc => half(requests.tail.get(), offset),
            0xd0 | 0xd4 => half(requests.address.get(), offset),
            0xdc => requests.status.get(),
            0xe0 => requests.control.get(),
            _ => 0,
        }
    }

    pub(super) fn write_requests(&self, offset: usize, value: u32) {
        let requests = &self.requests;

        // PRS.
        if !bit(self.config.ecap, 29) {
            self.complain("a register of page requests, which there are none of");
        }
        match offset {
            0xc0 | 0xc4 => {
                let head = with_half(requests.head.get(), offset, value);

                if head & !POSITION != 0 || head >= self.requests_size() {
                    self.complain("PQH_REG is beyond the queue");
                }
                requests.head.set(head);
            }
            0xc8 | 0xcc => requests
                .tail
                .set(with_half(requests.tail.get(), offset, value)),
            0xd0 | 0xd4 => requests
                .address
                .set(with_half(requests.address.get(), offset, value)),
            0xdc => {
                let cleared = requests.status.get() & !(value & (PPR | PRO));

                if value & PRO != 0
                    && requests.status.get() & PRO != 0
                    && self.translating()
                    && requests.head.get() != requests.tail.get()
                {
                    self.complain("PRS_REG.PRO cleared while there are requests");
                }
                requests.status.set(cleared);
                if cleared == 0 {
                    requests.control.set(requests.control.get() & !IP);
                }
            }
            0xe0 => requests
                .control
                .set(value & IM | requests.control.get() & IP),
            _ => self.complain("a register was written that cannot be"),
        }
    }
}
