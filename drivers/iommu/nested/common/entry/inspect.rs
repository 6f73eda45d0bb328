// SPDX-License-Identifier: GPL-2.0

//! A slot that sees what hardware could see.

use core::marker::PhantomData;

use super::{
    write,
    Layout,
    Slot,
    Transition, //
};

/// What [`observe`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What the writer says.
    pub(crate) transition: Transition,
    /// How often the writer synced.
    pub(crate) syncs: u32,
    /// Hardware could have seen an invalid entry.
    pub(crate) saw_invalid: bool,
    /// Whatever hardware could have seen is like the old entry, like the new one, or invalid.
    pub(crate) sound: bool,
    /// The entry agrees with the new one in all that this uses, and hardware knows.
    pub(crate) complete: bool,
}

/// Memory of one entry, and what hardware may hold of it in the current phase.
struct Inspector<L, F, const N: usize> {
    old: [u64; N],
    new: [u64; N],
    /// The entry at the beginning of the phase.
    begin: [u64; N],
    now: [u64; N],
    /// Which words were stored in this phase.
    stored: [bool; N],
    syncs: u32,
    saw_invalid: bool,
    sound: bool,
    permitted: F,
    layout: PhantomData<L>,
}

impl<L: Layout<N>, F: FnMut(&[u64; N]) -> bool, const N: usize> Inspector<L, F, N> {
    /// Whether hardware takes `entry` for `end`, relaxed bits aside.
    fn reads_like(&self, entry: &[u64; N], end: &[u64; N]) -> bool {
        let relaxed = L::relaxed(&self.old, &self.new);
        let both = [L::used(&self.old), L::used(&self.new)];
        let used = L::used(end);

        used == L::used(entry)
            && (0..N).all(|i| {
                let relaxed = relaxed[i] & both[0][i] & both[1][i];
                (entry[i] ^ end[i]) & used[i] & !relaxed == 0
            })
    }

    /// Looks at one entry that hardware may have put together.
    fn inspect(&mut self, entry: &[u64; N]) {
        if entry[0] & L::VALID == 0 {
            self.saw_invalid = true;
        } else {
            self.sound &= self.reads_like(entry, &self.old) || self.reads_like(entry, &self.new);
        }
        self.sound &= (self.permitted)(entry);
    }

    /// Looks at every mix of old and new words of the phase. That includes all that was possible
    /// earlier in the phase, when fewer words had changed.
    fn inspect_phase(&mut self) {
        for choice in 0..1u32 << N {
            let is_new = |i: usize| choice & (1 << i) != 0;

            if (0..N).all(|i| self.stored[i] || !is_new(i)) {
                let mix = core::array::from_fn(|i| {
                    if is_new(i) {
                        self.now[i]
                    } else {
                        self.begin[i]
                    }
                });
                self.inspect(&mix);
            }
        }
    }
}

impl<L: Layout<N>, F: FnMut(&[u64; N]) -> bool, const N: usize> Slot<N> for Inspector<L, F, N> {
    fn load(&self, i: usize) -> u64 {
        self.now[i]
    }

    fn store(&mut self, i: usize, value: u64) {
        // A second store would need a third value in the mix.
        self.sound &= !self.stored[i];
        self.stored[i] = true;
        self.now[i] = value;
    }

    fn sync(&mut self) {
        self.inspect_phase();
        self.syncs += 1;
        self.begin = self.now;
        self.stored = [false; N];
    }
}

/// Has [`write()`] change `old` to `new` and looks at all that hardware could see on the way.
///
/// `permitted` is asked about every such entry; a no makes the outcome unsound.
pub(crate) fn observe<L: Layout<N>, const N: usize>(
    old: &[u64; N],
    new: &[u64; N],
    permitted: impl FnMut(&[u64; N]) -> bool,
) -> Outcome {
    let mut slot = Inspector::<L, _, N> {
        old: *old,
        new: *new,
        begin: *old,
        now: *old,
        stored: [false; N],
        syncs: 0,
        saw_invalid: false,
        sound: true,
        permitted,
        layout: PhantomData,
    };
    slot.inspect_phase();
    let transition = write::<L, _, N>(&mut slot, new);
    let used = L::used(new);
    let agrees = |entry: &[u64; N]| (0..N).all(|i| (entry[i] ^ new[i]) & used[i] == 0);

    Outcome {
        transition,
        syncs: slot.syncs,
        saw_invalid: slot.saw_invalid,
        sound: slot.sound,
        complete: agrees(&slot.now) && slot.begin == slot.now,
    }
}

/// Whether the states, as far as there are any, differ from each other, and hold nothing that
/// hardware does not look at.
pub(crate) fn all_differ_and_are_used<L: Layout<N>, const N: usize>(
    states: usize,
    state: impl Fn(usize) -> Option<[u64; N]>,
) -> bool {
    (0..states).all(|i| {
        state(i).is_some_and(|words| {
            let used = L::used(&words);

            (0..i).all(|j| state(j) != Some(words)) && (0..N).all(|w| words[w] & !used[w] == 0)
        })
    })
}

impl Outcome {
    /// The number of syncs of a right change from `old` to `new` that hardware does not notice, or
    /// none.
    pub(crate) fn hitless<L: Layout<N>, const N: usize>(
        &self,
        old: &[u64; N],
        new: &[u64; N],
    ) -> Option<u32> {
        (self.is_right::<L, N>(old, new) && !self.saw_invalid).then_some(self.syncs)
    }

    /// Whether the writer kept its promises about a change from `old` to `new`.
    pub(crate) fn is_right<L: Layout<N>, const N: usize>(
        &self,
        old: &[u64; N],
        new: &[u64; N],
    ) -> bool {
        let end_invalid = (old[0] & new[0]) & L::VALID == 0;
        let used = L::used(new);
        let same = (0..N).all(|i| (old[i] ^ new[i]) & used[i] == 0);

        self.complete
            && self.sound
            && (self.transition == Transition::Unchanged) == same
            && (!self.saw_invalid || end_invalid || self.transition == Transition::Disruptive)
            && self.syncs
                <= if self.transition == Transition::Disruptive {
                    3
                } else {
                    2
                }
    }
}
