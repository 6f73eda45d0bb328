// SPDX-License-Identifier: GPL-2.0

//! Which bits of an STE the hardware reads.

use super::*;
use crate::common::entry::Layout;

/// Word 0: ignored when stage 1 bypasses.
const STAGE1_0: u64 = S1FMT.mask() | S1CONTEXT_PTR.mask() | S1CDMAX.mask();
/// Word 1: ignored when stage 1 bypasses.
const STAGE1_1: u64 =
    S1DSS.mask() | S1CIR.mask() | S1COR.mask() | S1CSH.mask() | S1STALLD.mask() | STRW.mask();

impl Layout<8> for SteLayout {
    const VALID: u64 = V.mask();

    /// Everything is taken as used that the architecture does not explicitly ignore, fields that
    /// this driver never sets included.
    fn used(ste: &[u64; 8]) -> [u64; 8] {
        let config = CONFIG.get(ste);
        let stage1 = config & CONFIG_BIT_S1 != 0;
        let stage2 = config & CONFIG_BIT_S2 != 0;
        let mut used = [u64::MAX; 8];

        if !V.is_set(ste) {
            return [V.mask(), 0, 0, 0, 0, 0, 0, 0];
        }
        if config & CONFIG_BIT_ENABLED == 0 {
            return [V.mask() | CONFIG.mask(), 0, 0, 0, 0, 0, 0, 0];
        }

        if !stage1 {
            used[0] &= !STAGE1_0;
            used[1] &= !STAGE1_1;
        }
        if !stage2 {
            // A stalling stage 2 may make EATS illegal even when there is no stage 2.
            used[1] &= !S2FWB.mask();
            used[2] &= S2VMID.mask() | S2S.mask();
            used[3] = 0;
        }
        if !stage1 && !stage2 {
            used[1] &= !(EATS.mask() | MEV.mask());
            used[2] = 0;
        }
        if stage1 && !stage2 && S1DSS.get(ste) != S1dss::Bypass as u64 {
            // 13.5: shareability is that of the stage 1 descriptor.
            used[1] &= !SHCFG.mask();
        }
        used
    }

    /// MEV only merges events. EATS merely gates ATS requests, and of an endpoint that sends none
    /// while it changes: the driver enables ATS in the endpoint after EATS is set and disables it
    /// before EATS is cleared. That does not hold for split-stage ATS, and a stalling stage 2
    /// (S2S) makes EATS illegal, so with either EATS is an ordinary field.
    fn relaxed(cur: &[u64; 8], new: &[u64; 8]) -> [u64; 8] {
        let either = [cur[0] | new[0], cur[1] | new[1], cur[2] | new[2]];
        let mut relaxed = [0; 8];

        relaxed[1] = MEV.mask();
        if EATS.get(&either) & EATS_S1CHK == 0 && !S2S.is_set(&either) {
            relaxed[1] |= EATS.prep(EATS_TRANSLATE);
        }
        relaxed
    }
}
