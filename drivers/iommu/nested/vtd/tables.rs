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

/// The root table of a unit, and all below.
pub(crate) struct Tables<P: Page> {
    root: P,
    /// The context tables, by the upper nine bits of the requester IDs that they are for.
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

    /// Makes sure that there is an entry for a requester ID; a new one is not present. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn ensure(&mut self, memory: &impl Memory<Page = P>, rid: u16) -> Result {
        let half = rid >> 7;

        if self.contexts.iter().any(|(there, _)| *there == half) {
            return Ok(());
        }
        self.contexts.reserve(1, GFP_KERNEL)?;
        let page = memory.page()?;

        // Not present before: nothing is cached of it (but see CM, which `write` is for).
        self.root
            .store(root::word_of(rid), root::leading_to(page.address()));
        self.contexts.push((half, page), GFP_KERNEL)?;
        Ok(())
    }

    /// Changes the entry of a requester ID. Nothing is cached of the old one afterwards.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: [`Self::ensure`] was not called for it.
    /// - Those of `unit`: the table has the new entry even so.
    pub(crate) fn write(
        &mut self,
        unit: &impl Invalidate,
        rid: u16,
        context: &ContextEntry,
    ) -> Result {
        let (_, page) = self
            .contexts
            .iter()
            .find(|(there, _)| *there == rid >> 7)
            .ok_or(ENOENT)?;
        let first = context::word_of(rid);
        let forget = [Descriptor::context_cache_device(0, rid)];
        let mut slot =
            PageSlot::new::<ContextLayout, WORDS>(page, first, unit.is_told_all(), || {
                unit.invalidate(&forget)
            });

        entry::write::<ContextLayout, _, WORDS>(&mut slot, context.words());
        slot.status()
    }

    /// The entry of a requester ID, if there is one.
    pub(crate) fn read(&self, rid: u16) -> Option<[u64; WORDS]> {
        let (_, page) = self.contexts.iter().find(|(there, _)| *there == rid >> 7)?;
        let first = context::word_of(rid);

        Some(core::array::from_fn(|i| page.load(first + i)))
    }
}
