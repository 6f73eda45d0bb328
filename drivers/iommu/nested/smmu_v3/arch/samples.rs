// SPDX-License-Identifier: GPL-2.0

//! SMMUs and configurations for the tests.

use super::{
    cd::Stage1Config,
    features::{
        Errata,
        Features,
        Httu,
        StallModel, //
    },
    ste::{
        CdTableConfig,
        S1Fmt,
        Stage2Config, //
    }, //
};

/// An SMMU that has everything.
pub(crate) const RICH: Features = Features {
    two_level_strtab: true,
    two_level_cdtab: true,
    coherent: true,
    cohacc: true,
    ats: true,
    pri: true,
    sev: true,
    msi: true,
    hyp: true,
    httu: Httu::Dirty,
    stall: StallModel::Configurable,
    stall_max: 16,
    s1p: true,
    s2p: true,
    asid_bits: 16,
    vmid_bits: 16,
    cmdq_log2: 19,
    evtq_log2: 19,
    priq_log2: 19,
    sid_bits: 32,
    ssid_bits: 20,
    ril: true,
    s2fwb: true,
    bbm: 2,
    ds: true,
    gran4k: true,
    gran16k: true,
    gran64k: true,
    oas_bits: 52,
    vax: 52,
    attr_types_ovr: true,
    arch_minor: 3,
    errata: Errata {
        no_sev: false,
        no_nesting: false,
        force_sync: false,
    },
};

/// An SMMU with both stages and nothing else.
pub(crate) const PLAIN: Features = Features {
    two_level_strtab: false,
    two_level_cdtab: false,
    coherent: false,
    cohacc: false,
    ats: false,
    pri: false,
    sev: false,
    msi: false,
    hyp: false,
    httu: Httu::None,
    stall: StallModel::Terminate,
    stall_max: 0,
    asid_bits: 8,
    vmid_bits: 8,
    cmdq_log2: 8,
    evtq_log2: 7,
    priq_log2: 0,
    sid_bits: 16,
    ssid_bits: 0,
    ril: false,
    s2fwb: false,
    bbm: 0,
    ds: false,
    gran16k: false,
    gran64k: false,
    oas_bits: 44,
    vax: 48,
    attr_types_ovr: false,
    arch_minor: 0,
    ..RICH
};

/// A context descriptor table of the host.
pub(crate) const CDS: CdTableConfig = CdTableConfig {
    addr: 0x0000_f0f0_f0f0_f000,
    fmt: S1Fmt::TwoLevel64K,
    s1cdmax: 20,
};

/// A stage 2 with 4 KiB pages.
pub(crate) const STAGE2: Stage2Config = Stage2Config {
    ttb: 0x000d_beef_dead_b000,
    tsz: 20,
    sl: 2,
    irgn: 1,
    orgn: 1,
    sh: 3,
    tg: 0,
    ps: 5,
    fwb: false,
};

/// A stage 1 with 4 KiB pages.
pub(crate) const STAGE1: Stage1Config = Stage1Config {
    ttb: 0x000d_beef_dead_b000,
    tsz: 16,
    tg: 0,
    irgn: 1,
    orgn: 1,
    sh: 3,
    ips: 5,
    mair: 0x0abc_def0_1234_5678,
    dirty: false,
};
