// SPDX-License-Identifier: GPL-2.0

//! Decoding of event and page request records.

use core::fmt::{
    self,
    Write, //
};

use super::*;

/// Text of limited length, for there is no allocator here.
struct Text {
    bytes: [u8; 160],
    len: usize,
}

impl Text {
    fn of(what: &dyn fmt::Display) -> Self {
        let mut text = Self {
            bytes: [0; 160],
            len: 0,
        };

        // What does not fit makes the comparison fail.
        let _ = write!(text, "{what}");
        text
    }

    fn is(&self, expected: &str) -> bool {
        self.bytes.get(..self.len) == Some(expected.as_bytes())
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.len + s.len();

        self.bytes
            .get_mut(self.len..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(s.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// F_TRANSLATION of stage 1 on input, an unprivileged data read of 0xdead_b000 by stream 0x10.
const STAGE1_FAULT: [u64; 4] = [0x10_0000_0010, 0x208_0000_0000, 0xdead_b000, 0];
/// F_PERMISSION of stage 2 on a table access for a privileged write, with SubstreamID 5.
const STAGE2_FAULT: [u64; 4] = [0x10_0000_5813, 0x182_0000_0000, 0xdead_b000, 0x1234_5000];

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_event))]
mod cases {
    use super::*;

    #[test]
    fn stage1_fault() {
        let event = Event::decode(STAGE1_FAULT);

        assert_eq!(event.id, EventId::Translation);
        assert_eq!(event.sid, 0x10);
        assert_eq!(event.ssid, None);
        assert!(event.read && !event.privileged && !event.instruction);
        assert!(!event.stage2 && !event.stall);
        assert_eq!(event.class, Class::Input);
        assert_eq!(event.address, 0xdead_b000);
        assert!(event.for_guest());
        assert!(Text::of(&event)
            .is("F_TRANSLATION sid=0x10 iova=0xdeadb000 user data read stage=1 on=input"));
    }

    #[test]
    fn stage2_fault() {
        let event = Event::decode(STAGE2_FAULT);

        assert_eq!(event.id, EventId::Permission);
        assert_eq!(event.ssid, Some(5));
        assert!(!event.read && event.privileged);
        assert!(event.stage2);
        assert_eq!(event.class, Class::Table);
        assert_eq!(event.ipa, 0x1234_5000);
        assert!(!event.for_guest());
        assert!(Text::of(&event).is(
            "F_PERMISSION sid=0x10 ssid=0x5 iova=0xdeadb000 priv data write \
             stage=2 ipa=0x12345000 on=table"
        ));
    }

    #[test]
    fn stalled_transactions_are_the_hosts() {
        let mut raw = STAGE1_FAULT;

        raw[1] |= 1 << 31 | 0xabcd;
        let event = Event::decode(raw);
        assert!(event.stall);
        assert_eq!(event.stag, 0xabcd);
        assert!(!event.for_guest());
    }

    #[test]
    fn fetch_faults_tell_the_physical_address() {
        let event = Event::decode([0x10_0000_0009, 0x77, 0, 0x00ab_cdef_1234_5678]);

        assert_eq!(event.id, EventId::CdFetch);
        assert_eq!(event.fetch_address, 0x00ab_cdef_1234_5678);
        assert!(!event.for_guest());
        assert!(Text::of(&event).is("F_CD_FETCH sid=0x10 fetch=0xabcdef12345678 reason=0x77"));
    }

    #[test]
    fn bad_substream_has_no_flag() {
        let event = Event::decode([0x10_0000_7008, 0, 0, 0]);

        assert_eq!(event.ssid, Some(7));
        assert!(Text::of(&event).is("C_BAD_SUBSTREAMID sid=0x10 ssid=0x7"));
    }

    #[test]
    fn every_event_number() {
        const GUEST: [u8; 8] = [0x04, 0x06, 0x08, 0x0a, 0x10, 0x11, 0x12, 0x13];
        const KNOWN: [u8; 19] = [
            0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12,
            0x13, 0x20, 0x21, 0x24, 0x25,
        ];

        for id in 0..=255u8 {
            let event = Event::decode([id.into(), 0, 0, 0]);
            let known = !matches!(event.id, EventId::Unknown(_) | EventId::Implementation(_));

            assert!(known == KNOWN.contains(&id));
            assert!(matches!(event.id, EventId::Implementation(_)) == (0xe0..=0xef).contains(&id));
            assert!(event.for_guest() == GUEST.contains(&id));
        }

        let own = Event::decode([0xe5, 0, 0, 0]);
        assert!(Text::of(&own).is("implementation defined 0xe5 sid=0x0"));
    }

    #[test]
    fn guests_see_their_own_stream_and_no_word_of_the_host() {
        let mut raw = STAGE1_FAULT;

        raw[3] = 0xffff_ffff_ffff_ffff;
        assert_eq!(
            Event::relabel(raw, 0xabcd),
            [0xabcd_0000_0010, raw[1], raw[2], 0]
        );
    }

    #[test]
    fn page_requests() {
        // Last, write, read; PASID 0xfedcb; group 0x1ff.
        let request = PageRequest::decode([0xf00f_edcb_0000_0010, 0xdead_b1ff]);

        assert_eq!(
            request,
            PageRequest {
                sid: 0x10,
                ssid: Some(0xf_edcb),
                privileged: false,
                execute: false,
                read: true,
                write: true,
                last: true,
                group: 0x1ff,
                address: 0xdead_b000,
            }
        );
        assert!(!request.is_stop_marker());
        assert!(PageRequest::decode([0xc000_0001_0000_0010, 0]).is_stop_marker());
        let quiet = PageRequest::decode([0x0c00_0001_0000_0010, 0]);
        assert!(quiet.ssid.is_none() && quiet.privileged && quiet.execute && !quiet.last);
    }
}
