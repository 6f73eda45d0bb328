// SPDX-License-Identifier: GPL-2.0

//! Command encodings against words put together by hand from chapter 4.

use super::*;

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_cmd))]
mod cases {
    use super::*;

    #[test]
    fn configuration() {
        let sid = 0x1234_5678;
        let words = |cmd: Cmd| *cmd.words();

        assert_eq!(words(Cmd::cfgi_ste(sid, true)), [0x1234_5678_0000_0003, 1]);
        assert_eq!(words(Cmd::cfgi_ste(sid, false)), [0x1234_5678_0000_0003, 0]);
        assert_eq!(words(Cmd::cfgi_all()), [0x04, 31]);
        assert_eq!(
            words(Cmd::cfgi_cd(sid, 0xf_edcb, true)),
            [0x1234_5678_fedc_b005, 1]
        );
        assert_eq!(
            words(Cmd::cfgi_cd(sid, 1, false)),
            [0x1234_5678_0000_1005, 0]
        );
    }

    #[test]
    fn tlb() {
        let words = |cmd: Cmd| *cmd.words();

        assert_eq!(words(Cmd::tlbi_nh_all(0xabcd)), [0x0000_abcd_0000_0010, 0]);
        assert_eq!(
            words(Cmd::tlbi_nh_asid(0xabcd, 0x1234)),
            [0x1234_abcd_0000_0011, 0]
        );
        assert_eq!(
            words(Cmd::tlbi_s12_vmall(0xabcd)),
            [0x0000_abcd_0000_0028, 0]
        );
        assert_eq!(words(Cmd::tlbi_nsnh_all()), [0x30, 0]);
        assert_eq!(words(Cmd::tlbi_el2_all()), [0x20, 0]);
    }

    #[test]
    fn ats_and_pri() {
        let words = |cmd: Cmd| *cmd.words();

        assert_eq!(
            words(Cmd::atc_inv(0x10, None, 0xffff_0000_1234_5678, 3)),
            [0x10_0000_0040, 0xffff_0000_1234_5003]
        );
        // SSV is bit 11.
        assert_eq!(
            words(Cmd::atc_inv(0x10, Some(0xf_edcb), 0, 0)),
            [0x10_fedc_b840, 0]
        );
        assert_eq!(words(Cmd::atc_inv_all(0x10, Some(0))), [0x10_0000_0840, 52]);
        assert_eq!(
            words(Cmd::pri_resp(0x10, None, 0x1ff, PriResponse::Success)),
            [0x10_0000_0041, 0x21ff]
        );
        assert_eq!(
            words(Cmd::pri_resp(0x10, Some(1), 0, PriResponse::Invalid)),
            [0x10_0000_1841, 0x1000]
        );
        assert_eq!(
            words(Cmd::pri_resp(0x10, None, 0, PriResponse::Failure)),
            [0x10_0000_0041, 0]
        );
    }

    #[test]
    fn faults_and_sync() {
        let words = |cmd: Cmd| *cmd.words();

        assert_eq!(
            words(Cmd::resume(0x10, 0xabcd, ResumeAction::Terminate)),
            [0x10_0000_0044, 0xabcd]
        );
        assert_eq!(
            words(Cmd::resume(0x10, 1, ResumeAction::Retry)),
            [0x10_0000_1044, 1]
        );
        assert_eq!(
            words(Cmd::resume(0x10, 1, ResumeAction::Abort)),
            [0x10_0000_2044, 1]
        );
        assert_eq!(words(Cmd::sync(SyncSignal::None)), [0x46, 0]);
        assert_eq!(words(Cmd::sync(SyncSignal::Sev)), [0x2046, 0]);
        // MSIAttr 0xf, MSH 3, CS 1.
        assert_eq!(
            words(Cmd::sync(SyncSignal::Msi(0x12_3456_789c))),
            [0x0fc0_1046, 0x12_3456_789c]
        );
    }

    #[test]
    fn names_follow_opcodes() {
        for (cmd, opcode, expected) in [
            (Cmd::cfgi_ste(1, true), 0x03, "CMD_CFGI_STE"),
            (Cmd::cfgi_all(), 0x04, "CMD_CFGI_STE_RANGE"),
            (Cmd::tlbi_nh_all(1), 0x10, "CMD_TLBI_NH_ALL"),
            (Cmd::atc_inv_all(1, None), 0x40, "CMD_ATC_INV"),
            (Cmd::sync(SyncSignal::None), 0x46, "CMD_SYNC"),
            (Cmd::from_words([0xff, 0]), 0xff, "unknown command"),
        ] {
            assert_eq!(cmd.opcode(), opcode);
            assert_eq!(name(cmd.opcode()), expected);
        }
    }
}
