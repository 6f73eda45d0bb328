// SPDX-License-Identifier: GPL-2.0

//! PASID directory entries (9.5) and PASID table entries (9.6): how a PASID of a device is
//! translated.

mod decode;
mod layout;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::stage1::Stage1;
use crate::common::field::fields;

pub(crate) use decode::Decoded;

fields! {
    // PASID directory entry
    DIR_P           = 0 [0];
    SMPTBLPTR       = 0 [63:12];
    // PASID table entry
    P               = 0 [0];
    FPD             = 0 [1];
    AW              = 0 [4:2];
    PGTT            = 0 [8:6];
    SSADE           = 0 [9];
    SSPTPTR         = 0 [63:12];
    DID             = 1 [15:0];
    PWSNP           = 1 [23];
    PGSNP           = 1 [24];
    SRE             = 2 [0];
    ERE             = 2 [1];
    FSPM            = 2 [3:2];
    WPE             = 2 [4];
    NXE             = 2 [5];
    SMEP            = 2 [6];
    EAFE            = 2 [7];
    FSPTPTR         = 2 [63:12];
}

/// PGTT: the first stage alone translates.
pub(crate) const PGTT_FIRST: u64 = 0b001;
/// PGTT: the second stage alone translates.
pub(crate) const PGTT_SECOND: u64 = 0b010;
/// PGTT: the first stage translates, and the second what comes out of it.
pub(crate) const PGTT_NESTED: u64 = 0b011;
/// PGTT: addresses pass.
pub(crate) const PGTT_PASS_THROUGH: u64 = 0b100;

/// FSPM: a first stage of five levels. That of four is 0.
const FSPM_FIVE_LEVELS: u64 = 1;

/// The largest number of PASIDs that a directory of one page leads to.
pub(crate) const PASIDS: u32 = 512 * ENTRIES;

/// How many entries a PASID table, a page, has.
const ENTRIES: u32 = 64;

/// The word of the PASID directory for `pasid`, less than [`PASIDS`].
#[inline]
pub(crate) const fn directory_word_of(pasid: u32) -> usize {
    (pasid / ENTRIES) as usize
}

/// The first word in a PASID table of the entry of `pasid`.
#[inline]
pub(crate) const fn word_of(pasid: u32) -> usize {
    (pasid % ENTRIES) as usize * 8
}

/// A PASID directory entry that leads to the PASID table, a page, at `address` (HPA).
pub(crate) const fn leading_to(address: u64) -> u64 {
    DIR_P.mask() | address & SMPTBLPTR.mask()
}

/// Where the PASID table is (HPA) that a directory entry leads to, if it leads to one.
pub(crate) const fn target(entry: u64) -> Option<u64> {
    if DIR_P.is_set(&[entry]) {
        Some(entry & SMPTBLPTR.mask())
    } else {
        None
    }
}

/// A second-stage table: GPA to HPA, or the host's own IOVA to HPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecondStage {
    /// The top table (HPA).
    pub(crate) table: u64,
    /// The address width, encoded as in AW: 1 is 39 bits, 2 is 48, 3 is 57.
    pub(crate) aw: u8,
    /// Hardware sets the accessed and dirty flags (SSADE). Only with
    /// [`super::caps::Features::dirty`].
    pub(crate) dirty: bool,
    /// Accesses to pages snoop CPU caches whatever the device says (PGSNP). Only with
    /// [`super::caps::Features::snoop_control`].
    pub(crate) page_snoop: bool,
    /// Accesses to the table snoop CPU caches (PWSNP). Only with
    /// [`super::caps::Features::walk_coherent`].
    pub(crate) walk_snoop: bool,
}

/// A first-stage table of the host's own: IOVA to HPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstStage {
    /// The top table (HPA).
    pub(crate) table: u64,
    /// The table has five levels, not four. Only with [`super::caps::Features::five_levels`].
    pub(crate) five_levels: bool,
    /// The largest address width of second stages ([`super::caps::Features::aw`]).
    pub(crate) aw: u8,
    /// As in [`SecondStage`].
    pub(crate) page_snoop: bool,
    /// As in [`SecondStage`].
    pub(crate) walk_snoop: bool,
}

/// A PASID table entry: what happens to the transactions of one PASID of one device.
///
/// Hardware tags what it caches with the DID of the entry, and with the PASID for all but second
/// stages, but not with the device. Entries with the same DID, and the same PASID if there is a
/// first stage, have to translate alike. An entry with a second stage and one without must not
/// have the same DID (6.2.3.1); with caching mode, DID 0 is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct PasidEntry([u64; 8]);

impl PasidEntry {
    /// The entry's words, for the PASID table.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; 8] {
        &self.0
    }

    /// An entry as it was read from the PASID table.
    #[inline]
    pub(crate) const fn from_words(words: [u64; 8]) -> Self {
        Self(words)
    }

    const fn new(pgtt: u64, did: u16, aw: u8, walk_snoop: bool) -> Self {
        let mut entry = [0; 8];

        P.set(&mut entry, 1);
        PGTT.set(&mut entry, pgtt);
        AW.set(&mut entry, aw as u64);
        DID.set(&mut entry, did as u64);
        PWSNP.set(&mut entry, walk_snoop as u64);
        Self(entry)
    }

    /// Transactions are blocked, with a fault.
    pub(crate) const fn blocked() -> Self {
        Self([0; 8])
    }

    /// Transactions pass with the address that they have.
    ///
    /// `aw` is the largest address width ([`super::caps::Features::aw`]): what is above is blocked.
    /// `walk_snoop` is as in [`SecondStage`].
    pub(crate) const fn pass_through(did: u16, aw: u8, walk_snoop: bool) -> Self {
        Self::new(PGTT_PASS_THROUGH, did, aw, walk_snoop)
    }

    /// The host's own first stage.
    pub(crate) const fn first_stage(stage: &FirstStage, did: u16) -> Self {
        let mut entry = Self::new(PGTT_FIRST, did, stage.aw, stage.walk_snoop);

        PGSNP.set(&mut entry.0, stage.page_snoop as u64);
        entry.with_first_stage(stage.table, stage.five_levels)
    }

    /// A second stage alone.
    pub(crate) const fn second_stage(stage: &SecondStage, did: u16) -> Self {
        let mut entry = Self::new(PGTT_SECOND, did, stage.aw, stage.walk_snoop);

        SSADE.set(&mut entry.0, stage.dirty as u64);
        PGSNP.set(&mut entry.0, stage.page_snoop as u64);
        entry.0[SSPTPTR.word()] |= stage.table & SSPTPTR.mask();
        entry
    }

    /// A guest's first stage on top of the second stage of its virtual machine.
    pub(crate) const fn nested(guest: &Stage1, parent: &SecondStage, did: u16) -> Self {
        let mut entry = Self::second_stage(parent, did);

        PGTT.set(&mut entry.0, PGTT_NESTED);
        SRE.set(&mut entry.0, guest.supervisor() as u64);
        WPE.set(&mut entry.0, guest.write_protect() as u64);
        EAFE.set(&mut entry.0, guest.extended_access() as u64);
        entry.with_first_stage(guest.table(), guest.five_levels())
    }

    const fn with_first_stage(mut self, table: u64, five_levels: bool) -> Self {
        if five_levels {
            FSPM.set(&mut self.0, FSPM_FIVE_LEVELS);
        }
        self.0[FSPTPTR.word()] |= table & FSPTPTR.mask();
        self
    }

    /// Whether transactions get further than this.
    pub(crate) const fn is_present(&self) -> bool {
        P.is_set(&self.0)
    }

    /// What hardware tags with that it caches of this entry, if it is present.
    pub(crate) const fn did(&self) -> Option<u16> {
        if self.is_present() {
            // CAST: Sixteen bits.
            Some(DID.get(&self.0) as u16)
        } else {
            None
        }
    }

    /// The entry in words for people.
    pub(crate) const fn decode(&self) -> Decoded<'_> {
        Decoded(&self.0)
    }
}

/// The hardware's view of a PASID table entry, for [`crate::common::entry::write`].
pub(crate) struct PasidLayout;
