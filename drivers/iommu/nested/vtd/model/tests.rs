// SPDX-License-Identifier: GPL-2.0

//! The model itself: it walks, faults and forgets exactly as the architecture says.
//!
//! Here tables and descriptors are written bit by bit, without any of the driver's encodings.

mod faults;
mod invalidation;
mod queue;
mod registers;
mod walks;

use super::{
    tables::Tree,
    Config,
    Model,
    Page, //
};
use crate::vtd::hw::{
    Memory,
    Page as _,
    Registers, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// The device: bus 0, in the lower half of the root entry.
const RID: u16 = 0x0010;
/// Another one: bus 1, in the upper half.
const FAR: u16 = 0x0188;
/// An address that both stages translate.
const IOVA: u64 = 0x12_3456_7000;
/// From HPAs to the GPAs at which a guest has its tables.
const GUEST: u64 = 0x40_0000_0000;

const GCMD: usize = 0x18;
const RTADDR: usize = 0x20;
const FSTS: usize = 0x34;
const IQT: usize = 0x88;
const IQA: usize = 0x90;

/// A unit that translates, with PASID tables for two devices.
struct Rig {
    model: Model,
    root: Page,
    /// Of bus 0, lower half, and of bus 1, upper half.
    contexts: [Page; 2],
    directory: Page,
    table: Page,
    queue: Page,
    /// What wait descriptors write.
    status: Page,
    tail: Cell<usize>,
}

impl Rig {
    fn new(config: Config) -> Result<Self> {
        let model = Model::new(config)?;
        let rig = Self {
            root: model.page()?,
            contexts: [model.page()?, model.page()?],
            directory: model.page()?,
            table: model.page()?,
            queue: model.page()?,
            status: model.page()?,
            tail: Cell::new(0),
            model,
        };

        rig.root.store(0, rig.contexts[0].address() | 1);
        rig.root.store(3, rig.contexts[1].address() | 1);
        // PDTS 2, PASIDE, DTE, present; RID_PASID 0. For functions 0x10, and 0x88 - 0x80.
        for (page, function) in rig.contexts.iter().zip([0x10, 0x08]) {
            page.store(
                function * 4,
                rig.directory.address() | 2 << 9 | 1 << 3 | 1 << 2 | 1,
            );
        }
        // PASIDs 0 to 63.
        rig.directory.store(0, rig.table.address() | 1);

        // Scalable mode, then SRTP, then QIE, then TE.
        rig.model.write64(RTADDR, rig.root.address() | 1 << 10);
        rig.model.write32(GCMD, 1 << 30);
        // 256-bit descriptors.
        rig.model.write64(IQA, rig.queue.address() | 1 << 11);
        rig.model.write32(GCMD, 1 << 26);
        rig.model.write32(GCMD, 1 << 31 | 1 << 26);
        Ok(rig)
    }

    /// Writes a PASID table entry.
    fn entry(&self, pasid: usize, words: [u64; 3]) {
        for (i, word) in words.into_iter().enumerate() {
            self.table.store(pasid * 8 + i, word);
        }
    }

    /// Queues a descriptor.
    fn queue(&self, words: [u64; 4]) {
        let tail = self.tail.get();

        for (i, word) in words.into_iter().enumerate() {
            self.queue.store(tail * 4 + i, word);
        }
        self.tail.set((tail + 1) % 128);
        // CAST: Below 4096.
        self.model.write32(IQT, self.tail.get() as u32 * 32);
    }

    /// What a read gets.
    fn read(&self, address: u64) -> super::device::Outcome {
        self.model.dma(RID, None, address, false)
    }

    /// What a write gets.
    fn write(&self, address: u64) -> super::device::Outcome {
        self.model.dma(RID, None, address, true)
    }
}

/// Pass-through.
fn through(did: u64) -> [u64; 3] {
    [4 << 6 | 3 << 2 | 1, did, 0]
}

/// A second stage.
fn second(did: u64, tree: &Tree) -> [u64; 3] {
    let width = u64::from(tree.levels()) - 2;

    [tree.top() | 2 << 6 | width << 2 | 1, did, 0]
}

/// A first stage.
fn first(did: u64, tree: &Tree) -> [u64; 3] {
    let mode = u64::from(tree.levels()) - 4;

    [1 << 6 | 1, did, tree.top() | mode << 2]
}

/// A guest's first stage on a second stage.
fn nested(did: u64, tree: &Tree, parent: &Tree) -> [u64; 3] {
    let [low, ..] = second(did, parent);

    [low | 1 << 6, did, first(did, tree)[2]]
}
