// SPDX-License-Identifier: GPL-2.0

//! Devices: their accesses, their own translation caches (4.1), and probes that look all the time.

use super::{
    bit,
    caches::{
        Kind,
        Span, //
    },
    faults::Reason,
    shared::Shared,
    walk::{
        Entry,
        Request,
        Walk, //
    },
    Unit, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// A translation that a device holds.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    rid: u16,
    pub(crate) pasid: Option<u32>,
    pub(crate) span: Span,
    output: u64,
    read: bool,
    write: bool,
}

/// An access that was translated and may be on its way still. It has arrived when what it was
/// translated by was invalidated, with draining (6.5.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) request: Request,
    /// Where it goes (HPA).
    output: u64,
    /// The tags of its translation.
    pub(crate) kind: Kind,
    pub(crate) did: u16,
    pub(crate) pasid: u32,
    /// The device has translated it by itself.
    translated: bool,
}

/// What became of an access: an address (HPA), or why there is none.
pub(crate) type Outcome = Result<u64, Reason>;

/// All devices.
pub(crate) struct Devices {
    /// Those that have a translation cache in use.
    ats: Shared<KVec<u16>>,
    /// Those of them that do not answer invalidations.
    mute: Shared<KVec<u16>>,
    held: Shared<KVec<Held>>,
    posted: Shared<KVec<Posted>>,
    /// Accesses that are tried after each thing that happens.
    probes: Shared<KVec<Request>>,
    /// What a probe has seen, each once.
    seen: Shared<KVec<(usize, Outcome)>>,
    /// A probe is looking.
    busy: Cell<bool>,
}

impl Devices {
    pub(super) fn new() -> Self {
        Self {
            ats: Shared::new(KVec::new()),
            mute: Shared::new(KVec::new()),
            held: Shared::new(KVec::new()),
            posted: Shared::new(KVec::new()),
            probes: Shared::new(KVec::new()),
            seen: Shared::new(KVec::new()),
            busy: Cell::new(false),
        }
    }
}

impl Unit {
    /// Switches a device's translation cache on or off. Off, it is empty.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn set_ats(&self, rid: u16, on: bool) -> Result {
        let devices = &self.devices;

        devices.ats.borrow_mut().retain(|&mut r| r != rid);
        if on {
            devices.ats.borrow_mut().push(rid, GFP_KERNEL)?;
        } else {
            devices.held.borrow_mut().retain(|held| held.rid != rid);
        }
        Ok(())
    }

    pub(super) fn has_ats(&self, rid: u16) -> bool {
        self.devices.ats.borrow().contains(&rid)
    }

    /// Lets a device answer invalidations no more, or again.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn set_mute(&self, rid: u16, mute: bool) -> Result {
        self.devices.mute.borrow_mut().retain(|&mut r| r != rid);
        if mute {
            self.devices.mute.borrow_mut().push(rid, GFP_KERNEL)?;
        }
        Ok(())
    }

    pub(super) fn is_mute(&self, rid: u16) -> bool {
        self.devices.mute.borrow().contains(&rid)
    }

    /// How many translations devices hold.
    pub(crate) fn held(&self) -> usize {
        self.devices.held.borrow().len()
    }

    pub(super) fn drop_held(&self, rid: u16, goes: impl Fn(&Held) -> bool) {
        self.devices
            .held
            .borrow_mut()
            .retain(|held| held.rid != rid || !goes(held));
        // It answers when its accesses by them have arrived.
        self.devices.posted.borrow_mut().retain(|posted| {
            let held = Held {
                rid: posted.request.rid,
                pasid: posted.request.pasid,
                span: Span::around(posted.request.address, 12),
                output: posted.output,
                read: true,
                write: true,
            };

            !posted.translated || held.rid != rid || !goes(&held)
        });
    }

    /// Waits for accesses that have passed the unit to arrive. What a device has translated itself
    /// may not have come so far yet; it does not pass any more if the device may not do that.
    pub(super) fn drain(&self, which: impl Fn(&Posted) -> bool) {
        self.devices.posted.borrow_mut().retain(|posted| {
            posted.translated && self.lets_translated_pass(posted.request.rid) || !which(posted)
        });
    }

    /// DTE, as the unit knows it.
    fn lets_translated_pass(&self, rid: u16) -> bool {
        Walk::real(self)
            .context(rid)
            .is_ok_and(|context| bit(context[0], 2))
    }

    fn post(&self, request: &Request, output: u64, entry: &Entry, translated: bool) {
        let mut all = self.devices.posted.borrow_mut();
        let posted = Posted {
            request: *request,
            output,
            kind: entry.kind,
            did: entry.did(),
            pasid: entry.pasid,
            translated,
        };

        if !all.contains(&posted) && all.push(posted, GFP_ATOMIC).is_err() {
            self.complain("no memory for an access");
        }
    }

    /// Whether an access may be on its way to where its device does not get any more.
    pub(crate) fn is_late(&self) -> bool {
        let posted = self.devices.posted.borrow();

        self.translating()
            && posted.iter().any(|posted| {
                let r = &posted.request;

                self.fresh(r.rid, r.pasid, r.address, r.write) != Ok(posted.output)
            })
    }

    /// Whether nothing is cached or on its way by a DID.
    pub(crate) fn is_unused(&self, did: u16) -> bool {
        let posted = self.devices.posted.borrow();

        self.caches.is_unused(did) && !posted.iter().any(|posted| posted.did == did)
    }

    /// A device's access, now: where it goes (HPA), out of caches where they have it.
    ///
    /// # Errors
    ///
    /// The reason of the fault, which is recorded if the architecture has it recorded.
    pub(crate) fn dma(&self, rid: u16, pasid: Option<u32>, address: u64, write: bool) -> Outcome {
        let request = Request {
            rid,
            pasid,
            address,
            write,
        };
        let walk = Walk::real(self);

        if self.translating() && self.has_ats(rid) {
            self.through_cache(&walk, &request)
        } else {
            self.untranslated(&walk, &request)
        }
    }

    /// A device's access as of [`dma()`](Self::dma) that it has not translated itself, even if it
    /// could.
    ///
    /// # Errors
    ///
    /// The reason of the fault.
    pub(crate) fn plain_dma(
        &self,
        rid: u16,
        pasid: Option<u32>,
        address: u64,
        write: bool,
    ) -> Outcome {
        let request = Request {
            rid,
            pasid,
            address,
            write,
        };

        self.untranslated(&Walk::real(self), &request)
    }

    fn untranslated(&self, walk: &Walk<'_>, request: &Request) -> Outcome {
        match walk.translate(request) {
            Ok(answer) => {
                let output = answer.output + (request.address - answer.span.base);

                // What it was translated by may not be what is there now.
                if self.translating() && !self.config.by_source && !self.config.shortcut {
                    if let Ok(entry) = walk.entry(request) {
                        self.post(request, output, &entry, false);
                    }
                }
                Ok(output)
            }
            Err(reason) => {
                if !walk.is_silent() {
                    self.record(request, reason);
                }
                Err(reason)
            }
        }
    }

    /// An access of a device that has a cache: what it lacks it asks for, and goes there itself.
    fn through_cache(&self, walk: &Walk<'_>, request: &Request) -> Outcome {
        let held = &self.devices.held;
        let found = held.borrow().iter().copied().find(|h| {
            h.rid == request.rid && h.pasid == request.pasid && h.span.contains(request.address)
        });

        // DTE: both asking and going there.
        if !bit(walk.context(request.rid)?[0], 2) {
            return Err(Reason::DeviceTlb);
        }
        if let Some(h) = found {
            let permitted = match request.write {
                true => h.write,
                false => h.read,
            };

            if permitted {
                return Ok(h.output + (request.address - h.span.base));
            }
        }

        let entry = walk.entry(request)?;

        let answer = walk.translate(request)?;
        let mut held = held.borrow_mut();

        // What lacked the permission is replaced.
        held.retain(|h| {
            h.rid != request.rid || h.pasid != request.pasid || !h.span.overlaps(&answer.span)
        });
        // Where memory is short a device caches less.
        let _ = held.push(
            Held {
                rid: request.rid,
                pasid: request.pasid,
                span: answer.span,
                output: answer.output,
                read: answer.read,
                // Without a dirty bit a device must ask again before it writes.
                write: answer.write && answer.dirty,
            },
            GFP_ATOMIC,
        );

        let output = answer.output + (request.address - answer.span.base);

        if !self.config.by_source {
            self.post(request, output, &entry, true);
        }
        Ok(output)
    }

    /// What an access gets by what is in memory alone. Leaves no trace.
    ///
    /// # Errors
    ///
    /// The reason of the fault.
    pub(crate) fn fresh(&self, rid: u16, pasid: Option<u32>, address: u64, write: bool) -> Outcome {
        let request = Request {
            rid,
            pasid,
            address,
            write,
        };

        Walk::fresh(self)
            .translate(&request)
            .map(|answer| answer.output + (address - answer.span.base))
    }

    /// Whether an access gets something else than it would without caches, by the unit's or by
    /// the device's own. A fault is as good as any other.
    pub(crate) fn stale(&self, rid: u16, pasid: Option<u32>, address: u64, write: bool) -> bool {
        let fresh = self.fresh(rid, pasid, address, write).ok();
        // Where a device may not use its own cache it gets nothing by that.
        let context = Walk::fresh(self).context(rid);
        let own = fresh.filter(|_| {
            !self.translating()
                || !self.has_ats(rid)
                || context.is_ok_and(|context| bit(context[0], 2))
        });

        self.dma(rid, pasid, address, write).ok() != own
            || self.plain_dma(rid, pasid, address, write).ok() != fresh
    }

    /// From now on, tries this access whenever a word is stored in memory, a register is written,
    /// or a descriptor has been processed. Returns the probe's number.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn probe(
        &self,
        rid: u16,
        pasid: Option<u32>,
        address: u64,
        write: bool,
    ) -> Result<usize> {
        let mut probes = self.devices.probes.borrow_mut();

        probes.push(
            Request {
                rid,
                pasid,
                address,
                write,
            },
            GFP_KERNEL,
        )?;
        Ok(probes.len() - 1)
    }

    /// Forgets what probes have seen.
    pub(crate) fn forget_seen(&self) {
        self.devices.seen.borrow_mut().clear();
    }

    /// Whether a probe has seen this.
    pub(crate) fn has_seen(&self, probe: usize, outcome: Outcome) -> bool {
        self.devices.seen.borrow().contains(&(probe, outcome))
    }

    /// Whether all that a probe has seen is among these.
    pub(crate) fn has_seen_only(&self, probe: usize, outcomes: &[Outcome]) -> bool {
        let seen = self.devices.seen.borrow();

        seen.iter()
            .all(|(i, outcome)| *i != probe || outcomes.contains(outcome))
    }

    /// Lets the probes look.
    pub(crate) fn look(&self) {
        if self.devices.busy.replace(true) {
            return;
        }
        for (i, request) in self.devices.probes.borrow().iter().enumerate() {
            let &Request {
                rid,
                pasid,
                address,
                write,
            } = request;

            self.note(i, self.dma(rid, pasid, address, write));
            self.note(i, self.plain_dma(rid, pasid, address, write));
        }
        self.devices.busy.set(false);
    }

    fn note(&self, probe: usize, outcome: Outcome) {
        if !self.has_seen(probe, outcome) {
            let mut seen = self.devices.seen.borrow_mut();

            if seen.push((probe, outcome), GFP_ATOMIC).is_err() {
                self.complain("no memory for what a probe has seen");
            }
        }
    }
}
