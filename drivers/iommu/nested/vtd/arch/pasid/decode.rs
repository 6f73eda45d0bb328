// SPDX-License-Identifier: GPL-2.0

//! PASID table entries in words for people.

use core::fmt;

use super::*;

/// Displays a PASID table entry, see [`PasidEntry::decode`].
pub(crate) struct Decoded<'a>(pub(super) &'a [u64; 8]);

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        let pgtt = PGTT.get(entry);

        if !P.is_set(entry) {
            return f.write_str("blocked");
        }
        f.write_str(match pgtt {
            PGTT_FIRST => "first stage",
            PGTT_SECOND => "second stage",
            PGTT_NESTED => "nested",
            PGTT_PASS_THROUGH => "pass-through",
            _ => "reserved",
        })?;
        write!(f, " did={}", DID.get(entry))?;
        if matches!(pgtt, PGTT_FIRST | PGTT_NESTED) {
            write!(
                f,
                " fsptptr={:#x} fspm={} sre={} wpe={} eafe={}",
                entry[FSPTPTR.word()] & FSPTPTR.mask(),
                FSPM.get(entry),
                SRE.get(entry),
                WPE.get(entry),
                EAFE.get(entry),
            )?;
        }
        if matches!(pgtt, PGTT_SECOND | PGTT_NESTED) {
            write!(
                f,
                " ssptptr={:#x} aw={} ssade={}",
                entry[SSPTPTR.word()] & SSPTPTR.mask(),
                AW.get(entry),
                SSADE.get(entry),
            )?;
        }
        write!(f, " pwsnp={} pgsnp={}", PWSNP.get(entry), PGSNP.get(entry))
    }
}
