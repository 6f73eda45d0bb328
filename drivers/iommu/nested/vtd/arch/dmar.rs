// SPDX-License-Identifier: GPL-2.0

//! The ACPI table DMAR (8.1): which remapping units there are, and for which devices.
//!
//! Firmware's bytes are checked as a whole before any of it is believed.

mod bytes;
mod scope;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use bytes::Bytes;

pub(crate) use scope::{
    Hop,
    Scopes, //
};

/// Why a table is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadDmar {
    /// It is not a DMAR table, or cut off.
    Header,
    /// It is of a revision that the driver does not know.
    Revision(u8),
    /// A structure is too short for what it is, or goes beyond the table.
    Structure,
    /// A device scope is too short, without a path, or goes beyond its structure.
    Scope,
}

impl BadDmar {
    /// One line for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "the header is not valid",
            Self::Revision(_) => "the revision is not known",
            Self::Structure => "the length of a structure is not valid",
            Self::Scope => "a device scope is not valid",
        }
    }
}

/// The signature of the table, which it begins with.
pub(crate) const SIGNATURE: [u8; 4] = *b"DMAR";
/// What else is looked at in the header, which all ACPI tables have.
const LENGTH: usize = 4;
const REVISION: usize = 8;
/// What follows: the width of the host's addresses and flags.
const WIDTH: usize = 36;
const FLAGS: usize = 37;
/// The structures.
const STRUCTURES: usize = 48;

/// The revisions of the table that there are.
const REVISIONS: core::ops::RangeInclusive<u8> = 1..=2;

/// FLAGS: the platform has interrupt remapping.
const INTR_REMAP: u8 = 1 << 0;

/// A table that was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dmar<'a> {
    width: u8,
    flags: u8,
    structures: Bytes<'a>,
}

/// One structure of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Structure<'a> {
    /// DRHD: a remapping unit.
    Unit(Unit<'a>),
    /// RMRR: memory that devices use from boot on.
    Reserved(Reserved<'a>),
    /// ATSR: root ports that let translation requests through.
    RootPorts(RootPorts<'a>),
    /// SATC: devices in the package with translation caches.
    Caches(Caches<'a>),
    /// ANDD: the name of a device that is not a PCI one.
    Name(Name<'a>),
    /// Nothing that the driver needs: RHSA, SIDP, or reserved.
    Other(u16),
}

/// A remapping unit (8.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'a> {
    /// It is for all devices of its segment that no other unit is for (INCLUDE_PCI_ALL).
    pub(crate) all: bool,
    /// The PCI segment.
    pub(crate) segment: u16,
    /// Where its registers are (HPA).
    pub(crate) registers: u64,
    /// The size of the registers in bytes, at least a page.
    pub(crate) size: u64,
    /// The devices it is for.
    pub(crate) scopes: Scopes<'a>,
}

/// Memory that devices use from boot on, and have to have mapped as it is (8.4).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserved<'a> {
    /// The PCI segment.
    pub(crate) segment: u16,
    /// The first address (HPA, and IOVA).
    pub(crate) first: u64,
    /// The last address.
    pub(crate) last: u64,
    /// The devices that use it.
    pub(crate) scopes: Scopes<'a>,
}

/// Root ports that let translation requests through (8.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RootPorts<'a> {
    /// All of the segment do.
    pub(crate) all: bool,
    /// The PCI segment.
    pub(crate) segment: u16,
    /// The root ports.
    pub(crate) scopes: Scopes<'a>,
}

/// Devices in the package with translation caches (8.8).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caches<'a> {
    /// They do not work without (ATC_REQUIRED).
    pub(crate) required: bool,
    /// The PCI segment.
    pub(crate) segment: u16,
    /// The devices.
    pub(crate) scopes: Scopes<'a>,
}

/// The name of a device that is not a PCI one (8.7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    /// What device scopes call it: their enumeration ID.
    pub(crate) number: u8,
    /// Its path in the ACPI name space, without the NUL at its end.
    pub(crate) path: &'a [u8],
}

impl Reserved<'_> {
    /// Whether it is whole pages, and some.
    pub(crate) const fn is_sane(&self) -> bool {
        self.first < self.last && self.first & 0xfff == 0 && self.last & 0xfff == 0xfff
    }
}

impl<'a> Dmar<'a> {
    /// Checks the table in `bytes`, which may be longer.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Dmar<'a>, BadDmar> {
        let table = Bytes::new(bytes);
        let header = || -> Option<(Bytes<'a>, u8)> {
            if table.array(0)? != SIGNATURE {
                return None;
            }
            // CAST: Not smaller on the 64-bit machines that there are.
            let table = table.first(table.u32(LENGTH)? as usize)?;

            (table.len() >= STRUCTURES).then_some((table, table.u8(REVISION)?))
        };
        let (table, revision) = header().ok_or(BadDmar::Header)?;

        if !REVISIONS.contains(&revision) {
            return Err(BadDmar::Revision(revision));
        }
        let this = Self {
            width: table.u8(WIDTH).ok_or(BadDmar::Header)?,
            flags: table.u8(FLAGS).ok_or(BadDmar::Header)?,
            structures: table.after(STRUCTURES).ok_or(BadDmar::Header)?,
        };
        let mut rest = this.structures;

        while rest.len() != 0 {
            let (structure, next) = Structure::split(rest)?;

            structure.check()?;
            rest = next;
        }
        Ok(this)
    }

    /// The width of the host's physical addresses that devices can use, in bits.
    pub(crate) fn address_bits(&self) -> u32 {
        u32::from(self.width) + 1
    }

    /// The platform has interrupt remapping.
    pub(crate) fn remaps_interrupts(&self) -> bool {
        self.flags & INTR_REMAP != 0
    }

    /// All structures, in the order of the table.
    pub(crate) fn structures(&self) -> impl Iterator<Item = Structure<'a>> {
        let mut rest = self.structures;

        core::iter::from_fn(move || {
            // All was checked: that it ends is the only error.
            let (structure, next) = Structure::split(rest).ok()?;

            rest = next;
            Some(structure)
        })
    }

    /// All remapping units.
    pub(crate) fn units(&self) -> impl Iterator<Item = Unit<'a>> {
        self.structures().filter_map(|structure| match structure {
            Structure::Unit(unit) => Some(unit),
            _ => None,
        })
    }

    /// The unit that is for the PCI device of `segment` at the end of `way`: from the root bus to
    /// the device, each bridge on it and the device itself.
    ///
    /// A unit that names the device, or the closest bridge above, comes before one that is for all
    /// others.
    pub(crate) fn unit_of(&self, segment: u16, way: &[Hop]) -> Option<Unit<'a>> {
        let in_segment = || self.units().filter(|unit| unit.segment == segment);
        let closest = in_segment()
            .filter(|unit| unit.scopes.reach(way).is_some())
            .max_by_key(|unit| unit.scopes.reach(way));

        closest.or_else(|| in_segment().find(|unit| unit.all))
    }
}

/// The types of structures, and the sizes of what is before a name or device scopes.
const DRHD: u16 = 0;
const DRHD_SIZE: usize = 16;
const RMRR: u16 = 1;
const RMRR_SIZE: usize = 24;
const ATSR: u16 = 2;
const ATSR_SIZE: usize = 8;
const ANDD: u16 = 4;
const ANDD_SIZE: usize = 8;
const SATC: u16 = 5;
const SATC_SIZE: usize = 8;

impl<'a> Structure<'a> {
    /// The first structure in `bytes`, and what is after it.
    fn split(bytes: Bytes<'a>) -> Result<(Self, Bytes<'a>), BadDmar> {
        let split = || -> Option<(Self, Bytes<'a>)> {
            let length = usize::from(bytes.u16(2)?);
            let rest = bytes.after(length)?;

            // Without a header there is no end to it.
            (length >= 4).then_some(())?;
            Some((Self::decode(bytes.u16(0)?, bytes.first(length)?)?, rest))
        };

        split().ok_or(BadDmar::Structure)
    }

    fn decode(kind: u16, bytes: Bytes<'a>) -> Option<Self> {
        let scopes = |size: usize| bytes.after(size).map(Scopes::new);

        Some(match kind {
            DRHD => Self::Unit(Unit {
                all: bytes.u8(4)? & 1 != 0,
                // log2 of the number of pages.
                size: 4096 << (bytes.u8(5)? & 0xf),
                segment: bytes.u16(6)?,
                registers: bytes.u64(8)?,
                scopes: scopes(DRHD_SIZE)?,
            }),
            RMRR => Self::Reserved(Reserved {
                segment: bytes.u16(6)?,
                first: bytes.u64(8)?,
                last: bytes.u64(16)?,
                scopes: scopes(RMRR_SIZE)?,
            }),
            ATSR => Self::RootPorts(RootPorts {
                all: bytes.u8(4)? & 1 != 0,
                segment: bytes.u16(6)?,
                scopes: scopes(ATSR_SIZE)?,
            }),
            SATC => Self::Caches(Caches {
                required: bytes.u8(4)? & 1 != 0,
                segment: bytes.u16(6)?,
                scopes: scopes(SATC_SIZE)?,
            }),
            ANDD => Self::Name(Name {
                number: bytes.u8(7)?,
                path: bytes.after(ANDD_SIZE)?.until_nul(),
            }),
            _ => Self::Other(kind),
        })
    }

    /// Checks what is in the structure.
    fn check(&self) -> Result<(), BadDmar> {
        match self {
            Self::Unit(Unit { scopes, .. })
            | Self::Reserved(Reserved { scopes, .. })
            | Self::RootPorts(RootPorts { scopes, .. })
            | Self::Caches(Caches { scopes, .. }) => scopes.check(),
            Self::Name(_) | Self::Other(_) => Ok(()),
        }
    }
}
