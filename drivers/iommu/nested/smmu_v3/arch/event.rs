// SPDX-License-Identifier: GPL-2.0

//! Records that the SMMU writes for software: events (Arm IHI 0070, 7.3) and PCIe page requests
//! (8.1).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use core::fmt;

use crate::common::field::fields;

fields! {
    ID              = 0 [7:0];
    SSV             = 0 [11];
    SSID            = 0 [31:12];
    SID             = 0 [63:32];
    REASON          = 1 [15:0];
    STAG            = 1 [15:0];
    STALL           = 1 [31];
    PNU             = 1 [33];
    IND             = 1 [34];
    RNW             = 1 [35];
    S2              = 1 [39];
    CLASS           = 1 [41:40];
    TTRNW           = 1 [44];
    INPUT_ADDRESS   = 2 [63:0];
    IPA             = 3 [55:12];
    FETCH_ADDRESS   = 3 [55:3];
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventId {
    /// F_UUT: an upstream transaction that is not supported.
    UnsupportedUpstream,
    /// C_BAD_STREAMID: the StreamID is beyond the stream table.
    BadStreamId,
    /// F_STE_FETCH: fetching the STE was aborted.
    SteFetch,
    /// C_BAD_STE: the STE is invalid or illegal.
    BadSte,
    /// F_BAD_ATS_TREQ: an ATS request where ATS is off.
    BadAtsRequest,
    /// F_STREAM_DISABLED: a transaction without SubstreamID, and S1DSS terminates those.
    StreamDisabled,
    /// F_TRANSL_FORBIDDEN: a translated transaction where ATS is off.
    TranslatedForbidden,
    /// C_BAD_SUBSTREAMID: the SubstreamID is beyond the context descriptor table.
    BadSubstreamId,
    /// F_CD_FETCH: fetching the context descriptor was aborted.
    CdFetch,
    /// C_BAD_CD: the context descriptor is invalid or illegal.
    BadCd,
    /// F_WALK_EABT: a translation table access was aborted.
    WalkAbort,
    /// F_TRANSLATION: the address is not mapped.
    Translation,
    /// F_ADDR_SIZE: the output address is too large.
    AddressSize,
    /// F_ACCESS: the Access flag is clear.
    Access,
    /// F_PERMISSION: the page permits no such access.
    Permission,
    /// F_TLB_CONFLICT: the TLB holds contradicting entries.
    TlbConflict,
    /// F_CFG_CONFLICT: the configuration cache holds contradicting entries.
    CfgConflict,
    /// E_PAGE_REQUEST: a hint that a page will be needed.
    PageRequest,
    /// F_VMS_FETCH: fetching the VMS was aborted.
    VmsFetch,
    /// Defined by the implementation.
    Implementation(u8),
    /// Reserved.
    Unknown(u8),
}

impl EventId {
    /// Decodes the event number.
    pub(crate) const fn from_raw(id: u8) -> Self {
        match id {
            0x01 => Self::UnsupportedUpstream,
            0x02 => Self::BadStreamId,
            0x03 => Self::SteFetch,
            0x04 => Self::BadSte,
            0x05 => Self::BadAtsRequest,
            0x06 => Self::StreamDisabled,
            0x07 => Self::TranslatedForbidden,
            0x08 => Self::BadSubstreamId,
            0x09 => Self::CdFetch,
            0x0a => Self::BadCd,
            0x0b => Self::WalkAbort,
            0x10 => Self::Translation,
            0x11 => Self::AddressSize,
            0x12 => Self::Access,
            0x13 => Self::Permission,
            0x20 => Self::TlbConflict,
            0x21 => Self::CfgConflict,
            0x24 => Self::PageRequest,
            0x25 => Self::VmsFetch,
            0xe0..=0xef => Self::Implementation(id),
            _ => Self::Unknown(id),
        }
    }

    /// The architecture's name for the event.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UnsupportedUpstream => "F_UUT",
            Self::BadStreamId => "C_BAD_STREAMID",
            Self::SteFetch => "F_STE_FETCH",
            Self::BadSte => "C_BAD_STE",
            Self::BadAtsRequest => "F_BAD_ATS_TREQ",
            Self::StreamDisabled => "F_STREAM_DISABLED",
            Self::TranslatedForbidden => "F_TRANSL_FORBIDDEN",
            Self::BadSubstreamId => "C_BAD_SUBSTREAMID",
            Self::CdFetch => "F_CD_FETCH",
            Self::BadCd => "C_BAD_CD",
            Self::WalkAbort => "F_WALK_EABT",
            Self::Translation => "F_TRANSLATION",
            Self::AddressSize => "F_ADDR_SIZE",
            Self::Access => "F_ACCESS",
            Self::Permission => "F_PERMISSION",
            Self::TlbConflict => "F_TLB_CONFLICT",
            Self::CfgConflict => "F_CFG_CONFLICT",
            Self::PageRequest => "E_PAGE_REQUEST",
            Self::VmsFetch => "F_VMS_FETCH",
            Self::Implementation(_) => "implementation defined",
            Self::Unknown(_) => "unknown event",
        }
    }

    /// Whether this is one of the four faults of translating an address.
    pub(crate) const fn is_translation_related(self) -> bool {
        matches!(
            self,
            Self::Translation | Self::AddressSize | Self::Access | Self::Permission
        )
    }

    /// Whether the record holds the physical address of a failed fetch.
    const fn has_fetch_address(self) -> bool {
        matches!(
            self,
            Self::SteFetch | Self::CdFetch | Self::WalkAbort | Self::VmsFetch
        )
    }

    /// Whether the record holds an implementation defined reason.
    const fn has_reason(self) -> bool {
        self.has_fetch_address()
            || matches!(
                self,
                Self::UnsupportedUpstream | Self::TlbConflict | Self::CfgConflict
            )
    }
}

/// What was being accessed when a translation-related fault happened (CLASS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The context descriptor.
    Cd,
    /// A stage 1 translation table.
    Table,
    /// The address of the transaction itself.
    Input,
    /// Reserved.
    Reserved,
}

/// An event record. Fields that the kind of event does not define hold whatever was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// What happened.
    pub(crate) id: EventId,
    /// The StreamID of the transaction.
    pub(crate) sid: u32,
    /// Its SubstreamID (PASID), if it had one.
    pub(crate) ssid: Option<u32>,
    /// The transaction is stalled and waits for CMD_RESUME with `stag`.
    pub(crate) stall: bool,
    /// The tag of the stalled transaction.
    pub(crate) stag: u16,
    /// An implementation defined reason, for fetch faults and conflicts.
    pub(crate) reason: u16,
    /// The access was privileged.
    pub(crate) privileged: bool,
    /// The access was an instruction fetch.
    pub(crate) instruction: bool,
    /// The access was a read.
    pub(crate) read: bool,
    /// The fault is one of stage 2.
    pub(crate) stage2: bool,
    /// What was being accessed.
    pub(crate) class: Class,
    /// A translation table access was a read, for `Class::Table`.
    pub(crate) table_read: bool,
    /// The address of the transaction (IOVA).
    pub(crate) address: u64,
    /// The intermediate physical address, if `stage2`.
    pub(crate) ipa: u64,
    /// The physical address of a failed fetch.
    pub(crate) fetch_address: u64,
}

impl Event {
    /// Decodes a record.
    pub(crate) const fn decode(raw: [u64; 4]) -> Event {
        let raw = &raw;
        let id = EventId::from_raw(ID.get(raw) as u8);

        Event {
            id,
            sid: SID.get(raw) as u32,
            // C_BAD_SUBSTREAMID has no flag: its SubstreamID is always valid.
            ssid: if SSV.is_set(raw) || matches!(id, EventId::BadSubstreamId) {
                Some(SSID.get(raw) as u32)
            } else {
                None
            },
            stall: STALL.is_set(raw),
            stag: STAG.get(raw) as u16,
            reason: REASON.get(raw) as u16,
            privileged: PNU.is_set(raw),
            instruction: IND.is_set(raw),
            read: RNW.is_set(raw),
            stage2: S2.is_set(raw),
            class: match CLASS.get(raw) {
                0 => Class::Cd,
                1 => Class::Table,
                2 => Class::Input,
                _ => Class::Reserved,
            },
            table_read: TTRNW.is_set(raw),
            address: INPUT_ADDRESS.get(raw),
            ipa: raw[IPA.word()] & IPA.mask(),
            fetch_address: raw[FETCH_ADDRESS.word()] & FETCH_ADDRESS.mask(),
        }
    }

    /// Whether a guest that owns the stream is to be told: what its own STE, context descriptors
    /// and stage 1 tables caused.
    ///
    /// Stage 2 faults are the host's doing, fetch faults hold physical addresses, and a stalled
    /// transaction is the host's to resume.
    pub(crate) fn for_guest(&self) -> bool {
        let own = matches!(
            self.id,
            EventId::BadSte
                | EventId::StreamDisabled
                | EventId::BadSubstreamId
                | EventId::BadCd
                | EventId::Translation
                | EventId::AddressSize
                | EventId::Access
                | EventId::Permission
        );

        own && !self.stage2 && !self.stall
    }

    /// Whether a guest is to be told whose page table the stream's domain is a shadow of: what is
    /// not, or not so, in the shadow, and hence in the guest's table.
    pub(crate) fn for_shadowed(&self) -> bool {
        matches!(self.id, EventId::Translation | EventId::Permission)
            && self.class == Class::Input
            && !self.stall
    }

    /// The record of an event that is [`Event::for_shadowed`] as a guest expects it, who has a
    /// first stage only, whatever stage the shadow is.
    pub(crate) const fn first_stage(mut raw: [u64; 4]) -> [u64; 4] {
        S2.set(&mut raw, 0);
        raw
    }

    /// The record for a guest that knows the stream as `vsid`.
    ///
    /// Of an event that is for a guest, word 3 is unknown: the architecture defines an IPA
    /// for faults of stage 2 only. It is cleared.
    pub(crate) const fn relabel(mut raw: [u64; 4], vsid: u32) -> [u64; 4] {
        SID.set(&mut raw, vsid as u64);
        raw[3] = 0;
        raw
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.name())?;
        if let EventId::Implementation(id) | EventId::Unknown(id) = self.id {
            write!(f, " {id:#04x}")?;
        }
        write!(f, " sid={:#x}", self.sid)?;
        if let Some(ssid) = self.ssid {
            write!(f, " ssid={ssid:#x}")?;
        }
        if self.id.has_fetch_address() {
            write!(f, " fetch={:#x}", self.fetch_address)?;
        }
        if self.id.has_reason() {
            write!(f, " reason={:#x}", self.reason)?;
        }
        if !self.id.is_translation_related() {
            return Ok(());
        }
        write!(
            f,
            " iova={:#x} {} {} {}",
            self.address,
            if self.privileged { "priv" } else { "user" },
            if self.instruction { "exec" } else { "data" },
            if self.read { "read" } else { "write" },
        )?;
        if self.stage2 {
            write!(f, " stage=2 ipa={:#x}", self.ipa)?;
        } else {
            f.write_str(" stage=1")?;
        }
        f.write_str(match self.class {
            Class::Cd => " on=cd",
            Class::Table => " on=table",
            Class::Input => " on=input",
            Class::Reserved => " on=reserved",
        })?;
        if self.stall {
            write!(f, " stalled stag={:#x}", self.stag)?;
        }
        Ok(())
    }
}

fields! {
    PRI_SID         = 0 [31:0];
    PRI_SSID        = 0 [51:32];
    PRI_PRIV        = 0 [58];
    PRI_EXEC        = 0 [59];
    PRI_READ        = 0 [60];
    PRI_WRITE       = 0 [61];
    PRI_LAST        = 0 [62];
    PRI_SSV         = 0 [63];
    PRI_GROUP       = 1 [8:0];
    PRI_ADDRESS     = 1 [63:12];
}

/// A PCIe page request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// The StreamID of the endpoint.
    pub(crate) sid: u32,
    /// The PASID, if the request has one.
    pub(crate) ssid: Option<u32>,
    /// Privileged access is asked for.
    pub(crate) privileged: bool,
    /// Execute access is asked for.
    pub(crate) execute: bool,
    /// Read access is asked for.
    pub(crate) read: bool,
    /// Write access is asked for.
    pub(crate) write: bool,
    /// The last request of its group, which is to be answered.
    pub(crate) last: bool,
    /// The page request group index, 9 bits.
    pub(crate) group: u16,
    /// The address of the page (IOVA).
    pub(crate) address: u64,
}

impl PageRequest {
    /// Decodes a record.
    pub(crate) const fn decode(raw: [u64; 2]) -> PageRequest {
        let raw = &raw;

        PageRequest {
            sid: PRI_SID.get(raw) as u32,
            ssid: if PRI_SSV.is_set(raw) {
                Some(PRI_SSID.get(raw) as u32)
            } else {
                None
            },
            privileged: PRI_PRIV.is_set(raw),
            execute: PRI_EXEC.is_set(raw),
            read: PRI_READ.is_set(raw),
            write: PRI_WRITE.is_set(raw),
            last: PRI_LAST.is_set(raw),
            group: PRI_GROUP.get(raw) as u16,
            address: raw[PRI_ADDRESS.word()] & PRI_ADDRESS.mask(),
        }
    }

    /// Whether this marks the end of the use of a PASID; it asks for nothing and is not answered.
    pub(crate) const fn is_stop_marker(&self) -> bool {
        self.last && self.ssid.is_some() && !self.read && !self.write
    }
}
