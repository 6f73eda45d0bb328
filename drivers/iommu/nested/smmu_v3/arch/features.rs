// SPDX-License-Identifier: GPL-2.0

//! What an SMMU implements, decoded from its identification registers (6.3.1 to 6.3.9).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use core::fmt;

use crate::common::field::{
    fields,
    Field, //
};

/// The identification registers as read, also what user space is told by `IOMMU_GET_HW_INFO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawIds {
    /// SMMU_IDR0 to SMMU_IDR5.
    pub(crate) idr: [u32; 6],
    /// SMMU_IIDR: who made it, and its revision.
    pub(crate) iidr: u32,
    /// SMMU_AIDR: the architecture version it follows.
    pub(crate) aidr: u32,
}

// The word index is that of the register in `RawIds::words()`.
fields! {
    // SMMU_IDR0
    S2P             = 0 [0];
    S1P             = 0 [1];
    TTF_AARCH64     = 0 [3];
    COHACC          = 0 [4];
    HTTU            = 0 [7:6];
    HYP             = 0 [9];
    ATS             = 0 [10];
    ASID16          = 0 [12];
    MSI             = 0 [13];
    SEV             = 0 [14];
    PRI             = 0 [16];
    VMID16          = 0 [18];
    CD2L            = 0 [19];
    TTENDIAN        = 0 [22:21];
    STALL_MODEL     = 0 [25:24];
    ST_LEVEL        = 0 [28:27];
    // SMMU_IDR1
    SIDSIZE         = 1 [5:0];
    SSIDSIZE        = 1 [10:6];
    PRIQS           = 1 [15:11];
    EVENTQS         = 1 [20:16];
    CMDQS           = 1 [25:21];
    ATTR_TYPES_OVR  = 1 [27];
    REL             = 1 [28];
    QUEUES_PRESET   = 1 [29];
    TABLES_PRESET   = 1 [30];
    // SMMU_IDR3
    FWB             = 3 [8];
    RIL             = 3 [10];
    BBML            = 3 [12:11];
    // SMMU_IDR5
    OAS             = 5 [2:0];
    GRAN4K          = 5 [4];
    GRAN16K         = 5 [5];
    GRAN64K         = 5 [6];
    DS              = 5 [7];
    VAX             = 5 [11:10];
    STALL_MAX       = 5 [31:16];
    // SMMU_IIDR
    IMPLEMENTER     = 6 [11:0];
    REVISION        = 6 [15:12];
    VARIANT         = 6 [19:16];
    PRODUCT_ID      = 6 [31:20];
    // SMMU_AIDR
    ARCH_MINOR      = 7 [3:0];
    ARCH_MAJOR      = 7 [7:4];
}

impl RawIds {
    fn words(&self) -> [u64; 8] {
        let [idr0, idr1, idr2, idr3, idr4, idr5] = self.idr;

        [
            idr0, idr1, idr2, idr3, idr4, idr5, self.iidr, self.aidr, //
        ]
        .map(u64::from)
    }
}

/// Hardware update of translation table flags (SMMU_IDR0.HTTU).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Httu {
    /// Flags are never updated by hardware.
    None,
    /// Hardware sets the Access flag.
    Access,
    /// Hardware sets the Access flag and the dirty state.
    Dirty,
}

/// What happens to a transaction that faults (SMMU_IDR0.STALL_MODEL).
///
/// The third model, where faults always stall, is refused: see [`Unsupported::StallForced`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StallModel {
    /// Terminated or stalled, as the stage 1 and stage 2 configuration ask for.
    Configurable,
    /// Terminated.
    Terminate,
}

/// Errata that the driver has to respect, told from SMMU_IIDR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errata {
    /// CMD_SYNC must not ask for a wake-up event (Arm MMU-600 erratum 1076982).
    /// [`Features::sev`] is already false then.
    pub(crate) no_sev: bool,
    /// Nested translation gives wrong results (MMU-600 erratum 1209401, MMU-700 errata 2268618 and
    /// 2812531). [`Features::nesting`] is false then.
    pub(crate) no_nesting: bool,
    /// A CMD_SYNC has to follow at most 63 other commands (MMU-700 erratum 2812531).
    pub(crate) force_sync: bool,
}

/// Everything the driver wants to know about an SMMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// The stream table can have two levels.
    pub(crate) two_level_strtab: bool,
    /// Context descriptor tables can have two levels.
    pub(crate) two_level_cdtab: bool,
    /// Table walks, queue and table accesses snoop CPU caches. This is what firmware says; where
    /// [`Features::cohacc`] disagrees, firmware knows the interconnect better.
    pub(crate) coherent: bool,
    /// The same question as answered by SMMU_IDR0.COHACC.
    pub(crate) cohacc: bool,
    /// PCIe ATS.
    pub(crate) ats: bool,
    /// PCIe PRI, and a PRI queue.
    pub(crate) pri: bool,
    /// CMD_SYNC can send an event to waiting CPUs.
    pub(crate) sev: bool,
    /// Interrupts and CMD_SYNC completion can be messages.
    pub(crate) msi: bool,
    /// The SMMU knows EL2 and Hyp TLB entries, which a reset has to flush.
    pub(crate) hyp: bool,
    /// Hardware update of Access flag and dirty state.
    pub(crate) httu: Httu,
    /// What a fault does to its transaction.
    pub(crate) stall: StallModel,
    /// The number of transactions that can be stalled at once; zero if none ever is.
    pub(crate) stall_max: u32,
    /// Stage 1 translation.
    pub(crate) s1p: bool,
    /// Stage 2 translation.
    pub(crate) s2p: bool,
    /// ASID size in bits: 8 or 16.
    pub(crate) asid_bits: u32,
    /// VMID size in bits: 8 or 16.
    pub(crate) vmid_bits: u32,
    /// log2 of the most entries that a command queue can have.
    pub(crate) cmdq_log2: u32,
    /// log2 of the most entries that an event queue can have.
    pub(crate) evtq_log2: u32,
    /// log2 of the most entries that a PRI queue can have.
    pub(crate) priq_log2: u32,
    /// StreamID size in bits, at most 32.
    pub(crate) sid_bits: u32,
    /// SubstreamID size in bits, at most 20; zero without substreams.
    pub(crate) ssid_bits: u32,
    /// TLB invalidation by range.
    pub(crate) ril: bool,
    /// Stage 2 can force memory to be write-back cacheable (STE.S2FWB).
    pub(crate) s2fwb: bool,
    /// Break-before-make level: 0, 1 or 2.
    pub(crate) bbm: u32,
    /// 52-bit addresses with 4 KiB and 16 KiB granules.
    pub(crate) ds: bool,
    /// 4 KiB translation granule.
    pub(crate) gran4k: bool,
    /// 16 KiB translation granule.
    pub(crate) gran16k: bool,
    /// 64 KiB translation granule.
    pub(crate) gran64k: bool,
    /// Output (physical) address size in bits.
    pub(crate) oas_bits: u32,
    /// Virtual (stage 1 input) address size in bits: 48 or 52.
    pub(crate) vax: u32,
    /// STE.SHCFG and its like can override the attributes of a bypassing transaction.
    pub(crate) attr_types_ovr: bool,
    /// The minor number of the architecture version, as in SMMUv3.`minor`.
    pub(crate) arch_minor: u32,
    /// Errata of this implementation.
    pub(crate) errata: Errata,
}

/// Why an SMMU cannot be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// SMMU_AIDR names an architecture later than SMMUv3.
    Architecture,
    /// SMMU_IDR1.TABLES_PRESET or QUEUES_PRESET or REL: addresses are fixed by the hardware.
    Preset,
    /// Neither stage 1 nor stage 2.
    NoTranslation,
    /// No AArch64 translation table format.
    NoAarch64,
    /// Translation tables are big-endian only.
    BigEndian,
    /// No translation granule at all.
    NoGranule,
    /// Every fault stalls its transaction.
    StallForced,
    /// The command queue cannot hold a batch of commands and its CMD_SYNC.
    CommandQueue,
}

impl Unsupported {
    /// One line for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Architecture => "not an SMMUv3 (SMMU_AIDR)",
            Self::Preset => "embedded implementation with preset tables or queues (SMMU_IDR1)",
            Self::NoTranslation => "neither stage 1 nor stage 2 translation (SMMU_IDR0)",
            Self::NoAarch64 => "no AArch64 translation table format (SMMU_IDR0.TTF)",
            Self::BigEndian => "no little-endian translation tables (SMMU_IDR0.TTENDIAN)",
            Self::NoGranule => "no translation granule (SMMU_IDR5)",
            Self::StallForced => "faults always stall (SMMU_IDR0.STALL_MODEL)",
            Self::CommandQueue => "command queue of 64 or fewer entries (SMMU_IDR1.CMDQS)",
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command queue must have more than this many entries (log2).
const CMDQ_MIN_LOG2: u32 = 6;

impl Features {
    /// Decodes the identification registers. `coherent` is what firmware says about the
    /// coherency of the SMMU's own memory accesses.
    pub(crate) fn decode(ids: &RawIds, coherent: bool) -> Result<Features, Unsupported> {
        let ids = &ids.words();
        let number = |field: Field| field.get(ids) as u32;
        let flag = |field: Field| field.is_set(ids);
        let errata = Errata::of(ids);

        if number(ARCH_MAJOR) != 0 {
            return Err(Unsupported::Architecture);
        }
        if flag(TABLES_PRESET) || flag(QUEUES_PRESET) || flag(REL) {
            return Err(Unsupported::Preset);
        }
        if !flag(S1P) && !flag(S2P) {
            return Err(Unsupported::NoTranslation);
        }
        if !flag(TTF_AARCH64) {
            return Err(Unsupported::NoAarch64);
        }
        // 0: either endianness, 2: little-endian.
        if !matches!(number(TTENDIAN), 0 | 2) {
            return Err(Unsupported::BigEndian);
        }
        if !flag(GRAN4K) && !flag(GRAN16K) && !flag(GRAN64K) {
            return Err(Unsupported::NoGranule);
        }
        if number(CMDQS) <= CMDQ_MIN_LOG2 {
            return Err(Unsupported::CommandQueue);
        }
        let stall = match number(STALL_MODEL) {
            0 => StallModel::Configurable,
            2 => return Err(Unsupported::StallForced),
            _ => StallModel::Terminate,
        };

        Ok(Features {
            two_level_strtab: number(ST_LEVEL) == 1,
            two_level_cdtab: flag(CD2L),
            coherent,
            cohacc: flag(COHACC),
            ats: flag(ATS),
            pri: flag(PRI),
            sev: flag(SEV) && !errata.no_sev,
            msi: flag(MSI),
            hyp: flag(HYP),
            httu: match number(HTTU) {
                0 => Httu::None,
                1 => Httu::Access,
                _ => Httu::Dirty,
            },
            stall,
            stall_max: number(STALL_MAX),
            s1p: flag(S1P),
            s2p: flag(S2P),
            asid_bits: if flag(ASID16) { 16 } else { 8 },
            vmid_bits: if flag(VMID16) { 16 } else { 8 },
            cmdq_log2: number(CMDQS).min(19),
            evtq_log2: number(EVENTQS).min(19),
            priq_log2: number(PRIQS).min(19),
            sid_bits: number(SIDSIZE).min(32),
            ssid_bits: number(SSIDSIZE).min(20),
            ril: flag(RIL),
            s2fwb: flag(FWB),
            bbm: number(BBML).min(2),
            ds: flag(DS),
            gran4k: flag(GRAN4K),
            gran16k: flag(GRAN16K),
            gran64k: flag(GRAN64K),
            oas_bits: match number(OAS) {
                0 => 32,
                1 => 36,
                2 => 40,
                3 => 42,
                4 => 44,
                5 => 48,
                // 56 bits need a table format that the driver does not use.
                _ => 52,
            },
            // As for the output: 52 of 56 bits.
            vax: if matches!(number(VAX), 1 | 2) { 52 } else { 48 },
            attr_types_ovr: flag(ATTR_TYPES_OVR),
            arch_minor: number(ARCH_MINOR),
            errata,
        })
    }

    /// Whether both stages can translate one transaction, and can be relied on to.
    pub(crate) fn nesting(&self) -> bool {
        self.s1p && self.s2p && !self.errata.no_nesting
    }

    /// The page and block sizes of the granules, one bit each, as `iommu_domain.pgsize_bitmap`.
    pub(crate) fn pgsize_bitmap(&self) -> u64 {
        let mut sizes = 0;

        if self.gran4k {
            sizes |= (1 << 12) | (1 << 21) | (1 << 30);
        }
        if self.gran16k {
            sizes |= (1 << 14) | (1 << 25);
        }
        if self.gran64k {
            sizes |= (1 << 16) | (1 << 29);
            if self.oas_bits >= 52 {
                sizes |= 1 << 42;
            }
        }
        sizes
    }
}

/// SMMU_IIDR.Implementer of Arm (JEP106).
const ARM: u64 = 0x43b;
/// SMMU_IIDR.ProductID of Arm's MMU-600.
const MMU_600: u64 = 0x483;
/// SMMU_IIDR.ProductID of Arm's MMU-700.
const MMU_700: u64 = 0x487;

impl Errata {
    fn of(ids: &[u64]) -> Self {
        if IMPLEMENTER.get(ids) != ARM {
            return Self::default();
        }
        let (variant, revision) = (VARIANT.get(ids), REVISION.get(ids));

        match PRODUCT_ID.get(ids) {
            MMU_600 => Self {
                no_sev: variant == 0 && revision <= 2,
                no_nesting: variant < 2,
                force_sync: false,
            },
            MMU_700 => {
                let early = variant < 1 || revision < 1;

                Self {
                    no_sev: false,
                    no_nesting: early,
                    force_sync: early,
                }
            }
            _ => Self::default(),
        }
    }
}
