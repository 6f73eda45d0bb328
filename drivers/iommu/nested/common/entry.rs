// SPDX-License-Identifier: GPL-2.0

//! Hitless updates of table entries that hardware reads at any time.
//!
//! An entry is N 64-bit words. Software can store one word at a time; hardware reads the words one
//! by one, in any order, whenever it likes, and caches what it read until it is told not to. The
//! writer moves an entry from one configuration to another such that hardware sees the old or the
//! new one at all times, where that is possible, and an invalid entry in between where it is not.
//!
//! # The model
//!
//! Call the time between two [`Slot::sync`] calls a *phase*. Each 64-bit store is atomic. A copy of
//! the entry that hardware acts on in a phase may hold, word by word, any value that the word had
//! since the beginning of the phase: nothing older, because the sync that ended the phase before
//! waited for such copies to be gone, but old and new words in any *mix*.
//!
//! [`Layout::used`] says which bits the hardware looks at. It obeys two laws:
//!
//! 1. *Closure*: what is used is decided by used bits. If `a` and `b` agree on `used(a)` then
//!    `used(b) == used(a)`. (The valid bit and the mode select what else is read.)
//! 2. *Relaxed bits decide nothing*: flipping bits of [`Layout::relaxed`] does not change `used`.
//!
//! Two entries that agree on the used bits of either are *read the same*; relaxed bits aside, they
//! are *read alike*. The claim is: **every mix in every phase is read like the old entry, or like
//! the new entry, or is invalid**; and it is invalid only if an end is or if the transition is
//! reported as [`Transition::Disruptive`]. Hardware can in particular never see a mode (bypass!)
//! that is neither the old nor the new one.
//!
//! # The algorithm, and why the claim holds
//!
//! Bits that the new entry does not use keep what they have: to clean them would cost a sync, and
//! the next change may want them as they are. Let `goal` be the old entry with the bits that the
//! new one uses replaced by the new one's, and `fill` the old entry with every bit it does not use
//! replaced by `goal`'s. By the laws `goal` is read like `new`. Call a word *critical* if `fill`
//! and `goal` differ in it other than on relaxed bits.
//!
//! - **No critical word.** `fill` is read like `goal` and, having only changed unused bits, like
//!   `old`; by the laws both use the same bits, so all words of `goal` can be stored in *one
//!   phase*: any mix of `old` and `goal` agrees with both on all used bits but the relaxed ones.
//! - **One critical word.** Two phases.
//!   *Fill*: store the other words of `goal`. They differ from `old` in bits that it does not use
//!   and in relaxed ones, so any mix is read like `old`.
//!   *Switch*: store the critical word. There are two mixes: the one before, read like `old`; and
//!   the one after, which is `goal`.
//! - **More critical words.** No order of stores avoids an entry that is a blend of both, so the
//!   entry is made invalid first. *Break*: clear the valid bit; a mix is `old` or invalid. *Make*:
//!   store all words but the first; every mix is invalid. *Switch*: store the first word; a mix is
//!   invalid, or complete.
//!
//! A phase that has nothing to store is skipped with its sync, so an update takes one or two syncs,
//! and one that changes back to what was there before takes one. No phase can be merged with the
//! next: *fill* and *switch* together would let hardware mix the switched word with words not yet
//! filled, and so on.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
pub(crate) mod inspect;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

/// The hardware's view of an entry of N 64-bit words.
///
/// A bit that is claimed used though hardware ignores it can only make a transition disruptive; a
/// used bit that is left out breaks the hitless guarantee.
pub(crate) trait Layout<const N: usize> {
    /// The valid bit, in word 0. An entry without it is ignored as a whole.
    const VALID: u64;

    /// The bits that hardware reads in `entry`, given its contents. See the laws above.
    fn used(entry: &[u64; N]) -> [u64; N];

    /// Bits that may have their old or their new value at any time of the transition from `cur` to
    /// `new` without harm. Only those in use before and after are considered.
    fn relaxed(cur: &[u64; N], new: &[u64; N]) -> [u64; N];
}

/// One entry in memory which hardware reads.
pub(crate) trait Slot<const N: usize> {
    /// Reads word `i` of the entry as software last stored it.
    fn load(&self, i: usize) -> u64;

    /// Stores word `i` with one single 64-bit store.
    ///
    /// Memory that the entry points to must be visible to hardware before the store is.
    fn store(&mut self, i: usize, value: u64);

    /// Makes all stores so far visible to hardware and waits until hardware neither caches nor
    /// uses an older copy of any word.
    fn sync(&mut self);
}

/// How [`write()`] got from the old entry to the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The entry was read like the new one already; nothing was stored.
    Unchanged,
    /// Hardware saw the old or the new entry at all times.
    Hitless,
    /// Hardware may have seen an invalid entry in between.
    Disruptive,
}

/// Changes the entry in `slot` to one that is read like `new`, hitless if possible.
///
/// The caller is the only writer of the entry for the time of the call.
pub(crate) fn write<L: Layout<N>, S: Slot<N>, const N: usize>(
    slot: &mut S,
    new: &[u64; N],
) -> Transition {
    let old: [u64; N] = core::array::from_fn(|i| slot.load(i));
    let (old_used, new_used, relaxed) = (L::used(&old), L::used(new), L::relaxed(&old, new));
    let goal: [u64; N] = core::array::from_fn(|i| blend(old[i], new[i], new_used[i]));
    let changed = Words::of::<N>(|i| goal[i] != old[i]);

    if changed.is_empty() {
        return Transition::Unchanged;
    }

    let critical = match changed.is_single() {
        // One store: the only phase, whether that is of a critical word or of no critical word.
        true => Words::NONE,
        false => Words::of::<N>(|i| {
            (old[i] ^ goal[i]) & old_used[i] & !(relaxed[i] & new_used[i]) != 0 //
        }),
    };

    if critical.is_empty() {
        phase(slot, changed, &goal);
        return Transition::Hitless;
    }
    if critical.is_single() {
        phase(slot, changed.without(critical), &goal);
        phase(slot, critical, &goal);
        return Transition::Hitless;
    }

    let mut broken = old;

    broken[0] &= !L::VALID;
    // Both entries are valid: one that is not uses nothing but its first word.
    phase(slot, Words::FIRST, &broken);
    phase(slot, changed.without(Words::FIRST), &goal);
    phase(slot, Words::FIRST, &goal);
    Transition::Disruptive
}

/// The bits of `b` where `mask` is set, those of `a` elsewhere.
fn blend(a: u64, b: u64, mask: u64) -> u64 {
    (a & !mask) | (b & mask)
}

/// Some words of an entry: a bit for each.
#[derive(Clone, Copy)]
struct Words(u32);

impl Words {
    const NONE: Self = Self(0);
    /// The one with the valid bit.
    const FIRST: Self = Self(1);

    /// Those of N words whose index `is_meant`.
    #[inline]
    fn of<const N: usize>(is_meant: impl Fn(usize) -> bool) -> Self {
        const { assert!(N <= u32::BITS as usize) };

        Self((0..N).fold(0, |words, i| words | u32::from(is_meant(i)) << i))
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn without_lowest(self) -> Self {
        Self(self.0 & self.0.wrapping_sub(1))
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn is_single(self) -> bool {
        !self.is_empty() && self.without_lowest().is_empty()
    }
}

/// One phase: stores `words` of `entry`, and syncs if there are any.
#[inline]
fn phase<S: Slot<N>, const N: usize>(slot: &mut S, words: Words, entry: &[u64; N]) {
    let mut left = words;

    if left.is_empty() {
        return;
    }
    while !left.is_empty() {
        // CAST: Less than the number of bits.
        let i = left.0.trailing_zeros() as usize;

        slot.store(i, entry[i]);
        left = left.without_lowest();
    }
    slot.sync();
}
