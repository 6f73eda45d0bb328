// SPDX-License-Identifier: GPL-2.0

//! STEs: their encoding, and every change from one to another.

use super::*;
use crate::{
    common::entry::{
        inspect::{
            all_differ_and_are_used,
            observe,
            Outcome, //
        },
        Layout, //
    },
    smmu_v3::arch::samples::{
        CDS,
        PLAIN,
        RICH,
        STAGE2, //
    },
};

const OTHER_CDS: CdTableConfig = CdTableConfig {
    addr: 0x4b4b_4b40,
    fmt: S1Fmt::Linear,
    s1cdmax: 4,
};

/// A guest's STE that translates with these context descriptors.
fn vste(cds: &CdTableConfig, s1dss: u64, ats: bool) -> Option<VSte> {
    let mut words = [1 | (CONFIG_S1 << 1) | cds.addr, 0];

    S1FMT.set(&mut words, cds.fmt as u64);
    S1CDMAX.set(&mut words, cds.s1cdmax.into());
    S1DSS.set(&mut words, s1dss);
    S1CIR.set(&mut words, 1);
    S1COR.set(&mut words, 1);
    S1CSH.set(&mut words, 3);
    EATS.set(&mut words, ats.into());
    VSte::parse(words, &RICH).ok()
}

fn nested(cds: &CdTableConfig, s1dss: u64, vmid: u16, ats: bool) -> Option<Ste> {
    Some(Ste::nested(
        &RICH,
        &vste(cds, s1dss, ats)?,
        &STAGE2,
        vmid,
        ats,
    ))
}

/// How many kinds of STE there are in [`state`].
const STATES: usize = 3 + 12 + 8 + 24;

/// The `i`th kind of STE that the driver makes, in all variants.
fn state(i: usize) -> Option<Ste> {
    match i {
        0 => Some(Ste::from_words([0; 8])),
        1 => Some(Ste::abort()),
        2 => Some(Ste::bypass(&RICH)),
        3..15 => {
            let i = i - 3;
            let s1dss = [S1dss::Terminate, S1dss::Bypass, S1dss::Ssid0][i % 3];
            let cds = [CDS, OTHER_CDS][i / 3 % 2];

            Some(Ste::stage1(&RICH, &cds, s1dss, i / 6 == 1))
        }
        15..23 => {
            let bit = |n: usize| (i - 15) & (1 << n) != 0;
            let stage2 = Stage2Config {
                fwb: bit(2),
                ..STAGE2
            };

            Some(Ste::stage2(
                &RICH,
                &stage2,
                if bit(0) { 1 } else { 0xffff },
                bit(1),
            ))
        }
        _ => {
            let i = i - 23;
            let cds = [CDS, OTHER_CDS][i / 3 % 2];
            let vmid = [1, 0xffff][i / 6 % 2];

            nested(&cds, (i % 3) as u64, vmid, i / 12 == 1)
        }
    }
}

fn is_bypass(ste: &[u64; 8]) -> bool {
    V.is_set(ste) && CONFIG.get(ste) == CONFIG_BYPASS
}

/// Stage 1 is bypassed for transactions without SubstreamID, and no stage 2 takes over.
fn is_default_bypass(ste: &[u64; 8]) -> bool {
    V.is_set(ste) && CONFIG.get(ste) == CONFIG_S1 && S1DSS.get(ste) == S1dss::Bypass as u64
}

/// Observes a change; addresses may pass untranslated only if they did before or shall.
fn change(old: &Ste, new: &Ste) -> Outcome {
    let (old, new) = (old.words(), new.words());

    observe::<SteLayout, 8>(old, new, |seen| {
        let passes = |ste: &[u64; 8]| is_bypass(ste) || is_default_bypass(ste);
        !passes(seen) || passes(old) || passes(new)
    })
}

/// The number of syncs of a change that hardware does not notice, or none.
fn hitless(old: &Ste, new: &Ste) -> Option<u32> {
    change(old, new).hitless::<SteLayout, 8>(old.words(), new.words())
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_ste))]
mod cases {
    use super::*;
    use crate::common::entry::Transition;

    #[test]
    fn all_states_exist_differ_and_are_used() {
        assert!(all_differ_and_are_used::<SteLayout, 8>(STATES, |i| {
            state(i).map(|ste| *ste.words())
        }));
    }

    #[test]
    fn every_pair_is_sound() {
        for i in 0..STATES {
            for j in 0..STATES {
                if let (Some(old), Some(new)) = (state(i), state(j)) {
                    let outcome = change(&old, &new);

                    assert!(outcome.is_right::<SteLayout, 8>(old.words(), new.words()));
                }
            }
        }
    }

    #[test]
    fn nothing_disrupts_to_or_from_where_no_stage_translates() {
        for i in 0..3 {
            for j in 0..STATES {
                if let (Some(one), Some(other)) = (state(i), state(j)) {
                    assert!(change(&one, &other).transition != Transition::Disruptive);
                    assert!(change(&other, &one).transition != Transition::Disruptive);
                }
            }
        }
    }

    #[test]
    fn what_is_ignored() {
        let used = |ste: &Ste| SteLayout::used(ste.words());
        let abort = used(&Ste::abort());
        let bypass = used(&Ste::bypass(&RICH));
        let stage1 = used(&Ste::stage1(&RICH, &CDS, S1dss::Ssid0, true));
        let stage2 = used(&Ste::stage2(&RICH, &STAGE2, 1, true));

        assert_eq!(used(&Ste::from_words([!1; 8])), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(abort, [0xf, 0, 0, 0, 0, 0, 0, 0]);
        // What S1 and S2 prefixes mark, and EATS and MEV.
        assert_eq!(bypass[0], 0x07f0_0000_0000_000f);
        assert_eq!(bypass[1], !0xfa08_00ff);
        assert_eq!(bypass[2..4], [0, 0]);
        // S2FWB and SHCFG; all of word 2 but S2VMID and S2S.
        assert_eq!(stage1[0], u64::MAX);
        assert_eq!(stage1[1], !0x3000_0200_0000);
        assert_eq!(stage1[2..4], [0x0200_0000_0000_ffff, 0]);
        assert_eq!(stage2[0], 0x07f0_0000_0000_000f);
        assert_eq!(stage2[1], !0xc800_00ff);
        assert_eq!(stage2[2..4], [u64::MAX; 2]);
    }

    #[test]
    fn ats_is_relaxed_only_where_it_merely_gates() {
        let relaxed = |eats, s2s| {
            let mut ste = *Ste::abort().words();

            EATS.set(&mut ste, eats);
            S2S.set(&mut ste, s2s);
            [
                SteLayout::relaxed(&ste, Ste::abort().words())[1],
                SteLayout::relaxed(Ste::abort().words(), &ste)[1],
            ]
        };
        let mev = 1 << 19;

        for eats in [0, 1] {
            assert_eq!(relaxed(eats, 0), [mev | 1 << 28; 2]);
            assert_eq!(relaxed(eats, 1), [mev; 2]);
        }
        for eats in [2, 3] {
            assert_eq!(relaxed(eats, 0), [mev; 2]);
        }
    }

    #[test]
    fn abort_and_bypass() {
        let (abort, bypass) = (Ste::abort(), Ste::bypass(&RICH));

        assert_eq!(hitless(&bypass, &abort), Some(1));
        assert_eq!(hitless(&abort, &bypass), Some(2));
    }

    #[test]
    fn stage1_and_abort_and_bypass() {
        let (abort, bypass) = (Ste::abort(), Ste::bypass(&RICH));
        let stage1 = Ste::stage1(&RICH, &CDS, S1dss::Ssid0, true);

        assert_eq!(hitless(&stage1, &abort), Some(1));
        assert_eq!(hitless(&abort, &stage1), Some(2));
        assert_eq!(hitless(&stage1, &bypass), Some(2));
        assert_eq!(hitless(&bypass, &stage1), Some(2));
    }

    #[test]
    fn default_substream() {
        let ssid0 = Ste::stage1(&RICH, &CDS, S1dss::Ssid0, true);
        let s1dss_bypass = Ste::stage1(&RICH, &CDS, S1dss::Bypass, true);
        let bypass = Ste::bypass(&RICH);

        assert_eq!(hitless(&ssid0, &s1dss_bypass), Some(1));
        assert_eq!(hitless(&s1dss_bypass, &ssid0), Some(1));
        assert_eq!(hitless(&s1dss_bypass, &bypass), Some(1));
        assert_eq!(hitless(&bypass, &s1dss_bypass), Some(2));
    }

    #[test]
    fn stage2_and_abort_and_bypass() {
        let (abort, bypass) = (Ste::abort(), Ste::bypass(&RICH));
        let stage2 = Ste::stage2(&RICH, &STAGE2, 1, true);

        assert_eq!(hitless(&stage2, &abort), Some(1));
        assert_eq!(hitless(&abort, &stage2), Some(2));
        assert_eq!(hitless(&stage2, &bypass), Some(1));
        assert_eq!(hitless(&bypass, &stage2), Some(2));
    }

    #[test]
    fn stage1_and_stage2_are_apart_by_the_vmid() {
        let stage1 = Ste::stage1(&RICH, &CDS, S1dss::Ssid0, true);
        let vmid0 = Ste::stage2(&RICH, &STAGE2, 0, true);
        let vmid1 = Ste::stage2(&RICH, &STAGE2, 1, true);

        assert_eq!(hitless(&stage1, &vmid0), Some(2));
        assert_eq!(hitless(&vmid0, &stage1), Some(2));
        assert_eq!(change(&stage1, &vmid1).transition, Transition::Disruptive);
        assert_eq!(change(&vmid1, &stage1).transition, Transition::Disruptive);
        assert_eq!(change(&vmid1, &vmid0).transition, Transition::Hitless);
    }

    #[test]
    fn two_used_words_disrupt() {
        let one = Ste::stage1(&RICH, &CDS, S1dss::Ssid0, true);
        let other = Ste::stage1(&RICH, &OTHER_CDS, S1dss::Bypass, true);
        let outcome = change(&one, &other);

        assert_eq!(outcome.transition, Transition::Disruptive);
        assert!(outcome.saw_invalid);
        assert_eq!(outcome.syncs, 3);
    }

    #[test]
    fn a_guest_switches_hitless() {
        let stage2 = Ste::stage2(&RICH, &STAGE2, 1, false);
        let translate = nested(&CDS, 1, 1, true);
        let other = nested(&OTHER_CDS, 0, 1, false);

        assert!(translate.is_some() && other.is_some());
        if let (Some(translate), Some(other)) = (translate, other) {
            // Bypass to translate and back, with EATS and MEV on the way.
            assert_eq!(hitless(&stage2, &translate), Some(2));
            assert_eq!(hitless(&translate, &stage2), Some(2));
            assert_eq!(hitless(&translate, &Ste::abort()), Some(1));
            assert_eq!(hitless(&Ste::abort(), &translate), Some(2));
            // Other tables and another default: the guest asks for two words at once.
            assert_eq!(
                change(&translate, &other).transition,
                Transition::Disruptive
            );
        }
        if let (Some(one), Some(other)) = (nested(&CDS, 2, 1, true), nested(&CDS, 2, 1, false)) {
            assert_eq!(hitless(&one, &other), Some(1));
        }
    }

    #[test]
    fn abort_words() {
        assert_eq!(*Ste::abort().words(), [1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn bypass_words() {
        assert_eq!(Ste::bypass(&PLAIN).words()[..2], [0x9, 0]);
        assert_eq!(Ste::bypass(&RICH).words()[..2], [0x9, 1 << 44]);
    }

    #[test]
    fn stage1_words() {
        let plain = Ste::stage1(&PLAIN, &OTHER_CDS, S1dss::Terminate, false);
        let rich = Ste::stage1(&RICH, &CDS, S1dss::Bypass, true);

        // S1CDMax 4, Config 0b101, V; S1CIR, S1COR write-back, S1CSH inner shareable.
        assert_eq!(plain.words()[..4], [0x2000_0000_4b4b_4b4b, 0xd4, 0, 0]);
        // S1CDMax 20, S1Fmt 2; S1DSS 1, S1STALLD, EATS 1, SHCFG 1.
        assert_eq!(
            rich.words()[..4],
            [0xa000_f0f0_f0f0_f02b, 0x1000_1800_00d5, 0, 0]
        );
    }

    #[test]
    fn stage2_words() {
        let stage2 = Stage2Config {
            fwb: true,
            ..STAGE2
        };
        let ste = Ste::stage2(&RICH, &stage2, 0x1234, true);

        assert_eq!(ste.words()[0], 0xd);
        // S2FWB, EATS 1, SHCFG 1.
        assert_eq!(ste.words()[1], 0x1000_1200_0000);
        // S2R, S2PTW, S2AA64, S2PS 5, S2TG 0, S2SH0 3, S2OR0 1, S2IR0 1, S2SL0 2, S2T0SZ 20.
        assert_eq!(ste.words()[2], 0x044d_3594_0000_1234);
        assert_eq!(ste.words()[3], 0x000d_beef_dead_b000);
        assert_eq!(ste.words()[4..], [0; 4]);
    }

    #[test]
    fn nested_words() {
        let ste = nested(&CDS, 2, 7, true);

        assert!(ste.is_some());
        if let Some(ste) = ste {
            let words = ste.words();

            assert_eq!(words[0], 0xa000_f0f0_f0f0_f02f);
            // S1DSS 2 and the guest's walk attributes; MEV, S1STALLD, EATS 1, SHCFG 1.
            assert_eq!(words[1], 0x1000_1808_00d6);
            assert_eq!(words[2], 0x044d_3594_0000_0007);
            assert_eq!(words[3], STAGE2.ttb);
        }
    }

    #[test]
    fn nested_without_translation() {
        let invalid = VSte::parse([!1, !0], &RICH);
        let abort = VSte::parse([1, 0], &RICH);
        let bypass = VSte::parse([9, 0], &RICH);

        assert!(invalid.is_ok() && abort.is_ok() && bypass.is_ok());
        if let (Ok(invalid), Ok(abort), Ok(bypass)) = (invalid, abort, bypass) {
            let make = |vste| Ste::nested(&RICH, vste, &STAGE2, 5, true);

            assert_eq!(make(&invalid), Ste::abort());
            assert_eq!(make(&abort), Ste::abort());
            assert_eq!(make(&bypass), Ste::stage2(&RICH, &STAGE2, 5, true));
        }
    }

    #[test]
    fn ats_needs_the_guest_and_the_host() {
        for guest in [false, true] {
            for host in [false, true] {
                let vste = vste(&CDS, 2, guest);

                assert!(vste.is_some());
                if let Some(vste) = vste {
                    let ste = Ste::nested(&RICH, &vste, &STAGE2, 1, host);

                    assert_eq!(EATS.get(ste.words()), u64::from(guest && host));
                }
            }
        }
    }
}
