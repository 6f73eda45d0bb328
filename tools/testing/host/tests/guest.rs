// SPDX-License-Identifier: GPL-2.0

//! Nothing that a guest sends reaches beyond the guest.

use crate::smmu_v3::arch::{
    cmd,
    guest::{
        admission::Admission,
        VSte,
        VSteKind, //
    },
    samples::{
        PLAIN,
        RICH,
        STAGE2, //
    },
    ste::{
        self,
        Ste, //
    }, //
};
use kernel::alloc::{
    flags::GFP_KERNEL,
    KBox, //
};
use proptest::prelude::*;

const VMID: u16 = 0x5a5a;
const SID: u32 = 0x00c0_ffee;

/// Random words with an opcode that a guest may send, and with few bits set.
fn command() -> impl Strategy<Value = [u64; 2]> {
    let opcode = prop_oneof![
        any::<u8>(),
        prop::sample::select(&[0x05u8, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30, 0x40][..]),
    ];

    (opcode, prop::array::uniform4(any::<u64>()), 0..4u8).prop_map(|(opcode, r, density)| {
        let word = |i: usize| match density {
            0 => 0,
            1 => r[i],
            2 => r[i] & r[i + 2],
            // No reserved bits: what is left is what a guest could mean.
            _ => r[i] & [0xffff_ffff_03f1_f000, 0xffff_ffff_ffff_ff01][i],
        };
        [(word(0) & !0xff) | u64::from(opcode), word(1)]
    })
}

/// Random words 0 and 1 of an STE, likewise.
fn vste() -> impl Strategy<Value = [u64; 2]> {
    (prop::array::uniform2(any::<u64>()), any::<bool>(), 0..8u64).prop_map(|(r, tame, config)| {
        if tame {
            [
                (r[0] & 0x201f_ffff_ffff_ffe0 & !0x0010_0000_0000_0000) | 1 | config << 1,
                r[1] & 0x1800_007e,
            ]
        } else {
            r
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn commands(raw in command(), rich: bool, known: bool) {
        let features = if rich { &RICH } else { &PLAIN };
        let mut asked = None;
        let resolve = |vsid| {
            asked = Some(vsid);
            known.then_some(SID)
        };

        let admission = KBox::init(Admission::new(features), GFP_KERNEL).unwrap();
        let Ok(admitted) = admission.admit(raw, VMID, resolve) else {
            return Ok(());
        };
        let words = *admitted.words();
        let mut expected = raw;

        match admitted.opcode() {
            0x10..=0x13 => {
                prop_assert_eq!(cmd::VMID.get(&words), u64::from(VMID));
                prop_assert_eq!(asked, None);
                cmd::VMID.set(&mut expected, VMID.into());
                if raw[0] as u8 == 0x30 {
                    cmd::OPCODE.set(&mut expected, 0x10);
                }
            }
            0x05 | 0x06 | 0x40 => {
                prop_assert!(known);
                prop_assert_eq!(asked, Some(cmd::SID.get(&raw) as u32));
                cmd::SID.set(&mut expected, SID.into());
            }
            other => prop_assert!(false, "opcode {:#x} for the hardware", other),
        }
        prop_assert_eq!(words, expected);
    }

    #[test]
    fn stes(words in vste(), rich: bool, vmid: u16, ats: bool) {
        let features = if rich { &RICH } else { &PLAIN };
        let Ok(vste) = VSte::parse(words, features) else {
            return Ok(());
        };
        let made = Ste::nested(features, &vste, &STAGE2, vmid, ats);
        let host = Ste::stage2(features, &STAGE2, vmid, ats);
        let (ste, stage2) = (made.words(), host.words());

        if matches!(vste.kind(), VSteKind::Invalid | VSteKind::Abort) {
            prop_assert_eq!(made, Ste::abort());
            return Ok(());
        }
        // Stage 2 is on, and is the host's to the last bit.
        prop_assert_eq!(ste::CONFIG.get(ste) & 0b110, 0b110);
        prop_assert_eq!(&ste[2..], &stage2[2..]);
        for field in [ste::S2FWB, ste::STRW, ste::SHCFG] {
            prop_assert_eq!(field.get(ste), field.get(stage2));
        }
        prop_assert!(ste::EATS.get(ste) <= u64::from(ats));
        if vste.kind() == VSteKind::Translate {
            prop_assert!(ste::MEV.is_set(ste));
            prop_assert_eq!(ste::S1STALLD.is_set(ste), rich);
            prop_assert_eq!(ste::EATS.is_set(ste), ats && vste.wants_ats());
            prop_assert!(ste::S1CDMAX.get(ste) <= features.ssid_bits.into());
        } else {
            prop_assert_eq!(made, host);
        }
    }
}
