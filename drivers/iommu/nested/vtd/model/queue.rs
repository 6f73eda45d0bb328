// SPDX-License-Identifier: GPL-2.0

//! Queued invalidation (6.5.2): descriptors of 256 bits, and what each of them removes.

use super::{
    bit,
    bits,
    caches::{
        Kind as Made,
        Span,
        Stage, //
    },
    faults::{
        IQE,
        ITE, //
    },
    shared::Shared,
    Unit, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// A kind of descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All context entries.
    ContextGlobal,
    /// Context entries of a domain. In scalable mode they belong to none, and all go.
    ContextDomain,
    /// A device's context entry.
    ContextDevice,
    /// All translations.
    TlbGlobal,
    /// Translations of a domain.
    TlbDomain,
    /// Translations of a domain by second-stage address.
    TlbPage,
    /// A device's own translations without PASID.
    DeviceTlb,
    /// Interrupt entries.
    InterruptEntry,
    /// Wait.
    Wait,
    /// Translations of a PASID of a domain.
    PasidTlb,
    /// Translations of a PASID of a domain by first-stage address.
    PasidTlbPage,
    /// PASID table entries of a domain.
    PasidDomain,
    /// One PASID table entry of a domain.
    Pasid,
    /// All PASID table entries.
    PasidGlobal,
    /// A device's own translations with PASID.
    PasidDeviceTlb,
    /// The answer to a page request.
    PageResponse,
}

/// A descriptor that was processed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) kind: Kind,
    pub(crate) words: [u64; 4],
    /// It had no effect: see [`Omit`].
    pub(crate) omitted: bool,
}

/// When descriptors are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As soon as IQT_REG is written.
    Now,
    /// One with each [`pause()`](crate::vtd::hw::Registers::pause).
    Pausing,
    /// When [`Unit::step()`] is called.
    Stepping,
}

/// What the unit fails to do, for tests of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Omit {
    Nothing,
    /// This many invalidations are done before the one that is not.
    Nth(usize),
    Every(Kind),
}

/// The queue's registers, and what became of descriptors.
pub(crate) struct Queue {
    address: Cell<u64>,
    head: Cell<u64>,
    tail: Cell<u64>,
    /// IQERCD_REG.
    error: Cell<u64>,
    /// ICS_REG.
    complete: Cell<u32>,
    /// IECTL_REG.
    control: Cell<u32>,
    interrupts: Cell<u32>,
    pace: Cell<Pace>,
    omit: Cell<Omit>,
    /// How many invalidations are accepted before one is refused, if one is.
    refuse: Cell<Option<usize>>,
    log: Shared<KVec<Done>>,
    /// A device that has not answered an invalidation.
    late: Cell<Option<u16>>,
    /// Entries are being forgotten that translations may still be made by: neither a fence came
    /// since then, nor what was submitted when there was nothing left to do.
    forgetting: Cell<bool>,
}

/// IECTL: interrupt mask, and pending.
const IM: u32 = 1 << 31;
const IP: u32 = 1 << 30;

/// IQERCD: what is wrong with the queue.
const BAD_TAIL: u64 = 1;
const BAD_FETCH: u64 = 2;
const BAD_TYPE: u64 = 3;
const BAD_RESERVED: u64 = 4;
const BAD_WIDTH: u64 = 5;
const BAD_ALIGNMENT: u64 = 6;

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            address: Cell::new(0),
            head: Cell::new(0),
            tail: Cell::new(0),
            error: Cell::new(0),
            complete: Cell::new(0),
            control: Cell::new(IM),
            interrupts: Cell::new(0),
            pace: Cell::new(Pace::Now),
            omit: Cell::new(Omit::Nothing),
            refuse: Cell::new(None),
            log: Shared::new(KVec::new()),
            late: Cell::new(None),
            forgetting: Cell::new(false),
        }
    }
}

/// What kind a descriptor is. `Err`: what is wrong, as in IQERCD.
fn decode(d: &[u64; 4], unit: &Unit) -> Result<Kind, u64> {
    // The upper part of the type.
    if bits(d[0], 11, 9) != 0 {
        return Err(BAD_TYPE);
    }

    let granularity = bits(d[0], 5, 4);
    let kind = match (bits(d[0], 3, 0), granularity) {
        (1, 1) => Kind::ContextGlobal,
        (1, 2) => Kind::ContextDomain,
        (1, 3) => Kind::ContextDevice,
        (2, 1) => Kind::TlbGlobal,
        (2, 2) => Kind::TlbDomain,
        (2, 3) => Kind::TlbPage,
        (3, _) => Kind::DeviceTlb,
        (4, _) => Kind::InterruptEntry,
        (5, _) => Kind::Wait,
        (6, 2) => Kind::PasidTlb,
        (6, 3) => Kind::PasidTlbPage,
        (7, 0) => Kind::PasidDomain,
        (7, 1) => Kind::Pasid,
        (7, 3) => Kind::PasidGlobal,
        (8, _) => Kind::PasidDeviceTlb,
        (9, _) => Kind::PageResponse,
        (1 | 2 | 6 | 7, _) => return Err(BAD_RESERVED),
        _ => return Err(BAD_TYPE),
    };
    // Bits that a descriptor may have set, in its first two words.
    let (low, high) = match kind {
        Kind::ContextGlobal | Kind::ContextDomain | Kind::ContextDevice => {
            (0x0003_ffff_ffff_003f, 0)
        }
        Kind::TlbGlobal | Kind::TlbDomain | Kind::TlbPage => (0xffff_00ff, !0xf80),
        Kind::DeviceTlb => (0xfff0_ffff_001f_f00f, !0xffe),
        Kind::InterruptEntry => (0x0000_ffff_f800_001f, 0),
        Kind::Wait => (0xffff_ffff_0000_00ff, !3),
        Kind::PasidTlb | Kind::PasidTlbPage => (0x000f_ffff_ffff_003f, !0xf80),
        Kind::PasidDomain | Kind::Pasid | Kind::PasidGlobal => (0x000f_ffff_ffff_003f, 0),
        Kind::PasidDeviceTlb => (0xffff_ffff_ffff_f1ff, !0x7fe),
        Kind::PageResponse => (0x000f_ffff_ffff_f01f, 0xffc),
    };
    let private = kind == Kind::PageResponse;

    if d[0] & !low != 0 || d[1] & !high != 0 || (!private && (d[2] | d[3]) != 0) {
        return Err(BAD_RESERVED);
    }
    // MAMV is for second stages alone.
    if kind == Kind::TlbPage && bits(d[1], 5, 0) > bits(unit.config.cap, 53, 48) {
        return Err(BAD_RESERVED);
    }
    Ok(kind)
}

/// The range of a page-selective invalidation.
fn pages(word: u64) -> Span {
    // CAST: 6 bits.
    Span::around(word & !0xfff, (12 + bits(word, 5, 0) as u32).min(64))
}

/// The range of a device-TLB invalidation: with S, the lowest clear bit from bit 12 says how large.
fn device_pages(word: u64, size: bool) -> Span {
    let ones = if size {
        (word >> 12).trailing_ones() + 1
    } else {
        0
    };

    Span::around(word & !0xfff, (12 + ones).min(64))
}

impl Unit {
    /// Sets when descriptors are processed.
    pub(crate) fn set_pace(&self, pace: Pace) {
        self.queue.pace.set(pace);
        self.work();
    }

    /// From now on: lets the `n`th invalidation have no effect.
    pub(crate) fn drop_one(&self, n: usize) {
        self.queue.omit.set(Omit::Nth(n));
    }

    /// From now on: lets invalidations of a kind have no effect.
    pub(crate) fn drop_kind(&self, kind: Kind) {
        self.queue.omit.set(Omit::Every(kind));
    }

    /// From now on: refuses the `n`th invalidation, as if it were not one.
    pub(crate) fn refuse_one(&self, n: usize) {
        self.queue.refuse.set(Some(n));
    }

    /// Whether the invalidation of [`refuse_one()`](Self::refuse_one) has not come yet.
    pub(crate) fn refuse_waits(&self) -> bool {
        self.queue.refuse.get().is_some()
    }

    /// From now on: omits nothing.
    pub(crate) fn drop_none(&self) {
        self.queue.omit.set(Omit::Nothing);
    }

    /// Whether the invalidation of [`drop_one()`](Self::drop_one) has not come yet.
    pub(crate) fn drop_waits(&self) -> bool {
        matches!(self.queue.omit.get(), Omit::Nth(_))
    }

    /// How many descriptors have been processed since the last [`forget_log()`](Self::forget_log).
    pub(crate) fn logged(&self) -> usize {
        self.queue.log.borrow().len()
    }

    /// The `i`th descriptor processed.
    pub(crate) fn log(&self, i: usize) -> Option<Done> {
        self.queue.log.borrow().get(i).copied()
    }

    /// Whether exactly these kinds of descriptors were processed, in this order.
    pub(crate) fn did(&self, kinds: &[Kind]) -> bool {
        let log = self.queue.log.borrow();

        log.iter().map(|done| done.kind).eq(kinds.iter().copied())
    }

    /// Starts the log anew.
    pub(crate) fn forget_log(&self) {
        self.queue.log.borrow_mut().clear();
    }

    /// How many interrupts wait descriptors have sent.
    pub(crate) fn wait_interrupts(&self) -> u32 {
        self.queue.interrupts.get()
    }

    pub(super) fn queue_head(&self) -> u64 {
        self.queue.head.get()
    }

    pub(super) fn queue_tail(&self) -> u64 {
        self.queue.tail.get()
    }

    pub(super) fn queue_address(&self) -> u64 {
        self.queue.address.get()
    }

    pub(super) fn set_queue_address(&self, value: u64) {
        self.queue.address.set(value);
    }

    pub(super) fn queue_error(&self) -> u64 {
        self.queue.error.get()
    }

    pub(super) fn completion_status(&self) -> u32 {
        self.queue.complete.get()
    }

    pub(super) fn completion_control(&self) -> u32 {
        self.queue.control.get()
    }

    pub(super) fn clear_completion(&self, value: u32) {
        self.queue.complete.set(self.queue.complete.get() & !value);
        if self.queue.complete.get() == 0 {
            self.queue.control.set(self.queue.control.get() & !IP);
        }
    }

    pub(super) fn set_completion_control(&self, value: u32) {
        let pending = self.queue.control.get() & IP;

        self.queue.control.set(value & IM | pending);
        if value & IM == 0 && pending != 0 {
            self.queue.control.set(0);
            self.queue.interrupts.set(self.queue.interrupts.get() + 1);
        }
    }

    pub(super) fn set_queue_tail(&self, value: u32) {
        let tail = u64::from(value);

        if tail % 32 != 0 {
            self.queue_fails(BAD_ALIGNMENT);
        } else if tail >= self.queue_size() {
            self.queue_fails(BAD_TAIL);
        } else {
            if self.queue.head.get() == self.queue.tail.get() {
                self.queue.forgetting.set(false);
            }
            self.queue.tail.set(tail);
        }
    }

    /// The queue is switched on or off: it is empty. A queue must be empty to be switched off.
    pub(super) fn reset_queue(&self) {
        if self.queue.head.get() != self.queue.tail.get() {
            self.complain("the queue was switched while not empty");
        }
        self.queue.head.set(0);
        self.queue.late.set(None);
    }

    /// Its size in bytes.
    fn queue_size(&self) -> u64 {
        4096 << bits(self.queue.address.get(), 2, 0)
    }

    fn queue_fails(&self, what: u64) {
        self.queue.error.set(self.queue.error.get() & !0xf | what);
        self.raise(IQE);
    }

    /// Processes what the pace allows.
    pub(super) fn work(&self) {
        while self.queue.pace.get() == Pace::Now && self.step() {}
    }

    pub(super) fn on_pause(&self) {
        if self.queue.pace.get() == Pace::Pausing {
            self.step();
        }
    }

    /// Processes a descriptor. `false`: there is none, or the queue stands still for an error.
    pub(crate) fn step(&self) -> bool {
        let queue = &self.queue;
        let head = queue.head.get();

        if !self.queue_enabled() || self.raised(IQE | ITE) || head == queue.tail.get() {
            return false;
        }
        // DW.
        if !bit(queue.address.get(), 11) {
            self.queue_fails(BAD_WIDTH);
            return false;
        }

        let at = (queue.address.get() & !0xfff) + head;
        let mut words = [0; 4];

        for (word, at) in words.iter_mut().zip((at..).step_by(8)) {
            match self.memory.read(at) {
                Some(value) => *word = value,
                None => {
                    self.queue_fails(BAD_FETCH);
                    return false;
                }
            }
        }

        let kind = match decode(&words, self) {
            Ok(kind) => kind,
            Err(what) => {
                self.queue_fails(what);
                return false;
            }
        };

        if self.refuses(kind) {
            self.queue_fails(BAD_RESERVED);
            return false;
        }

        let omitted = self.omits(kind);
        let done = Done {
            kind,
            words,
            omitted,
        };

        queue.head.set((head + 32) % self.queue_size());
        if queue.log.borrow_mut().push(done, GFP_ATOMIC).is_err() {
            self.complain("no memory for the log");
        }
        self.order(kind, &words);
        if !omitted {
            self.invalidate(kind, &words);
        }
        self.look();
        true
    }

    /// A unit may begin with a descriptor before those in front of it are done.
    fn order(&self, kind: Kind, d: &[u64; 4]) {
        let forgetting = &self.queue.forgetting;

        match kind {
            Kind::ContextGlobal
            | Kind::ContextDomain
            | Kind::ContextDevice
            | Kind::PasidDomain
            | Kind::Pasid
            | Kind::PasidGlobal => forgetting.set(true),
            // FN.
            Kind::Wait if bit(d[0], 6) => forgetting.set(false),
            Kind::Wait | Kind::InterruptEntry | Kind::PageResponse => (),
            _ if forgetting.get() => {
                self.complain("translations may be made anew by an entry that is to be forgotten");
            }
            _ => (),
        }
    }

    fn refuses(&self, kind: Kind) -> bool {
        let refuse = &self.queue.refuse;

        if matches!(kind, Kind::Wait | Kind::PageResponse) {
            return false;
        }

        let left = refuse.get();

        refuse.set(left.and_then(|n| n.checked_sub(1)));
        left == Some(0)
    }

    fn omits(&self, kind: Kind) -> bool {
        let omit = &self.queue.omit;

        match omit.get() {
            _ if matches!(kind, Kind::Wait | Kind::PageResponse) => false,
            Omit::Nothing => false,
            Omit::Every(which) => kind == which,
            Omit::Nth(0) => {
                omit.set(Omit::Nothing);
                true
            }
            Omit::Nth(n) => {
                omit.set(Omit::Nth(n - 1));
                false
            }
        }
    }

    /// The effect of a descriptor.
    fn invalidate(&self, kind: Kind, d: &[u64; 4]) {
        let caches = &self.caches;
        // DW and DR: accesses by what is invalidated arrive before it is complete.
        let drains = |write| bit(d[0], if write { 6 } else { 7 });
        // CAST: Fields of 16 and 20 bits.
        let did = bits(d[0], 31, 16) as u16;
        let pasid = bits(d[0], 51, 32) as u32;

        match kind {
            Kind::ContextGlobal | Kind::ContextDomain => caches.drop_contexts(|_| true),
            Kind::ContextDevice => {
                // FM: how many low bits of the function do not count, from the highest.
                let function = [0, 0b100, 0b110, 0b111][bits(d[0], 49, 48) as usize];
                let source = bits(d[0], 47, 32) as u16;

                caches.drop_contexts(|c| (c.rid ^ source) & !function == 0);
            }
            Kind::TlbGlobal => {
                caches.drop_translations(|_| true);
                caches.drop_pointers(|_| true);
                caches.drop_absent();
                self.drain(|p| drains(p.request.write));
            }
            Kind::TlbDomain => {
                caches.drop_translations(|t| t.did == did);
                caches.drop_pointers(|p| p.did == did);
                if did == 0 {
                    caches.drop_absent();
                }
                self.drain(|p| p.did == did && drains(p.request.write));
            }
            Kind::TlbPage => {
                let (span, hint) = (pages(d[1]), bit(d[1], 6));

                // By second-stage address what has one as its tag; of a first stage, which does
                // not know what of the second it was made of, all.
                caches.drop_translations(|t| {
                    t.did == did
                        && match t.kind {
                            Made::Second | Made::Through => t.span.overlaps(&span),
                            Made::First | Made::Nested => true,
                        }
                });
                // The hint is that non-leaf entries of the second stage are as they were.
                caches.drop_pointers(|p| {
                    p.did == did
                        && match p.stage {
                            Stage::Second => !hint && p.span.overlaps(&span),
                            Stage::First => true,
                        }
                });
                self.drain(|p| {
                    p.did == did
                        && drains(p.request.write)
                        && match p.kind {
                            Made::Second | Made::Through => span.contains(p.request.address),
                            Made::First | Made::Nested => true,
                        }
                });
            }
            Kind::PasidTlb => {
                caches.drop_translations(|t| {
                    t.kind != Made::Second && t.did == did && t.pasid == pasid
                });
                caches
                    .drop_pointers(|p| p.stage == Stage::First && p.did == did && p.pasid == pasid);
                self.drain(|p| p.kind != Made::Second && p.did == did && p.pasid == pasid);
            }
            Kind::PasidTlbPage => {
                let (span, hint) = (pages(d[1]), bit(d[1], 6));

                caches.drop_translations(|t| {
                    matches!(t.kind, Made::First | Made::Nested)
                        && t.did == did
                        && t.pasid == pasid
                        && t.span.overlaps(&span)
                });
                caches.drop_pointers(|p| {
                    p.stage == Stage::First
                        && !hint
                        && p.did == did
                        && p.pasid == pasid
                        && p.span.overlaps(&span)
                });
                self.drain(|p| {
                    matches!(p.kind, Made::First | Made::Nested)
                        && p.did == did
                        && p.pasid == pasid
                        && span.contains(p.request.address)
                });
            }
            Kind::PasidDomain => caches.drop_pasids(|p| p.did == did),
            Kind::Pasid => caches.drop_pasids(|p| p.did == did && p.pasid == pasid),
            Kind::PasidGlobal => caches.drop_pasids(|_| true),
            Kind::DeviceTlb => {
                let span = device_pages(d[1], bit(d[1], 0));

                self.ask_device(bits(d[0], 47, 32) as u16, |held| {
                    held.pasid.is_none() && held.span.overlaps(&span)
                });
            }
            Kind::PasidDeviceTlb => {
                let span = device_pages(d[1], bit(d[1], 11));
                let global = bit(d[1], 0);

                self.ask_device(bits(d[0], 31, 16) as u16, |held| {
                    held.pasid.is_some_and(|p| global || p == pasid) && held.span.overlaps(&span)
                });
            }
            Kind::Wait => self.wait(d),
            Kind::InterruptEntry => (),
            Kind::PageResponse => self.respond(d),
        }
    }

    /// Removes what a device holds, if it answers.
    fn ask_device(&self, rid: u16, goes: impl Fn(&super::device::Held) -> bool) {
        if !self.has_ats(rid) {
            self.complain("an invalidation for a device that caches nothing");
        } else if self.is_mute(rid) {
            self.queue.late.set(Some(rid));
        } else {
            self.drop_held(rid, goes);
        }
    }

    /// A wait descriptor: all before it is done, or a device has not answered.
    fn wait(&self, d: &[u64; 4]) {
        let queue = &self.queue;

        if let Some(rid) = queue.late.take() {
            queue
                .error
                .set(queue.error.get() & !(0xffff << 32) | u64::from(rid) << 32);
            self.raise(ITE);
            return;
        }
        // PD: page requests that were on their way are in their queue.
        if bit(d[0], 7) {
            self.arrive_all();
        }
        // SW: writes its data.
        if bit(d[0], 5) {
            let at = d[1] & !7;
            let shift = (d[1] & 4) * 8;

            match self.memory.read(at) {
                Some(old) => {
                    let data = bits(d[0], 63, 32) << shift;

                    self.memory.write(at, old & !(0xffff_ffff << shift) | data);
                }
                None => self.complain("a wait descriptor's data has nowhere to go"),
            }
        }
        // IF: with an interrupt.
        if bit(d[0], 4) && queue.complete.get() == 0 {
            queue.complete.set(1);
            if queue.control.get() & IM != 0 {
                queue.control.set(IM | IP);
            } else {
                queue.interrupts.set(queue.interrupts.get() + 1);
            }
        }
    }
}
