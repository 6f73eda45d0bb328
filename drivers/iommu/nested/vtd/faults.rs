// SPDX-License-Identifier: GPL-2.0

//! Faults that the unit records (sections 7.1 to 7.3).
//!
//! They are looked for ten times a second: the interrupt for them is a message of the unit's own,
//! and what the kernel has for those belongs to its built-in drivers. A unit keeps the first few
//! faults until somebody has looked, so that what is late is the message, not the refusal.

use super::{
    arch::fault::Record,
    hw::Registers,
    regs::{
        self,
        Status, //
    },
    unit::Unit,
    Vtd, //
};
use crate::{
    backend::EventSink,
    iommu::{
        periodic::{
            Periodic,
            Task, //
        },
        Instance, //
    },
    trace,
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// How often to look, in milliseconds.
const PAUSE_MS: u32 = 100;

/// Takes the events of a guest.
pub(crate) type Sink = Arc<dyn EventSink<[u64; 2]>>;

/// A device whose faults are a guest's.
struct Member {
    rid: u16,
    /// What the guest knows it by.
    id: u16,
    events: Sink,
}

/// The devices of a unit whose faults are guests'.
#[pin_data]
pub(crate) struct Members {
    #[pin]
    all: Mutex<KVec<Member>>,
}

impl Members {
    /// None.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            all <- new_mutex!(KVec::new(), "Members::all"),
        })
    }

    /// Makes room for one more. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn reserve(&self) -> Result {
        Ok(self.all.lock().reserve(1, GFP_KERNEL)?)
    }

    /// From now on, faults of the device with the requester ID `rid` are those of a guest that
    /// knows it by an ID, or the host's. There is room. May sleep.
    pub(crate) fn assign(&self, rid: u16, guest: Option<(u16, Sink)>) {
        let mut all = self.all.lock();

        all.retain(|member| member.rid != rid);
        if let Some((id, events)) = guest {
            let _ = all.push(Member { rid, id, events }, GFP_KERNEL);
        }
    }

    fn find(&self, rid: u16) -> Option<(u16, Sink)> {
        let all = self.all.lock();
        let member = all.iter().find(|member| member.rid == rid)?;

        Some((member.id, member.events.clone()))
    }
}

/// Looks after the faults of a unit.
pub(crate) struct Watch(Arc<Instance<Vtd>>);

impl Task for Watch {
    fn run(&self) {
        self.0.drain_faults();
    }
}

/// Looks after the faults of `unit` until the result is dropped.
///
/// # Errors
///
/// - [`ENOMEM`]
pub(crate) fn watch(unit: &Arc<Instance<Vtd>>) -> Result<Periodic<Watch>> {
    Periodic::new(PAUSE_MS, Watch(unit.clone()))
}

impl Unit {
    /// Takes the faults out of their registers, and tells who has to know. May sleep.
    fn drain_faults(&self) {
        let regs = &self.regs;
        let status = Status(regs.read32(regs::FSTS));
        let records = self.features.fault_records;

        if status.is_gone() {
            return;
        }
        if status.pending() {
            let mut index = status.first().min(records - 1);

            for _ in 0..records {
                let offset = self.features.fault_offset + index * regs::FRCD_SIZE;
                let words = [regs.read64(offset), regs.read64(offset + 8)];
                let Some(record) = Record::decode(words) else {
                    break;
                };

                // The register is free again.
                regs.write64(offset + 8, regs::FRCD_F);
                self.report(&record, words);
                index = if index + 1 == records { 0 } else { index + 1 };
            }
        }
        if status.overflowed() {
            regs.write32(regs::FSTS, Status::OVERFLOW);
            self.faults.run(self.dev(), || {
                dev_warn!(self.dev(), "more faults than the unit can record\n");
            });
        }
    }

    fn report(&self, record: &Record, words: [u64; 2]) {
        if record.reason.is_translation() {
            if let Some((id, events)) = self.members.find(record.sid) {
                let words = Record::relabel(words, id).map(u64::to_le);
                let result = events.report(id.into(), &words);

                trace::event(
                    self.dev(),
                    None,
                    record.reason.code().into(),
                    record.address,
                    &result,
                );
                if result.is_ok() {
                    return;
                }
            }
        }
        self.faults.run(self.dev(), || {
            dev_warn!(self.dev(), "{}\n", format_args!("{record}"));
        });
    }
}
