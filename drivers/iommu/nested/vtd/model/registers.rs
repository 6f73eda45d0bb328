// SPDX-License-Identifier: GPL-2.0

//! The registers (10.4).

use super::{
    bit,
    shared::Shared,
    Unit, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// What is not a matter of the queue or of faults.
pub(crate) struct Registers {
    /// GSTS_REG.
    status: Cell<u32>,
    /// RTADDR_REG as written.
    root: Cell<u64>,
    /// RTADDR_REG as SRTP has it taken over.
    latched: Cell<u64>,
    /// PMEN_REG.
    protected: Cell<u32>,
    /// Registers that hold what is written to them, by offset.
    plain: Shared<KVec<(usize, u32)>>,
    /// Flushes of the write buffer.
    flushes: Cell<u32>,
    /// Complaints of software about the queue.
    complaints: Cell<u32>,
    /// What software did that it must not.
    misuse: Cell<Option<&'static str>>,
}

/// GCMD and GSTS: translation.
const TE: u32 = 1 << 31;
/// GCMD and GSTS: the root table's pointer.
const SRTP: u32 = 1 << 30;
/// GCMD and GSTS: flush of the write buffer.
const WBF: u32 = 1 << 27;
/// GCMD and GSTS: queued invalidation.
const QIE: u32 = 1 << 26;
/// Bits of GCMD that stay: TE, EAFL, QIE, IRE, CFI.
const STAYS: u32 = TE | 1 << 28 | QIE | 1 << 25 | 1 << 23;

impl Registers {
    pub(super) fn new() -> Self {
        Self {
            status: Cell::new(0),
            root: Cell::new(0),
            latched: Cell::new(0),
            protected: Cell::new(0),
            plain: Shared::new(KVec::new()),
            flushes: Cell::new(0),
            complaints: Cell::new(0),
            misuse: Cell::new(None),
        }
    }
}

/// The lower or the upper half of a register.
pub(super) fn half(value: u64, offset: usize) -> u32 {
    // CAST: The half that is asked for.
    (value >> (offset % 8 * 8)) as u32
}

/// A register with its lower or upper half replaced.
pub(super) fn with_half(old: u64, offset: usize, value: u32) -> u64 {
    let shift = offset % 8 * 8;

    old & !(0xffff_ffff << shift) | u64::from(value) << shift
}

impl Registers {
    pub(super) fn count_complaint(&self) {
        self.complaints.set(self.complaints.get() + 1);
    }
}

impl Unit {
    /// Whether DMA is translated.
    pub(super) fn translating(&self) -> bool {
        self.registers.status.get() & TE != 0
    }

    /// Whether the queue is on.
    pub(super) fn queue_enabled(&self) -> bool {
        self.registers.status.get() & QIE != 0
    }

    /// The root table's address and mode, as in use.
    pub(super) fn root(&self) -> u64 {
        self.registers.latched.get()
    }

    /// How often the write buffer was flushed.
    pub(crate) fn write_buffer_flushes(&self) -> u32 {
        self.registers.flushes.get()
    }

    /// How often software has complained about the queue.
    pub(crate) fn complaints(&self) -> u32 {
        self.registers.complaints.get()
    }

    /// What software did first of all that it must not, in the registers or with the queue.
    pub(crate) fn misuse(&self) -> Option<&'static str> {
        self.registers.misuse.get()
    }

    pub(super) fn complain(&self, what: &'static str) {
        if self.misuse().is_none() {
            self.registers.misuse.set(Some(what));
        }
    }

    pub(super) fn read_register(&self, offset: usize) -> u32 {
        if let Some((record, part)) = self.fault_register(offset) {
            return self.read_fault(record, part);
        }
        match offset {
            // Version 6.0 of the registers.
            0x00 => 0x60,
            0x08 | 0x0c => half(self.config.cap, offset),
            0x10 | 0x14 => half(self.config.ecap, offset),
            0x1c => self.registers.status.get(),
            0x20 | 0x24 => half(self.registers.root.get(), offset),
            0x34 => self.fault_status(),
            0x38 => self.fault_control(),
            0x64 => self.registers.protected.get(),
            0x80 | 0x84 => half(self.queue_head(), offset),
            0x88 | 0x8c => half(self.queue_tail(), offset),
            0x90 | 0x94 => half(self.queue_address(), offset),
            0x9c => self.completion_status(),
            0xa0 => self.completion_control(),
            0xb0 | 0xb4 => half(self.queue_error(), offset),
            0xc0..=0xe0 => self.read_requests(offset),
            _ => {
                let plain = self.registers.plain.borrow();

                plain.iter().find(|r| r.0 == offset).map_or(0, |r| r.1)
            }
        }
    }

    pub(super) fn write_register(&self, offset: usize, value: u32) {
        if let Some((record, part)) = self.fault_register(offset) {
            return self.write_fault(record, part, value);
        }
        match offset {
            0x18 => self.command(value),
            0x20 | 0x24 => {
                let root = &self.registers.root;

                root.set(with_half(root.get(), offset, value));
            }
            0x34 => self.clear_fault_status(value),
            0x38 => self.set_fault_control(value),
            // PRS follows EPM.
            0x64 => self.registers.protected.set(value & 1 << 31 | value >> 31),
            0x88 => self.set_queue_tail(value),
            // The upper half is reserved.
            0x8c => (),
            0x90 | 0x94 => {
                if self.queue_enabled() {
                    self.complain("IQA_REG written while the queue is on");
                }
                self.set_queue_address(with_half(self.queue_address(), offset, value));
            }
            0x9c => self.clear_completion(value),
            0xa0 => self.set_completion_control(value),
            0xc0..=0xe0 => self.write_requests(offset, value),
            // FEDATA, FEADDR, FEUADDR, protected ranges, IEDATA, IEADDR, IEUADDR, PEDATA, PEADDR,
            // PEUADDR.
            0x3c..=0x44 | 0x68..=0x7c | 0xa4..=0xac | 0xe4..=0xec => self.keep(offset, value),
            _ => self.complain("a register was written that cannot be"),
        }
        self.work();
    }

    fn keep(&self, offset: usize, value: u32) {
        let mut plain = self.registers.plain.borrow_mut();

        if let Some(register) = plain.iter_mut().find(|r| r.0 == offset) {
            register.1 = value;
        } else if plain.push((offset, value), GFP_KERNEL).is_err() {
            self.complain("no memory for a register");
        }
    }

    /// GCMD_REG: one bit of it changes at a time.
    fn command(&self, value: u32) {
        let status = self.registers.status.get();
        let changed = (value ^ status) & STAYS | value & !STAYS;

        if changed.count_ones() > 1 {
            self.complain("GCMD_REG: several bits at once");
        }
        if value & SRTP != 0 {
            self.registers.latched.set(self.registers.root.get());
            // ESRTPS: all caches go with the old root table.
            if bit(self.config.cap, 63) {
                self.caches.clear();
            }
        }
        if value & WBF != 0 {
            self.registers.flushes.set(self.registers.flushes.get() + 1);
        }
        if changed & QIE != 0 {
            self.reset_queue();
        }
        self.registers
            .status
            .set(value & STAYS | (status | value) & SRTP);
        if changed & value & TE != 0 && status & SRTP == 0 {
            self.complain("translation without a root table");
        }
    }
}
