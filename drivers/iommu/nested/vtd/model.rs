// SPDX-License-Identifier: GPL-2.0

//! A model of a remapping unit in scalable mode, for tests.
//!
//! It is written from the architecture and shares no encoding with the driver, so that a mistake
//! in one of them shows. It has registers, fault recording, queued invalidation, and walks whatever
//! tables the driver points it to, down to the address of the memory that a device gets (HPA).
//!
//! What it is for: **its caches never forget by themselves.** All that the architecture allows a
//! unit to cache is cached at once and for ever, and goes with an invalidation that the
//! architecture says removes it and with no other. So `Model::dma()` is what the worst hardware
//! does now, `Model::fresh()` is what the tables in memory say, and a difference is an
//! invalidation that is missing. `Model::drop_one()` makes it miss one, for tests of tests.
//!
//! - `memory`: pages, which can be gone;
//! - `registers`, `faults`: what the driver reads and writes;
//! - `queue`: invalidation descriptors, and what each of them removes;
//! - `caches`: what is cached, and how it is tagged;
//! - `walk`, `stage1`, `stage2`: from a request to an address;
//! - `device`: devices, their own translation caches, and probes that look all the time;
//! - `requests`: what devices ask for, the page request queue, and who waits for an answer;
//! - `tables`: builds page tables;
//! - `tests`: of the model itself;
//! - `scenarios`: of the driver's logic on the model.
//!
//! Units differ in what they cache by. [`Config`] has the usual one, and worse ones: that cache
//! half of a PASID table entry, that find translations without it, that cache what is not there,
//! that take a shortcut.
//!
//! Section numbers are those of the architecture specification. Not modelled: legacy mode,
//! interrupt remapping, faults of page requests, privileged and instruction requests. One thread
//! only.
//!
//! What a unit does it may do under the driver's spinlocks: it does not sleep for memory.

pub(crate) mod caches;
pub(crate) mod device;
pub(crate) mod faults;
pub(crate) mod memory;
pub(crate) mod queue;
pub(crate) mod registers;
pub(crate) mod requests;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod scenarios;
pub(crate) mod shared;
pub(crate) mod stage1;
pub(crate) mod stage2;
pub(crate) mod tables;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;
pub(crate) mod walk;

use crate::vtd::{
    engine::Engine,
    hw, //
};
use caches::Caches;
use core::{
    fmt,
    ops::Deref, //
};
use device::Devices;
use faults::Faults;
use kernel::{
    prelude::*,
    sync::Arc, //
};
use memory::{
    Frame,
    Memory, //
};
use queue::Queue;
use registers::Registers;
use requests::Requests;

/// The bits `hi` to `lo` of a word.
pub(crate) const fn bits(word: u64, hi: u32, lo: u32) -> u64 {
    (word >> lo) & (u64::MAX >> (63 - (hi - lo)))
}

/// Whether bit `n` of a word is set.
pub(crate) const fn bit(word: u64, n: u32) -> bool {
    word >> n & 1 != 0
}

/// What a unit says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    /// CAP_REG.
    pub(crate) cap: u64,
    /// ECAP_REG.
    pub(crate) ecap: u64,
    /// How many bits a host physical address has. The architecture leaves this to the DMAR table.
    pub(crate) host_bits: u32,
    /// The PASID cache holds entries but for their first two words, which are read each time.
    pub(crate) torn: bool,
    /// The IOTLB answers a request by where it comes from, whatever the PASID table says now.
    pub(crate) by_source: bool,
    /// When a device was found to pass untranslated, it is not looked at any more before its
    /// context entry is invalidated. Emulated units do that.
    pub(crate) shortcut: bool,
}

impl Config {
    /// All that the model can do: both stages, nested; all levels and page sizes; 8 fault records;
    /// accessed and dirty bits in the second stage.
    pub(crate) const RICH: Self = Self {
        // ND 6, PLMR and PHMR, SAGAW 39, 48 and 57 bits, MGAW 57.
        cap: 6 | 3 << 5 | 0b1110 << 8 | 56 << 16
            // FRO 0x400, SSLPS, PSI, NFR 8, MAMV 18, DWD, DRD, FS1GP, FS5LP.
            | 0x40 << 24 | 3 << 34 | 1 << 39 | 7 << 40 | 18 << 48 | 3 << 54 | 1 << 56 | 1 << 60,
        // C, QI, DT, PT, SC, IRO, NEST, PRS, SRS, PSS 20, PASID.
        ecap: 0b111 | 1 << 6 | 1 << 7 | 0x50 << 8 | 1 << 26 | 1 << 29 | 1 << 31 | 19 << 35 | 1 << 40
            // PDS, SMTS, SSADS, SSTS, FSTS, SMPWCS.
            | 1 << 42 | 1 << 43 | 1 << 45 | 1 << 46 | 1 << 47 | 1 << 48,
        host_bits: 46,
        torn: false,
        by_source: false,
        shortcut: false,
    };

    /// PASID table entries are cached in part.
    pub(crate) const TORN: Self = Self {
        torn: true,
        ..Self::RICH
    };

    /// Translations are found by the request alone.
    pub(crate) const BY_SOURCE: Self = Self {
        by_source: true,
        ..Self::RICH
    };

    /// Devices that pass are looked at once.
    pub(crate) const SHORTCUT: Self = Self {
        shortcut: true,
        ..Self::RICH
    };

    /// CM: entries that are not present are cached, too.
    pub(crate) const CACHING: Self = Self {
        cap: Self::RICH.cap | 1 << 7,
        ..Self::RICH
    };

    /// Whether entries that are not present are cached.
    fn caching_mode(&self) -> bool {
        bit(self.cap, 7)
    }

    /// The width of a guest physical address.
    fn guest_bits(&self) -> u32 {
        // CAST: 6 bits.
        bits(self.cap, 21, 16) as u32 + 1
    }

    /// Bits of an entry's word that hold an address beyond what the host has.
    fn beyond_host(&self) -> u64 {
        u64::MAX << self.host_bits
    }
}

/// All there is of a unit and its memory.
pub(crate) struct Unit {
    config: Config,
    memory: Memory,
    registers: Registers,
    faults: Faults,
    queue: Queue,
    caches: Caches,
    devices: Devices,
    requests: Requests,
}

/// A unit. Clones are the same unit.
#[derive(Clone)]
pub(crate) struct Model(Arc<Unit>);

impl Deref for Model {
    type Target = Unit;

    fn deref(&self) -> &Unit {
        &self.0
    }
}

impl Model {
    /// A unit that has just been switched on, with memory of its own.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(config: Config) -> Result<Self> {
        let unit = Arc::new(
            Unit {
                config,
                memory: Memory::new(),
                registers: Registers::new(),
                faults: Faults::new(),
                queue: Queue::new(),
                caches: Caches::new(),
                devices: Devices::new(),
                requests: Requests::new(),
            },
            GFP_KERNEL,
        )?;

        Ok(Self(unit))
    }
}

impl Unit {
    /// How the unit was made.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The memory.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What is cached.
    pub(crate) fn caches(&self) -> &Caches {
        &self.caches
    }
}

impl hw::Machine for Model {
    type Registers = Self;
    type Page = Page;
    type Table = Top;
    type Unit = Engine<Self>;

    fn engine(unit: &Engine<Self>) -> &Engine<Self> {
        unit
    }
}

/// The top of a page table.
pub(crate) struct Top {
    /// Where it is (HPA).
    pub(crate) address: u64,
    /// How many levels begin with it.
    pub(crate) levels: u32,
}

impl hw::Table for Top {
    fn address(&self) -> u64 {
        self.address
    }

    fn levels(&self) -> u32 {
        self.levels
    }
}

impl hw::Memory for Model {
    type Page = Page;

    fn page(&self) -> Result<Page> {
        Ok(Page {
            frame: self.memory.allocate()?,
            model: self.clone(),
        })
    }
}

impl hw::Registers for Model {
    fn read32(&self, offset: usize) -> u32 {
        self.read_register(offset)
    }

    fn read64(&self, offset: usize) -> u64 {
        u64::from(self.read32(offset)) | u64::from(self.read32(offset + 4)) << 32
    }

    fn write32(&self, offset: usize, value: u32) {
        self.write_register(offset, value);
        self.look();
    }

    fn write64(&self, offset: usize, value: u64) {
        // CAST: One half each. What a write starts is in the lower half of a register, and needs
        // the upper one.
        self.write_register(offset + 4, (value >> 32) as u32);
        self.write_register(offset, value as u32);
        self.look();
    }

    fn pause(&self, looks: u32) -> Result {
        self.on_pause();
        if looks < 1000 {
            Ok(())
        } else {
            Err(ETIMEDOUT)
        }
    }

    fn complain(&self, _what: fmt::Arguments<'_>) {
        self.registers.count_complaint();
    }
}

/// A page of the model's memory. Gone when dropped: what still leads there is an error.
pub(crate) struct Page {
    frame: Arc<Frame>,
    model: Model,
}

impl hw::Page for Page {
    fn address(&self) -> u64 {
        self.frame.address()
    }

    fn load(&self, word: usize) -> u64 {
        self.frame.load(word)
    }

    fn store(&self, word: usize, value: u64) {
        self.frame.store(word, value);
        self.model.look();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.frame.free();
    }
}
