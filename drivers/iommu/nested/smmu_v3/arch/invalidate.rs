// SPDX-License-Identifier: GPL-2.0

//! From "this range changed" to invalidation commands (Arm IHI 0070, 4.4 and 4.5.1).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    cmd::{
        self,
        Cmd,
        Opcode, //
    },
    features::Features, //
};

/// Whose TLB entries are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// The host's stage 1 with this ASID, in VMID 0.
    Asid(u16),
    /// The stage 2 with this VMID.
    Vmid(u16),
}

/// A range of input addresses whose translation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first address: IOVA for [`Tag::Asid`], IPA for [`Tag::Vmid`].
    pub(crate) iova: u64,
    /// The size in bytes. An empty range needs no command.
    pub(crate) size: u64,
    /// The size in bytes of the pages or blocks that mapped it, a power of two.
    pub(crate) granule: u64,
    /// Only last-level entries changed. Otherwise tables were freed, and cached walks go as well.
    pub(crate) leaf: bool,
}

impl Range {
    fn granule_log2(&self) -> u32 {
        self.granule.trailing_zeros().clamp(12, 63)
    }

    /// The last address. Saturates: a range that wraps ends at the top.
    fn last(&self) -> u64 {
        self.iova.saturating_add(self.size.wrapping_sub(1))
    }
}

/// CMD_TLBI by range covers `(NUM + 1) << SCALE` pages.
const NUM_MAX: u64 = 31;
/// The largest SCALE that every SMMU with range invalidation takes.
const SCALE_MAX: u32 = 31;

/// Iterator of [`range_cmds`].
struct Cmds {
    template: Cmd,
    /// log2 of the bytes of a page: the unit of `next` and `left`.
    shift: u32,
    next: u64,
    left: u64,
    /// With range invalidation: TG, and TTL or zero.
    range: Option<(u64, u64)>,
    leaf: bool,
}

impl Cmds {
    /// How many of the pages left the next range command covers, as (NUM + 1, SCALE).
    fn chunk(&self, ttl: u64) -> (u64, u32) {
        let scale = self.left.trailing_zeros().min(SCALE_MAX);
        let pages = (self.left >> scale) & NUM_MAX;

        match pages {
            // Only at SCALE_MAX: 32 or more of the largest units.
            0 => (NUM_MAX + 1, scale),
            // NUM 0, SCALE 0 without a level is reserved. Leave a remainder that has no such part.
            1 if scale == 0 && ttl == 0 => (NUM_MAX, scale),
            _ => (pages, scale),
        }
    }
}

impl Iterator for Cmds {
    type Item = Cmd;

    fn next(&mut self) -> Option<Cmd> {
        if self.left == 0 {
            return None;
        }

        let mut words = *self.template.words();
        words[1] = self.next << self.shift;
        cmd::TLBI_LEAF.set(&mut words, self.leaf.into());
        let pages = match self.range {
            None => 1,
            Some((tg, ttl)) => {
                let (num, scale) = self.chunk(ttl);

                cmd::NUM.set(&mut words, num - 1);
                cmd::SCALE.set(&mut words, scale.into());
                cmd::TG.set(&mut words, tg);
                cmd::TTL.set(&mut words, ttl);
                num << scale
            }
        };
        self.next += pages;
        self.left -= pages;
        Some(Cmd::from_words(words))
    }
}

/// The commands that drop the TLB entries for `range`: CMD_TLBI_NH_VA or CMD_TLBI_S2_IPA.
///
/// `pgsize_min_log2` is the table's translation granule: 12, 14 or 16. With range invalidation a
/// handful of commands covers the pages of any range exactly; without, one command per
/// `range.granule` is needed, see [`prefers_full`].
///
/// CMD_TLBI_S2_IPA leaves alone what nested translation cached of both stages together. If guests
/// use the stage 2, a CMD_TLBI_NH_ALL of each VMID has to follow.
pub(crate) fn range_cmds(
    features: &Features,
    tag: Tag,
    range: &Range,
    pgsize_min_log2: u32,
) -> impl Iterator<Item = Cmd> {
    let template = match tag {
        Tag::Asid(asid) => Cmd::tlbi(Opcode::TlbiNhVa, 0, asid),
        Tag::Vmid(vmid) => Cmd::tlbi(Opcode::TlbiS2Ipa, vmid, 0),
    };

    range_cmds_like(features, template, range, pgsize_min_log2)
}

/// [`range_cmds`] as `template`, a CMD_TLBI by address, has it.
pub(super) fn range_cmds_like(
    features: &Features,
    template: Cmd,
    range: &Range,
    pgsize_min_log2: u32,
) -> impl Iterator<Item = Cmd> {
    let tg = match pgsize_min_log2 {
        12 if features.ril => Some(1),
        14 if features.ril => Some(2),
        16 if features.ril => Some(3),
        _ => None,
    };
    let shift = match tg {
        Some(_) => pgsize_min_log2,
        None => range.granule_log2(),
    };
    let first = range.iova >> shift;
    let left = match range.size {
        0 => 0,
        _ => (range.last() >> shift) - first + 1,
    };
    let mut cmds = Cmds {
        template,
        shift,
        next: first,
        left,
        range: None,
        leaf: range.leaf,
    };

    if let Some(tg) = tg {
        let ttl = level_hint(features, range, pgsize_min_log2);

        if cmds.left == 1 && ttl == 0 {
            // One page without a level has no range encoding; take the aligned pair around it.
            cmds.next &= !1;
            cmds.left = 2;
        }
        cmds.range = Some((tg, ttl));
    }
    cmds
}

/// The level (TTL) at which all the changed entries are, or 0 if that is not known.
fn level_hint(features: &Features, range: &Range, page_log2: u32) -> u64 {
    let granule_log2 = range.granule_log2();

    if !range.leaf
        || granule_log2 < page_log2
        || (range.iova | range.size).trailing_zeros() < granule_log2
    {
        return 0;
    }
    // The bits of the address that a level resolves.
    let level_bits = match page_log2 {
        12 => 9,
        14 => 11,
        _ => 13,
    };
    match (page_log2, (granule_log2 - page_log2) / level_bits) {
        (_, 0) => 3,
        (_, 1) => 2,
        (14, 2) if !features.ds => 0,
        (_, 2) => 1,
        _ => 0,
    }
}

/// Whether to drop everything of the tag instead of sending [`range_cmds`].
///
/// Without range invalidation that is from the point on where the commands outnumber the entries of
/// a table, as the CPUs do it; with it, only for ranges that are whole address spaces.
pub(crate) fn prefers_full(features: &Features, range: &Range) -> bool {
    let log2 = range.granule_log2();

    if features.ril {
        range.size >> 48 != 0
    } else {
        range.size >> log2 >= 1 << (log2 - 3)
    }
}

/// The command that drops all TLB entries of a tag; those of both stages for a VMID.
pub(crate) fn full_cmd(tag: Tag) -> Cmd {
    match tag {
        Tag::Asid(asid) => Cmd::tlbi_nh_asid(0, asid),
        Tag::Vmid(vmid) => Cmd::tlbi_s12_vmall(vmid),
    }
}

/// The command that drops an endpoint's cached translations for `size` bytes at `iova`.
///
/// ATC invalidations are for naturally aligned powers of two, so this covers the smallest such
/// block that contains the range. Size 0 stands for the whole address space.
pub(crate) fn atc_range(sid: u32, ssid: Option<u32>, iova: u64, size: u64) -> Cmd {
    let last = iova.saturating_add(size.wrapping_sub(1));
    let log2_pages = u64::BITS - ((iova ^ last) >> 12).leading_zeros();

    if size == 0 || log2_pages >= cmd::ATC_SIZE_ALL {
        return Cmd::atc_inv_all(sid, ssid);
    }
    let block = (1u64 << (12 + log2_pages)) - 1;
    Cmd::atc_inv(sid, ssid, iova & !block, log2_pages)
}
