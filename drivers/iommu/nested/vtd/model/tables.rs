// SPDX-License-Identifier: GPL-2.0

//! Page tables for the model to walk.

use super::{
    caches::Stage,
    Model,
    Page, //
};
use crate::vtd::hw::{
    Memory,
    Page as _, //
};
use kernel::prelude::*;

/// Page tables of either stage, in the model's memory.
pub(crate) struct Tree {
    model: Model,
    stage: Stage,
    levels: u32,
    /// What to add to an HPA to get where the tables' owner has it: not 0 for a guest's.
    offset: u64,
    pages: KVec<Page>,
}

/// First stage: present, writable, user.
const FIRST: u64 = 0b111;
/// Second stage: readable, writable.
const SECOND: u64 = 0b11;
/// Both: writable.
const WRITE: u64 = 0b10;
/// Both: a large page.
const LARGE: u64 = 1 << 7;
/// Both: where an entry points.
const ADDRESS: u64 = 0xf_ffff_ffff_f000;

impl Tree {
    fn new(model: &Model, stage: Stage, levels: u32, offset: u64) -> Result<Self> {
        let mut pages = KVec::new();

        pages.push(model.page()?, GFP_KERNEL)?;
        Ok(Self {
            model: model.clone(),
            stage,
            levels,
            offset,
            pages,
        })
    }

    /// An empty second stage.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn second(model: &Model, levels: u32) -> Result<Self> {
        Self::new(model, Stage::Second, levels, 0)
    }

    /// An empty first stage whose tables are at HPAs.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn first(model: &Model, levels: u32) -> Result<Self> {
        Self::new(model, Stage::First, levels, 0)
    }

    /// An empty first stage of a guest that has each page of its tables `offset` above its HPA.
    /// See [`show()`](Self::show).
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn guest(model: &Model, levels: u32, offset: u64) -> Result<Self> {
        Self::new(model, Stage::First, levels, offset)
    }

    /// Where the top table is: HPA, or GPA if a guest's.
    pub(crate) fn top(&self) -> u64 {
        self.pages[0].address() + self.offset
    }

    /// How many levels there are.
    pub(crate) fn levels(&self) -> u32 {
        self.levels
    }

    /// Maps a guest's tables into its second stage, where they are expected.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn show(&self, second: &mut Tree) -> Result {
        for page in self.pages.iter() {
            second.map(page.address() + self.offset, page.address(), 1, true)?;
        }
        Ok(())
    }

    fn page_at(&self, pointer: u64) -> Option<usize> {
        let address = pointer.wrapping_sub(self.offset);

        self.pages.iter().position(|p| p.address() == address)
    }

    /// The page and the word of an address's entry at a level, if there is a table. Level 1 is the
    /// lowest.
    pub(crate) fn slot(&self, address: u64, level: u32) -> Option<(&Page, usize)> {
        let (i, word) = self.find(address, level)?;

        Some((&self.pages[i], word))
    }

    fn find(&self, address: u64, level: u32) -> Option<(usize, usize)> {
        let mut i = 0;
        let mut at = self.levels;

        loop {
            // CAST: 9 bits.
            let word = (address >> (12 + 9 * (at - 1)) & 511) as usize;

            if at == level {
                return Some((i, word));
            }

            let entry = self.pages[i].load(word);

            if entry & SECOND == 0 || entry & LARGE != 0 {
                return None;
            }
            i = self.page_at(entry & ADDRESS)?;
            at -= 1;
        }
    }

    /// Maps an address to another by an entry of a level, in place of what is there.
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: a large page is in the way.
    /// - [`ENOMEM`]
    pub(crate) fn map(&mut self, address: u64, output: u64, level: u32, write: bool) -> Result {
        let mut flags = match self.stage {
            Stage::First => FIRST,
            Stage::Second => SECOND,
        };

        for at in (level + 1..=self.levels).rev() {
            let (i, word) = self.find(address, at).ok_or(EEXIST)?;

            if self.pages[i].load(word) == 0 {
                let page = self.model.page()?;
                let pointer = page.address() + self.offset;

                self.pages.push(page, GFP_KERNEL)?;
                self.pages[i].store(word, pointer | flags);
            }
        }

        let (i, word) = self.find(address, level).ok_or(EEXIST)?;

        if !write {
            flags &= !WRITE;
        }
        if level > 1 {
            flags |= LARGE;
        }
        self.pages[i].store(word, output | flags);
        Ok(())
    }

    /// Clears an address's entry at a level, if there is a table.
    pub(crate) fn clear(&self, address: u64, level: u32) {
        if let Some((page, word)) = self.slot(address, level) {
            page.store(word, 0);
        }
    }

    /// An address's entry at a level. 0 if there is none.
    pub(crate) fn entry(&self, address: u64, level: u32) -> u64 {
        self.slot(address, level)
            .map_or(0, |(page, word)| page.load(word))
    }

    /// Replaces an address's entry at a level, if there is a table.
    pub(crate) fn set(&self, address: u64, level: u32, entry: u64) {
        if let Some((page, word)) = self.slot(address, level) {
            page.store(word, entry);
        }
    }

    /// Takes the table at a level out of the tree; what is below it stays in memory.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: there is no such table.
    pub(crate) fn prune(&mut self, address: u64, level: u32) -> Result<Page> {
        let (i, word) = self.find(address, level + 1).ok_or(ENOENT)?;
        let gone = self
            .page_at(self.pages[i].load(word) & ADDRESS)
            .ok_or(ENOENT)?;

        self.pages[i].store(word, 0);
        Ok(self.pages.remove(gone)?)
    }
}
