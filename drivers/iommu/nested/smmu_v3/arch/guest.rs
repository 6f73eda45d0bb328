// SPDX-License-Identifier: GPL-2.0

//! What a guest hands to its virtual SMMU: untrusted words that end up in the physical one.
//!
//! Both parsers work by allow-list: a bit is either a field with a meaning that is safe in the
//! guest's own VMID and streams, or the whole input is refused. Nothing that was not checked here
//! reaches a stream table or the command queue, which all guests and the host share.

pub(crate) mod admission;
pub(crate) mod expand;
pub(crate) mod table;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    features::{
        Features,
        StallModel, //
    },
    ste, //
};

/// Which of the forms a guest's STE has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VSteKind {
    /// V is 0. All else is ignored.
    Invalid,
    /// Transactions are aborted.
    Abort,
    /// Stage 1 is bypassed: IOVA is IPA.
    Bypass,
    /// The guest's context descriptors translate.
    Translate,
}

/// Why a guest's STE is refused. User space is told EIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadVste {
    /// A bit outside of the fields that a guest may set.
    Field,
    /// Config asks for a stage 2 or is not canonical.
    Config,
    /// EATS is split-stage or reserved, or asks for ATS that the SMMU does not have.
    Eats,
    /// S1Fmt is reserved or two-level where the SMMU has linear tables only.
    Format,
    /// S1CDMax exceeds the SubstreamID size.
    TooManyCds,
    /// S1DSS is reserved.
    DefaultSubstream,
    /// S1CSH is reserved.
    Shareability,
    /// S1STALLD is set though stalls cannot be configured.
    Stall,
    /// S1ContextPtr exceeds the output address size.
    Address,
}

/// A guest's STE (words 0 and 1, as `struct iommu_hwpt_arm_smmuv3`) that was found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VSte {
    words: [u64; 2],
}

/// The bits of words 0 and 1 that a guest may set, as the user API documents.
const VSTE_ALLOWED: [u64; 2] = [
    ste::V.mask()
        | ste::CONFIG.mask()
        | ste::S1FMT.mask()
        | ste::S1CONTEXT_PTR.mask()
        | ste::S1CDMAX.mask(),
    ste::S1DSS.mask()
        | ste::S1CIR.mask()
        | ste::S1COR.mask()
        | ste::S1CSH.mask()
        | ste::S1STALLD.mask()
        | ste::EATS.mask(),
];

impl VSte {
    /// Checks a guest's STE against what this SMMU can do.
    pub(crate) fn parse(words: [u64; 2], features: &Features) -> Result<VSte, BadVste> {
        let ste = &words;

        if !ste::V.is_set(ste) {
            return Ok(VSte { words: [0; 2] });
        }
        if words[0] & !VSTE_ALLOWED[0] != 0 || words[1] & !VSTE_ALLOWED[1] != 0 {
            return Err(BadVste::Field);
        }
        if ste::EATS.get(ste) > ste::EATS_TRANSLATE {
            return Err(BadVste::Eats);
        }
        match ste::CONFIG.get(ste) {
            ste::CONFIG_ABORT | ste::CONFIG_BYPASS => Ok(VSte { words }),
            ste::CONFIG_S1 => Self::parse_stage1(words, features),
            _ => Err(BadVste::Config),
        }
    }

    fn parse_stage1(mut words: [u64; 2], features: &Features) -> Result<VSte, BadVste> {
        let ste = &words;
        let address = words[0] & ste::S1CONTEXT_PTR.mask();

        if ste::EATS.is_set(ste) && !features.ats {
            return Err(BadVste::Eats);
        }
        if ste::S1STALLD.is_set(ste) && features.stall != StallModel::Configurable {
            return Err(BadVste::Stall);
        }
        if ste::S1CSH.get(ste) == 1 {
            return Err(BadVste::Shareability);
        }
        if features.oas_bits < u64::BITS && address >> features.oas_bits != 0 {
            return Err(BadVste::Address);
        }
        if ste::S1FMT.get(ste) == 3 {
            return Err(BadVste::Format);
        }
        if ste::S1CDMAX.is_set(ste) {
            if ste::S1CDMAX.get(ste) > features.ssid_bits.into() {
                return Err(BadVste::TooManyCds);
            }
            if ste::S1FMT.is_set(ste) && !features.two_level_cdtab {
                return Err(BadVste::Format);
            }
            if ste::S1DSS.get(ste) == 3 {
                return Err(BadVste::DefaultSubstream);
            }
        } else {
            // Without substreams the hardware ignores these.
            ste::S1FMT.set(&mut words, 0);
            ste::S1DSS.set(&mut words, 0);
        }
        Ok(VSte { words })
    }

    /// Which form the guest's STE has.
    pub(crate) fn kind(&self) -> VSteKind {
        if !ste::V.is_set(&self.words) {
            return VSteKind::Invalid;
        }
        match ste::CONFIG.get(&self.words) {
            ste::CONFIG_BYPASS => VSteKind::Bypass,
            ste::CONFIG_S1 => VSteKind::Translate,
            _ => VSteKind::Abort,
        }
    }

    /// Whether the guest translates with ATS, and hence promises to send CMD_ATC_INV.
    pub(crate) fn wants_ats(&self) -> bool {
        self.kind() == VSteKind::Translate && ste::EATS.is_set(&self.words)
    }

    /// The guest's stage 1 fields in words 0 and 1, without V, Config, EATS and S1STALLD, which the
    /// host decides on.
    pub(super) fn stage1_bits(&self) -> [u64; 2] {
        let own = ste::V.mask() | ste::CONFIG.mask();

        [
            self.words[0] & !own,
            self.words[1] & !(ste::EATS.mask() | ste::S1STALLD.mask()),
        ]
    }
}
