// SPDX-License-Identifier: GPL-2.0

//! Configuration space of a PCI function (PCI Express base specification, chapter 7).

/// Its size in bytes.
pub(crate) const SIZE: usize = 4096;

const CAPABILITIES: usize = 0x34;
const STATUS: usize = 0x06;
const STATUS_CAPABILITIES: u16 = 1 << 4;
const EXPRESS: usize = 0x40;
const MSI: usize = 0x80;

const ATS: usize = 0x100;
const PRI: usize = 0x110;
const PASID: usize = 0x120;

/// Device control: the function is to be reset.
const CONTROL: usize = EXPRESS + 0x8;
const CONTROL_FLR: u16 = 1 << 15;
const ATS_CONTROL: usize = ATS + 0x6;
const ATS_ENABLE: u16 = 1 << 15;
const PRI_CONTROL: usize = PRI + 0x4;
const PRI_ENABLE: u16 = 1 << 0;
const PRI_STATUS: usize = PRI + 0x6;
/// What was asked for is answered; the answers to requests with PASID have it.
const PRI_STATUS_IDLE: u16 = 1 << 8 | 1 << 15;
const PASID_CONTROL: usize = PASID + 0x6;
const PASID_ENABLE: u16 = 1 << 0;

/// What a function is.
pub(crate) struct Identity {
    pub(crate) vendor: u16,
    pub(crate) device: u16,
    /// Class, subclass and interface.
    pub(crate) class: u32,
    /// It has MSI, ATS, PRI and PASID.
    pub(crate) capable: bool,
}

/// Configuration space, and which of its bits software can change.
pub(crate) struct Config {
    bytes: [u8; SIZE],
    writable: [u8; SIZE],
    /// What it was at first, and is again after a reset.
    initial: [u8; SIZE],
}

impl Config {
    /// Of a function with 32-bit memory, which QEMU knows the size of.
    pub(crate) fn new(identity: &Identity) -> Self {
        let mut config = Self {
            bytes: [0; SIZE],
            writable: [0; SIZE],
            initial: [0; SIZE],
        };

        config.set16(0x00, identity.vendor);
        config.set16(0x02, identity.device);
        config.set32(0x08, identity.class << 8);
        // Memory and bus mastering.
        config.allow(0x04, 0x6);
        config.set16(STATUS, STATUS_CAPABILITIES);
        config.bytes[CAPABILITIES] = EXPRESS as u8;
        config.express();
        if identity.capable {
            config.msi();
            config.extended();
        }
        config.initial = config.bytes;
        config
    }

    fn set16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }

    fn set32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn allow(&mut self, at: usize, bits: u16) {
        self.writable[at..at + 2].copy_from_slice(&bits.to_le_bytes());
    }

    fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// An endpoint that is integrated in the root complex, which can be reset and has prefixes of
    /// packets: PASIDs are in those.
    fn express(&mut self) {
        self.set16(EXPRESS, 0x10);
        self.set16(EXPRESS + 0x2, 2 | 9 << 4);
        self.set32(EXPRESS + 0x4, 1 << 15 | 1 << 28);
        self.allow(CONTROL, 0x000f);
        self.set32(EXPRESS + 0x24, 1 << 21 | 1 << 22);
    }

    /// One message of 64 bits. QEMU has the rest.
    fn msi(&mut self) {
        self.bytes[EXPRESS + 1] = MSI as u8;
        self.set16(MSI, 0x05);
        self.set16(MSI + 0x2, 1 << 7);
        self.allow(MSI + 0x2, 1 << 0);
    }

    fn extended(&mut self) {
        // 32 invalidations at a time, of whole pages.
        self.set32(ATS, 0x0f | 1 << 16 | (PRI as u32) << 20);
        self.set16(ATS + 0x4, 1 << 5);
        self.allow(ATS_CONTROL, ATS_ENABLE | 0x1f);
        self.set32(PRI, 0x13 | 1 << 16 | (PASID as u32) << 20);
        self.set16(PRI_STATUS, PRI_STATUS_IDLE);
        self.set32(PRI + 0x8, 512);
        self.allow(PRI_CONTROL, PRI_ENABLE);
        self.allow(PRI + 0xc, 0xffff);
        // PASIDs of 20 bits.
        self.set32(PASID, 0x1b | 1 << 16);
        self.set16(PASID + 0x4, 20 << 8);
        self.allow(PASID_CONTROL, PASID_ENABLE);
    }

    /// Reads; beyond its end there are zeroes.
    pub(crate) fn read(&self, at: usize, data: &mut [u8]) {
        for (at, byte) in (at..).zip(data) {
            *byte = self.bytes.get(at).copied().unwrap_or(0);
        }
    }

    /// Writes what can be written. `true`: the function is to be reset.
    pub(crate) fn write(&mut self, at: usize, data: &[u8]) -> bool {
        let mut reset = false;

        for (at, byte) in (at..).zip(data).take_while(|(at, _)| *at < SIZE) {
            let mask = self.writable[at];

            self.bytes[at] = self.bytes[at] & !mask | byte & mask;
            // CAST: Its upper half.
            reset |= at == CONTROL + 1 && byte & (CONTROL_FLR >> 8) as u8 != 0;
        }
        reset
    }

    /// As it was at first.
    pub(crate) fn reset(&mut self) {
        self.bytes = self.initial;
    }

    /// Whether the function may translate by itself.
    pub(crate) fn ats(&self) -> bool {
        self.get16(ATS_CONTROL) & ATS_ENABLE != 0
    }

    /// Whether the function may ask for pages.
    pub(crate) fn pri(&self) -> bool {
        self.get16(PRI_CONTROL) & PRI_ENABLE != 0
    }

    /// Whether the function may use PASIDs.
    pub(crate) fn pasid(&self) -> bool {
        self.get16(PASID_CONTROL) & PASID_ENABLE != 0
    }
}
