// SPDX-License-Identifier: GPL-2.0

//! Stream table entries (Arm IHI 0070, 5.2).

mod decode;
mod layout;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::{
    features::{
        Features,
        StallModel, //
    },
    guest::{
        VSte,
        VSteKind, //
    }, //
};
use crate::common::field::fields;

pub(crate) use decode::Decoded;

/// A stream table entry: what happens to the transactions of one StreamID.
///
/// All streams belong to the NS-EL1 world (STRW is 0). The stage 1 of the host itself uses VMID 0,
/// which is never given to a stage 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Ste([u64; 8]);

fields! {
    V               = 0 [0];
    CONFIG          = 0 [3:1];
    S1FMT           = 0 [5:4];
    S1CONTEXT_PTR   = 0 [51:6];
    S1CDMAX         = 0 [63:59];
    S1DSS           = 1 [1:0];
    S1CIR           = 1 [3:2];
    S1COR           = 1 [5:4];
    S1CSH           = 1 [7:6];
    MEV             = 1 [19];
    S2FWB           = 1 [25];
    S1STALLD        = 1 [27];
    EATS            = 1 [29:28];
    STRW            = 1 [31:30];
    SHCFG           = 1 [45:44];
    S2VMID          = 2 [15:0];
    S2T0SZ          = 2 [37:32];
    S2SL0           = 2 [39:38];
    S2IR0           = 2 [41:40];
    S2OR0           = 2 [43:42];
    S2SH0           = 2 [45:44];
    S2TG            = 2 [47:46];
    S2PS            = 2 [50:48];
    S2AA64          = 2 [51];
    S2PTW           = 2 [54];
    S2S             = 2 [57];
    S2R             = 2 [58];
    S2TTB           = 3 [51:4];
}

/// STE.Config: which stages translate.
pub(super) const CONFIG_ABORT: u64 = 0b000;
pub(super) const CONFIG_BYPASS: u64 = 0b100;
pub(super) const CONFIG_S1: u64 = 0b101;
const CONFIG_S2: u64 = 0b110;
const CONFIG_NESTED: u64 = 0b111;
/// Config bits: stage 1 translates, stage 2 translates, the stream is enabled.
const CONFIG_BIT_S1: u64 = 0b001;
const CONFIG_BIT_S2: u64 = 0b010;
const CONFIG_BIT_ENABLED: u64 = 0b100;

/// STE.EATS: full ATS, the endpoint caches what both stages translate to.
pub(super) const EATS_TRANSLATE: u64 = 1;
/// STE.EATS: split-stage ATS.
const EATS_S1CHK: u64 = 2;
/// STE.SHCFG: use the shareability of the incoming transaction.
const SHCFG_INCOMING: u64 = 1;
/// Cacheability of table walks: write-back, read-allocate.
const WALK_WRITE_BACK: u64 = 1;
/// Shareability of table walks: inner.
const WALK_INNER_SHAREABLE: u64 = 3;

/// The format of a context descriptor table (STE.S1Fmt).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum S1Fmt {
    /// One array of context descriptors.
    Linear = 0,
    /// An array of pointers to 64 KiB arrays of 1024 context descriptors.
    TwoLevel64K = 2,
}

/// What happens to a transaction without SubstreamID when there are substreams (STE.S1DSS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum S1dss {
    /// It is terminated.
    Terminate = 0,
    /// It bypasses stage 1.
    Bypass = 1,
    /// It is translated by the context descriptor of substream 0, which no transaction can name.
    Ssid0 = 2,
}

/// Where a stream's context descriptors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CdTableConfig {
    /// Physical address of the table or of its first level, aligned to its size or 64 bytes.
    pub(crate) addr: u64,
    /// The format of the table.
    pub(crate) fmt: S1Fmt,
    /// log2 of the number of context descriptors; zero turns substreams off.
    pub(crate) s1cdmax: u8,
}

/// A stage 2 translation table and its parameters, encoded as in VTCR_EL2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage2Config {
    /// Physical address of the first-level table.
    pub(crate) ttb: u64,
    /// Input size: the IPA has `64 - tsz` bits.
    pub(crate) tsz: u8,
    /// Starting level.
    pub(crate) sl: u8,
    /// Inner cacheability of walks.
    pub(crate) irgn: u8,
    /// Outer cacheability of walks.
    pub(crate) orgn: u8,
    /// Shareability of walks.
    pub(crate) sh: u8,
    /// Granule: 0 is 4 KiB, 1 is 64 KiB, 2 is 16 KiB.
    pub(crate) tg: u8,
    /// Physical address size.
    pub(crate) ps: u8,
    /// The table forces write-back cacheable memory and its descriptors are encoded for that.
    pub(crate) fwb: bool,
}

impl Ste {
    /// The entry's words, for the stream table.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; 8] {
        &self.0
    }

    /// An entry as it was read from the stream table.
    #[inline]
    pub(crate) const fn from_words(words: [u64; 8]) -> Self {
        Self(words)
    }

    const fn new(config: u64) -> Self {
        let mut ste = [0; 8];

        V.set(&mut ste, 1);
        CONFIG.set(&mut ste, config);
        Self(ste)
    }

    /// Transactions are aborted, without an event.
    pub(crate) const fn abort() -> Self {
        Self::new(CONFIG_ABORT)
    }

    /// Transactions pass with the address and the attributes that they have.
    pub(crate) fn bypass(features: &Features) -> Self {
        Self::new(CONFIG_BYPASS).with_incoming_shareability(features)
    }

    /// The host's own stage 1, in VMID 0.
    pub(crate) fn stage1(
        features: &Features,
        table: &CdTableConfig,
        s1dss: S1dss,
        ats: bool,
    ) -> Self {
        let mut ste = Self::new(CONFIG_S1);

        S1FMT.set(&mut ste.0, table.fmt as u64);
        ste.0[S1CONTEXT_PTR.word()] |= table.addr & S1CONTEXT_PTR.mask();
        S1CDMAX.set(&mut ste.0, table.s1cdmax.into());
        S1DSS.set(&mut ste.0, s1dss as u64);
        S1CIR.set(&mut ste.0, WALK_WRITE_BACK);
        S1COR.set(&mut ste.0, WALK_WRITE_BACK);
        S1CSH.set(&mut ste.0, WALK_INNER_SHAREABLE);
        if s1dss == S1dss::Bypass {
            ste = ste.with_incoming_shareability(features);
        }
        ste.without_stalls(features).with_ats(ats)
    }

    /// A stage 2 alone.
    pub(crate) fn stage2(features: &Features, stage2: &Stage2Config, vmid: u16, ats: bool) -> Self {
        let mut ste = Self::new(CONFIG_S2);

        S2FWB.set(&mut ste.0, stage2.fwb.into());
        S2VMID.set(&mut ste.0, vmid.into());
        S2T0SZ.set(&mut ste.0, stage2.tsz.into());
        S2SL0.set(&mut ste.0, stage2.sl.into());
        S2IR0.set(&mut ste.0, stage2.irgn.into());
        S2OR0.set(&mut ste.0, stage2.orgn.into());
        S2SH0.set(&mut ste.0, stage2.sh.into());
        S2TG.set(&mut ste.0, stage2.tg.into());
        S2PS.set(&mut ste.0, stage2.ps.into());
        S2AA64.set(&mut ste.0, 1);
        // A stage 1 walk that stage 2 maps to device memory faults: such reads have side effects.
        S2PTW.set(&mut ste.0, 1);
        S2R.set(&mut ste.0, 1);
        ste.0[S2TTB.word()] = stage2.ttb & S2TTB.mask();
        ste.with_incoming_shareability(features).with_ats(ats)
    }

    /// What a guest's STE asks for, on top of the stage 2 of its virtual machine.
    ///
    /// ATS is on if the host (`ats`) and, where it translates, the guest want it: only then does
    /// the guest invalidate the endpoint's translation cache.
    pub(crate) fn nested(
        features: &Features,
        vste: &VSte,
        stage2: &Stage2Config,
        vmid: u16,
        ats: bool,
    ) -> Self {
        match vste.kind() {
            VSteKind::Invalid | VSteKind::Abort => Self::abort(),
            VSteKind::Bypass => Self::stage2(features, stage2, vmid, ats),
            VSteKind::Translate => {
                let mut ste = Self::stage2(features, stage2, vmid, ats && vste.wants_ats());
                let stage1 = vste.stage1_bits();

                ste.0[0] |= stage1[0];
                ste.0[1] |= stage1[1];
                CONFIG.set(&mut ste.0, CONFIG_NESTED);
                // Allows the hardware to merge a guest's equal events, which it may not do.
                MEV.set(&mut ste.0, 1);
                ste.without_stalls(features)
            }
        }
    }

    fn with_incoming_shareability(mut self, features: &Features) -> Self {
        if features.attr_types_ovr {
            SHCFG.set(&mut self.0, SHCFG_INCOMING);
        }
        self
    }

    /// A stalled transaction holds hardware resources until software resumes it. Nobody would:
    /// the driver handles no page faults, and a guest cannot send CMD_RESUME.
    fn without_stalls(mut self, features: &Features) -> Self {
        if features.stall == StallModel::Configurable {
            S1STALLD.set(&mut self.0, 1);
        }
        self
    }

    fn with_ats(mut self, ats: bool) -> Self {
        if ats {
            EATS.set(&mut self.0, EATS_TRANSLATE);
        }
        self
    }

    /// The entry in words for people.
    pub(crate) const fn decode(&self) -> Decoded<'_> {
        Decoded(&self.0)
    }
}

/// The hardware's view of an STE, for [`crate::common::entry::write`].
pub(crate) struct SteLayout;
