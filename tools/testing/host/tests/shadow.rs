// SPDX-License-Identifier: GPL-2.0

//! Shadows of random tables: they are what a naive walk says, whatever happened before; and a walk
//! ends, whatever the tables are.

use crate::{
    common::shadow::{
        refresh,
        Access,
        Entry,
        Format,
        Host,
        Piece,
        Stop,
        LEVELS_MAX,
        TABLES_MAX, //
    },
    smmu_v3::arch::walk as smmu,
    vtd::arch::walk as vtd, //
};
use proptest::prelude::*;
use std::collections::{
    BTreeMap,
    BTreeSet, //
};

const PAGE: u64 = 4096;
/// The guest's memory: pages from here on, less holes.
const RAM: u64 = 0x10_0000;
/// The first pages may be tables.
const TABLES: u64 = 12;
const PAGES: u64 = 32;

/// A part of the guest's memory. It is mapped as a whole.
#[derive(Clone, Copy, Debug)]
struct Memory {
    start: u64,
    size: u64,
    writable: bool,
}

impl Memory {
    fn last(&self) -> u64 {
        self.start + (self.size - 1)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Full;

/// A guest and the shadow of its table.
#[derive(Default)]
struct Model {
    words: BTreeMap<u64, u64>,
    memory: Vec<Memory>,
    /// IOVAs that are the host's.
    reserved: Vec<(u64, u64)>,
    pieces: BTreeMap<u64, Piece>,
    /// What was mapped and unmapped, for whom it is about what was not.
    mapped: usize,
    unmapped: Vec<Piece>,
    limit: usize,
    tables: u32,
    /// Words that change when they are read.
    unsteady: BTreeMap<u64, Vec<u64>>,
}

impl Model {
    fn new() -> Self {
        Self {
            limit: usize::MAX,
            ..Self::default()
        }
    }

    fn memory_at(&self, gpa: u64) -> Option<&Memory> {
        self.memory
            .iter()
            .find(|m| m.start <= gpa && gpa <= m.last())
    }

    fn shadow(&self, iova: u64) -> Option<(u64, Access)> {
        let (_, piece) = self.pieces.range(..=iova).next_back()?;

        (iova <= piece.last()).then(|| (piece.gpa + (iova - piece.iova), piece.access))
    }

    /// What hardware would make of an IOVA.
    fn walk(&self, format: &impl Format, iova: u64) -> Option<(u64, Access)> {
        let (mut table, mut limits) = (format.root(), Access::ALL);

        if self.reserved.iter().any(|&(a, b)| a <= iova && iova <= b) {
            return None;
        }
        for level in (0..format.levels()).rev() {
            let bits = format.page_bits() + level as u32 * (format.page_bits() - 3);
            let mask = (1 << (format.page_bits() - 3)) - 1;
            let gpa = table + ((iova >> bits) & mask) * 8;

            self.memory_at(gpa)?;
            match format.decode(*self.words.get(&gpa).unwrap_or(&0), level) {
                Entry::Absent => return None,
                Entry::Table { gpa, access } => (table, limits) = (gpa, limits & access),
                Entry::Leaf { gpa, access } => {
                    let gpa = gpa + (iova & ((1 << bits) - 1));
                    let memory = self.memory_at(gpa)?;
                    let access = limits
                        & access
                        & Access {
                            read: true,
                            write: memory.writable,
                        };

                    return (!access.is_none()).then_some((gpa, access));
                }
            }
        }
        None
    }
}

impl Host for Model {
    type Error = Full;

    fn pause(&mut self) -> Result<(), Full> {
        self.tables += 1;
        Ok(())
    }

    fn read(&mut self, gpa: u64) -> Option<u64> {
        self.memory_at(gpa)?;
        if let Some(word) = self.unsteady.get_mut(&gpa).and_then(|words| words.pop()) {
            self.words.insert(gpa, word);
        }
        Some(*self.words.get(&gpa).unwrap_or(&0))
    }

    fn part(&mut self, leaf: &Piece, from: u64) -> Option<Piece> {
        let mut iova = from;

        while iova <= leaf.last() {
            if let Some((_, last)) = self.reserved.iter().find(|(a, b)| *a <= iova && iova <= *b) {
                iova = last + 1;
                continue;
            }
            let gpa = leaf.gpa + (iova - leaf.iova);
            let Some(memory) = self.memory_at(gpa) else {
                let next = self.memory.iter().map(|m| m.start).filter(|s| *s > gpa);
                iova += next.min()? - gpa;
                continue;
            };
            let reserved = self.reserved.iter().map(|r| r.0).filter(|a| *a > iova);
            let end = (leaf.last() + 1)
                .min(reserved.min().unwrap_or(u64::MAX))
                .min(iova + (memory.last() - gpa) + 1);

            return Some(Piece {
                iova,
                gpa,
                size: end - iova,
                leaf_bits: leaf.leaf_bits,
                access: leaf.access
                    & Access {
                        read: true,
                        write: memory.writable,
                    },
            });
        }
        None
    }

    fn next(&self, iova: u64) -> Option<Piece> {
        if let Some((_, piece)) = self.pieces.range(..=iova).next_back() {
            if piece.last() >= iova {
                return Some(*piece);
            }
        }
        self.pieces.range(iova..).next().map(|(_, piece)| *piece)
    }

    fn before(&self, iova: u64) -> Option<Piece> {
        self.pieces
            .range(..iova)
            .next_back()
            .map(|(_, piece)| *piece)
    }

    fn map(&mut self, piece: &Piece) -> Result<(), Full> {
        if let Some(there) = self.next(piece.iova) {
            assert!(there.iova > piece.last(), "{piece:x?} over {there:x?}");
        }
        if self.pieces.len() >= self.limit {
            return Err(Full);
        }
        assert!(piece.size != 0 && piece.size % PAGE == 0);
        self.pieces.insert(piece.iova, *piece);
        self.mapped += 1;
        Ok(())
    }

    fn unmap(&mut self, piece: &Piece) {
        assert_eq!(self.pieces.remove(&piece.iova), Some(*piece));
        self.unmapped.push(*piece);
    }
}

/// What a table of the tests looks like.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Smmu,
    Vtd4,
    Vtd5,
}

/// The same for all formats.
enum Table {
    Smmu(smmu::PageTable),
    Vtd(vtd::PageTable),
}

impl Kind {
    fn table(self) -> Table {
        match self {
            // V, AA64, EPD1, IPS 44 bits, ASID 7, T0SZ 25: three levels.
            Self::Smmu => Table::Smmu(
                smmu::PageTable::parse(RAM, 39, 7 << 48 | 1 << 41 | 4 << 32 | 3 << 30 | 25, 48)
                    .unwrap(),
            ),
            Self::Vtd4 => Table::Vtd(vtd::PageTable::parse(RAM, 48, 0, 46).unwrap()),
            Self::Vtd5 => Table::Vtd(vtd::PageTable::parse(RAM, 57, 0, 46).unwrap()),
        }
    }

    /// An entry that leads to `gpa`: `table`, or page, or large page; with bits to be flipped.
    fn entry(self, gpa: u64, what: What, flips: u64) -> u64 {
        flips
            ^ match (self, what) {
                (_, What::Nothing) => 0,
                (Self::Smmu, What::Table) => gpa | 3,
                (Self::Smmu, What::Page) => gpa | 0x743,
                (Self::Smmu, What::Large) => gpa | 0x741,
                (_, What::Table | What::Page) => gpa | 0x67,
                (_, What::Large) => gpa | 0xe7,
            }
    }
}

impl Format for Table {
    fn root(&self) -> u64 {
        match self {
            Self::Smmu(table) => table.root(),
            Self::Vtd(table) => table.root(),
        }
    }
    fn levels(&self) -> usize {
        match self {
            Self::Smmu(table) => table.levels(),
            Self::Vtd(table) => table.levels(),
        }
    }
    fn page_bits(&self) -> u32 {
        12
    }
    fn last(&self) -> u64 {
        match self {
            Self::Smmu(table) => table.last(),
            Self::Vtd(table) => table.last(),
        }
    }
    fn tag(&self) -> Option<u32> {
        None
    }
    fn decode(&self, entry: u64, level: usize) -> Entry {
        match self {
            Self::Smmu(table) => table.decode(entry, level),
            Self::Vtd(table) => table.decode(entry, level),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Nothing,
    Table,
    Page,
    Large,
}

/// Words of the tables: few indices, so that ways meet. Tables may well lead to themselves.
fn word() -> impl Strategy<Value = (u64, u64, What, u64)> {
    (
        0..TABLES,
        prop_oneof![0..4u64, Just(255u64), Just(511u64)],
        prop_oneof![
            1 => Just(What::Nothing),
            6 => Just(What::Table),
            3 => Just(What::Page),
            1 => Just(What::Large),
        ],
        prop_oneof![
            6 => Just(0u64),
            1 => prop_oneof![Just(1u64), Just(2), Just(4), Just(0x20), Just(0x40), Just(0x80)],
            1 => (0..64u32).prop_map(|bit| 1 << bit),
        ],
    )
        .prop_flat_map(|(table, index, what, flips)| {
            let target = match what {
                What::Table => 1..TABLES,
                _ => 0..PAGES,
            };

            (Just(table), Just(index), Just(what), Just(flips), target)
        })
        .prop_map(|(table, index, what, flips, target)| {
            let address = RAM + table * PAGE + index * 8;
            let gpa = match what {
                What::Large => target << 21,
                _ => RAM + target * PAGE,
            };

            (address, gpa, what, flips)
        })
}

fn memory() -> impl Strategy<Value = Vec<Memory>> {
    (prop::bool::ANY, prop::bool::ANY, prop::bool::weighted(0.3)).prop_map(
        |(cut, writable, low)| {
            let mut all = Vec::new();

            if low {
                all.push(Memory {
                    start: 0,
                    size: RAM / 2,
                    writable: true,
                });
            }
            match cut {
                false => all.push(Memory {
                    start: RAM,
                    size: PAGES * PAGE + 0x80_0000,
                    writable: true,
                }),
                // Two mappings, and a hole between them.
                true => {
                    all.push(Memory {
                        start: RAM,
                        size: (TABLES + 4) * PAGE,
                        writable: true,
                    });
                    all.push(Memory {
                        start: RAM + (TABLES + 6) * PAGE,
                        size: 0x40_0000,
                        writable,
                    });
                }
            }
            all
        },
    )
}

type Words = Vec<(u64, u64, What, u64)>;

fn guest() -> impl Strategy<Value = (Kind, Words, Vec<Memory>)> {
    (
        prop_oneof![Just(Kind::Smmu), Just(Kind::Vtd4), Just(Kind::Vtd5)],
        prop::collection::vec(word(), 1..40),
        memory(),
    )
}

fn write(model: &mut Model, kind: Kind, words: &Words) {
    for &(address, gpa, what, flips) in words {
        model.words.insert(address, kind.entry(gpa, what, flips));
    }
}

/// Addresses at which something may be found: around all combinations of the indices in use are
/// too many, so those at which the shadow begins and ends, and some of the combinations.
fn probes(model: &Model, format: &impl Format, seeds: &[u64]) -> BTreeSet<u64> {
    let mut all = BTreeSet::new();
    let last = format.last();

    for piece in model.pieces.values() {
        all.extend([piece.iova.saturating_sub(1), piece.iova, piece.last()]);
        all.insert(piece.last() + 1);
    }
    for &seed in seeds {
        let mut iova = seed & 0xfff;
        for level in 0..LEVELS_MAX {
            let index = [0, 1, 2, 3, 255, 511][(seed >> (12 + 4 * level)) as usize % 6];
            iova |= index << (12 + 9 * level);
        }
        all.insert(iova & last);
    }
    all.retain(|iova| *iova <= last);
    all
}

/// The shadow is what a naive walk says.
fn agrees(model: &Model, format: &impl Format, seeds: &[u64]) {
    for iova in probes(model, format, seeds) {
        assert_eq!(
            model.shadow(iova),
            model.walk(format, iova),
            "IOVA {iova:#x}"
        );
    }
}

/// More pieces than this and a test takes too long.
const LIMIT: usize = 20_000;

fn refresh_all(model: &mut Model, table: &Table) -> Result<(), Stop<Full>> {
    model.tables = 0;
    refresh(table, 0, u64::MAX, model)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A whole walk makes the shadow what it should be, from whatever it was.
    #[test]
    fn a_whole_walk_agrees(
        (kind, old, memory) in guest(),
        new in prop::collection::vec(word(), 0..10),
        reserved in prop::bool::ANY,
        seeds in prop::collection::vec(any::<u64>(), 60),
    ) {
        let table = kind.table();
        let mut model = Model::new();

        model.limit = LIMIT;
        model.memory = memory;
        if reserved {
            model.reserved = vec![(0x1000, 0x2fff), (0x20_0000, 0x20_0fff)];
        }
        write(&mut model, kind, &old);
        if refresh_all(&mut model, &table).is_ok() {
            agrees(&model, &table, &seeds);
            // Nothing to do: nothing is done.
            model.mapped = 0;
            model.unmapped.clear();
            refresh_all(&mut model, &table).unwrap();
            assert_eq!((model.mapped, model.unmapped.len()), (0, 0));
        }
        write(&mut model, kind, &new);
        if refresh_all(&mut model, &table).is_ok() {
            agrees(&model, &table, &seeds);
        }
    }

    /// What was right stays mapped all the time; what was not asked for stays as it is.
    #[test]
    fn a_range_agrees(
        (kind, old, memory) in guest(),
        new in prop::collection::vec(word(), 0..10),
        seed in any::<u64>(),
        size in prop_oneof![Just(PAGE), Just(8 * PAGE), Just(1u64 << 21), Just(1u64 << 31)],
        seeds in prop::collection::vec(any::<u64>(), 60),
    ) {
        let table = kind.table();
        let mut model = Model::new();

        model.limit = LIMIT;
        model.memory = memory;
        write(&mut model, kind, &old);
        prop_assume!(refresh_all(&mut model, &table).is_ok());
        let before = model.pieces.clone();
        write(&mut model, kind, &new);

        let start = probes(&Model::new(), &table, &[seed])
            .pop_first()
            .unwrap_or(0)
            & !(size - 1);
        model.unmapped.clear();
        model.limit = 2 * LIMIT;
        prop_assume!(refresh(&table, start, start + (size - 1), &mut model).is_ok());

        let mut inside = probes(&model, &table, &seeds);
        inside.extend([start, start + size / 2, start + size - 1]);
        for iova in inside {
            if iova > table.last() {
                continue;
            }
            let asked = start <= iova && iova - start < size;
            let dropped = model
                .unmapped
                .iter()
                .any(|piece| piece.iova <= iova && iova <= piece.last());
            let now = model.shadow(iova);

            // To invalidate any of a leaf is to invalidate it.
            let leaf = before.values().any(|piece| {
                let mask = (1u64 << piece.leaf_bits) - 1;
                let (first, last) = (piece.iova & !mask, piece.iova | mask);

                first <= iova && iova <= last && first < start + size && last >= start
            });

            if asked || dropped || leaf {
                // Nothing stale, and nothing lost that was touched.
                assert_eq!(now, model.walk(&table, iova), "IOVA {iova:#x}");
            } else {
                let old = before
                    .range(..=iova)
                    .next_back()
                    .filter(|(_, piece)| iova <= piece.last())
                    .map(|(_, piece)| (piece.gpa + (iova - piece.iova), piece.access));

                // A leaf that is partly asked for is all there.
                assert!(now == old || now == model.walk(&table, iova), "IOVA {iova:#x}");
            }
        }
        // Each unmapped piece was wrong.
        for piece in &model.unmapped {
            assert_ne!(model.pieces.get(&piece.iova), Some(piece));
        }
    }

    /// What is not mapped any more in the guest's memory is not in the shadow: neither as a page,
    /// nor by way of a table.
    #[test]
    fn memory_that_goes(
        (kind, words, memory) in guest(),
        gone in prop_oneof![0..PAGES, 0..4u64],
        seeds in prop::collection::vec(any::<u64>(), 60),
    ) {
        let table = kind.table();
        let mut model = Model::new();
        let gone = (RAM + gone * PAGE, RAM + gone * PAGE + PAGE - 1);

        model.limit = LIMIT;
        // A page of its own, to be unmapped by itself.
        model.memory = memory
            .into_iter()
            .flat_map(|m| {
                let cut = |start: u64, last: u64| {
                    (start <= last).then(|| Memory {
                        start,
                        size: last - start + 1,
                        ..m
                    })
                };
                if gone.0 < m.start || gone.1 > m.last() {
                    return [Some(m), None, None];
                }
                [
                    cut(m.start, gone.0.wrapping_sub(1)),
                    cut(gone.0, gone.1),
                    cut(gone.1 + 1, m.last()),
                ]
            })
            .flatten()
            .collect();
        write(&mut model, kind, &words);
        let _ = refresh_all(&mut model, &table);
        let whole = model.memory.clone();
        model.memory.retain(|m| m.start != gone.0);
        let result = refresh_all(&mut model, &table);

        for piece in model.pieces.values() {
            assert!(piece.gpa > gone.1 || piece.gpa + (piece.size - 1) < gone.0);
            assert_eq!(
                model.walk(&table, piece.iova),
                Some((piece.gpa, piece.access))
            );
        }
        if result.is_ok() {
            agrees(&model, &table, &seeds);
            model.memory = whole;
            if refresh_all(&mut model, &table).is_ok() {
                agrees(&model, &table, &seeds);
            }
        }
    }

    /// When there is no room, what is left is right as far as it goes.
    #[test]
    fn no_room(
        (kind, old, memory) in guest(),
        new in prop::collection::vec(word(), 0..10),
        limit in 0..20usize,
    ) {
        let table = kind.table();
        let mut model = Model::new();

        model.limit = LIMIT;
        model.memory = memory;
        write(&mut model, kind, &old);
        let _ = refresh_all(&mut model, &table);
        write(&mut model, kind, &new);
        model.limit = limit;
        let result = refresh_all(&mut model, &table);

        assert!(model.tables <= TABLES_MAX);
        assert!(result != Ok(()) || model.pieces.len() <= LIMIT);
        for piece in model.pieces.values() {
            assert_eq!(
                model.walk(&table, piece.iova),
                Some((piece.gpa, piece.access))
            );
        }
    }

    /// Tables that change while they are walked: no crash, no end of time, and once they are
    /// steady the shadow is right.
    #[test]
    fn unsteady_tables(
        (kind, words, memory) in guest(),
        changes in prop::collection::vec(word(), 0..40),
        ranges in prop::collection::vec((any::<u64>(), 0..0x100_0000u64), 1..5),
        seeds in prop::collection::vec(any::<u64>(), 60),
    ) {
        let table = kind.table();
        let mut model = Model::new();

        model.limit = LIMIT;
        model.memory = memory;
        write(&mut model, kind, &words);
        for &(address, gpa, what, flips) in &changes {
            model
                .unsteady
                .entry(address)
                .or_default()
                .push(kind.entry(gpa, what, flips));
        }
        for (start, size) in ranges {
            let start = start & table.last();

            let _ = refresh(&table, start, start.saturating_add(size), &mut model);
        }
        model.unsteady.clear();
        if refresh_all(&mut model, &table).is_ok() {
            agrees(&model, &table, &seeds);
        }
    }
}

/// Each table leads to the next 512 times, and the last holds nothing.
#[test]
fn a_maze_has_an_end() {
    for kind in [Kind::Smmu, Kind::Vtd4] {
        let table = kind.table();
        let mut model = Model::new();

        model.memory = vec![Memory {
            start: RAM,
            size: PAGES * PAGE,
            writable: true,
        }];
        for level in 1..table.levels() as u64 {
            for index in 0..512 {
                let address = RAM + (level - 1) * PAGE + index * 8;
                let next = kind.entry(RAM + level * PAGE, What::Table, 0);

                model.words.insert(address, next);
            }
        }
        assert_eq!(refresh_all(&mut model, &table), Err(Stop::TooManyTables));
        assert!(model.tables <= TABLES_MAX);
        assert!(model.pieces.is_empty());
    }
}

/// A table that is its own table at every level, and its own pages.
#[test]
fn a_table_that_is_everything() {
    for kind in [Kind::Smmu, Kind::Vtd4, Kind::Vtd5] {
        let table = kind.table();
        let mut model = Model::new();

        model.limit = 1000;
        model.memory = vec![Memory {
            start: RAM,
            size: PAGE,
            writable: true,
        }];
        for index in 0..512 {
            // Table and page in one.
            let entry = kind.entry(RAM, What::Page, 0);

            model.words.insert(RAM + index * 8, entry);
        }
        assert_eq!(refresh_all(&mut model, &table), Err(Stop::Host(Full)));
        assert_eq!(model.pieces.len(), 1000);
    }
}
