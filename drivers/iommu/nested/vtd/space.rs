// SPDX-License-Identifier: GPL-2.0

//! What the host translates by: a page table of either stage, the DID that it is cached by, and
//! who may have cached it.

use super::{
    arch::pasid::{
        FirstStage,
        PasidEntry,
        SecondStage, //
    },
    engine::Engine,
    hw::{
        Machine,
        Table, //
    },
    targets::Targets, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// What a domain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// IOVA to HPA by a first-stage table.
    FirstStage,
    /// IOVA to HPA by a second-stage table.
    SecondStage,
    /// GPA to HPA, below first stages of guests.
    NestParent,
}

/// A DID that belongs to somebody.
pub(crate) struct OwnedDid<M: Machine> {
    unit: Arc<M::Unit>,
    did: u16,
}

impl<M: Machine> OwnedDid<M> {
    /// Takes a free DID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: all are in use.
    pub(crate) fn new(unit: &Arc<M::Unit>) -> Result<Self> {
        Ok(Self {
            did: M::engine(unit).dids.take()?,
            unit: unit.clone(),
        })
    }

    /// Its number.
    pub(crate) fn get(&self) -> u16 {
        self.did
    }
}

impl<M: Machine> Drop for OwnedDid<M> {
    fn drop(&mut self) {
        M::engine(&self.unit).dids.give(self.did);
    }
}

struct State<M: Machine> {
    /// That its own translations are cached by, since it was first attached to something: units
    /// may have few. Users of a nesting parent have their own.
    did: Option<OwnedDid<M>>,
    /// The unit is to record in the table which pages devices write to.
    tracked: bool,
}

/// A domain: its page table, and what may have cached it.
#[pin_data]
pub(crate) struct Space<M: Machine> {
    #[pin]
    pub(super) table: M::Table,
    purpose: Purpose,
    #[pin]
    state: Mutex<State<M>>,
    #[pin]
    targets: Targets<M>,
}

impl<M: Machine> Space<M> {
    /// A domain of a unit that nobody uses yet.
    ///
    /// # Errors
    ///
    /// Those of `table`.
    pub(crate) fn new<E>(
        unit: &Arc<M::Unit>,
        purpose: Purpose,
        table: impl PinInit<M::Table, E>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        let unused = State {
            did: None,
            tracked: false,
        };
        let unit = unit.clone();

        try_pin_init!(Self {
            table <- table,
            purpose,
            state <- new_mutex!(unused, "Space::state"),
            targets <- Targets::new(&unit),
        }? Error)
    }

    /// The unit that the domain is for.
    pub(crate) fn unit(&self) -> &Arc<M::Unit> {
        self.targets.unit()
    }

    /// What runs it.
    pub(crate) fn engine(&self) -> &Engine<M> {
        M::engine(self.unit())
    }

    /// What may have cached it.
    pub(crate) fn targets(&self) -> &Targets<M> {
        &self.targets
    }

    /// What the domain is for.
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The bits of its input addresses.
    pub(crate) fn address_bits(&self) -> u32 {
        let features = &self.engine().features;

        match self.purpose {
            Purpose::FirstStage => features.first_stage_shape().bits,
            Purpose::SecondStage | Purpose::NestParent => features.second_stage_shape().bits,
        }
    }

    /// The DID that its own translations are cached by, until it is dropped. Not for a nesting
    /// parent. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: all are in use.
    pub(crate) fn did(&self) -> Result<u16> {
        let mut state = self.state.lock();

        if let Some(owned) = &state.did {
            return Ok(owned.get());
        }
        let owned = OwnedDid::new(self.unit())?;
        let did = owned.get();

        state.did = Some(owned);
        Ok(did)
    }

    /// Whether the unit is to record in the table which pages devices write to. May sleep.
    pub(super) fn is_tracked(&self) -> bool {
        self.state.lock().tracked
    }

    /// Says so, or not, in entries that are made from now on. May sleep.
    pub(super) fn set_tracked(&self, on: bool) {
        self.state.lock().tracked = on;
    }

    /// The PASID entry of a device that uses it alone. May sleep.
    pub(crate) fn entry(&self, did: u16) -> PasidEntry {
        match self.purpose {
            Purpose::FirstStage => PasidEntry::first_stage(&self.first_stage(), did),
            Purpose::SecondStage | Purpose::NestParent => {
                PasidEntry::second_stage(&self.second_stage(), did)
            }
        }
    }

    fn first_stage(&self) -> FirstStage {
        let features = &self.engine().features;

        FirstStage {
            table: self.table.address(),
            five_levels: self.table.levels() == 5,
            aw: features.aw(),
            page_snoop: features.snoop_control,
            walk_snoop: features.walk_coherent,
        }
    }

    /// The second stage's part of a PASID entry. May sleep.
    pub(crate) fn second_stage(&self) -> SecondStage {
        let features = &self.engine().features;

        SecondStage {
            table: self.table.address(),
            // CAST: 1 for 3 levels, and so on.
            aw: (self.table.levels() - 2) as u8,
            dirty: self.is_tracked(),
            // Each entry of the table says it if it has to be so.
            page_snoop: false,
            walk_snoop: features.walk_coherent,
        }
    }
}
