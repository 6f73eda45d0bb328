// SPDX-License-Identifier: GPL-2.0

//! Whatever firmware's table holds, parsing it ends, and without a panic.

use crate::vtd::arch::dmar::{
    Dmar,
    Hop,
    Structure, //
};
use proptest::prelude::*;

/// A table of these structures.
fn table(structures: &[u8]) -> Vec<u8> {
    let mut table = b"DMAR".to_vec();

    table.extend((48 + structures.len() as u32).to_le_bytes());
    table.push(1);
    table.resize(48, 0);
    table.extend(structures);
    table
}

/// Device scopes, mostly as they should be.
fn scopes() -> impl Strategy<Value = Vec<u8>> {
    let scope = (
        0..8u8,
        0..6u8,
        prop::collection::vec(any::<[u8; 2]>(), 0..4),
    )
        .prop_map(|(kind, bad, path)| {
            let length = 6 + 2 * path.len() as u8 + u8::from(bad == 5);
            let mut scope = vec![kind, length, 0, 0, 1, 2];

            scope.extend(path.into_iter().flatten());
            scope
        });

    prop::collection::vec(scope, 0..4).prop_map(|scopes| scopes.concat())
}

/// Structures, mostly as they should be.
fn structures() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![Just(12usize), Just(20), Just(4), 0..32usize];
    let structure = (0..8u8, body, scopes(), any::<[u8; 32]>(), 0..20u8).prop_map(
        |(kind, body, scopes, noise, bad)| {
            let body = match kind {
                0 if bad > 1 => 12,
                1 if bad > 1 => 20,
                2 | 4 | 5 if bad > 1 => 4,
                _ => body,
            };
            let length = 4 + body + scopes.len() + usize::from(bad == 0);
            let mut structure = vec![kind, 0, length as u8, 0];

            structure.extend(&noise[..body]);
            structure.extend(scopes);
            structure
        },
    );

    prop::collection::vec(structure, 0..6).prop_map(|structures| structures.concat())
}

/// Looks at everything in the table, if it is one.
fn look(bytes: &[u8]) -> bool {
    let Ok(dmar) = Dmar::parse(bytes) else {
        return false;
    };
    let way = [(0, 2, 0), (1, 0, 0), (2, 3, 1)].map(|(bus, device, function)| Hop {
        bus,
        device,
        function,
    });
    let mut size = 48;

    for structure in dmar.structures() {
        let scopes = match structure {
            Structure::Unit(unit) => {
                assert!(unit.size.is_power_of_two() && unit.size >= 4096);
                unit.scopes
            }
            Structure::Reserved(reserved) => {
                assert!(!reserved.is_sane() || reserved.first < reserved.last);
                reserved.scopes
            }
            Structure::RootPorts(ports) => ports.scopes,
            Structure::Caches(caches) => caches.scopes,
            Structure::Name(name) => {
                assert!(!name.path.contains(&0));
                continue;
            }
            Structure::Other(_) => continue,
        };

        for scope in scopes.iter() {
            assert!(scope.path().count() >= 1);
            size += 6 + 2 * scope.path().count();
        }
        for len in 0..=way.len() {
            assert!(scopes
                .reach(&way[..len])
                .is_none_or(|reach| (1..=len).contains(&reach)));
        }
    }
    assert!(size <= bytes.len());
    for segment in 0..2 {
        if let Some(unit) = dmar.unit_of(segment, &way) {
            assert!(unit.all || unit.scopes.reach(&way).is_some());
            assert_eq!(unit.segment, segment);
        }
    }
    assert!((1..=256).contains(&dmar.address_bits()));
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        look(&bytes);
        look(&table(&bytes));
    }

    #[test]
    fn small_bytes(bytes in prop::collection::vec(0..16u8, 0..256)) {
        look(&table(&bytes));
    }

    #[test]
    fn almost_tables(
        structures in structures(),
        flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..3),
    ) {
        let mut table = table(&structures);

        look(&table);
        for (at, value) in flips {
            let at = at.index(table.len());

            table[at] = value;
        }
        look(&table);
    }

    #[test]
    fn a_table_cut_off_is_none(structures in structures(), at: prop::sample::Index) {
        let table = table(&structures);

        prop_assert!(!look(&table[..at.index(table.len())]));
    }
}
