// SPDX-License-Identifier: GPL-2.0

//! What a guest hands to its virtual SMMU: untrusted words that end up in the physical one.
//!
//! Both parsers work by allow-list: a bit is either a field with a meaning that is safe in the
//! guest's own VMID and streams, or the whole input is refused. Nothing that was not checked here
//! reaches a stream table or the command queue, which all guests and the host share.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    cmd::{
        self,
        Cmd,
        Opcode, //
    },
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

/// Why a guest's command is refused. User space is told EIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCmd {
    /// Not an invalidation, or not one that a guest may send to this SMMU.
    Opcode,
    /// A bit is set that is reserved or that a guest may not set.
    Reserved,
    /// NUM, SCALE, TG and TTL are a combination that the architecture reserves.
    Range,
    /// CMD_ATC_INV for more than the whole address space.
    AtcSize,
    /// No vDEVICE has this StreamID.
    Stream,
}

/// A command of a guest (`struct iommu_viommu_arm_smmuv3_invalidate`).
pub(crate) struct GuestCmd;

/// Which of the guest's identifiers the host replaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bind {
    /// The opcode is not for guests.
    Refused,
    /// The VMID.
    Vmid,
    /// The StreamID.
    Stream,
}

/// What a guest may put in a command: bits by the feature that gives them a meaning.
#[derive(Clone, Copy)]
struct Rule {
    bind: Bind,
    /// The opcode that the hardware gets, if any.
    issue: Opcode,
    /// Always allowed, words 0 and 1.
    base: [u64; 2],
    /// Word 0, with 16-bit ASIDs.
    asid16: u64,
    /// Word 0, with substreams.
    ssid: u64,
    /// With range invalidation, words 0 and 1.
    ril: [u64; 2],
    /// Word 0, with range invalidation and 52-bit addresses.
    ril_ds: u64,
    /// Needs ATS.
    ats: bool,
}

const REFUSED: Rule = Rule {
    bind: Bind::Refused,
    issue: Opcode::Sync,
    base: [0; 2],
    asid16: 0,
    ssid: 0,
    ril: [0; 2],
    ril_ds: 0,
    ats: false,
};

const OP: u64 = cmd::OPCODE.mask();
const ASID8: u64 = cmd::ASID.prep(0xff);
const SCALE_DS: u64 = cmd::SCALE.prep(0x20);

const fn tlbi(issue: Opcode, vmid: u64) -> Rule {
    Rule {
        bind: Bind::Vmid,
        issue,
        base: [OP | vmid, 0],
        ..REFUSED
    }
}

const fn tlbi_asid(mut rule: Rule) -> Rule {
    rule.base[0] |= ASID8;
    rule.asid16 = cmd::ASID.mask() & !ASID8;
    rule
}

const fn tlbi_address(mut rule: Rule) -> Rule {
    rule.base[1] = cmd::TLBI_LEAF.mask() | cmd::ADDRESS.mask();
    rule.ril = [
        cmd::NUM.mask() | (cmd::SCALE.mask() & !SCALE_DS),
        cmd::TG.mask() | cmd::TTL.mask(),
    ];
    rule.ril_ds = SCALE_DS;
    rule
}

const fn stream(issue: Opcode, ssid: u64, word1: u64) -> Rule {
    Rule {
        bind: Bind::Stream,
        issue,
        base: [OP | cmd::SID.mask(), word1],
        ssid,
        ..REFUSED
    }
}

/// The rule for every opcode up to the highest that a guest may send.
const RULES: [Rule; Opcode::AtcInv as usize + 1] = {
    let vmid = cmd::VMID.mask();
    let mut rules = [REFUSED; Opcode::AtcInv as usize + 1];

    // The guest means all that is its own, and that is its VMID.
    rules[Opcode::TlbiNsnhAll as usize] = tlbi(Opcode::TlbiNhAll, 0);
    rules[Opcode::TlbiNhAll as usize] = tlbi(Opcode::TlbiNhAll, vmid);
    rules[Opcode::TlbiNhAsid as usize] = tlbi_asid(tlbi(Opcode::TlbiNhAsid, vmid));
    rules[Opcode::TlbiNhVa as usize] = tlbi_asid(tlbi_address(tlbi(Opcode::TlbiNhVa, vmid)));
    rules[Opcode::TlbiNhVaa as usize] = tlbi_address(tlbi(Opcode::TlbiNhVaa, vmid));
    rules[Opcode::CfgiCd as usize] =
        stream(Opcode::CfgiCd, cmd::SSID.mask(), cmd::CFGI_LEAF.mask());
    rules[Opcode::CfgiCdAll as usize] = stream(Opcode::CfgiCdAll, 0, 0);
    rules[Opcode::AtcInv as usize] = Rule {
        ats: true,
        ..stream(
            Opcode::AtcInv,
            cmd::SSV.mask() | cmd::SSID.mask() | cmd::GLOBAL.mask(),
            cmd::ATC_SIZE.mask() | cmd::ADDRESS.mask(),
        )
    };
    rules
};

/// `bits` if `condition`, else nothing; without a branch.
#[inline(always)]
const fn when(condition: bool, bits: u64) -> u64 {
    bits & 0u64.wrapping_sub(condition as u64)
}

impl GuestCmd {
    /// Turns a guest's command into one for the hardware, or refuses it.
    ///
    /// The command gets the VMID `vmid`, or the StreamID to which `resolve` maps the guest's; it
    /// cannot reach beyond the virtual machine and is well-formed, so that the command queue never
    /// stops at it. An address or identifier may still be out of range; the architecture confines
    /// the effect of that to the VMID and StreamID of the command.
    #[inline]
    pub(crate) fn admit(
        raw: [u64; 2],
        features: &Features,
        vmid: u16,
        mut resolve: impl FnMut(u32) -> Option<u32>,
    ) -> Result<Cmd, BadCmd> {
        let opcode = cmd::OPCODE.get(&raw) as usize;
        let Some(rule) = RULES.get(opcode) else {
            return Err(BadCmd::Opcode);
        };
        if rule.bind == Bind::Refused || (rule.ats && !features.ats) {
            return Err(BadCmd::Opcode);
        }

        let allowed = [
            rule.base[0]
                | when(features.asid_bits == 16, rule.asid16)
                | when(features.ssid_bits != 0, rule.ssid)
                | when(features.ril, rule.ril[0])
                | when(features.ril && features.ds, rule.ril_ds),
            rule.base[1] | when(features.ril, rule.ril[1]),
        ];
        if (raw[0] & !allowed[0]) | (raw[1] & !allowed[1]) != 0 {
            return Err(BadCmd::Reserved);
        }

        let mut words = raw;
        cmd::OPCODE.set(&mut words, rule.issue as u64);
        if rule.bind == Bind::Vmid {
            if rule.ril[0] != 0 && !range_is_defined(&raw, features.ds) {
                return Err(BadCmd::Range);
            }
            cmd::VMID.set(&mut words, vmid.into());
        } else {
            if rule.ats && cmd::ATC_SIZE.get(&raw) > cmd::ATC_SIZE_ALL.into() {
                return Err(BadCmd::AtcSize);
            }
            let sid = resolve(cmd::SID.get(&raw) as u32).ok_or(BadCmd::Stream)?;
            cmd::SID.set(&mut words, sid.into());
        }
        Ok(Cmd::from_words(words))
    }
}

/// Whether the range fields of a TLBI by address are a combination that has a meaning (4.4.1).
#[inline]
fn range_is_defined(raw: &[u64; 2], ds: bool) -> bool {
    let range = cmd::NUM.is_set(raw) || cmd::SCALE.is_set(raw);

    match (cmd::TG.get(raw), cmd::TTL.get(raw)) {
        // No granule: a single address, and the other fields are reserved.
        (0, ttl) => ttl == 0 && !range,
        // One page and no level.
        (_, 0) => range,
        // Level 1 of the 16 KiB granule has blocks only with 52-bit addresses.
        (2, 1) => ds,
        _ => true,
    }
}
