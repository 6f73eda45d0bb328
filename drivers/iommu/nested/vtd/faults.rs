// SPDX-License-Identifier: GPL-2.0

//! Faults that the unit records (sections 7.1 to 7.3).
//!
//! They are looked for ten times a second: the interrupt for them is a message of the unit's own,
//! and what the kernel has for those belongs to its built-in drivers. A unit keeps the first few
//! faults until somebody has looked, so that what is late is the message, not the refusal.

use super::{
    arch::fault::{
        Reason,
        Record, //
    },
    records,
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

/// Who is told of faults.
#[derive(Clone)]
pub(crate) enum Audience {
    /// The guest whose tables the unit walks: what its first stage refuses.
    Guest(Sink),
    /// The guest whose table the domain is a shadow of: what is not there.
    Shadowed(Sink),
    /// The guest that is to have nothing: whatever was asked for.
    Blocked(Sink),
}

/// What of a device is a guest's.
struct Member {
    rid: u16,
    /// The other requester IDs that its traffic may have.
    aliases: KVec<u16>,
    /// The traffic of this PASID, or that without.
    pasid: Option<u32>,
    /// What the guest knows the device by.
    id: u16,
    audience: Audience,
}

/// Who is told of the faults of some traffic, and there is [room](Room) to note that.
pub(crate) struct Told {
    room: Room,
    member: Member,
}

impl Told {
    /// The traffic of a device of `unit`, by its requester IDs, of which the first is its own, with
    /// a PASID or without: of a guest that knows it as `id`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: no requester ID.
    /// - [`ENOMEM`]
    pub(crate) fn new(
        unit: &Arc<Instance<Vtd>>,
        rids: &[u16],
        pasid: Option<u32>,
        id: u16,
        audience: Audience,
    ) -> Result<Self> {
        let (&rid, others) = rids.split_first().ok_or(EINVAL)?;
        let mut aliases = KVec::new();

        aliases.extend_from_slice(others, GFP_KERNEL)?;
        Ok(Self {
            room: Room::new(unit)?,
            member: Member {
                rid,
                aliases,
                pasid,
                id,
                audience,
            },
        })
    }
}

struct All {
    /// There is room for as many more as are promised.
    members: KVec<Member>,
    promised: usize,
}

/// The devices of a unit whose faults are guests'.
#[pin_data]
pub(crate) struct Members {
    #[pin]
    all: Mutex<All>,
    /// One at a time takes faults out of the unit. Before `all`.
    #[pin]
    draining: Mutex<()>,
}

impl Members {
    /// None.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            all <- new_mutex!(
                All {
                    members: KVec::new(),
                    promised: 0,
                },
                "Members::all"
            ),
            draining <- new_mutex!((), "Members::draining"),
        })
    }

    fn assign(&self, rid: u16, pasid: Option<u32>, guest: Option<Told>) {
        let mut all = self.all.lock();

        all.members
            .retain(|member| (member.rid, member.pasid) != (rid, pasid));
        if let Some(Told { room, member }) = guest {
            // There is room, by what was promised.
            let _ = all.members.push_within_capacity(member);
            // The promise is not needed any more, and takes the lock itself.
            drop(all);
            drop(room);
        }
    }

    /// What the guest whose device has the requester ID `rid` as its own knows that by, and who is
    /// told of the faults of its traffic.
    pub(crate) fn of_device(&self, rid: u16, pasid: Option<u32>) -> Option<(u16, Audience)> {
        self.first(|member| (member.rid, member.pasid) == (rid, pasid))
    }

    /// The same for whatever comes by a requester ID. Of devices that a bridge gives one it is that
    /// which came first: they have the same tables.
    fn of_traffic(&self, rid: u16, pasid: Option<u32>) -> Option<(u16, Audience)> {
        self.first(|member| {
            member.pasid == pasid && (member.rid == rid || member.aliases.contains(&rid))
        })
    }

    fn first(&self, is_it: impl Fn(&Member) -> bool) -> Option<(u16, Audience)> {
        let all = self.all.lock();
        let member = all.members.iter().find(|member| is_it(member))?;

        Some((member.id, member.audience.clone()))
    }
}

/// Room for one more among a unit's [`Members`], until it is dropped.
pub(crate) struct Room(Arc<Instance<Vtd>>);

impl Room {
    /// Makes room. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(unit: &Arc<Instance<Vtd>>) -> Result<Self> {
        let mut all = unit.members.all.lock();
        let promised = all.promised + 1;

        all.members.reserve(promised, GFP_KERNEL)?;
        all.promised = promised;
        Ok(Self(unit.clone()))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.members.all.lock().promised -= 1;
    }
}

/// Looks after the faults of a unit, and after page requests that come late.
pub(crate) struct Watch(Arc<Instance<Vtd>>);

impl Task for Watch {
    fn run(&self) {
        self.0.drain_faults();
        // Of a device that should not have asked.
        self.0.look_for_requests();
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
    /// From now on, faults of what the device with the requester ID `rid` does by `pasid`, or
    /// without, are those of a guest, or the host's. Those of before go to whom they were of. May
    /// sleep.
    pub(crate) fn assign_faults(&self, rid: u16, pasid: Option<u32>, guest: Option<Told>) {
        // The host's stay the host's.
        if guest.is_none() && self.members.of_device(rid, pasid).is_none() {
            return;
        }
        self.drain_faults();
        self.members.assign(rid, pasid, guest);
    }

    /// From now on, all faults of the device with the requester ID `rid` are the host's, as by
    /// [`Self::assign_faults`].
    pub(crate) fn disown_faults(&self, rid: u16) {
        self.drain_faults();
        self.members
            .all
            .lock()
            .members
            .retain(|member| member.rid != rid);
    }

    /// Takes the faults out of their registers, and tells who has to know. May sleep.
    fn drain_faults(&self) {
        let _draining = self.members.draining.lock();

        if records::drain(&self.regs, &self.features, |record, words| {
            self.report(record, words)
        }) {
            self.faults.run(self.dev(), || {
                dev_warn!(self.dev(), "more faults than the unit can record\n");
            });
        }
    }

    fn report(&self, record: &Record, words: [u64; 2]) {
        if self.is_reported(record, words) {
            return;
        }
        self.faults.run(self.dev(), || {
            dev_warn!(self.dev(), "{}\n", format_args!("{record}"));
        });
    }

    /// Hands a fault to its guest, if it belongs to one. Returns whether it took it.
    fn is_reported(&self, record: &Record, words: [u64; 2]) -> bool {
        let Some((id, audience)) = self.members.of_traffic(record.sid, record.pasid) else {
            return false;
        };
        let own = record.reason.is_first_stage();
        let (events, words) = match audience {
            Audience::Guest(events) if own => (events, words),
            Audience::Shadowed(events) if own || record.reason.is_translation() => {
                (events, Record::first_stage(words))
            }
            Audience::Blocked(events) if record.reason == Reason::PasidAbsent => {
                (events, Record::first_stage(words))
            }
            _ => return false,
        };
        let result = events.report(id.into(), &Record::relabel(words, id).map(u64::to_le));

        trace::event(
            self.dev(),
            None,
            record.reason.code().into(),
            record.address,
            &result,
        );
        result.is_ok()
    }
}
