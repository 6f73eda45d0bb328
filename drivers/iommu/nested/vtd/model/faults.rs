// SPDX-License-Identifier: GPL-2.0

//! Faults: their reasons (7.1.3), and the registers that record them (7.2.1).

use super::{
    bits,
    walk::Request,
    Unit, //
};
use core::cell::Cell;

/// Why a request was refused, in scalable mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    /// RTADDR_REG is set up wrongly.
    RootPointer = 0x30,
    /// The root entry cannot be read.
    RootAccess = 0x38,
    /// The root entry is not present.
    RootPresent = 0x39,
    /// The root entry has reserved bits set.
    RootReserved = 0x3a,
    /// The context entry cannot be read.
    ContextAccess = 0x40,
    /// The context entry is not present.
    ContextPresent = 0x41,
    /// The context entry has reserved bits set.
    ContextReserved = 0x42,
    /// The device must not have a translation cache.
    DeviceTlb = 0x44,
    /// The device must not use PASIDs.
    PasidEnable = 0x45,
    /// The PASID is beyond the directory.
    PasidRange = 0x46,
    /// The PASID of requests without one is beyond the directory.
    RidPasid = 0x48,
    /// The PASID directory's entry cannot be read.
    DirectoryAccess = 0x50,
    /// The PASID directory's entry is not present.
    DirectoryPresent = 0x51,
    /// The PASID directory's entry has reserved bits set.
    DirectoryReserved = 0x52,
    /// The PASID table's entry cannot be read.
    PasidAccess = 0x58,
    /// The PASID table's entry is not present.
    PasidPresent = 0x59,
    /// The PASID table's entry has reserved bits set.
    PasidReserved = 0x5a,
    /// The PASID table's entry says something that this unit cannot do.
    PasidInvalid = 0x5b,
    /// An entry of the first stage cannot be read.
    FirstAccess = 0x70,
    /// An entry of the first stage is not present.
    FirstPresent = 0x71,
    /// An entry of the first stage has reserved bits set.
    FirstReserved = 0x72,
    /// The first stage's top table cannot be read.
    FirstTop = 0x73,
    /// A table of the nested first stage is beyond the guest's memory.
    FirstBeyond = 0x74,
    /// The second stage has no read permission for the nested first stage's top table.
    FirstTopPermission = 0x75,
    /// The second stage has no read permission for a table of the nested first stage.
    FirstPermission = 0x76,
    /// The second stage has no write permission for the nested first stage's accessed or dirty bit.
    FirstUpdate = 0x77,
    /// An entry of the second stage cannot be read.
    SecondAccess = 0x78,
    /// An entry of the second stage has neither permission.
    SecondPresent = 0x79,
    /// An entry of the second stage has reserved bits set.
    SecondReserved = 0x7a,
    /// The second stage's top table cannot be read.
    SecondTop = 0x7b,
    /// The address is not canonical.
    Canonical = 0x80,
    /// The first stage is for privileged requests.
    User = 0x81,
    /// The address of pass-through is beyond the host's.
    HostRange = 0x83,
    /// The address is beyond what the second stage translates.
    SecondRange = 0x84,
    /// A write without permission.
    Write = 0x85,
    /// A read without permission.
    Read = 0x86,
    /// An access to the interrupt range that is not an interrupt.
    Interrupt = 0x87,
}

/// Fault records, FSTS_REG and FECTL_REG.
pub(crate) struct Faults {
    /// The two words of each record.
    records: [Cell<[u64; 2]>; 8],
    /// Which record is the next.
    next: Cell<usize>,
    /// FRI: the first one pending.
    first: Cell<u32>,
    /// FSTS_REG but for PPF and FRI.
    status: Cell<u32>,
    /// Interrupt mask and interrupt pending.
    control: Cell<u32>,
    /// Interrupts sent.
    messages: Cell<u32>,
}

/// FSTS: primary fault overflow.
pub(super) const PFO: u32 = 1 << 0;
/// FSTS: primary pending fault.
pub(super) const PPF: u32 = 1 << 1;
/// FSTS: invalidation queue error.
pub(super) const IQE: u32 = 1 << 4;
/// FSTS: invalidation time-out error.
pub(super) const ITE: u32 = 1 << 6;
/// FECTL: interrupt mask.
const IM: u32 = 1 << 31;
/// FECTL: interrupt pending.
const IP: u32 = 1 << 30;
/// A fault record's second word: the record is in use.
const F: u64 = 1 << 63;

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            records: [const { Cell::new([0; 2]) }; 8],
            next: Cell::new(0),
            first: Cell::new(0),
            status: Cell::new(0),
            // Masked after reset.
            control: Cell::new(IM),
            messages: Cell::new(0),
        }
    }
}

impl Unit {
    /// How many records there are.
    fn fault_records(&self) -> usize {
        // CAST: 8 bits.
        (bits(self.config.cap, 47, 40) as usize + 1).min(8)
    }

    /// The record and the word of it at a register offset.
    pub(super) fn fault_register(&self, offset: usize) -> Option<(usize, usize)> {
        // CAST: 10 bits.
        let base = bits(self.config.cap, 33, 24) as usize * 16;
        let i = offset.checked_sub(base)?;

        (i / 16 < self.fault_records()).then_some((i / 16, i % 16 / 4))
    }

    /// Reads 32 bits of a record.
    pub(super) fn read_fault(&self, record: usize, part: usize) -> u32 {
        // CAST: The half that is asked for.
        (self.faults.records[record].get()[part / 2] >> (part % 2 * 32)) as u32
    }

    /// Writes 32 bits of a record: a 1 clears F, nothing else can be written.
    pub(super) fn write_fault(&self, record: usize, part: usize, value: u32) {
        if part == 3 && value >> 31 != 0 {
            let [low, high] = self.faults.records[record].get();

            self.faults.records[record].set([low, high & !F]);
            self.settle();
        }
    }

    fn pending(&self) -> bool {
        self.faults.records.iter().any(|r| r.get()[1] & F != 0)
    }

    /// FSTS_REG.
    pub(super) fn fault_status(&self) -> u32 {
        let ppf = if self.pending() { PPF } else { 0 };

        self.faults.status.get() | ppf | self.faults.first.get() << 8
    }

    /// Write of FSTS_REG: ones clear.
    pub(super) fn clear_fault_status(&self, value: u32) {
        self.faults
            .status
            .set(self.faults.status.get() & !(value & (PFO | IQE | ITE)));
        self.settle();
    }

    /// An interrupt that is pending for nothing any more is not.
    fn settle(&self) {
        if self.faults.status.get() == 0 && !self.pending() {
            self.faults.control.set(self.faults.control.get() & !IP);
        }
    }

    /// FECTL_REG.
    pub(super) fn fault_control(&self) -> u32 {
        self.faults.control.get()
    }

    /// Write of FECTL_REG.
    pub(super) fn set_fault_control(&self, value: u32) {
        let pending = self.faults.control.get() & IP;

        self.faults.control.set(value & IM | pending);
        if value & IM == 0 && pending != 0 {
            self.faults.control.set(0);
            self.faults.messages.set(self.faults.messages.get() + 1);
        }
    }

    /// How many fault interrupts were sent.
    pub(crate) fn fault_interrupts(&self) -> u32 {
        self.faults.messages.get()
    }

    /// Sets bits of FSTS_REG, with an interrupt.
    pub(super) fn raise(&self, status: u32) {
        self.faults.status.set(self.faults.status.get() | status);
        self.interrupt();
    }

    fn interrupt(&self) {
        if self.faults.control.get() & IM != 0 {
            self.faults.control.set(IM | IP);
        } else {
            self.faults.messages.set(self.faults.messages.get() + 1);
        }
    }

    /// Whether any of these bits of FSTS_REG is set.
    pub(super) fn raised(&self, status: u32) -> bool {
        self.faults.status.get() & status != 0
    }

    /// Records a fault, if there is room.
    pub(super) fn record(&self, request: &Request, reason: Reason) {
        let faults = &self.faults;
        let i = faults.next.get();

        if self.raised(PFO) {
            return;
        }
        if faults.records[i].get()[1] & F != 0 {
            self.raise(PFO);
            return;
        }

        let was_pending = self.pending();
        // T1: 0 a write, 1 a read.
        let read = if request.write { 0 } else { 1 << 62 };
        let pasid = request
            .pasid
            .map_or(0, |pasid| u64::from(pasid) << 40 | 1 << 31);

        faults.records[i].set([
            request.address & !0xfff,
            // CAST: The discriminant is the code.
            F | read | pasid | u64::from(reason as u8) << 32 | u64::from(request.rid),
        ]);
        faults.next.set((i + 1) % self.fault_records());
        if !was_pending {
            // CAST: Below 8.
            faults.first.set(i as u32);
            self.interrupt();
        }
    }
}
