// SPDX-License-Identifier: GPL-2.0

//! Whatever is done in whatever order: no device ever gets what is not there any more.

use super::{
    host::{
        Device,
        Guest,
        Host,
        Space, //
    },
    *, //
};
use crate::vtd::{
    hw::Page as _,
    model::Page, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The devices; the first has a cache of its own.
const RIDS: [u16; 3] = [0x00f8, 0x0300, 0x0301];
const PASIDS: [Option<u32>; 2] = [None, Some(0x123)];
/// Addresses that everything may have mapped. The last has a table of its own.
const IOVAS: [u64; 3] = [0x1_2345_6000, 0x1_2345_7000, 0x1_2365_6000];
/// Addresses of guests' memory (GPA).
const GPAS: [u64; 3] = [0x7000, 0x8000, 0x20_7000];

/// Numbers that look random (a linear congruential generator).
struct Random(u64);

impl Random {
    /// Less than `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // CAST: The upper bits are the better ones; and less than `n`.
        ((self.0 >> 33) % n as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// A domain and its pages, by the index of their address.
struct Mapped<'h> {
    space: Arc<Space<'h>>,
    addresses: [u64; 3],
    pages: [Option<Page>; 3],
}

impl<'h> Mapped<'h> {
    fn new(host: &'h Host, purpose: Purpose) -> Result<Self> {
        Ok(Self {
            space: Space::new(host, purpose)?,
            addresses: match purpose {
                Purpose::NestParent => GPAS,
                _ => IOVAS,
            },
            pages: [const { None }; 3],
        })
    }

    /// Maps or unmaps a page, which is freed then.
    fn toggle(&mut self, host: &Host, i: usize) -> Result {
        match self.pages[i].take() {
            Some(page) => {
                self.space.unmap(self.addresses[i], 1)?;
                drop(page);
                host.check();
            }
            None => {
                let page = host.data()?;

                self.space.map(self.addresses[i], page.address(), 1)?;
                self.pages[i] = Some(page);
            }
        }
        Ok(())
    }
}

/// Does that many things. Returns after how many something was wrong, if it was.
fn first_wrong(config: Config, seed: u64, steps: usize) -> Result<Option<usize>> {
    let model = Model::new(config)?;
    let host = Host::new(&model)?;
    let mut random = Random(seed);

    host.engine.start()?;

    let mut spaces = [
        Mapped::new(&host, Purpose::FirstStage)?,
        Mapped::new(&host, Purpose::SecondStage)?,
        Mapped::new(&host, Purpose::NestParent)?,
        Mapped::new(&host, Purpose::NestParent)?,
    ];
    let guests = [
        Guest::new(&spaces[2].space)?,
        Guest::new(&spaces[2].space)?,
        Guest::new(&spaces[3].space)?,
    ];
    let mut seen_by_guest = [[false; 3]; 3];
    let mut devices = [const { None }; 3];

    for rid in RIDS {
        for pasid in PASIDS {
            for address in [IOVAS[0], IOVAS[2], GPAS[0]] {
                host.watch(rid, pasid, address, true)?;
            }
        }
    }
    for step in 0..steps {
        let (i, page) = (random.below(3), random.below(3));

        match random.below(8) {
            0 | 1 => {
                let n = random.below(spaces.len());

                spaces[n].toggle(&host, page)?;
            }
            2 | 3 => {
                let there = &mut seen_by_guest[i][page];

                if *there {
                    guests[i].unmap(IOVAS[page])?;
                } else {
                    guests[i].map(IOVAS[page], *random.of(&GPAS))?;
                }
                *there = !*there;
            }
            4 if devices[i].is_some() && random.below(4) == 0 => {
                if let Some(device) = devices[i].take() {
                    Device::release(device)?;
                }
            }
            _ => {
                let to = match random.below(9) {
                    0 => Attachment::Blocked,
                    1 => Attachment::Identity,
                    n @ 2..6 => spaces[n - 2].space.to(),
                    n => guests[n - 6].to(),
                };
                let device = match &mut devices[i] {
                    Some(device) => device,
                    none => none.insert(Device::new(&host, RIDS[i], i == 0)?),
                };

                device.attach(*random.of(&PASIDS), to)?;
            }
        }
        if host.is_wrong() {
            return Ok(Some(step));
        }
    }
    for device in devices.into_iter().flatten() {
        device.release()?;
    }
    Ok(host.is_wrong().then_some(steps))
}

#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_random))]
mod cases {
    use super::*;

    #[test]
    fn on_any_unit() -> Result {
        for config in [
            Config::RICH,
            Config::TORN,
            Config::BY_SOURCE,
            Config::SHORTCUT,
            Config::CACHING,
        ] {
            for seed in 1..=3 {
                assert_eq!(first_wrong(config, seed, 60)?, None);
            }
        }
        Ok(())
    }
}
