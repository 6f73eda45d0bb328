// SPDX-License-Identifier: GPL-2.0

//! A guest's first stage, described by its parameters instead of by an STE.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    super::{
        features::Features,
        ste, //
    },
    BadVste,
    VSte,
    VSteKind, //
};

/// What an STE says of a table of context descriptors besides where it is and how large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableOptions {
    /// STE.S1Fmt.
    pub(crate) s1fmt: u8,
    /// STE.S1DSS.
    pub(crate) s1dss: u8,
    /// STE.S1CIR.
    pub(crate) s1cir: u8,
    /// STE.S1COR.
    pub(crate) s1cor: u8,
    /// STE.S1CSH.
    pub(crate) s1csh: u8,
    /// STE.S1STALLD.
    pub(crate) stalld: u8,
}

/// log2 of the bytes of a context descriptor, and of a descriptor of a first level.
const CD_LOG2: u32 = 6;
const L1_LOG2: u32 = 3;

/// The bytes at which the hardware starts to read a table of `1 << bits` descriptors in the format
/// `s1fmt`, in log2: all of it, or its first level.
fn log2_size(s1fmt: u64, bits: u32) -> u32 {
    match s1fmt {
        // Leaves of 4 KiB and of 64 KiB.
        1 => L1_LOG2 + bits.saturating_sub(12 - CD_LOG2),
        2 => L1_LOG2 + bits.saturating_sub(16 - CD_LOG2),
        _ => CD_LOG2 + bits,
    }
}

impl VSte {
    /// Every access is refused.
    pub(crate) fn abort() -> Self {
        Self::with_config(ste::CONFIG_ABORT)
    }

    /// IOVAs are IPAs.
    pub(crate) fn bypass() -> Self {
        Self::with_config(ste::CONFIG_BYPASS)
    }

    fn with_config(config: u64) -> Self {
        let mut words = [0; 2];

        ste::V.set(&mut words, 1);
        ste::CONFIG.set(&mut words, config);
        Self { words }
    }

    /// The guest's descriptors at `base` (IPA) translate; there are `1 << bits`.
    ///
    /// More than [`Self::parse`] asks for: what the hardware would ignore is refused.
    pub(crate) fn translate(
        base: u64,
        bits: u32,
        ats: bool,
        options: &TableOptions,
        features: &Features,
    ) -> Result<Self, BadVste> {
        let mut words = Self::with_config(ste::CONFIG_S1).words;

        for (field, value) in [
            (ste::S1FMT, options.s1fmt.into()),
            (ste::S1DSS, options.s1dss.into()),
            (ste::S1CIR, options.s1cir.into()),
            (ste::S1COR, options.s1cor.into()),
            (ste::S1CSH, options.s1csh.into()),
            (ste::S1STALLD, options.stalld.into()),
            (ste::EATS, u64::from(ats) * ste::EATS_TRANSLATE),
        ] {
            if !field.fits(value) {
                return Err(BadVste::Field);
            }
            field.set(&mut words, value);
        }
        if bits > features.ssid_bits {
            return Err(BadVste::TooManyCds);
        }
        ste::S1CDMAX.set(&mut words, bits.into());
        if bits == 0 && (ste::S1FMT.is_set(&words) || ste::S1DSS.is_set(&words)) {
            return Err(BadVste::Format);
        }
        if features.oas_bits < u64::BITS && base >> features.oas_bits != 0 {
            return Err(BadVste::Address);
        }
        let align = log2_size(options.s1fmt.into(), bits).max(CD_LOG2);
        if base & ((1 << align) - 1) != 0 {
            return Err(BadVste::Field);
        }
        words[0] |= base & ste::S1CONTEXT_PTR.mask();
        Self::parse(words, features)
    }

    /// Where the hardware starts to read a guest's descriptors (IPA), and how much, in bytes.
    pub(crate) fn table(&self) -> Option<(u64, u64)> {
        let words = &self.words;
        // CAST: Five bits.
        let bits = ste::S1CDMAX.get(words) as u32;

        (self.kind() == VSteKind::Translate).then(|| {
            (
                words[0] & ste::S1CONTEXT_PTR.mask(),
                1 << log2_size(ste::S1FMT.get(words), bits),
            )
        })
    }
}
