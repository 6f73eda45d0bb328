// SPDX-License-Identifier: GPL-2.0

//! STEs in words for people.

use core::fmt;

use super::*;

/// Displays an STE, see [`Ste::decode`].
pub(crate) struct Decoded<'a>(pub(super) &'a [u64; 8]);

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ste = self.0;
        let config = CONFIG.get(ste);

        if !V.is_set(ste) {
            return f.write_str("invalid");
        }
        if config & CONFIG_BIT_ENABLED == 0 {
            return f.write_str("abort");
        }
        f.write_str(match config {
            CONFIG_S1 => "stage 1",
            CONFIG_S2 => "stage 2",
            CONFIG_NESTED => "nested",
            _ => "bypass",
        })?;
        if config & CONFIG_BIT_S1 != 0 {
            let format = match S1FMT.get(ste) {
                0 => "linear",
                1 => "2-level 4K",
                2 => "2-level 64K",
                _ => "reserved",
            };
            let default = match S1DSS.get(ste) {
                0 => "terminate",
                1 => "bypass",
                2 => "ssid0",
                _ => "reserved",
            };
            write!(
                f,
                " cds={:#x} fmt={format} cdmax={} dss={default}",
                ste[S1CONTEXT_PTR.word()] & S1CONTEXT_PTR.mask(),
                S1CDMAX.get(ste),
            )?;
        }
        if config & CONFIG_BIT_S2 != 0 {
            write!(
                f,
                " s2ttb={:#x} s2t0sz={} s2sl0={} s2tg={} s2ps={} fwb={}",
                ste[S2TTB.word()] & S2TTB.mask(),
                S2T0SZ.get(ste),
                S2SL0.get(ste),
                S2TG.get(ste),
                S2PS.get(ste),
                S2FWB.get(ste),
            )?;
        }
        if config & (CONFIG_BIT_S1 | CONFIG_BIT_S2) != 0 {
            write!(f, " vmid={} eats={}", S2VMID.get(ste), EATS.get(ste))?;
        }
        Ok(())
    }
}
