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
//! Let `fill` be the old entry with every bit it does not use replaced by the new entry's, and call
//! a word *critical* if `fill` and `new` differ in it on a used, not relaxed bit of `new`.
//!
//! - **No critical word.** `fill` is read like `new` and, having only changed unused bits, like
//!   `old`; by the laws both use the same bits, so all words of `new` can be stored in *one phase*:
//!   any mix of `old` and `new` agrees with both on all used bits but the relaxed ones.
//! - **One critical word.** Three phases.
//!   *Fill*: store the other words of `fill`. Any mix agrees with `old` on `used(old)`, so it is
//!   read like `old`.
//!   *Switch*: store the critical word of `new`. There are two mixes: the one before, read like
//!   `old`; and the one after, which agrees with `new` on `used(new)` in the critical word (it is
//!   `new`'s) and in all others (they are not critical), so it is read like `new`.
//!   *Clean*: store the other words of `new`. Any mix agrees with `new` on `used(new)`.
//! - **More critical words.** No order of stores avoids an entry that is a blend of both, so the
//!   entry is made invalid first. *Break*: clear the valid bit; a mix is `old` or invalid. *Make*:
//!   store all words but the first; every mix is invalid. *Switch*: store the first word; a mix is
//!   invalid, or complete.
//!
//! A phase that has nothing to store is skipped with its sync, so most updates take one or two
//! syncs. No phase can be merged with the next: *fill* and *switch* together would let hardware mix
//! the switched word with words not yet filled, and so on. Relaxed bits may change in any phase;
//! they travel with a phase that stores anyway (*fill* if there is one, else *clean*), which is why
//! they do not cost a sync unless they are all there is.

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
    /// The entry was the new one already; nothing was stored.
    Unchanged,
    /// Hardware saw the old or the new entry at all times.
    Hitless,
    /// Hardware may have seen an invalid entry in between.
    Disruptive,
}

/// Changes the entry in `slot` to `new`, hitless if possible.
///
/// The caller is the only writer of the entry for the time of the call.
pub(crate) fn write<L: Layout<N>, S: Slot<N>, const N: usize>(
    slot: &mut S,
    new: &[u64; N],
) -> Transition {
    let cur: [u64; N] = core::array::from_fn(|i| slot.load(i));
    if cur == *new {
        return Transition::Unchanged;
    }

    let (cur_used, new_used) = (L::used(&cur), L::used(new));
    let relaxed = L::relaxed(&cur, new);
    let relaxed: [u64; N] = core::array::from_fn(|i| relaxed[i] & cur_used[i] & new_used[i]);
    let fill: [u64; N] = core::array::from_fn(|i| blend(new[i], cur[i], cur_used[i]));
    let is_critical = |i: usize| (fill[i] ^ new[i]) & new_used[i] & !relaxed[i] != 0;

    match (0..N).filter(|&i| is_critical(i)).count() {
        0 => {
            store(slot, 0..N, |i| new[i]);
            Transition::Hitless
        }
        1 => {
            let others = || (0..N).filter(|&i| !is_critical(i));

            if others().any(|i| fill[i] != cur[i]) {
                store(slot, others(), |i| blend(new[i], fill[i], !relaxed[i]));
            }
            store(slot, (0..N).filter(|&i| is_critical(i)), |i| new[i]);
            store(slot, others(), |i| new[i]);
            Transition::Hitless
        }
        _ => {
            store(slot, 0..1, |_| cur[0] & !L::VALID);
            store(slot, 1..N, |i| new[i]);
            store(slot, 0..1, |i| new[i]);
            Transition::Disruptive
        }
    }
}

/// The bits of `b` where `mask` is set, those of `a` elsewhere.
fn blend(a: u64, b: u64, mask: u64) -> u64 {
    (a & !mask) | (b & mask)
}

/// One phase: stores those of `words` that differ from what is there, and syncs if any did.
fn store<S: Slot<N>, const N: usize>(
    slot: &mut S,
    words: impl Iterator<Item = usize>,
    value: impl Fn(usize) -> u64,
) {
    let mut stored = false;

    for i in words {
        let value = value(i);
        if slot.load(i) != value {
            slot.store(i, value);
            stored = true;
        }
    }
    if stored {
        slot.sync();
    }
}
