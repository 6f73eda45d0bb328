// SPDX-License-Identifier: GPL-2.0

//! Whatever is in a record, it can be decoded, shown and passed on.

use crate::smmu_v3::arch::event::{
    Event,
    PageRequest, //
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn events(raw: [u64; 4], vsid: u32) {
        let event = Event::decode(raw);
        let relabelled = Event::relabel(raw, vsid);

        prop_assert!(event.to_string().starts_with(event.id.name()));
        prop_assert_eq!(event.sid, (raw[0] >> 32) as u32);
        prop_assert_eq!(relabelled[0], (raw[0] & 0xffff_ffff) | u64::from(vsid) << 32);
        prop_assert_eq!(&relabelled[1..3], &raw[1..3]);
        prop_assert_eq!(relabelled[3], 0);
        prop_assert!(!(event.for_guest() && (event.stage2 || event.stall)));
    }

    #[test]
    fn page_requests(raw: [u64; 2]) {
        let request = PageRequest::decode(raw);

        prop_assert_eq!(request.sid, raw[0] as u32);
        prop_assert!(request.group < 512);
        prop_assert_eq!(request.address & 0xfff, 0);
    }
}
