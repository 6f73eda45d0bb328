// SPDX-License-Identifier: GPL-2.0

//! Descriptors of the invalidation queue (6.5.2), 256 bits each.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::range::{
    Block,
    PAGE_SHIFT, //
};
use crate::common::field::{
    fields,
    Field, //
};

/// One descriptor: its lower two words, laid out as the invalidation queue wants them. The upper
/// two are zero in all that the driver sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Descriptor([u64; 2]);

/// What a descriptor is. Bits 11:9 of the type are zero in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Type {
    /// Context-cache invalidation (6.5.2.1).
    ContextCache = 0x1,
    /// IOTLB invalidation, for second-stage translations (6.5.2.3).
    Iotlb = 0x2,
    /// Device-TLB invalidation, without PASID (6.5.2.5).
    DeviceTlb = 0x3,
    /// Invalidation wait (6.5.2.8).
    Wait = 0x5,
    /// PASID-based IOTLB invalidation, for first-stage and nested translations (6.5.2.4).
    PasidIotlb = 0x6,
    /// PASID-cache invalidation (6.5.2.2).
    PasidCache = 0x7,
    /// PASID-based device-TLB invalidation (6.5.2.6).
    PasidDeviceTlb = 0x8,
    /// Page group response (7.7.1).
    PageGroupResponse = 0x9,
}

fields! {
    TYPE                = 0 [3:0];
    TYPE_HIGH           = 0 [11:9];
    // Invalidations by DID.
    GRANULARITY         = 0 [5:4];
    DID                 = 0 [31:16];
    PASID               = 0 [51:32];
    // Context-cache
    CONTEXT_SID         = 0 [47:32];
    // IOTLB
    DRAIN_WRITES        = 0 [6];
    DRAIN_READS         = 0 [7];
    // IOTLB, PASID-based IOTLB
    ADDRESS_MASK        = 1 [5:0];
    INVALIDATION_HINT   = 1 [6];
    ADDRESS             = 1 [63:12];
    // Device-TLB, PASID-based device-TLB; the address is ADDRESS
    PFSID_LOW           = 0 [15:12];
    PFSID_HIGH          = 0 [63:52];
    DEVICE_MIP          = 0 [20:16];
    DEVICE_SID          = 0 [47:32];
    DEVICE_SIZE         = 1 [0];
    PASID_DEVICE_MIP    = 0 [8:4];
    PASID_DEVICE_SID    = 0 [31:16];
    PASID_DEVICE_SIZE   = 1 [11];
    // Invalidation wait
    STATUS_WRITE        = 0 [5];
    FENCE               = 0 [6];
    DRAIN_PAGE_REQUESTS = 0 [7];
    STATUS_DATA         = 0 [63:32];
    STATUS_ADDRESS      = 1 [63:2];
    // Page group response; the PASID is PASID
    PASID_PRESENT       = 0 [4];
    RESPONSE            = 0 [15:12];
    REQUESTER           = 0 [31:16];
    GROUP               = 1 [11:3];
}

/// Granularity of context-cache and IOTLB invalidations: everything.
pub(crate) const GLOBAL: u64 = 0b01;
/// Granularity of context-cache and IOTLB invalidations: what is tagged with a DID.
pub(crate) const DOMAIN: u64 = 0b10;
/// Granularity of context-cache invalidations: one source ID.
pub(crate) const DEVICE: u64 = 0b11;
/// Granularity of IOTLB invalidations: pages of a DID.
pub(crate) const PAGE: u64 = 0b11;
/// Granularity of PASID-cache invalidations: all PASIDs of a DID.
pub(crate) const PASID_CACHE_DOMAIN: u64 = 0b00;
/// Granularity of PASID-cache invalidations: a PASID of a DID.
pub(crate) const PASID_CACHE_PASID: u64 = 0b01;
/// Granularity of PASID-cache invalidations: everything.
pub(crate) const PASID_CACHE_GLOBAL: u64 = 0b11;
/// Granularity of PASID-based IOTLB invalidations: a PASID of a DID.
pub(crate) const PASID_IOTLB_PASID: u64 = 0b10;
/// Granularity of PASID-based IOTLB invalidations: pages of a PASID of a DID.
pub(crate) const PASID_IOTLB_PAGE: u64 = 0b11;

/// Which transactions an IOTLB invalidation waits for that were translated before, where hardware
/// can ([`super::caps::Features::drain`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drain {
    /// Reads.
    pub(crate) reads: bool,
    /// Writes.
    pub(crate) writes: bool,
}

/// A device that has translations cached (ATS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceTlb {
    /// Its source ID.
    pub(crate) sid: u16,
    /// The source ID of its physical function, or its own if it is one: whose invalidation queue
    /// it shares.
    pub(crate) pfsid: u16,
    /// How many invalidations may be pending in that queue, at most 31; 0 stands for 32 (MIP).
    pub(crate) depth: u8,
}

/// What a page group is answered with (7.7.1), as in PCIe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Response {
    /// The pages are there now.
    Success = 0x0,
    /// At least one page of the group cannot be had.
    Invalid = 0x1,
    /// A permanent error: the device is to stop asking.
    Failure = 0xf,
}

impl Descriptor {
    /// The descriptor's words, for the queue.
    #[inline]
    pub(crate) const fn words(&self) -> [u64; 4] {
        [self.0[0], self.0[1], 0, 0]
    }

    const fn new(kind: Type) -> Self {
        Self([TYPE.prep(kind as u64), 0])
    }

    const fn with(mut self, field: Field, value: u64) -> Self {
        field.set(&mut self.0, value);
        self
    }

    const fn granular(kind: Type, granularity: u64) -> Self {
        Self::new(kind).with(GRANULARITY, granularity)
    }

    const fn of_domain(kind: Type, granularity: u64, did: u16) -> Self {
        Self::granular(kind, granularity).with(DID, did as u64)
    }

    /// Forget all context entries.
    pub(crate) const fn context_cache_global() -> Self {
        Self::granular(Type::ContextCache, GLOBAL)
    }

    /// Forget the context entries that are tagged with `did`. In scalable mode that is 0 for all
    /// of them: they have no DID.
    pub(crate) const fn context_cache_domain(did: u16) -> Self {
        Self::of_domain(Type::ContextCache, DOMAIN, did)
    }

    /// Forget the context entry of the source ID `sid`, tagged with `did` as above.
    pub(crate) const fn context_cache_device(did: u16, sid: u16) -> Self {
        Self::of_domain(Type::ContextCache, DEVICE, did).with(CONTEXT_SID, sid as u64)
    }

    /// Forget all PASID directory and table entries.
    pub(crate) const fn pasid_cache_global() -> Self {
        Self::granular(Type::PasidCache, PASID_CACHE_GLOBAL)
    }

    /// Forget the PASID entries that are tagged with `did`, of all PASIDs.
    pub(crate) const fn pasid_cache_domain(did: u16) -> Self {
        Self::of_domain(Type::PasidCache, PASID_CACHE_DOMAIN, did)
    }

    /// Forget the PASID entries of `pasid` (20 bits) that are tagged with `did`, of all devices.
    pub(crate) const fn pasid_cache_pasid(did: u16, pasid: u32) -> Self {
        Self::of_domain(Type::PasidCache, PASID_CACHE_PASID, did).with(PASID, pasid as u64)
    }

    const fn draining(self, drain: Drain) -> Self {
        self.with(DRAIN_READS, drain.reads as u64)
            .with(DRAIN_WRITES, drain.writes as u64)
    }

    const fn with_block(self, block: Block, leaf: bool) -> Self {
        let mut this = self
            .with(ADDRESS_MASK, block.order as u64)
            .with(INVALIDATION_HINT, leaf as u64);

        this.0[ADDRESS.word()] |= block.address & ADDRESS.mask();
        this
    }

    /// Drop all translations, of all stages, and all cached walks.
    pub(crate) const fn iotlb_global(drain: Drain) -> Self {
        Self::granular(Type::Iotlb, GLOBAL).draining(drain)
    }

    /// Drop all translations and cached walks of a DID: second-stage ones, and those of the first
    /// stages on top of it, of all PASIDs.
    pub(crate) const fn iotlb_domain(did: u16, drain: Drain) -> Self {
        Self::of_domain(Type::Iotlb, DOMAIN, did).draining(drain)
    }

    /// Drop the second-stage translations of a DID for the pages in `block` (GPA, or IOVA without
    /// a first stage), and cached walks unless `leaf`.
    ///
    /// What the DID has cached of first stages on top of it has other addresses, and goes as a
    /// whole. `block.order` is at most the hardware's MAMV
    /// ([`super::caps::Features::max_order`]).
    pub(crate) const fn iotlb_page(did: u16, block: Block, leaf: bool, drain: Drain) -> Self {
        Self::of_domain(Type::Iotlb, PAGE, did)
            .draining(drain)
            .with_block(block, leaf)
    }

    /// Drop all first-stage and nested translations, and cached walks, of `pasid` in a DID; where
    /// there is no first stage, pass-through ones.
    pub(crate) const fn pasid_iotlb_pasid(did: u16, pasid: u32) -> Self {
        Self::of_domain(Type::PasidIotlb, PASID_IOTLB_PASID, did).with(PASID, pasid as u64)
    }

    /// Drop the first-stage and nested translations of `pasid` in a DID for the pages in `block`
    /// (IOVA), and cached walks unless `leaf`. The block can have any size (11.4.2, MAMV).
    pub(crate) const fn pasid_iotlb_page(did: u16, pasid: u32, block: Block, leaf: bool) -> Self {
        Self::of_domain(Type::PasidIotlb, PASID_IOTLB_PAGE, did)
            .with(PASID, pasid as u64)
            .with_block(block, leaf)
    }

    const fn with_pfsid(self, pfsid: u16) -> Self {
        self.with(PFSID_LOW, (pfsid & 0xf) as u64)
            .with(PFSID_HIGH, (pfsid >> 4) as u64)
    }

    /// The address and size of ATS: the lowest clear bit of the address says how large.
    const fn with_ats_block(self, block: Block, size: Field) -> Self {
        let mut this = self;

        this.0[ADDRESS.word()] |= block.address & ADDRESS.mask();
        if block.order == 0 {
            return this;
        }
        this.0[ADDRESS.word()] |= ((1 << (PAGE_SHIFT + block.order - 1)) - 1) & ADDRESS.mask();
        this.with(size, 1)
    }

    /// Have a device drop what it has cached for the pages in `block` (IOVA), of its own traffic
    /// and of every PASID. [`Block::ALL`] stands for everything.
    pub(crate) const fn device_tlb(device: DeviceTlb, block: Block) -> Self {
        Self::new(Type::DeviceTlb)
            .with(DEVICE_SID, device.sid as u64)
            .with(DEVICE_MIP, device.depth as u64)
            .with_pfsid(device.pfsid)
            .with_ats_block(block, DEVICE_SIZE)
    }

    /// Have a device drop what it has cached of `pasid` for the pages in `block` (IOVA).
    pub(crate) const fn pasid_device_tlb(device: DeviceTlb, pasid: u32, block: Block) -> Self {
        Self::new(Type::PasidDeviceTlb)
            .with(PASID_DEVICE_SID, device.sid as u64)
            .with(PASID_DEVICE_MIP, device.depth as u64)
            .with(PASID, pasid as u64)
            .with_pfsid(device.pfsid)
            .with_ats_block(block, PASID_DEVICE_SIZE)
    }

    /// When all descriptors before are complete, write `data` to the 4-byte aligned `address`
    /// (HPA).
    pub(crate) const fn wait(address: u64, data: u32) -> Self {
        let mut this = Self::new(Type::Wait)
            .with(STATUS_WRITE, 1)
            .with(STATUS_DATA, data as u64);

        this.0[STATUS_ADDRESS.word()] |= address & STATUS_ADDRESS.mask();
        this
    }

    /// As [`Descriptor::wait`], and the page requests that came before are in the page request
    /// queue by then.
    pub(crate) const fn wait_for_page_requests(address: u64, data: u32) -> Self {
        Self::wait(address, data).with(DRAIN_PAGE_REQUESTS, 1)
    }

    /// Begin with what comes after only when all descriptors before are complete.
    pub(crate) const fn fence() -> Self {
        Self::new(Type::Wait).with(FENCE, 1)
    }

    /// Answer the page request group `group` (9 bits) of the source ID `sid`.
    pub(crate) const fn page_group_response(
        sid: u16,
        pasid: Option<u32>,
        group: u16,
        response: Response,
    ) -> Self {
        let this = Self::new(Type::PageGroupResponse)
            .with(REQUESTER, sid as u64)
            .with(RESPONSE, response as u64)
            .with(GROUP, group as u64);

        match pasid {
            Some(pasid) => this.with(PASID_PRESENT, 1).with(PASID, pasid as u64),
            None => this,
        }
    }

    /// Whether a descriptor in the queue waits for those before.
    pub(crate) const fn waits(words: &[u64; 4]) -> bool {
        TYPE.get(words) == Type::Wait as u64
    }

    /// Whether a descriptor in the queue is one that [`Descriptor::wait`] makes.
    pub(crate) const fn writes_status(words: &[u64; 4]) -> bool {
        Self::waits(words) && STATUS_WRITE.is_set(words)
    }

    /// The type, which is one of [`Type`] if a function here made the descriptor.
    pub(crate) const fn kind(&self) -> u8 {
        // CAST: Seven bits.
        (TYPE.get(&self.0) | TYPE_HIGH.get(&self.0) << 4) as u8
    }
}

/// The architecture's name for descriptors of this type.
pub(crate) const fn name(kind: u8) -> &'static str {
    match kind {
        0x1 => "context-cache invalidation",
        0x2 => "IOTLB invalidation",
        0x3 => "device-TLB invalidation",
        0x4 => "interrupt entry cache invalidation",
        0x5 => "invalidation wait",
        0x6 => "PASID-based IOTLB invalidation",
        0x7 => "PASID-cache invalidation",
        0x8 => "PASID-based device-TLB invalidation",
        0x9 => "page group response",
        _ => "unknown descriptor",
    }
}
