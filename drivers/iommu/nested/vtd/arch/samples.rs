// SPDX-License-Identifier: GPL-2.0

//! Remapping units and configurations for the tests.

use super::{
    caps::Features,
    descriptor::Drain,
    pasid::{
        FirstStage,
        SecondStage, //
    },
    stage1::{
        BadStage1,
        RawStage1,
        Stage1, //
    }, //
};

/// CAP_REG of QEMU's unit with `aw-bits=48`.
pub(crate) const QEMU_CAP: u64 = 0x00d2_008c_222f_0606;
/// ECAP_REG of QEMU's unit with second stages.
pub(crate) const QEMU_ECAP_SECOND: u64 = 0x4800_80f0_0f4a;
/// ECAP_REG of QEMU's unit with first stages.
pub(crate) const QEMU_ECAP_FIRST: u64 = 0x8d9a_20f0_0f4e;

/// CAP_REG of a unit that has everything.
pub(crate) const RICH_CAP: u64 = 0x91f9_038c_2038_0e06;
/// ECAP_REG of a unit that has everything.
pub(crate) const RICH_ECAP: u64 = 0x0003_ef9c_e600_50cf;

/// A unit that has everything.
pub(crate) const RICH: Features = Features {
    did_bits: 16,
    caching_mode: false,
    write_buffer: false,
    widths: 0b1110,
    gpa_bits: 57,
    second_2m: true,
    second_1g: true,
    first_1g: true,
    five_levels: true,
    max_order: Some(0x39),
    drain: Drain {
        reads: true,
        writes: true,
    },
    fault_offset: 0x200,
    fault_records: 4,
    root_flushes: true,
    coherent: true,
    walk_coherent: true,
    snoop_control: true,
    device_tlb: true,
    device_tlb_throttle: true,
    interrupts: true,
    pass_through: true,
    iotlb_offset: 0x500,
    memory_types: true,
    first_stage: true,
    second_stage: true,
    nested: true,
    dirty: true,
    page_requests: true,
    page_request_drain: true,
    execute: true,
    supervisor: true,
    extended_access: true,
    pasid_bits: 20,
    rid_pasid: true,
};

/// A unit that has what it must.
pub(crate) const PLAIN: Features = Features {
    did_bits: 8,
    caching_mode: true,
    write_buffer: true,
    widths: 0b0010,
    gpa_bits: 39,
    second_2m: false,
    second_1g: false,
    first_1g: false,
    five_levels: false,
    max_order: None,
    drain: Drain {
        reads: false,
        writes: false,
    },
    fault_offset: 0x220,
    fault_records: 1,
    root_flushes: false,
    coherent: false,
    walk_coherent: false,
    snoop_control: false,
    device_tlb: false,
    device_tlb_throttle: false,
    interrupts: false,
    pass_through: false,
    iotlb_offset: 0xf0,
    memory_types: false,
    first_stage: false,
    second_stage: true,
    nested: false,
    dirty: false,
    page_requests: false,
    page_request_drain: false,
    execute: false,
    supervisor: false,
    extended_access: false,
    pasid_bits: 0,
    rid_pasid: false,
};

/// A second stage of four levels.
pub(crate) const SECOND: SecondStage = SecondStage {
    table: 0x000d_beef_dead_b000,
    aw: 2,
    dirty: false,
    page_snoop: false,
    walk_snoop: true,
};

/// The host's own first stage of four levels.
pub(crate) const FIRST: FirstStage = FirstStage {
    table: 0x000a_bcde_f012_3000,
    five_levels: false,
    aw: 3,
    page_snoop: false,
    walk_snoop: true,
};

/// A guest's first stage of four levels, without any flags.
pub(crate) const GUEST: RawStage1 = RawStage1 {
    flags: 0,
    table: 0x1234_5000,
    addr_width: 48,
    reserved: 0,
};

/// What [`RICH`] makes of a guest's first stage.
pub(crate) fn stage1(raw: RawStage1) -> Result<Stage1, BadStage1> {
    Stage1::parse(&raw, &RICH, 48)
}
