// SPDX-License-Identifier: GPL-2.0

//! Whatever is in a fault recording register, it can be decoded, shown and passed on.

use crate::vtd::arch::fault::Record;
use proptest::prelude::*;

proptest! {
    #[test]
    fn records(raw: [u64; 2], sid: u16) {
        match Record::decode(raw) {
            Some(record) => {
                let relabelled = Record::relabel(raw, sid);

                prop_assert!(record.to_string().starts_with(record.reason.name()));
                prop_assert_eq!(u64::from(record.sid), raw[1] & 0xffff);
                prop_assert_eq!(record.address, raw[0] & !0xfff);
                prop_assert!(record.pasid.is_none_or(|pasid| pasid < 1 << 20));
                // The same but for the source ID.
                prop_assert_eq!(
                    Record::decode(relabelled),
                    Some(Record { sid, ..record })
                );
                prop_assert_eq!(Record::relabel(relabelled, sid), relabelled);
            }
            None => prop_assert_eq!(raw[1] >> 63, 0),
        }
    }
}
