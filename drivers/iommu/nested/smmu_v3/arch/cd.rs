// SPDX-License-Identifier: GPL-2.0

//! Context descriptors (Arm IHI 0070, 5.4).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use crate::common::{
    entry::Layout,
    field::fields, //
};

/// A context descriptor: one stage 1 address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Cd([u64; 8]);

fields! {
    T0SZ            = 0 [5:0];
    TG0             = 0 [7:6];
    IR0             = 0 [9:8];
    OR0             = 0 [11:10];
    SH0             = 0 [13:12];
    EPD0            = 0 [14];
    ENDI            = 0 [15];
    T1SZ            = 0 [21:16];
    TG1             = 0 [23:22];
    IR1             = 0 [25:24];
    OR1             = 0 [27:26];
    SH1             = 0 [29:28];
    EPD1            = 0 [30];
    V               = 0 [31];
    IPS             = 0 [34:32];
    AFFD            = 0 [35];
    TBI             = 0 [39:38];
    AA64            = 0 [41];
    HD              = 0 [42];
    HA              = 0 [43];
    R               = 0 [45];
    A               = 0 [46];
    ASET            = 0 [47];
    ASID            = 0 [63:48];
    TTB0            = 1 [51:4];
    TTB1            = 2 [51:4];
    MAIR            = 3 [63:0];
}

/// A stage 1 translation table and its parameters, encoded as in TCR_EL1 except for `tg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage1Config {
    /// Address of the first-level table: physical, or an IPA under a stage 2.
    pub(crate) ttb: u64,
    /// Input size: the IOVA has `64 - tsz` bits.
    pub(crate) tsz: u8,
    /// Granule: 0 is 4 KiB, 1 is 64 KiB, 2 is 16 KiB.
    pub(crate) tg: u8,
    /// Inner cacheability of walks.
    pub(crate) irgn: u8,
    /// Outer cacheability of walks.
    pub(crate) orgn: u8,
    /// Shareability of walks.
    pub(crate) sh: u8,
    /// Intermediate physical address size.
    pub(crate) ips: u8,
    /// Memory attributes, as MAIR_EL1.
    pub(crate) mair: u64,
    /// Hardware tracks dirty pages in the table.
    pub(crate) dirty: bool,
}

impl Cd {
    /// The descriptor's words, for the table.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; 8] {
        &self.0
    }

    /// No address space: transactions that name it are terminated with an event.
    pub(crate) const fn invalid() -> Self {
        Self([0; 8])
    }

    /// The address space `asid` translated by a table for the lower half (TTB0).
    ///
    /// Faults abort (A) and are recorded (R). The ASID does not take part in the CPUs' broadcast
    /// invalidation (ASET).
    pub(crate) fn stage1(stage1: &Stage1Config, asid: u16) -> Self {
        let mut cd = [0; 8];

        T0SZ.set(&mut cd, stage1.tsz.into());
        TG0.set(&mut cd, stage1.tg.into());
        IR0.set(&mut cd, stage1.irgn.into());
        OR0.set(&mut cd, stage1.orgn.into());
        SH0.set(&mut cd, stage1.sh.into());
        EPD1.set(&mut cd, 1);
        V.set(&mut cd, 1);
        IPS.set(&mut cd, stage1.ips.into());
        AA64.set(&mut cd, 1);
        HD.set(&mut cd, stage1.dirty.into());
        HA.set(&mut cd, stage1.dirty.into());
        R.set(&mut cd, 1);
        A.set(&mut cd, 1);
        ASET.set(&mut cd, 1);
        ASID.set(&mut cd, asid.into());
        cd[TTB0.word()] = stage1.ttb & TTB0.mask();
        MAIR.set(&mut cd, stage1.mair);
        Self(cd)
    }
}

/// Which bits of a context descriptor the hardware reads.
pub(crate) struct CdLayout;

/// Word 0: the parameters of the table for the lower half, ignored with EPD0.
const TABLE0: u64 = T0SZ.mask() | TG0.mask() | IR0.mask() | OR0.mask() | SH0.mask();
/// Word 0: the parameters of the table for the upper half, ignored with EPD1.
const TABLE1: u64 = T1SZ.mask() | TG1.mask() | IR1.mask() | OR1.mask() | SH1.mask();

impl Layout<8> for CdLayout {
    const VALID: u64 = V.mask();

    fn used(cd: &[u64; 8]) -> [u64; 8] {
        let mut used = [u64::MAX; 8];

        if !V.is_set(cd) {
            used = [0; 8];
            used[0] = V.mask();
            return used;
        }
        if EPD0.is_set(cd) {
            used[0] &= !TABLE0;
            used[TTB0.word()] &= !TTB0.mask();
        }
        if EPD1.is_set(cd) {
            used[0] &= !TABLE1;
            used[TTB1.word()] &= !TTB1.mask();
        }
        used
    }

    fn relaxed(_cur: &[u64; 8], _new: &[u64; 8]) -> [u64; 8] {
        [0; 8]
    }
}
