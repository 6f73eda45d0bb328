// SPDX-License-Identifier: GPL-2.0

//! Which commands a guest may send, and what becomes of them.
//!
//! What is allowed follows from the opcode and from what the SMMU has. The latter is settled once
//! per SMMU, so that a command costs a look into a table, a mask, and its new identifier.

use super::super::{
    cmd::{
        self,
        Cmd,
        Commands,
        Opcode, //
    },
    features::Features, //
};
use kernel::prelude::*;

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

/// A rule on one SMMU.
#[derive(Clone, Copy)]
struct Entry {
    /// The bits that may be set, words 0 and 1. None for an opcode that is refused.
    allowed: [u64; 2],
    bind: Bind,
    issue: u8,
}

impl Entry {
    fn new(rule: &Rule, features: &Features) -> Self {
        let when = |condition, bits: u64| if condition { bits } else { 0 };
        let refused = rule.bind == Bind::Refused || (rule.ats && !features.ats);

        if refused {
            return Self {
                allowed: [0; 2],
                bind: Bind::Refused,
                issue: 0,
            };
        }
        Self {
            allowed: [
                rule.base[0]
                    | when(features.asid_bits == 16, rule.asid16)
                    | when(features.ssid_bits != 0, rule.ssid)
                    | when(features.ril, rule.ril[0])
                    | when(features.ril && features.ds, rule.ril_ds),
                rule.base[1] | when(features.ril, rule.ril[1]),
            ],
            bind: rule.bind,
            issue: rule.issue as u8,
        }
    }
}

/// The fields that only a range has.
const RANGE: [u64; 2] = [
    cmd::NUM.mask() | cmd::SCALE.mask(),
    cmd::TG.mask() | cmd::TTL.mask(),
];

/// A rule for those commands of an opcode that need no second look: TLB invalidations, not of a
/// range. `issue` is 0 for other opcodes.
///
/// The size of a power of two makes it quick to find.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Plain {
    allowed: [u64; 2],
    kept: u64,
    issue: u64,
}

impl Plain {
    const NONE: Self = Self {
        allowed: [0; 2],
        kept: 0,
        issue: 0,
    };

    fn new(entry: &Entry) -> Self {
        match entry.bind {
            Bind::Vmid => Self {
                // The look-up has told the opcode from all but those with a higher bit.
                allowed: [
                    entry.allowed[0] & !RANGE[0] & !OPCODE_HIGH,
                    entry.allowed[1] & !RANGE[1],
                ],
                kept: !(cmd::OPCODE.mask() | cmd::VMID.mask()),
                issue: entry.issue.into(),
            },
            Bind::Stream | Bind::Refused => Self::NONE,
        }
    }
}

/// How many opcodes have a [`Plain`] rule: all that differ in the lower bits.
const PLAINS: usize = 128;

/// The other bits of an opcode.
const OPCODE_HIGH: u64 = cmd::OPCODE.mask() & !(PLAINS as u64 - 1);

/// Which commands of guests one SMMU takes.
pub(crate) struct Admission {
    plain: [Plain; PLAINS],
    entries: [Entry; RULES.len()],
    ds: bool,
}

/// Commands of a guest that were admitted.
#[derive(Clone, Copy)]
pub(crate) struct Admitted<'a>(&'a [[u64; 2]]);

impl Commands for Admitted<'_> {
    #[inline]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline]
    fn split(self, len: usize) -> (Self, Self) {
        let (first, rest) = self.0.split_at(len);

        (Self(first), Self(rest))
    }

    #[inline]
    fn iter(self) -> impl Iterator<Item = Cmd> {
        self.0.iter().map(|words| Cmd::from_words(*words))
    }
}

impl Admission {
    /// The rules on an SMMU with `features`. They are made where they stay: a stack has no room for
    /// them.
    pub(crate) fn new(features: &Features) -> impl Init<Self> + '_ {
        let plain = |opcode| {
            RULES
                .get(opcode)
                .map_or(Plain::NONE, |rule| Plain::new(&Entry::new(rule, features)))
        };

        init!(Self {
            plain <- pin_init::init_array_from_fn(plain),
            // PANIC: As many as there are rules.
            entries <- pin_init::init_array_from_fn(|opcode| Entry::new(&RULES[opcode], features)),
            ds: features.ds,
        })
    }

    /// Turns a guest's commands into ones for the hardware, in place and in order, up to the first
    /// that is refused. Returns those before it, and why it was.
    ///
    /// `raw` is little-endian. For the rest see [`Self::admit`].
    #[inline]
    pub(crate) fn admit_all<'a>(
        &self,
        raw: &'a mut [[u64; 2]],
        vmid: u16,
        mut resolve: impl FnMut(u32) -> Option<u32>,
    ) -> (Admitted<'a>, Result<(), BadCmd>) {
        let mut count = 0;
        let mut result = Ok(());

        for words in raw.iter_mut() {
            match self.admit(words.map(u64::from_le), vmid, &mut resolve) {
                Ok(cmd) => *words = *cmd.words(),
                Err(why) => {
                    result = Err(why);
                    break;
                }
            }
            count += 1;
        }
        // PANIC: Not more than there were.
        (Admitted(&raw[..count]), result)
    }

    /// Turns a guest's command into one for the hardware, or refuses it.
    ///
    /// The command gets the VMID `vmid`, or the StreamID to which `resolve` maps the guest's; it
    /// cannot reach beyond the virtual machine and is well-formed, so that the command queue never
    /// stops at it. An address or identifier may still be out of range; the architecture confines
    /// the effect of that to the VMID and StreamID of the command.
    #[inline]
    pub(crate) fn admit(
        &self,
        raw: [u64; 2],
        vmid: u16,
        resolve: impl FnMut(u32) -> Option<u32>,
    ) -> Result<Cmd, BadCmd> {
        // PANIC: The index is less than `PLAINS`.
        let plain = &self.plain[raw[0] as usize % PLAINS];
        let excess = (raw[0] & !plain.allowed[0]) | (raw[1] & !plain.allowed[1]);

        if excess == 0 && plain.issue != 0 {
            let vmid = cmd::VMID.prep(vmid.into());

            return Ok(Cmd::from_words([
                raw[0] & plain.kept | plain.issue | vmid,
                raw[1],
            ]));
        }
        self.look_closer(raw, vmid, resolve)
    }

    /// [`Self::admit`] for all commands.
    #[cold]
    fn look_closer(
        &self,
        raw: [u64; 2],
        vmid: u16,
        mut resolve: impl FnMut(u32) -> Option<u32>,
    ) -> Result<Cmd, BadCmd> {
        let opcode = cmd::OPCODE.get(&raw) as usize;
        let Some(entry) = self.entries.get(opcode) else {
            return Err(BadCmd::Opcode);
        };

        if (raw[0] & !entry.allowed[0]) | (raw[1] & !entry.allowed[1]) != 0 {
            return Err(match entry.bind {
                Bind::Refused => BadCmd::Opcode,
                Bind::Vmid | Bind::Stream => BadCmd::Reserved,
            });
        }

        let mut words = raw;
        match entry.bind {
            // Opcode 0, and all else 0 as well.
            Bind::Refused => return Err(BadCmd::Opcode),
            Bind::Vmid => {
                let range = (raw[0] & RANGE[0]) | (raw[1] & RANGE[1]) != 0;

                if range && !range_is_defined(&raw, self.ds) {
                    return Err(BadCmd::Range);
                }
                cmd::OPCODE.set(&mut words, entry.issue.into());
                cmd::VMID.set(&mut words, vmid.into());
            }
            Bind::Stream => {
                if entry.issue == Opcode::AtcInv as u8
                    && cmd::ATC_SIZE.get(&raw) > cmd::ATC_SIZE_ALL.into()
                {
                    return Err(BadCmd::AtcSize);
                }
                let sid = resolve(cmd::SID.get(&raw) as u32).ok_or(BadCmd::Stream)?;
                cmd::SID.set(&mut words, sid.into());
            }
        }
        Ok(Cmd::from_words(words))
    }
}

/// Whether the range fields of a TLBI by address are a combination that has a meaning (4.4.1).
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
