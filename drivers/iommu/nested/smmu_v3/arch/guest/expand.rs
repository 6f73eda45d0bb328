// SPDX-License-Identifier: GPL-2.0

//! From "this changed" to the commands that a guest would send.
//!
//! What comes out is a guest's: with its IDs of devices and without a VMID. It goes the way of all
//! commands of guests, through [`super::admission`].

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::super::{
    cmd::{
        Cmd,
        Opcode, //
    },
    features::Features,
    invalidate::{
        self,
        Range, //
    },
};

/// What a guest can have cached translations of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One ASID.
    Asid(u16),
    /// All of them.
    All,
}

/// log2 of the granule whose tables have pages or blocks of `size` bytes.
fn granule_log2(size: u64) -> u32 {
    match size.trailing_zeros() {
        14 | 25 => 14,
        16 | 29 | 42 => 16,
        _ => 12,
    }
}

/// The commands that drop translations of IOVAs: all, or those of `range`.
pub(crate) fn translations(
    features: &Features,
    scope: Scope,
    range: Option<&Range>,
) -> impl Iterator<Item = Cmd> {
    let range = range.filter(|range| !invalidate::prefers_full(features, range));
    let template = match (scope, range) {
        (Scope::Asid(asid), Some(_)) => Cmd::tlbi(Opcode::TlbiNhVa, 0, asid),
        (Scope::All, Some(_)) => Cmd::tlbi(Opcode::TlbiNhVaa, 0, 0),
        (Scope::Asid(asid), None) => Cmd::tlbi_nh_asid(0, asid),
        (Scope::All, None) => Cmd::tlbi_nh_all(0),
    };
    let all = range.is_none().then_some(template);
    let some = range.map(|range| {
        invalidate::range_cmds_like(features, template, range, granule_log2(range.granule))
    });

    all.into_iter().chain(some.into_iter().flatten())
}

/// The command that drops cached context descriptors of the stream `vsid`: that of `ssid`, or all.
pub(crate) fn descriptors(vsid: u32, ssid: Option<u32>, leaf: bool) -> Cmd {
    match ssid {
        Some(ssid) => Cmd::cfgi_cd(vsid, ssid, leaf),
        None => Cmd::cfgi_cd_all(vsid),
    }
}

/// The command that drops what the endpoint `vsid` has cached: of `ssid` or, if there is a range,
/// of addresses without one; `range` is a first IOVA and a size in bytes.
pub(crate) fn endpoint(vsid: u32, ssid: Option<u32>, range: Option<(u64, u64)>) -> Cmd {
    match range {
        Some((iova, size)) => invalidate::atc_range(vsid, ssid, iova, size),
        None => Cmd::atc_inv_all(vsid, ssid),
    }
}

/// Whether the hardware's commands hold an ASID.
pub(crate) fn asid_fits(features: &Features, asid: u32) -> bool {
    asid >> features.asid_bits == 0
}

/// Whether the hardware's commands hold a SubstreamID. Without substreams there is the one that is
/// 0.
pub(crate) fn ssid_fits(features: &Features, ssid: u32) -> bool {
    ssid >> features.ssid_bits == 0
}
