// SPDX-License-Identifier: GPL-2.0

//! Whatever the identification registers read as, decoding gives something sensible.

use crate::smmu_v3::arch::features::{
    Features,
    RawIds, //
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn any_registers(idr: [u32; 6], iidr: u32, aidr: u32, coherent: bool, sane: bool) {
        let mut ids = RawIds { idr, iidr, aidr };
        if sane {
            // Most random registers are refused; clear what refuses them.
            ids.idr[0] = (ids.idr[0] | 0xb) & !0x0360_0000;
            ids.idr[1] = (ids.idr[1] | 0x0100_0000) & !0x7000_0000;
            ids.idr[5] |= 0x10;
            ids.aidr &= 0xf;
        }

        match Features::decode(&ids, coherent) {
            Ok(f) => {
                prop_assert!(f.s1p || f.s2p);
                prop_assert_eq!(f.coherent, coherent);
                prop_assert!(f.sid_bits <= 32 && f.ssid_bits <= 20);
                prop_assert!((7..=19).contains(&f.cmdq_log2));
                prop_assert!((32..=52).contains(&f.oas_bits));
                prop_assert!(f.pgsize_bitmap() != 0);
                prop_assert!(!f.nesting() || (f.s1p && f.s2p));
            }
            Err(why) => {
                prop_assert!(!sane);
                prop_assert!(!why.to_string().is_empty());
            }
        }
    }
}
