// SPDX-License-Identifier: GPL-2.0

//! The laws of the entry layouts, and the entry writer, on entries that nobody has thought of.

use crate::{
    common::entry::{
        inspect::observe,
        Layout,
        Transition, //
    },
    smmu_v3::arch::{
        cd::CdLayout,
        ste::SteLayout, //
    },
    vtd::arch::{
        context::ContextLayout,
        pasid::PasidLayout, //
    },
};
use proptest::prelude::*;

type Entry = [u64; 8];

/// Entries that are mostly valid, with a few bits set or a few bits clear.
fn entry() -> impl Strategy<Value = Entry> {
    let word = prop_oneof![
        any::<u64>(),
        Just(0),
        (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b),
    ];

    // Bits 0 and 31 are V of an STE and of a CD; bit 0 is P of what VT-d has.
    (prop::array::uniform8(word), prop::bool::weighted(0.9)).prop_map(|(mut entry, valid)| {
        let v = 1 | 1 << 31;

        entry[0] = if valid { entry[0] | v } else { entry[0] & !v };
        entry
    })
}

/// Two entries that differ in a few bits.
fn neighbours() -> impl Strategy<Value = (Entry, Entry)> {
    let flips = prop::collection::vec((0..8usize, 0..64u32), 0..6);

    (entry(), flips).prop_map(|(old, flips)| {
        let mut new = old;

        for (word, bit) in flips {
            new[word] ^= 1 << bit;
        }
        (old, new)
    })
}

fn pair() -> impl Strategy<Value = (Entry, Entry)> {
    prop_oneof![(entry(), entry()), neighbours()]
}

/// The first N words.
fn first<const N: usize>(entry: &Entry) -> [u64; N] {
    std::array::from_fn(|i| entry[i])
}

/// What is used is decided by used bits.
fn closure<L: Layout<N>, const N: usize>(entry: &Entry, noise: &Entry) {
    let entry = first(entry);
    let used = L::used(&entry);
    let other = std::array::from_fn(|i| (entry[i] & used[i]) | (noise[i] & !used[i]));

    assert_eq!(L::used(&other), used);
}

/// Relaxed bits decide nothing.
fn relaxed<L: Layout<N>, const N: usize>(old: &Entry, new: &Entry, noise: &Entry) {
    let (old, new) = (first(old), first(new));
    let relaxed = L::relaxed(&old, &new);

    for entry in [old, new] {
        let other = std::array::from_fn(|i| entry[i] ^ (noise[i] & relaxed[i]));

        assert_eq!(L::used(&other), L::used(&entry));
    }
    assert_eq!(L::relaxed(&new, &old), relaxed);
}

/// The writer keeps its promises, and disrupts only where it must.
fn writer<L: Layout<N>, const N: usize>(old: &Entry, new: &Entry) {
    let (old, new) = (first(old), first(new));
    let outcome = observe::<L, N>(&old, &new, |_| true);
    let (was, is, relaxed) = (L::used(&old), L::used(&new), L::relaxed(&old, &new));
    let stuck = (0..N)
        .filter(|&i| (old[i] ^ new[i]) & was[i] & is[i] & !relaxed[i] != 0)
        .count();

    assert!(outcome.is_right::<L, N>(&old, &new), "{outcome:?}");
    assert_eq!(outcome.transition == Transition::Disruptive, stuck > 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn ste_closure(entry in entry(), noise: Entry) {
        closure::<SteLayout, 8>(&entry, &noise);
    }

    #[test]
    fn ste_relaxed((old, new) in pair(), noise: Entry) {
        relaxed::<SteLayout, 8>(&old, &new, &noise);
    }

    #[test]
    fn ste_writer((old, new) in pair()) {
        writer::<SteLayout, 8>(&old, &new);
    }

    #[test]
    fn cd_closure(entry in entry(), noise: Entry) {
        closure::<CdLayout, 8>(&entry, &noise);
    }

    #[test]
    fn cd_relaxed((old, new) in pair(), noise: Entry) {
        relaxed::<CdLayout, 8>(&old, &new, &noise);
    }

    #[test]
    fn cd_writer((old, new) in pair()) {
        writer::<CdLayout, 8>(&old, &new);
    }

    #[test]
    fn pasid_closure(entry in entry(), noise: Entry) {
        closure::<PasidLayout, 8>(&entry, &noise);
    }

    #[test]
    fn pasid_relaxed((old, new) in pair(), noise: Entry) {
        relaxed::<PasidLayout, 8>(&old, &new, &noise);
    }

    #[test]
    fn pasid_writer((old, new) in pair()) {
        writer::<PasidLayout, 8>(&old, &new);
    }

    #[test]
    fn context_closure(entry in entry(), noise: Entry) {
        closure::<ContextLayout, 4>(&entry, &noise);
    }

    #[test]
    fn context_relaxed((old, new) in pair(), noise: Entry) {
        relaxed::<ContextLayout, 4>(&old, &new, &noise);
    }

    #[test]
    fn context_writer((old, new) in pair()) {
        writer::<ContextLayout, 4>(&old, &new);
    }
}
