// SPDX-License-Identifier: GPL-2.0

//! Descriptors of the page request queue (chapter 7): what devices ask for, 256 bits each.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use core::fmt;

use crate::common::field::fields;

fields! {
    TYPE            = 0 [7:0];
    PASID_PRESENT   = 0 [8];
    RESERVED_LOW    = 0 [15:9];
    RID             = 0 [31:16];
    PASID           = 0 [51:32];
    EXECUTE         = 0 [52];
    PRIVILEGED      = 0 [53];
    RESERVED_HIGH   = 0 [63:54];
    READ            = 1 [0];
    WRITE           = 1 [1];
    LAST            = 1 [2];
    GROUP           = 1 [11:3];
    ADDRESS         = 1 [63:12];
}

/// The type of a page request.
const PAGE_REQUEST: u64 = 1;

/// Words of a descriptor.
pub(crate) const WORDS: usize = 4;

/// Whose requests are answered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The source ID of the device.
    pub(crate) sid: u16,
    /// The PASID, if the requests have one.
    pub(crate) pasid: Option<u32>,
    /// The device's number for it, 9 bits.
    pub(crate) index: u16,
}

/// A device asks for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRequest {
    /// The group that the request belongs to.
    pub(crate) group: Group,
    /// It is the last one of its group, and the device waits for an answer.
    pub(crate) last: bool,
    /// The page (IOVA).
    pub(crate) address: u64,
    /// To read it.
    pub(crate) read: bool,
    /// To write to it.
    pub(crate) write: bool,
    /// To execute what is in it.
    pub(crate) execute: bool,
    /// With privileges.
    pub(crate) privileged: bool,
}

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A page request.
    Request(PageRequest),
    /// The device makes no more requests with the PASID. That needs no answer.
    Stop,
    /// A page request with reserved bits set, which can't be served. There is a group if it waits
    /// for an answer.
    Malformed(Option<Group>),
    /// Something else, of that type. There is nothing to be said to it.
    Unknown(u8),
}

impl Message {
    /// Decodes a descriptor.
    pub(crate) const fn decode(raw: &[u64; WORDS]) -> Self {
        if TYPE.get(raw) != PAGE_REQUEST {
            // CAST: Eight bits.
            return Self::Unknown(TYPE.get(raw) as u8);
        }

        let pasid = if PASID_PRESENT.is_set(raw) {
            // CAST: Twenty bits.
            Some(PASID.get(raw) as u32)
        } else {
            None
        };
        let group = Group {
            // CAST: Sixteen bits.
            sid: RID.get(raw) as u16,
            pasid,
            // CAST: Nine bits.
            index: GROUP.get(raw) as u16,
        };
        let (read, write, last) = (READ.is_set(raw), WRITE.is_set(raw), LAST.is_set(raw));

        // A stop marker is the last request of no group, for nothing, with a PASID.
        if last && !read && !write && pasid.is_some() {
            return Self::Stop;
        }
        // The upper half is for private data, which nobody may send who was not told to.
        if RESERVED_LOW.is_set(raw) || RESERVED_HIGH.is_set(raw) || (raw[2] | raw[3]) != 0 {
            return Self::Malformed(if last { Some(group) } else { None });
        }
        Self::Request(PageRequest {
            group,
            last,
            address: raw[ADDRESS.word()] & ADDRESS.mask(),
            read,
            write,
            // Attributes of requests with PASID.
            execute: pasid.is_some() && EXECUTE.is_set(raw),
            privileged: pasid.is_some() && PRIVILEGED.is_set(raw),
        })
    }
}

impl fmt::Display for PageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sid = self.group.sid;

        write!(
            f,
            "sid={:02x}:{:02x}.{}",
            sid >> 8,
            sid >> 3 & 0x1f,
            sid & 7
        )?;
        if let Some(pasid) = self.group.pasid {
            write!(f, " pasid={pasid:#x}")?;
        }
        write!(
            f,
            " iova={:#x} {} {} {}{}",
            self.address,
            if self.privileged { "priv" } else { "user" },
            if self.execute { "exec" } else { "data" },
            if self.read { "r" } else { "-" },
            if self.write { "w" } else { "-" },
        )
    }
}
