// SPDX-License-Identifier: GPL-2.0

//! Which bits of a PASID table entry the hardware reads.

use super::*;
use crate::common::entry::Layout;

/// Word 0: ignored without a second stage.
const SECOND_0: u64 = SSADE.mask() | SSPTPTR.mask();
/// Word 2: ignored without a first stage.
const FIRST_2: u64 = SRE.mask()
    | ERE.mask()
    | FSPM.mask()
    | WPE.mask()
    | NXE.mask()
    | SMEP.mask()
    | EAFE.mask()
    | FSPTPTR.mask();

impl Layout<8> for PasidLayout {
    const VALID: u64 = P.mask();

    /// Everything is taken as used but the fields of a stage that does not translate. Reserved bits
    /// are used in particular: hardware faults if one is set.
    ///
    /// Of an entry that is not present, FPD still says whether faults are reported.
    fn used(entry: &[u64; 8]) -> [u64; 8] {
        let mut used = [u64::MAX; 8];

        if !P.is_set(entry) {
            return [P.mask() | FPD.mask(), 0, 0, 0, 0, 0, 0, 0];
        }
        match PGTT.get(entry) {
            PGTT_FIRST => used[0] &= !SECOND_0,
            PGTT_SECOND => used[2] &= !FIRST_2,
            PGTT_PASS_THROUGH => {
                used[0] &= !SECOND_0;
                used[2] &= !FIRST_2;
            }
            // Both stages, or reserved.
            _ => (),
        }
        used
    }

    /// Whatever is in use has a say in what is cached and under which DID, even if only for a
    /// moment.
    fn relaxed(_cur: &[u64; 8], _new: &[u64; 8]) -> [u64; 8] {
        [0; 8]
    }
}
