// SPDX-License-Identifier: GPL-2.0

//! What a remapping unit implements, decoded from its capability registers (11.4.2, 11.4.3).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use core::fmt;

use super::descriptor::Drain;
use crate::common::field::{
    fields,
    Field, //
};

// Word 0 is CAP_REG, word 1 is ECAP_REG.
fields! {
    ND              = 0 [2:0];
    RWBF            = 0 [4];
    CM              = 0 [7];
    SAGAW           = 0 [12:8];
    MGAW            = 0 [21:16];
    FRO             = 0 [33:24];
    SSLPS           = 0 [37:34];
    PSI             = 0 [39];
    NFR             = 0 [47:40];
    MAMV            = 0 [53:48];
    DWD             = 0 [54];
    DRD             = 0 [55];
    FS1GP           = 0 [56];
    FS5LP           = 0 [60];
    ESRTPS          = 0 [63];
    C               = 1 [0];
    QI              = 1 [1];
    DT              = 1 [2];
    IR              = 1 [3];
    PT              = 1 [6];
    SC              = 1 [7];
    IRO             = 1 [17:8];
    MTS             = 1 [25];
    NEST            = 1 [26];
    PRS             = 1 [29];
    ERS             = 1 [30];
    SRS             = 1 [31];
    EAFS            = 1 [34];
    PSS             = 1 [39:35];
    PASID           = 1 [40];
    DIT             = 1 [41];
    PDS             = 1 [42];
    SMTS            = 1 [43];
    SSADS           = 1 [45];
    SSTS            = 1 [46];
    FSTS            = 1 [47];
    SMPWC           = 1 [48];
    RPS             = 1 [49];
}

/// Everything the driver wants to know about a remapping unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// DID size in bits: 4 to 16.
    pub(crate) did_bits: u32,
    /// Entries that are not present are cached, too, and DID 0 is not to be used (CM). Only
    /// emulated units do that.
    pub(crate) caching_mode: bool,
    /// The chipset's write buffer has to be flushed after changes in memory (RWBF).
    pub(crate) write_buffer: bool,
    /// The address widths of second stages: bits 1, 2 and 3 are 39, 48 and 57 bits (SAGAW). None
    /// where there are no second stages.
    pub(crate) widths: u8,
    /// The largest guest physical address, in bits (MGAW).
    pub(crate) gpa_bits: u32,
    /// Second stages can have pages of 2 MiB.
    pub(crate) second_2m: bool,
    /// Second stages can have pages of 1 GiB.
    pub(crate) second_1g: bool,
    /// First stages can have pages of 1 GiB; those of 2 MiB they always have.
    pub(crate) first_1g: bool,
    /// First stages can have five levels.
    pub(crate) five_levels: bool,
    /// The order of the largest block of pages that an IOTLB invalidation can be for (MAMV), if it
    /// can be for pages (PSI). PASID-based ones are not limited.
    pub(crate) max_order: Option<u32>,
    /// What IOTLB invalidations can wait for.
    pub(crate) drain: Drain,
    /// Where the fault recording registers are, in bytes from the first register.
    pub(crate) fault_offset: usize,
    /// How many fault recording registers there are: 1 to 256.
    pub(crate) fault_records: usize,
    /// Setting the root table pointer drops all that is cached.
    pub(crate) root_flushes: bool,
    /// Accesses to the root, context and PASID tables snoop CPU caches (C); those to queues do
    /// anyway.
    pub(crate) coherent: bool,
    /// Accesses to page tables snoop CPU caches if they are told to (SMPWC).
    pub(crate) walk_coherent: bool,
    /// Accesses to pages snoop CPU caches if they are told to (SC).
    pub(crate) snoop_control: bool,
    /// Devices may have device-TLBs (ATS).
    pub(crate) device_tlb: bool,
    /// Device-TLB invalidations are throttled by hardware (DIT).
    pub(crate) device_tlb_throttle: bool,
    /// Interrupt remapping.
    pub(crate) interrupts: bool,
    /// Addresses can pass.
    pub(crate) pass_through: bool,
    /// Where the IOTLB registers are, in bytes from the first register.
    pub(crate) iotlb_offset: usize,
    /// PASID entries have memory types.
    pub(crate) memory_types: bool,
    /// First-stage translation.
    pub(crate) first_stage: bool,
    /// Second-stage translation. There is an address width for it then.
    pub(crate) second_stage: bool,
    /// Both stages can translate one transaction.
    pub(crate) nested: bool,
    /// Hardware sets accessed and dirty flags in second stages.
    pub(crate) dirty: bool,
    /// Devices may ask for pages (PRI).
    pub(crate) page_requests: bool,
    /// An invalidation wait can be for page requests, too.
    pub(crate) page_request_drain: bool,
    /// Requests to execute.
    pub(crate) execute: bool,
    /// Requests with supervisor privilege.
    pub(crate) supervisor: bool,
    /// The extended accessed flag in first stages.
    pub(crate) extended_access: bool,
    /// PASID size in bits, at most 20; zero if devices cannot name PASIDs.
    pub(crate) pasid_bits: u32,
    /// A device's own traffic can have a PASID other than 0 (RPS).
    pub(crate) rid_pasid: bool,
}

/// Why a remapping unit cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The registers read as all ones: nothing is there.
    Absent,
    /// Legacy mode only.
    NoScalableMode,
    /// No queued invalidation.
    NoQueue,
    /// Neither first-stage nor second-stage translation.
    NoTranslation,
}

impl Unfit {
    /// One line for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "no such unit: its registers read as all ones",
            Self::NoScalableMode => "no scalable mode (ECAP_REG.SMTS)",
            Self::NoQueue => "no queued invalidation (ECAP_REG.QI)",
            Self::NoTranslation => {
                "neither first-stage nor second-stage translation (ECAP_REG.FSTS, SSTS)"
            }
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The bits of SAGAW that mean something: 39, 48 and 57 bits.
const WIDTHS: u64 = 0b1110;

impl Features {
    /// Decodes the capability registers.
    pub(crate) fn decode(cap: u64, ecap: u64) -> Result<Features, Unfit> {
        let caps = &[cap, ecap];
        let number = |field: Field| field.get(caps) as u32;
        let offset = |field: Field| field.get(caps) as usize * 16;
        let flag = |field: Field| field.is_set(caps);
        let large = number(SSLPS);
        let widths = SAGAW.get(caps) & WIDTHS;

        if cap == u64::MAX && ecap == u64::MAX {
            return Err(Unfit::Absent);
        }
        if !flag(SMTS) {
            return Err(Unfit::NoScalableMode);
        }
        if !flag(QI) {
            return Err(Unfit::NoQueue);
        }
        let (first_stage, second_stage) = (flag(FSTS), flag(SSTS) && widths != 0);
        if !first_stage && !second_stage {
            return Err(Unfit::NoTranslation);
        }

        Ok(Features {
            did_bits: (4 + 2 * number(ND)).min(16),
            caching_mode: flag(CM),
            write_buffer: flag(RWBF),
            // CAST: Four bits.
            widths: widths as u8,
            gpa_bits: number(MGAW) + 1,
            second_2m: large & 1 != 0,
            second_1g: large & 2 != 0,
            first_1g: flag(FS1GP),
            five_levels: flag(FS5LP),
            max_order: flag(PSI).then_some(number(MAMV)),
            drain: Drain {
                reads: flag(DRD),
                writes: flag(DWD),
            },
            fault_offset: offset(FRO),
            fault_records: number(NFR) as usize + 1,
            root_flushes: flag(ESRTPS),
            coherent: flag(C),
            walk_coherent: flag(SMPWC),
            snoop_control: flag(SC),
            device_tlb: flag(DT),
            device_tlb_throttle: flag(DIT),
            interrupts: flag(IR),
            pass_through: flag(PT),
            iotlb_offset: offset(IRO),
            memory_types: flag(MTS),
            first_stage,
            second_stage,
            nested: flag(NEST) && first_stage && second_stage,
            // The flags are set by locked accesses, which have to be coherent.
            dirty: flag(SSADS) && flag(SMPWC) && second_stage,
            page_requests: flag(PRS),
            page_request_drain: flag(PDS),
            execute: flag(ERS),
            supervisor: flag(SRS),
            extended_access: flag(EAFS),
            pasid_bits: if flag(PASID) {
                (number(PSS) + 1).min(20)
            } else {
                0
            },
            rid_pasid: flag(RPS),
        })
    }

    /// Whether devices can be allowed to ask for pages, and taken what they are allowed to use:
    /// what they have asked for can be waited for.
    pub(crate) const fn serves_page_requests(&self) -> bool {
        self.page_requests && self.page_request_drain && self.device_tlb
    }

    /// The largest address width of second stages, encoded as in AW; zero if there is none.
    pub(crate) const fn aw(&self) -> u8 {
        match self.widths {
            0 => 0,
            // CAST: At most 3.
            widths => widths.ilog2() as u8,
        }
    }

    /// The page sizes of first stages, one bit each, as `iommu_domain.pgsize_bitmap`.
    pub(crate) const fn first_stage_pages(&self) -> u64 {
        1 << 12 | 1 << 21 | (self.first_1g as u64) << 30
    }

    /// The page sizes of second stages, one bit each, as `iommu_domain.pgsize_bitmap`.
    pub(crate) const fn second_stage_pages(&self) -> u64 {
        1 << 12 | (self.second_2m as u64) << 21 | (self.second_1g as u64) << 30
    }

    /// The page tables of first stages: as deep as what the unit can take in asks for.
    pub(crate) const fn first_stage_shape(&self) -> Shape {
        if self.five_levels && self.gpa_bits > LEVELS_4 {
            Shape::new(5, self.gpa_bits)
        } else {
            Shape::new(4, self.gpa_bits)
        }
    }

    /// Whether second stages can have that many levels.
    const fn has(&self, levels: u32) -> bool {
        self.widths & 1 << (levels - 2) != 0
    }

    /// The page tables of second stages, if there are any: as deep as the unit can take in, which
    /// may be less than the table could hold.
    pub(crate) const fn second_stage_shape(&self) -> Shape {
        if self.has(5) && (self.gpa_bits > LEVELS_4 || !self.has(4) && !self.has(3)) {
            Shape::new(5, self.gpa_bits)
        } else if self.has(4) && (self.gpa_bits > LEVELS_3 || !self.has(3)) {
            Shape::new(4, self.gpa_bits)
        } else {
            Shape::new(3, self.gpa_bits)
        }
    }
}

/// Address bits of tables of three and of four levels.
const LEVELS_3: u32 = 39;
const LEVELS_4: u32 = 48;

/// How large a page table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The number of levels.
    pub(crate) levels: u32,
    /// The bits of an input address.
    pub(crate) bits: u32,
}

impl Shape {
    const fn new(levels: u32, most: u32) -> Self {
        let all = 12 + 9 * levels;

        Self {
            levels,
            bits: if most < all { most } else { all },
        }
    }
}
