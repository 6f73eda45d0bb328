// SPDX-License-Identifier: GPL-2.0

//! A device's PASID directory and tables (sections 3.4.3, 9.5 and 9.6): what each PASID's traffic
//! is translated by. PASID 0 is the device's own, without a PASID.
//!
//! The directory is one page and leads to tables of 64 entries, which are made when their first
//! PASID is attached, and stay as long as the directory. An entry that is not present blocks.

use super::{
    arch::{
        caps::Features,
        descriptor::Descriptor,
        pasid::{
            self,
            PasidEntry,
            PasidLayout, //
        },
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
use crate::common::entry::{
    self,
    Transition, //
};
use kernel::prelude::*;

/// PASIDs of that many bits fit a directory of one page.
pub(crate) const PASID_BITS: u32 = pasid::PASIDS.ilog2();

/// PASIDs of that many bits can be used with a unit; 0 if none.
pub(crate) fn width(features: &Features) -> u32 {
    features.pasid_bits.min(PASID_BITS)
}

/// Words of an entry.
const WORDS: usize = 8;

/// The PASID directory of a device, and all below.
pub(crate) struct PasidTable<P: Page> {
    directory: P,
    /// The tables, by the word of the directory that leads to them.
    tables: KVec<(usize, P)>,
}

impl<P: Page> PasidTable<P> {
    /// A directory in which everything is blocked. There is an entry for PASID 0.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(memory: &impl Memory<Page = P>) -> Result<Self> {
        let mut table = Self {
            directory: memory.page()?,
            tables: KVec::new(),
        };

        table.ensure(memory, 0)?;
        Ok(table)
    }

    /// Where the directory is (HPA).
    pub(crate) fn address(&self) -> u64 {
        self.directory.address()
    }

    /// Makes sure that there is an entry for a PASID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ERANGE`]: a PASID beyond the directory.
    /// - [`ENOMEM`]
    pub(crate) fn ensure(&mut self, memory: &impl Memory<Page = P>, pasid: u32) -> Result {
        let index = pasid::directory_word_of(pasid);

        if pasid >= pasid::PASIDS {
            return Err(ERANGE);
        }
        if self.tables.iter().any(|(there, _)| *there == index) {
            return Ok(());
        }
        self.tables.reserve(1, GFP_KERNEL)?;
        let page = memory.page()?;

        self.directory
            .store(index, pasid::leading_to(page.address()));
        self.tables.push((index, page), GFP_KERNEL)?;
        Ok(())
    }

    /// The entry of a PASID: blocked, if there is none.
    pub(crate) fn read(&self, pasid: u32) -> PasidEntry {
        let words = self.find(pasid).map(|(page, first)| page.load_all(first));

        words.map_or(PasidEntry::blocked(), PasidEntry::from_words)
    }

    /// Changes the entry of a PASID, without an interruption of traffic where the architecture
    /// allows that, and invalidates what `translations` says for the way it went: after the change
    /// or, if the unit need not be told all, as soon as the old entry is forgotten. When it returns
    /// the unit uses the new entry.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: [`Self::ensure`] was not called for it.
    /// - Those of `unit`: the table has the new entry even so.
    pub(crate) fn write(
        &mut self,
        unit: &impl Invalidate,
        pasid: u32,
        new: &PasidEntry,
        translations: impl Fn(Transition) -> Option<Descriptor>,
    ) -> Result {
        let told_all = unit.is_told_all();
        let (page, first) = self.find(pasid).ok_or(ENOENT)?;
        let old = PasidEntry::from_words(page.load_all(first));
        // A copy of the old entry is cached under the DID that is in it, if one is.
        let forget = match old.did() {
            Some(did) if !told_all => Descriptor::pasid_cache_pasid(did, pasid),
            _ => Descriptor::pasid_cache_global(),
        };
        // Nothing is cached by the old entry after that is forgotten.
        let forget_and = |translations| match translations {
            Some(drop) => unit.invalidate(&[forget, Descriptor::fence(), drop]),
            None => unit.invalidate(&[forget]),
        };
        let mut dropped = false;
        let mut slot = PageSlot::new::<PasidLayout, WORDS>(page, first, told_all, |present| {
            dropped = !present && !told_all;
            forget_and(match dropped {
                true => translations(Transition::Disruptive),
                false => None,
            })
        });
        let transition = entry::write::<PasidLayout, _, WORDS>(&mut slot, new.words());
        let due = slot.finish()?;

        match (due, translations(transition).filter(|_| !dropped)) {
            (true, drop) => forget_and(drop)?,
            (false, Some(drop)) => unit.invalidate(&[drop])?,
            (false, None) => (),
        }
        if !new.is_present() {
            // Nothing is read of it any more, but by units that do not look at P.
            page.put_all(first, &[0; WORDS]);
            page.publish(first..first + WORDS);
        }
        Ok(())
    }

    /// The page of a PASID's entry, and its first word there.
    fn find(&self, pasid: u32) -> Option<(&P, usize)> {
        let (_, page) = self
            .tables
            .iter()
            .find(|(there, _)| *there == pasid::directory_word_of(pasid))?;

        Some((page, pasid::word_of(pasid)))
    }
}
