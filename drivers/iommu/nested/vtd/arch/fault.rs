// SPDX-License-Identifier: GPL-2.0

//! Fault records (11.4.14) and why there are faults (7.1.3).

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use core::fmt;

use crate::common::field::fields;

// A fault recording register.
fields! {
    ADDRESS         = 0 [63:12];
    SID             = 1 [15:0];
    T2              = 1 [28];
    PRIV            = 1 [29];
    EXE             = 1 [30];
    PP              = 1 [31];
    REASON          = 1 [39:32];
    PASID           = 1 [59:40];
    AT              = 1 [61:60];
    T1              = 1 [62];
    F               = 1 [63];
}

/// The bits of a record that mean something to a guest.
const FOR_GUEST: [u64; 2] = [
    ADDRESS.mask(),
    T2.mask()
        | PRIV.mask()
        | EXE.mask()
        | PP.mask()
        | REASON.mask()
        | PASID.mask()
        | AT.mask()
        | T1.mask()
        | F.mask(),
];

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $condition:literal, $text:literal;)+) => {
        /// Why there was a fault (7.1.3): those of scalable mode, which are all that the driver
        /// can bring about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $(
                #[doc = concat!($condition, ": ", $text, ".")]
                $name,
            )+
            /// Reserved, or of a mode that the driver does not use.
            Unknown(u8),
        }

        impl Reason {
            /// Decodes the fault reason.
            pub(crate) const fn from_raw(code: u8) -> Self {
                match code {
                    $($code => Self::$name,)+
                    _ => Self::Unknown(code),
                }
            }

            /// The fault reason, as hardware encodes it.
            pub(crate) const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)+
                    Self::Unknown(code) => code,
                }
            }

            /// The architecture's name of the condition.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $condition,)+
                    Self::Unknown(_) => "unknown fault",
                }
            }

            /// What that is.
            pub(crate) const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown(_) => "not of scalable mode",
                }
            }
        }
    };
}

reasons! {
    NotWritableThere = 0x05, "5h", "the second stage forbids the write, or has no page there";
    NotReadableThere = 0x06, "6h", "the second stage forbids the read, or has no page there";
    RootMode = 0x30, "RTA.1", "the mode of the root table address is not valid";
    RootModePasid = 0x31, "RTA.2", "a request with PASID in legacy mode";
    RootModeResponse = 0x32, "RTA.3", "a page group response in legacy mode";
    RootFetch = 0x38, "SRT.1", "the root entry cannot be read";
    RootAbsent = 0x39, "SRT.2", "the root entry is not present";
    RootReserved = 0x3a, "SRT.3", "a reserved bit is set in the root entry";
    ContextFetch = 0x40, "SCT.1", "the context entry cannot be read";
    ContextAbsent = 0x41, "SCT.2", "the context entry is not present";
    ContextReserved = 0x42, "SCT.3", "a reserved bit is set in the context entry";
    ContextInvalid = 0x43, "SCT.4", "the context entry is not valid";
    NoAts = 0x44, "SCT.5", "a request of ATS where that is off";
    NoPasid = 0x45, "SCT.6", "a request with PASID where those are off";
    PasidTooLarge = 0x46, "SCT.7", "the PASID is beyond the PASID directory";
    NoPageRequests = 0x47, "SCT.8", "a page request where those are off";
    RidPasidInvalid = 0x48, "SCT.9", "the PASID of requests without one is not valid";
    DirectoryFetch = 0x50, "SPD.1", "the PASID directory entry cannot be read";
    DirectoryAbsent = 0x51, "SPD.2", "the PASID directory entry is not present";
    DirectoryReserved = 0x52, "SPD.3", "a reserved bit is set in the PASID directory entry";
    PasidFetch = 0x58, "SPT.1", "the PASID entry cannot be read";
    PasidAbsent = 0x59, "SPT.2", "the PASID entry is not present";
    PasidReserved = 0x5a, "SPT.3", "a reserved bit is set in the PASID entry";
    PasidInvalid = 0x5b, "SPT.4", "the PASID entry is not valid";
    NoExecute = 0x5c, "SPT.5", "a request to execute where those are off";
    NoSupervisor = 0x5d, "SPT.6", "a supervisor request where those are off";
    FirstFetch = 0x70, "SFS.1", "a first-stage entry cannot be read";
    FirstAbsent = 0x71, "SFS.2", "a first-stage entry is not present";
    FirstReserved = 0x72, "SFS.3", "a reserved bit is set in a first-stage entry";
    FirstRootFetch = 0x73, "SFS.4", "the top first-stage entry cannot be read";
    FirstTooLarge = 0x74, "SFS.5", "an address in a first-stage entry is beyond the second stage";
    FirstRootNoRead = 0x75, "SFS.6", "the second stage forbids to read the top first-stage entry";
    FirstNoRead = 0x76, "SFS.7", "the second stage forbids to read a first-stage entry";
    FirstNoWrite = 0x77, "SFS.8", "the second stage forbids to write a first-stage entry";
    SecondFetch = 0x78, "SSS.1", "a second-stage entry cannot be read";
    SecondAbsent = 0x79, "SSS.2", "a second-stage entry permits nothing";
    SecondReserved = 0x7a, "SSS.3", "a reserved bit is set in a second-stage entry";
    SecondRootFetch = 0x7b, "SSS.4", "the top second-stage entry cannot be read";
    SecondFlagsSnoop = 0x7c, "SSS.5", "a second-stage flag is to be set without snooping";
    SecondFlagsAtomic = 0x7d, "SSS.6", "a second-stage flag cannot be set";
    NotCanonical = 0x80, "SGN.1", "the address is not canonical";
    NotUser = 0x81, "SGN.2", "a user request to a supervisor page";
    NotExecutable = 0x82, "SGN.3", "a request to execute what must not be";
    HostTooLarge = 0x83, "SGN.4", "the address is beyond the host's";
    SecondTooLarge = 0x84, "SGN.5", "the address is beyond the second stage";
    NotWritable = 0x85, "SGN.6", "a write where only reads are permitted";
    NotReadable = 0x86, "SGN.7", "a read where only writes are permitted";
    Interrupts = 0x87, "SGN.8", "the result is in the range of interrupts";
    FirstFlagsSnoop = 0x90, "SFS.9", "a first-stage flag is to be set without snooping";
    FirstFlagsAtomic = 0x91, "SFS.10", "a first-stage flag cannot be set";
}

impl Reason {
    /// Whether the first stage refused, which is a guest's own where there is one: an entry of its
    /// tables, or what it let its devices do.
    ///
    /// [`Reason::NotWritable`] does not say which stage refused. The guest may read it as its own:
    /// it tells nothing but where its device went.
    pub(crate) const fn is_first_stage(self) -> bool {
        matches!(
            self,
            Self::NoSupervisor
                | Self::FirstFetch
                | Self::FirstAbsent
                | Self::FirstReserved
                | Self::FirstRootFetch
                | Self::FirstTooLarge
                | Self::NotCanonical
                | Self::NotUser
                | Self::NotExecutable
                | Self::NotWritable
                | Self::NotReadable
                | Self::FirstFlagsSnoop
                | Self::FirstFlagsAtomic
        )
    }

    /// Whether translating the address of the request failed. Otherwise the request was refused
    /// before, and its address has nothing to do with it.
    pub(crate) const fn is_translation(self) -> bool {
        matches!(self.code(), 0x05 | 0x06 | 0x70..=0x91)
    }
}

/// What a device asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// To write.
    Write,
    /// To read.
    Read,
    /// For pages.
    Pages,
    /// To read and write at once.
    Atomic,
}

impl Request {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Pages => "page request",
            Self::Atomic => "atomic",
        }
    }
}

/// A fault record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Why.
    pub(crate) reason: Reason,
    /// The source ID of the request.
    pub(crate) sid: u16,
    /// Its PASID, if it had one.
    pub(crate) pasid: Option<u32>,
    /// What it asked for.
    pub(crate) request: Request,
    /// It was to execute.
    pub(crate) execute: bool,
    /// It was privileged.
    pub(crate) privileged: bool,
    /// The page of the request (IOVA).
    pub(crate) address: u64,
}

impl Record {
    /// Decodes a fault recording register, if there is a fault in it.
    pub(crate) const fn decode(raw: [u64; 2]) -> Option<Record> {
        let raw = &raw;

        if !F.is_set(raw) {
            return None;
        }
        Some(Record {
            // CAST: Eight bits.
            reason: Reason::from_raw(REASON.get(raw) as u8),
            // CAST: Sixteen bits.
            sid: SID.get(raw) as u16,
            pasid: if PP.is_set(raw) {
                // CAST: Twenty bits.
                Some(PASID.get(raw) as u32)
            } else {
                None
            },
            request: match (T1.is_set(raw), T2.is_set(raw)) {
                (false, false) => Request::Write,
                (true, false) => Request::Read,
                (false, true) => Request::Pages,
                (true, true) => Request::Atomic,
            },
            execute: PP.is_set(raw) && EXE.is_set(raw),
            privileged: PP.is_set(raw) && PRIV.is_set(raw),
            address: raw[ADDRESS.word()] & ADDRESS.mask(),
        })
    }

    /// The record as a unit would write it whose first stage is the table that there is a shadow
    /// of, or an empty one where the guest is blocked: it has no page there. That of another fault
    /// of a first stage is right as it is.
    pub(crate) const fn first_stage(mut raw: [u64; 2]) -> [u64; 2] {
        // CAST: Eight bits.
        if !Reason::from_raw(REASON.get(&raw) as u8).is_first_stage() {
            REASON.set(&mut raw, Reason::FirstAbsent.code() as u64);
        }
        raw
    }

    /// The record for a guest that knows the device as `sid`, of a fault that is its own
    /// ([`Reason::is_first_stage`]) or was made one ([`Self::first_stage`]).
    pub(crate) const fn relabel(raw: [u64; 2], sid: u16) -> [u64; 2] {
        [
            raw[0] & FOR_GUEST[0],
            raw[1] & FOR_GUEST[1] | SID.prep(sid as u64),
        ]
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason.name())?;
        if let Reason::Unknown(code) = self.reason {
            write!(f, " {code:#04x}")?;
        }
        write!(
            f,
            " sid={:02x}:{:02x}.{}",
            self.sid >> 8,
            self.sid >> 3 & 0x1f,
            self.sid & 7
        )?;
        if let Some(pasid) = self.pasid {
            write!(f, " pasid={pasid:#x}")?;
        }
        write!(
            f,
            " iova={:#x} {} {} {}: {}",
            self.address,
            if self.privileged { "priv" } else { "user" },
            if self.execute { "exec" } else { "data" },
            self.request.as_str(),
            self.reason.text(),
        )
    }
}
