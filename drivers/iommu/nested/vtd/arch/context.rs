// SPDX-License-Identifier: GPL-2.0

//! Context entries in scalable mode (9.4): from a source ID to its PASID directory.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use crate::common::{
    entry::Layout,
    field::fields, //
};

/// A context entry: how the transactions of one source ID find their PASID entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ContextEntry([u64; 4]);

fields! {
    P               = 0 [0];
    FPD             = 0 [1];
    DTE             = 0 [2];
    PASIDE          = 0 [3];
    PRE             = 0 [4];
    PDTS            = 0 [11:9];
    PASIDDIRPTR     = 0 [63:12];
}

/// PDTS of a PASID directory that is one page: `1 << (PDTS + 7)` entries.
const PDTS_ONE_PAGE: u64 = 2;

/// What a device may do, and how it is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextConfig {
    /// The PASID directory, a page of 512 entries (HPA).
    pub(crate) directory: u64,
    /// The device may ask for translations and use what it was given (DTE). Only where the unit
    /// supports device-TLBs.
    pub(crate) ats: bool,
    /// The device may name a PASID (PASIDE). Only where the unit supports PASIDs.
    pub(crate) pasid: bool,
    /// The device may ask for pages (PRE). Only where the unit supports page requests.
    pub(crate) pri: bool,
}

/// The first word in a context table of the entry of the source ID `sid`.
#[inline]
pub(crate) const fn word_of(sid: u16) -> usize {
    // CAST: Seven bits.
    (sid & 0x7f) as usize * 4
}

impl ContextEntry {
    /// The entry's words, for the context table.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; 4] {
        &self.0
    }

    /// An entry as it was read from the context table.
    #[inline]
    pub(crate) const fn from_words(words: [u64; 4]) -> Self {
        Self(words)
    }

    /// All transactions are blocked, with a fault.
    pub(crate) const fn blocked() -> Self {
        Self([0; 4])
    }

    /// Transactions are translated as the PASID directory says, those without PASID as PASID 0.
    pub(crate) const fn new(config: &ContextConfig) -> Self {
        let mut entry = [0; 4];

        P.set(&mut entry, 1);
        DTE.set(&mut entry, config.ats as u64);
        PASIDE.set(&mut entry, config.pasid as u64);
        PRE.set(&mut entry, config.pri as u64);
        PDTS.set(&mut entry, PDTS_ONE_PAGE);
        entry[PASIDDIRPTR.word()] |= config.directory & PASIDDIRPTR.mask();
        Self(entry)
    }

    /// The same, but that the device may neither ask for translations nor use what it was given,
    /// nor ask for pages.
    pub(crate) const fn without_ats(mut self) -> Self {
        DTE.set(&mut self.0, 0);
        PRE.set(&mut self.0, 0);
        self
    }

    /// Whether the device may use translations that it was given.
    pub(crate) const fn has_ats(&self) -> bool {
        self.is_present() && DTE.is_set(&self.0)
    }

    /// The PASID directory (HPA).
    pub(crate) const fn directory(&self) -> u64 {
        self.0[PASIDDIRPTR.word()] & PASIDDIRPTR.mask()
    }

    /// Whether transactions get further than this.
    pub(crate) const fn is_present(&self) -> bool {
        P.is_set(&self.0)
    }
}

/// The hardware's view of a context entry, for [`crate::common::entry::write`].
pub(crate) struct ContextLayout;

impl Layout<4> for ContextLayout {
    const VALID: u64 = P.mask();

    /// A present entry is read as a whole: reserved bits must be zero. Of one that is not, FPD
    /// still says whether faults are reported.
    fn used(entry: &[u64; 4]) -> [u64; 4] {
        if P.is_set(entry) {
            [u64::MAX; 4]
        } else {
            [P.mask() | FPD.mask(), 0, 0, 0]
        }
    }

    fn relaxed(_cur: &[u64; 4], _new: &[u64; 4]) -> [u64; 4] {
        [0; 4]
    }
}
