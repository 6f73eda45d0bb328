// SPDX-License-Identifier: GPL-2.0

//! The root table and the context tables (sections 3.4.3, 9.3 and 9.4): which device has which
//! PASID directory.
//!
//! In scalable mode a context table is for half of a bus. They are made when the first device there
//! appears, and stay.

use super::{
    arch::{
        context::{
            self,
            ContextEntry,
            ContextLayout, //
        },
        descriptor::Descriptor,
        root,
    },
    hw::{
        Memory,
        Page, //
    },
    slot::{
        Invalidate,
        PageSlot, //
    },
};
use crate::common::entry;
use kernel::prelude::*;

/// Words of a context entry.
const WORDS: usize = 4;

/// The half of a bus that a requester ID is in: bits 15:7 of it.
fn half(rid: u16) -> u16 {
    rid >> 7
}

/// The root table of a unit, and all below.
pub(crate) struct Tables<P: Page> {
    root: P,
    /// The context tables, by the [`half`] of a bus that they are for.
    contexts: KVec<(u16, P)>,
}

impl<P: Page> Tables<P> {
    /// A root table without anything.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(memory: &impl Memory<Page = P>) -> Result<Self> {
        Ok(Self {
            root: memory.page()?,
            contexts: KVec::new(),
        })
    }

    /// Where the root table is (HPA).
    pub(crate) fn address(&self) -> u64 {
        self.root.address()
    }

    /// Whether there is an entry for a requester ID.
    pub(crate) fn has(&self, rid: u16) -> bool {
        self.find(rid).is_some()
    }

    /// How much there has to be in a vector for one more context table.
    pub(crate) fn wanted(&self) -> usize {
        self.contexts.len() + 1
    }

    /// Adds the context table that a requester ID is in. Its entries are not present. `room` has
    /// room for what is [wanted](Self::wanted).
    pub(crate) fn add(&mut self, rid: u16, page: P, mut room: KVec<(u16, P)>) {
        // Not present before: nothing is cached of it (but see CM, which `write` is for).
        self.root
            .store(root::word_of(rid), root::leading_to(page.address()));
        for context in core::mem::take(&mut self.contexts) {
            let _ = room.push_within_capacity(context);
        }
        let _ = room.push_within_capacity((half(rid), page));
        self.contexts = room;
    }

    /// Changes the entry of a requester ID. Nothing is cached of the old one afterwards.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: there is [none](Self::has).
    /// - Those of `unit`: the table has the new entry even so.
    pub(crate) fn write(
        &mut self,
        unit: &impl Invalidate,
        rid: u16,
        context: &ContextEntry,
    ) -> Result {
        let page = self.find(rid).ok_or(ENOENT)?;
        let first = context::word_of(rid);
        let forget = [Descriptor::context_cache_device(0, rid)];
        let mut slot =
            PageSlot::new::<ContextLayout, WORDS>(page, first, unit.is_told_all(), |_| {
                unit.invalidate(&forget)
            });

        entry::write::<ContextLayout, _, WORDS>(&mut slot, context.words());
        match slot.finish()? {
            true => unit.invalidate(&forget),
            false => Ok(()),
        }
    }

    /// The entry of a requester ID, if there is one.
    pub(crate) fn read(&self, rid: u16) -> Option<ContextEntry> {
        let page = self.find(rid)?;

        Some(ContextEntry::from_words(
            page.load_all(context::word_of(rid)),
        ))
    }

    fn find(&self, rid: u16) -> Option<&P> {
        let (_, page) = self
            .contexts
            .iter()
            .find(|(there, _)| *there == half(rid))?;

        Some(page)
    }
}
