// SPDX-License-Identifier: GPL-2.0

//! What a guest would send, and that it may.

use super::{
    super::admission::Admission,
    *, //
};
use crate::smmu_v3::arch::{
    cmd,
    samples::{
        PLAIN,
        RICH, //
    },
};
use kernel::prelude::*;

const VMID: u16 = 0x77;
const VSID: u32 = 9;
const SID: u32 = 0x1000;

/// What the hardware gets. All of it must be admitted.
fn admitted(features: &Features, cmd: Cmd) -> [u64; 2] {
    *KBox::init(Admission::new(features), GFP_KERNEL)
        .unwrap()
        .admit(*cmd.words(), VMID, |vsid| (vsid == VSID).then_some(SID))
        .unwrap()
        .words()
}

fn range(iova: u64, size: u64, granule: u64) -> Range {
    Range {
        iova,
        size,
        granule,
        leaf: true,
    }
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_guest_expand))]
mod cases {
    use super::*;

    /// The opcodes of the commands for all scopes, with the VMID and the tag in them.
    #[test]
    fn scopes() {
        let page = range(0x1000, 0x1000, 0x1000);

        for features in [&RICH, &PLAIN] {
            for (scope, range, opcode, asid) in [
                (Scope::All, None, Opcode::TlbiNhAll, 0),
                (Scope::Asid(5), None, Opcode::TlbiNhAsid, 5),
                (Scope::All, Some(&page), Opcode::TlbiNhVaa, 0),
                (Scope::Asid(5), Some(&page), Opcode::TlbiNhVa, 5),
            ] {
                let mut cmds = translations(features, scope, range);
                let words = admitted(features, cmds.next().unwrap());

                assert_eq!(cmd::OPCODE.get(&words), opcode as u64);
                assert_eq!(cmd::VMID.get(&words), VMID.into());
                assert_eq!(cmd::ASID.get(&words), asid);
                assert!(cmds.next().is_none());
            }
        }
    }

    /// Each page once, without range invalidation; too many become all.
    #[test]
    fn pages() {
        let pages = range(0x20_0000, 0x5000, 0x1000);
        let mut next = 0x20_0000;

        for cmd in translations(&PLAIN, Scope::Asid(1), Some(&pages)) {
            let words = admitted(&PLAIN, cmd);

            assert_eq!(words[1] & cmd::ADDRESS.mask(), next);
            assert!(cmd::TLBI_LEAF.is_set(&words));
            next += 0x1000;
        }
        assert_eq!(next, 0x20_5000);

        let many = range(0, 512 << 12, 0x1000);
        let mut cmds = translations(&PLAIN, Scope::Asid(1), Some(&many));
        assert_eq!(cmds.next(), Some(Cmd::tlbi_nh_asid(0, 1)));
        assert_eq!(cmds.next(), None);
        let mut cmds = translations(&PLAIN, Scope::All, Some(&many));
        assert_eq!(cmds.next(), Some(Cmd::tlbi_nh_all(0)));
    }

    /// Every granule's pages and blocks give commands that are well-formed, and few of them.
    #[test]
    fn granules() {
        for (granule, tg) in [
            (1 << 12, 1),
            (1 << 21, 1),
            (1 << 30, 1),
            (1 << 14, 2),
            (1 << 25, 2),
            (1 << 16, 3),
            (1 << 29, 3),
        ] {
            let mut count = 0;

            for cmd in translations(&RICH, Scope::All, Some(&range(0, 7 * granule, granule))) {
                assert_eq!(cmd::TG.get(&admitted(&RICH, cmd)), tg);
                count += 1;
            }
            assert!((1..=4).contains(&count));
        }
    }

    #[test]
    fn streams() {
        for (cmd, opcode) in [
            (descriptors(VSID, Some(3), true), Opcode::CfgiCd),
            (descriptors(VSID, None, false), Opcode::CfgiCdAll),
            (endpoint(VSID, None, None), Opcode::AtcInv),
            (endpoint(VSID, Some(3), None), Opcode::AtcInv),
            (
                endpoint(VSID, Some(3), Some((0x1000, 0x3000))),
                Opcode::AtcInv,
            ),
        ] {
            let words = admitted(&RICH, cmd);

            assert_eq!(cmd::OPCODE.get(&words), opcode as u64);
            assert_eq!(cmd::SID.get(&words), SID.into());
            assert_eq!(Cmd::guest_stream(cmd.words()), Some(VSID));
        }
        assert_eq!(Cmd::guest_stream(Cmd::tlbi_nh_all(0).words()), None);
    }

    #[test]
    fn sizes() {
        assert!(asid_fits(&RICH, 0xffff) && !asid_fits(&RICH, 0x1_0000));
        assert!(ssid_fits(&RICH, 0xf_ffff) && !ssid_fits(&RICH, 0x10_0000));
        let none = Features {
            ssid_bits: 0,
            ..RICH
        };
        assert!(ssid_fits(&none, 0) && !ssid_fits(&none, 1));
    }
}
