// SPDX-License-Identifier: GPL-2.0

//! Whatever the capability registers read as, decoding gives something sensible.

use crate::vtd::arch::caps::Features;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn any_registers(cap: u64, ecap: u64, sane: bool) {
        // Most random registers are refused; set what they lack.
        let ecap = if sane { ecap | 1 << 43 | 1 << 47 | 2 } else { ecap };

        match Features::decode(cap, ecap) {
            Ok(f) => {
                prop_assert!(f.first_stage || f.second_stage);
                prop_assert!(!f.nested || (f.first_stage && f.second_stage));
                prop_assert!(!f.dirty || (f.second_stage && f.walk_coherent));
                prop_assert!((4..=16).contains(&f.did_bits));
                prop_assert!((1..=64).contains(&f.gpa_bits));
                prop_assert!(f.pasid_bits <= 20);
                prop_assert!((1..=256).contains(&f.fault_records));
                prop_assert!(f.fault_offset % 16 == 0 && f.fault_offset < 1 << 14);
                prop_assert!(f.aw() <= 3);
                prop_assert!(!f.second_stage || f.aw() != 0);
            }
            Err(why) => {
                prop_assert!(!sane);
                prop_assert!(!why.to_string().is_empty());
            }
        }
    }
}
