// SPDX-License-Identifier: GPL-2.0

//! A table put together by hand from chapter 8.

use super::{
    scope::ScopeKind,
    *, //
};

/// The size of [`TABLE`].
const SIZE: usize = 48 + 24 + 34 + 32 + 16 + 16 + 20 + 12;

/// Two units, and one structure of each kind.
const TABLE: [u8; SIZE] = {
    const PARTS: [&[u8]; 13] = [
        // The header, revision 1; 46 bits, interrupt remapping.
        b"DMAR\xca\x00\x00\x00\x01\x00OEMID OEMTABLE\x01\x00\x00\x00INTL\x01\x00\x00\x00",
        &[45, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        // DRHD: segment 0, at 0xfed90000; an endpoint at 00:02.0.
        &[0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0],
        &[1, 8, 0, 0, 0, 0, 2, 0],
        // DRHD: all of segment 0, at 0xfed91000, two pages; an I/O APIC, and a bridge at 00:1c.4.
        &[0, 0, 34, 0, 1, 1, 0, 0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0],
        &[
            3, 8, 0, 0, 2, 0xf0, 0x1f, 0, 2, 10, 0, 0, 0, 0, 0x1c, 4, 3, 0,
        ],
        // RMRR: 0x7b800000 to 0x7fffffff; an endpoint at 00:02.0.
        &[1, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b, 0, 0, 0, 0],
        &[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 2, 0],
        // ATSR: root port 00:01.0.
        &[2, 0, 16, 0, 0, 0, 0, 0, 2, 8, 0, 0, 0, 0, 1, 0],
        // SATC: required, 00:02.0.
        &[5, 0, 16, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 2, 0],
        // RHSA.
        &[
            3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        // ANDD: number 7.
        &[4, 0, 12, 0, 0, 0, 0, 7],
        b"\\_S\0",
    ];
    let mut table = [0; SIZE];
    let (mut part, mut at) = (0, 0);

    while part < PARTS.len() {
        let mut i = 0;

        while i < PARTS[part].len() {
            table[at] = PARTS[part][i];
            at += 1;
            i += 1;
        }
        part += 1;
    }
    assert!(at == SIZE);
    table
};

/// Where the first structure and its device scope are.
const DRHD_AT: usize = 48;
const SCOPE_AT: usize = 64;

fn hop(bus: u8, device: u8, function: u8) -> Hop {
    Hop {
        bus,
        device,
        function,
    }
}

/// What becomes of the table with `value` at `offset`.
fn with(offset: usize, value: u8) -> Option<BadDmar> {
    let mut table = TABLE;

    table[offset] = value;
    Dmar::parse(&table).err()
}

/// The kind and ID of a scope, the bus, and where the path leads.
type Named = (ScopeKind, u8, u8, (u8, u8));

fn scopes(scopes: Scopes<'_>) -> [Option<Named>; 3] {
    let mut scopes = scopes.iter().filter_map(|scope| {
        let last = scope.path().last()?;

        Some((scope.kind, scope.id, scope.bus, last))
    });

    core::array::from_fn(|_| scopes.next())
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_dmar))]
mod cases {
    use super::*;

    #[test]
    fn everything() {
        let dmar = Dmar::parse(&TABLE);

        assert!(dmar.is_ok());
        if let Ok(dmar) = dmar {
            let (mut seen, mut strange) = (0, 0);

            assert_eq!(dmar.address_bits(), 46);
            assert!(dmar.remaps_interrupts());
            for (i, structure) in dmar.structures().enumerate() {
                seen += 1;
                match (i, structure) {
                    (0, Structure::Unit(unit)) => {
                        assert_eq!((unit.all, unit.segment), (false, 0));
                        assert_eq!((unit.registers, unit.size), (0xfed9_0000, 0x1000));
                        assert_eq!(
                            scopes(unit.scopes),
                            [Some((ScopeKind::Endpoint, 0, 0, (2, 0))), None, None]
                        );
                    }
                    (1, Structure::Unit(unit)) => {
                        assert!(unit.all);
                        assert_eq!((unit.registers, unit.size), (0xfed9_1000, 0x2000));
                        assert_eq!(
                            scopes(unit.scopes),
                            [
                                Some((ScopeKind::IoApic, 2, 0xf0, (0x1f, 0))),
                                Some((ScopeKind::Bridge, 0, 0, (3, 0))),
                                None
                            ]
                        );
                    }
                    (2, Structure::Reserved(reserved)) => {
                        assert_eq!((reserved.first, reserved.last), (0x7b80_0000, 0x7fff_ffff));
                        assert!(reserved.is_sane());
                        assert!(reserved.scopes.reach(&[hop(0, 2, 0)]).is_some());
                    }
                    (3, Structure::RootPorts(ports)) => {
                        assert!(!ports.all);
                        assert!(ports.scopes.reach(&[hop(0, 1, 0), hop(1, 0, 0)]).is_some());
                    }
                    (4, Structure::Caches(caches)) => assert!(caches.required),
                    (5, Structure::Other(kind)) => assert_eq!(kind, 3),
                    (6, Structure::Name(name)) => {
                        assert_eq!((name.number, name.path), (7, &b"\\_S"[..]));
                    }
                    _ => strange += 1,
                }
            }
            assert_eq!((seen, strange), (7, 0));
            assert_eq!(dmar.units().count(), 2);
        }
    }

    #[test]
    fn headers() {
        assert_eq!(with(0, b'd'), Some(BadDmar::Header));
        assert_eq!(with(REVISION, 0), Some(BadDmar::Revision(0)));
        assert_eq!(with(REVISION, 2), None);
        assert_eq!(with(REVISION, 3), Some(BadDmar::Revision(3)));
        // Longer than what there is, and shorter than a header.
        assert_eq!(with(LENGTH + 1, 1), Some(BadDmar::Header));
        assert_eq!(with(LENGTH, 47), Some(BadDmar::Header));
        assert_eq!(with(LENGTH, 48), None);
        for len in 0..SIZE {
            assert!(Dmar::parse(&TABLE[..len]).is_err());
        }
    }

    #[test]
    fn lengths_of_structures() {
        for length in 0..=u8::MAX {
            let found = with(DRHD_AT + 2, length);

            match length {
                0..16 => assert_eq!(found, Some(BadDmar::Structure)),
                24 => assert_eq!(found, None),
                _ => assert!(found.is_some()),
            }
        }
    }

    #[test]
    fn lengths_of_scopes() {
        for length in 0..=u8::MAX {
            let found = with(SCOPE_AT + 1, length);

            assert_eq!(found, (length != 8).then_some(BadDmar::Scope));
        }
    }

    #[test]
    fn units_of_devices() {
        let of = |segment, way: &[Hop]| {
            let dmar = Dmar::parse(&TABLE).ok()?;

            Some(dmar.unit_of(segment, way)?.registers)
        };
        let (graphics, rest) = (Some(0xfed9_0000), Some(0xfed9_1000));

        assert_eq!(of(0, &[hop(0, 2, 0)]), graphics);
        assert_eq!(of(0, &[hop(0, 2, 1)]), rest);
        assert_eq!(of(0, &[hop(1, 2, 0)]), rest);
        assert_eq!(of(0, &[hop(0, 0x1c, 4), hop(2, 3, 0), hop(3, 2, 0)]), rest);
        // An endpoint is not a bridge, and has nothing behind it.
        assert_eq!(of(0, &[hop(0, 2, 0), hop(1, 0, 0)]), rest);
        assert_eq!(of(1, &[hop(0, 2, 0)]), None);
        assert_eq!(of(0, &[]), rest);
    }

    #[test]
    fn the_closest_bridge_counts() {
        let reach = |way: &[Hop]| {
            let dmar = Dmar::parse(&TABLE).ok()?;
            let unit = dmar.units().nth(1)?;

            unit.scopes.reach(way)
        };
        let way = [hop(0, 0x1c, 4), hop(2, 3, 0), hop(3, 0, 0)];

        assert_eq!(reach(&way), Some(2));
        assert_eq!(reach(&way[..2]), Some(2));
        assert_eq!(reach(&way[..1]), None);
        // A path may start below the root bus.
        assert_eq!(
            reach(&[hop(9, 0, 0), hop(0, 0x1c, 4), hop(2, 3, 0)]),
            Some(3)
        );
    }

    #[test]
    fn reserved_memory_that_is_none() {
        let is_sane = |first, last| {
            Reserved {
                segment: 0,
                first,
                last,
                scopes: Scopes::new(Bytes::new(&[])),
            }
            .is_sane()
        };

        assert!(is_sane(0x1000, 0x1fff));
        assert!(!is_sane(0, 0));
        assert!(!is_sane(0x2000, 0x1fff));
        assert!(!is_sane(0x1800, 0x1fff));
        assert!(!is_sane(0x1000, 0x1ffe));
    }
}
