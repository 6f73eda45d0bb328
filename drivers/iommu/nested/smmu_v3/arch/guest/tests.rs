// SPDX-License-Identifier: GPL-2.0

//! Hostile guests: every bit of every command and of every vSTE.

use super::{
    admission::{
        Admission,
        BadCmd, //
    },
    *, //
};
use crate::smmu_v3::arch::samples::{
    PLAIN,
    RICH, //
};
use kernel::prelude::*;

const VMID: u16 = 0x5a5a;
const VSID: u32 = 7;
const SID: u32 = 0x1234;

fn resolve(vsid: u32) -> Option<u32> {
    (vsid == VSID).then_some(SID)
}

fn admit(raw: [u64; 2], features: &Features) -> Result<[u64; 2], BadCmd> {
    KBox::init(Admission::new(features), GFP_KERNEL)
        .unwrap()
        .admit(raw, VMID, resolve)
        .map(|cmd| *cmd.words())
}

/// SMMUs that differ in every feature that a command depends on.
fn smmus() -> [Features; 6] {
    [
        RICH,
        PLAIN,
        Features { ds: false, ..RICH },
        Features { ril: true, ..PLAIN },
        Features {
            ssid_bits: 0,
            asid_bits: 8,
            ..RICH
        },
        Features {
            ats: true,
            ssid_bits: 8,
            ..PLAIN
        },
    ]
}

/// A command that is fine on every SMMU that has it, the bits that may be flipped in it without
/// harm on `features`, and what the hardware is to get. Written out once more, independently.
fn specimen(opcode: u8, f: &Features) -> Option<([u64; 2], [u64; 2], [u64; 2])> {
    let vmid = u64::from(VMID) << 32;
    let sid = u64::from(SID) << 32;
    let vsid = u64::from(VSID) << 32;
    let asid = if f.asid_bits == 16 { 0xffff } else { 0xff } << 48;
    let any_vmid = 0xffff_u64 << 32;
    let va = 0xffff_ffff_ffff_f000 | 1;
    let op = u64::from(opcode);
    let ssid = |bits| if f.ssid_bits > 0 { bits } else { 0 };

    let (raw, free, issued) = match opcode {
        0x30 => ([op, 0], [0, 0], [0x10 | vmid, 0]),
        0x10 => ([op, 0], [any_vmid, 0], [op | vmid, 0]),
        0x11 => ([op, 0], [any_vmid | asid, 0], [op | vmid, 0]),
        0x12 => ([op, 0], [any_vmid | asid, va], [op | vmid, 0]),
        0x13 => ([op, 0], [any_vmid, va], [op | vmid, 0]),
        0x05 => ([op | vsid, 0], [ssid(0xffff_f000), 1], [op | sid, 0]),
        0x06 => ([op | vsid, 0], [0, 0], [op | sid, 0]),
        0x40 if f.ats => (
            [op | vsid, 0],
            [ssid(0xffff_fa00), 0xffff_ffff_ffff_f03f],
            [op | sid, 0],
        ),
        _ => return None,
    };
    Some((raw, free, issued))
}

/// The words of a vSTE that translates, for an SMMU like [`RICH`].
const TRANSLATE: [u64; 2] = [0xa000_f0f0_f0f0_f02b, 0x1000_00d6];

fn kind(words: [u64; 2], features: &Features) -> Result<VSteKind, BadVste> {
    VSte::parse(words, features).map(|vste| vste.kind())
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_guest))]
mod cases {
    use super::*;

    #[test]
    fn opcodes() {
        for features in smmus() {
            for opcode in 0..=255u8 {
                match specimen(opcode, &features) {
                    None => {
                        assert!(admit([opcode.into(), 0], &features) == Err(BadCmd::Opcode));
                    }
                    Some((raw, _, issued)) => {
                        assert!(admit(raw, &features) == Ok(issued));
                    }
                }
            }
        }
    }

    #[test]
    fn every_single_bit() {
        for features in smmus() {
            for opcode in 0..=255u8 {
                let Some((raw, free, issued)) = specimen(opcode, &features) else {
                    continue;
                };
                // Bits above the opcode, which the test before has covered.
                for bit in 8..128 {
                    let flip = if bit < 64 {
                        [1 << bit, 0]
                    } else {
                        [0, 1 << (bit - 64)]
                    };
                    let got = admit([raw[0] ^ flip[0], raw[1] ^ flip[1]], &features);
                    let is_id =
                        issued[0] >> 32 != 0 && opcode & 0xf0 == 0x10 && (32..48).contains(&bit);

                    if flip[0] & free[0] != 0 || flip[1] & free[1] != 0 {
                        // The guest's VMID is dropped; everything else passes.
                        let kept = if is_id { 0 } else { flip[0] };
                        assert!(got == Ok([issued[0] ^ kept, issued[1] ^ flip[1]]));
                    } else {
                        assert!(got.is_err());
                    }
                }
            }
        }
    }

    #[test]
    fn streams_are_the_guests_own() {
        for vsid in [0, 6, 8, SID, u32::MAX] {
            let raw = [0x06 | u64::from(vsid) << 32, 0];

            assert!(admit(raw, &RICH) == Err(BadCmd::Stream));
        }
    }

    #[test]
    fn range_fields() {
        let tlbi = |num: u64, scale: u64, tg: u64, ttl: u64| {
            [
                0x12 | num << 12 | scale << 20,
                0x10_0000 | ttl << 8 | tg << 10,
            ]
        };
        let rich = |raw| admit(raw, &RICH);
        let no_ds = Features { ds: false, ..RICH };

        for tg in 1..4 {
            for ttl in 0..4 {
                // One page needs a level, unless there is more than one page.
                assert!(rich(tlbi(0, 0, tg, ttl)).is_ok() == (ttl != 0));
                assert!(rich(tlbi(1, 0, tg, ttl)).is_ok());
                assert!(rich(tlbi(0, 1, tg, ttl)).is_ok());
                // The same without ranges at all.
                assert!(admit(tlbi(1, 0, tg, ttl), &PLAIN) == Err(BadCmd::Reserved));
            }
        }
        // Without a granule nothing else may be set.
        assert!(rich(tlbi(0, 0, 0, 0)).is_ok());
        assert!(rich(tlbi(1, 0, 0, 0)) == Err(BadCmd::Range));
        assert!(rich(tlbi(0, 1, 0, 0)) == Err(BadCmd::Range));
        assert!(rich(tlbi(0, 0, 0, 1)) == Err(BadCmd::Range));
        // What only 52-bit addresses give a meaning.
        assert!(rich(tlbi(1, 0, 2, 1)).is_ok());
        assert!(admit(tlbi(1, 0, 2, 1), &no_ds) == Err(BadCmd::Range));
        assert!(rich(tlbi(0, 32, 1, 0)).is_ok());
        assert!(admit(tlbi(0, 32, 1, 0), &no_ds) == Err(BadCmd::Reserved));
        assert!(admit(tlbi(0, 31, 1, 0), &no_ds).is_ok());
    }

    #[test]
    fn atc_sizes() {
        let atc = |size: u64| admit([0x40 | u64::from(VSID) << 32, size], &RICH);

        for size in 0..=52 {
            assert!(atc(size).is_ok());
        }
        for size in 53..64 {
            assert!(atc(size) == Err(BadCmd::AtcSize));
        }
    }

    #[test]
    fn vste_kinds() {
        assert_eq!(kind(TRANSLATE, &RICH), Ok(VSteKind::Translate));
        assert_eq!(kind([1, 0], &RICH), Ok(VSteKind::Abort));
        assert_eq!(kind([9, 0], &RICH), Ok(VSteKind::Bypass));
        // An invalid one may hold anything.
        assert_eq!(kind([!1, !0], &RICH), Ok(VSteKind::Invalid));
        assert_eq!(kind([0, 0], &PLAIN), Ok(VSteKind::Invalid));
    }

    #[test]
    fn vste_config() {
        for config in 0..8 {
            let words = [(TRANSLATE[0] & !0xe) | config << 1, TRANSLATE[1]];

            assert_eq!(
                VSte::parse(words, &RICH).is_ok(),
                matches!(config, 0b000 | 0b100 | 0b101)
            );
        }
    }

    #[test]
    fn vste_every_single_bit() {
        for bit in 1..64 {
            let words = [TRANSLATE[0] ^ 1 << bit, TRANSLATE[1]];
            let fine = match bit {
                // Config 0b101 becomes 0b100; 0b111 and 0b001 are not for guests.
                1 => true,
                2 | 3 => false,
                // S1Fmt 0b11 is reserved, 0b00 is linear.
                4 => false,
                5 => true,
                6..52 => true,
                52..59 => false,
                // S1CDMax 21, 22, 28 are too many; 16 and 4 are fine.
                59 | 60 | 62 => false,
                _ => true,
            };

            assert!((VSte::parse(words, &RICH).is_ok()) == fine);
        }
        for bit in 0..64 {
            let words = [TRANSLATE[0], TRANSLATE[1] ^ 1 << bit];
            let fine = match bit {
                // S1DSS 0b11 is reserved, 0b00 terminates.
                0 => false,
                1 => true,
                2..6 => true,
                // S1CSH 0b10 is outer shareable, 0b01 reserved.
                6 => true,
                7 => false,
                27 => true,
                // EATS 0b01 to 0b00 and to 0b11.
                28 => true,
                29 => false,
                _ => false,
            };

            assert!((VSte::parse(words, &RICH).is_ok()) == fine);
        }
    }

    #[test]
    fn vste_limits_of_the_smmu() {
        let linear = [0x4b4b_4b4b, 0x00d6];
        let parse = |words, features: &Features| VSte::parse(words, features).err();

        assert_eq!(parse(linear, &PLAIN), None);
        // ATS, substreams, two levels, stalls.
        assert_eq!(
            parse([linear[0], linear[1] | 1 << 28], &PLAIN),
            Some(BadVste::Eats)
        );
        assert_eq!(
            parse([linear[0] | 1 << 59, linear[1]], &PLAIN),
            Some(BadVste::TooManyCds)
        );
        let one_level = Features {
            two_level_cdtab: false,
            ..RICH
        };
        assert_eq!(parse(TRANSLATE, &one_level), Some(BadVste::Format));
        assert_eq!(
            parse([linear[0], linear[1] | 1 << 27], &PLAIN),
            Some(BadVste::Stall)
        );
        // The address: 44 bits are implemented.
        assert_eq!(parse([linear[0] | 1 << 43, linear[1]], &PLAIN), None);
        assert_eq!(
            parse([linear[0] | 1 << 44, linear[1]], &PLAIN),
            Some(BadVste::Address)
        );
    }

    #[test]
    fn what_is_ignored_without_substreams_is_dropped() {
        let vste = VSte::parse([0x4b4b_4b4b | 2 << 4, 0x00d7], &RICH);

        assert!(vste.is_ok());
        if let Ok(vste) = vste {
            assert_eq!(vste.stage1_bits(), [0x4b4b_4b40, 0xd4]);
        }
    }

    #[test]
    fn vste_ats() {
        let wants = |words| VSte::parse(words, &RICH).is_ok_and(|vste| vste.wants_ats());

        assert!(wants(TRANSLATE));
        assert!(!wants([TRANSLATE[0], TRANSLATE[1] & !(3 << 28)]));
        // Only a guest that translates promises to invalidate.
        assert!(!wants([9, 1 << 28]));
        for eats in [2, 3] {
            for config in [1, 9, 0xb] {
                assert_eq!(
                    VSte::parse([config, eats << 28], &RICH).err(),
                    Some(BadVste::Eats)
                );
            }
        }
    }
}
