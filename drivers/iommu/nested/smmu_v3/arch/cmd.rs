// SPDX-License-Identifier: GPL-2.0

//! Command queue entries (Arm IHI 0070, chapter 4).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use crate::common::field::fields;

/// One command: two words, laid out as the command queue wants them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Cmd([u64; 2]);

/// A list of commands.
pub(crate) trait Commands: Copy {
    /// How many.
    fn len(self) -> usize;
    /// The first `len`, which is not more than there are, and the others.
    fn split(self, len: usize) -> (Self, Self);
    /// One after the other.
    fn iter(self) -> impl Iterator<Item = Cmd>;
}

impl Commands for &[Cmd] {
    #[inline]
    fn len(self) -> usize {
        <[Cmd]>::len(self)
    }

    #[inline]
    fn split(self, len: usize) -> (Self, Self) {
        self.split_at(len)
    }

    #[inline]
    fn iter(self) -> impl Iterator<Item = Cmd> {
        <[Cmd]>::iter(self).copied()
    }
}

/// The commands that the driver issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Opcode {
    CfgiSte = 0x03,
    CfgiSteRange = 0x04,
    CfgiCd = 0x05,
    CfgiCdAll = 0x06,
    TlbiNhAll = 0x10,
    TlbiNhAsid = 0x11,
    TlbiNhVa = 0x12,
    TlbiNhVaa = 0x13,
    TlbiEl2All = 0x20,
    TlbiS12Vmall = 0x28,
    TlbiS2Ipa = 0x2a,
    TlbiNsnhAll = 0x30,
    AtcInv = 0x40,
    PriResp = 0x41,
    Resume = 0x44,
    Sync = 0x46,
}

fields! {
    OPCODE          = 0 [7:0];
    // CMD_CFGI_*, CMD_ATC_INV, CMD_PRI_RESP, CMD_RESUME
    GLOBAL          = 0 [9];
    SSV             = 0 [11];
    SSID            = 0 [31:12];
    SID             = 0 [63:32];
    CFGI_LEAF       = 1 [0];
    CFGI_RANGE      = 1 [4:0];
    // CMD_TLBI_*
    NUM             = 0 [16:12];
    SCALE           = 0 [25:20];
    VMID            = 0 [47:32];
    ASID            = 0 [63:48];
    TLBI_LEAF       = 1 [0];
    TTL             = 1 [9:8];
    TG              = 1 [11:10];
    ADDRESS         = 1 [63:12];
    // CMD_ATC_INV; the address is ADDRESS
    ATC_SIZE        = 1 [5:0];
    // CMD_PRI_RESP
    PRG_INDEX       = 1 [8:0];
    PRI_RESPONSE    = 1 [13:12];
    // CMD_RESUME
    ACTION          = 0 [13:12];
    STAG            = 1 [15:0];
    // CMD_SYNC
    CS              = 0 [13:12];
    MSH             = 0 [23:22];
    MSI_ATTR        = 0 [27:24];
    MSI_ADDRESS     = 1 [51:2];
}

/// The ATC_INV size, in log2 of 4 KiB pages, that means the whole address space.
pub(super) const ATC_SIZE_ALL: u32 = 52;

/// What a completed PCIe page request is answered with (4.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(
    dead_code,
    reason = "all encodings, whether the driver uses them or not"
)]
pub(crate) enum PriResponse {
    /// A permanent error, such as page requests being disabled: the endpoint is to stop asking.
    Failure = 0,
    /// At least one page of the group cannot be had.
    Invalid = 1,
    /// The pages are there now.
    Success = 2,
}

/// What becomes of a stalled transaction (4.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(
    dead_code,
    reason = "all encodings, whether the driver uses them or not"
)]
pub(crate) enum ResumeAction {
    /// Complete it without effect: reads give zero, writes are ignored.
    Terminate = 0,
    /// Try it again.
    Retry = 1,
    /// Terminate it with an abort.
    Abort = 2,
}

/// How a CMD_SYNC tells that it is complete, besides that it is consumed (4.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "all encodings, whether the driver uses them or not"
)]
pub(crate) enum SyncSignal {
    /// Not at all.
    None,
    /// By an event to CPUs in WFE.
    Sev,
    /// By writing a 32-bit zero to this physical address.
    Msi(u64),
}

/// CMD_SYNC.MSH and MSIAttr: an inner shareable, write-back cacheable write.
const INNER_SHAREABLE: u64 = 3;
const WRITE_BACK: u64 = 0xf;

impl Cmd {
    /// The command's words, for the queue.
    #[inline]
    pub(crate) const fn words(&self) -> &[u64; 2] {
        &self.0
    }

    /// A command that user space handed in and that was checked word by word.
    #[inline]
    pub(super) const fn from_words(words: [u64; 2]) -> Self {
        Self(words)
    }

    #[inline]
    pub(super) const fn new(opcode: Opcode) -> Self {
        Self([OPCODE.prep(opcode as u64), 0])
    }

    #[inline]
    const fn for_stream(opcode: Opcode, sid: u32) -> Self {
        let mut cmd = Self::new(opcode);

        SID.set(&mut cmd.0, sid as u64);
        cmd
    }

    const fn set_ssid(mut self, ssid: Option<u32>) -> Self {
        if let Some(ssid) = ssid {
            SSV.set(&mut self.0, 1);
            SSID.set(&mut self.0, ssid as u64);
        }
        self
    }

    #[inline]
    pub(super) const fn tlbi(opcode: Opcode, vmid: u16, asid: u16) -> Self {
        let mut cmd = Self::new(opcode);

        VMID.set(&mut cmd.0, vmid as u64);
        ASID.set(&mut cmd.0, asid as u64);
        cmd
    }

    /// Forget the STE of `sid`, and the level 1 descriptor that leads to it unless `leaf`.
    pub(crate) const fn cfgi_ste(sid: u32, leaf: bool) -> Self {
        let mut cmd = Self::for_stream(Opcode::CfgiSte, sid);

        CFGI_LEAF.set(&mut cmd.0, leaf as u64);
        cmd
    }

    /// Forget all cached configuration: stream table, context descriptors, everything.
    pub(crate) const fn cfgi_all() -> Self {
        let mut cmd = Self::new(Opcode::CfgiSteRange);

        CFGI_RANGE.set(&mut cmd.0, 31);
        cmd
    }

    /// Forget one context descriptor, and the level 1 descriptor that leads to it unless `leaf`.
    pub(crate) const fn cfgi_cd(sid: u32, ssid: u32, leaf: bool) -> Self {
        let mut cmd = Self::for_stream(Opcode::CfgiCd, sid);

        SSID.set(&mut cmd.0, ssid as u64);
        CFGI_LEAF.set(&mut cmd.0, leaf as u64);
        cmd
    }

    /// Forget all context descriptors of a stream.
    pub(crate) const fn cfgi_cd_all(sid: u32) -> Self {
        Self::for_stream(Opcode::CfgiCdAll, sid)
    }

    /// Drop all stage 1 TLB entries of a VMID, nested ones included.
    #[inline]
    pub(crate) const fn tlbi_nh_all(vmid: u16) -> Self {
        Self::tlbi(Opcode::TlbiNhAll, vmid, 0)
    }

    /// Drop all TLB entries of an ASID of a VMID, except global ones.
    pub(crate) const fn tlbi_nh_asid(vmid: u16, asid: u16) -> Self {
        Self::tlbi(Opcode::TlbiNhAsid, vmid, asid)
    }

    /// Drop all TLB entries of a VMID, of both stages.
    pub(crate) const fn tlbi_s12_vmall(vmid: u16) -> Self {
        Self::tlbi(Opcode::TlbiS12Vmall, vmid, 0)
    }

    /// Drop all TLB entries of all VMIDs, of both stages, except EL2 ones.
    pub(crate) const fn tlbi_nsnh_all() -> Self {
        Self::new(Opcode::TlbiNsnhAll)
    }

    /// Drop all EL2 TLB entries. Only where the SMMU has those
    /// ([`super::features::Features::hyp`]).
    pub(crate) const fn tlbi_el2_all() -> Self {
        Self::new(Opcode::TlbiEl2All)
    }

    /// Drop the address translation cache entries of an endpoint in the naturally aligned block of
    /// `1 << log2_pages` 4 KiB pages at `addr` (IOVA).
    ///
    /// Without `ssid` the invalidation carries no PASID, which drops the entries of every PASID.
    pub(crate) const fn atc_inv(sid: u32, ssid: Option<u32>, addr: u64, log2_pages: u32) -> Self {
        let mut cmd = Self::for_stream(Opcode::AtcInv, sid).set_ssid(ssid);

        ATC_SIZE.set(&mut cmd.0, log2_pages as u64);
        cmd.0[1] |= addr & ADDRESS.mask();
        cmd
    }

    /// Drop all address translation cache entries of an endpoint (or of one of its PASIDs).
    pub(crate) const fn atc_inv_all(sid: u32, ssid: Option<u32>) -> Self {
        Self::atc_inv(sid, ssid, 0, ATC_SIZE_ALL)
    }

    /// Answer the page request group `group` (9 bits).
    pub(crate) const fn pri_resp(
        sid: u32,
        ssid: Option<u32>,
        group: u16,
        response: PriResponse,
    ) -> Self {
        let mut cmd = Self::for_stream(Opcode::PriResp, sid).set_ssid(ssid);

        PRG_INDEX.set(&mut cmd.0, group as u64);
        PRI_RESPONSE.set(&mut cmd.0, response as u64);
        cmd
    }

    /// Release the stalled transaction `stag`.
    pub(crate) const fn resume(sid: u32, stag: u16, action: ResumeAction) -> Self {
        let mut cmd = Self::for_stream(Opcode::Resume, sid);

        ACTION.set(&mut cmd.0, action as u64);
        STAG.set(&mut cmd.0, stag as u64);
        cmd
    }

    /// Wait until all commands before are complete.
    pub(crate) const fn sync(signal: SyncSignal) -> Self {
        let mut cmd = Self::new(Opcode::Sync);

        match signal {
            SyncSignal::None => (),
            SyncSignal::Sev => CS.set(&mut cmd.0, 2),
            SyncSignal::Msi(addr) => {
                CS.set(&mut cmd.0, 1);
                MSH.set(&mut cmd.0, INNER_SHAREABLE);
                MSI_ATTR.set(&mut cmd.0, WRITE_BACK);
                cmd.0[1] |= addr & MSI_ADDRESS.mask();
            }
        }
        cmd
    }

    /// The StreamID that a guest's command names, if it is for a stream.
    pub(crate) const fn guest_stream(words: &[u64; 2]) -> Option<u32> {
        const CFGI_CD: u64 = Opcode::CfgiCd as u64;
        const CFGI_CD_ALL: u64 = Opcode::CfgiCdAll as u64;
        const ATC_INV: u64 = Opcode::AtcInv as u64;

        match OPCODE.get(words) {
            CFGI_CD | CFGI_CD_ALL | ATC_INV => Some(SID.get(words) as u32),
            _ => None,
        }
    }

    /// The opcode, which need not be one of [`Opcode`].
    #[inline]
    pub(crate) const fn opcode(&self) -> u8 {
        OPCODE.get(&self.0) as u8
    }
}

/// The architecture's name for the command with this opcode.
pub(crate) const fn name(opcode: u8) -> &'static str {
    match opcode {
        0x01 => "CMD_PREFETCH_CONFIG",
        0x03 => "CMD_CFGI_STE",
        0x04 => "CMD_CFGI_STE_RANGE",
        0x05 => "CMD_CFGI_CD",
        0x06 => "CMD_CFGI_CD_ALL",
        0x10 => "CMD_TLBI_NH_ALL",
        0x11 => "CMD_TLBI_NH_ASID",
        0x12 => "CMD_TLBI_NH_VA",
        0x13 => "CMD_TLBI_NH_VAA",
        0x20 => "CMD_TLBI_EL2_ALL",
        0x28 => "CMD_TLBI_S12_VMALL",
        0x2a => "CMD_TLBI_S2_IPA",
        0x30 => "CMD_TLBI_NSNH_ALL",
        0x40 => "CMD_ATC_INV",
        0x41 => "CMD_PRI_RESP",
        0x44 => "CMD_RESUME",
        0x46 => "CMD_SYNC",
        _ => "unknown command",
    }
}
