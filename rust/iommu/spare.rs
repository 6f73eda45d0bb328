// SPDX-License-Identifier: GPL-2.0

//! Memory kept for the next of its kind.

use core::{
    mem::MaybeUninit,
    ptr, //
};
use kernel::{
    alloc::{
        AllocError,
        Flags, //
    },
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full, //
    },
};

/// The memory of at most one `T` that is no longer needed: for objects that replace each other.
///
/// # Invariants
///
/// The pointer is null or that of a box, which belongs to whoever takes it out.
pub(super) struct Spare<T>(Atomic<*mut MaybeUninit<T>>);

impl<T> Spare<T> {
    /// None, so far.
    pub(super) const fn new() -> Self {
        // INVARIANT: Null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// A box for `value`: the spare one, or a new one.
    pub(super) fn fill(&self, value: T, flags: Flags) -> Result<KBox<T>, AllocError> {
        // Acquire: what was in it was dropped before.
        let spare = self.0.xchg(ptr::null_mut(), Acquire);

        if spare.is_null() {
            return KBox::new(value, flags);
        }
        // SAFETY: Not null, hence a box, which now belongs to this function.
        Ok(unsafe { KBox::from_raw(spare) }.write(value))
    }

    /// Drops what is in `used` and keeps its memory.
    pub(super) fn keep(&self, used: KBox<T>) {
        let spare = KBox::into_raw(KBox::drop_contents(used));

        // INVARIANT: A box that nobody else has.
        // Full: a release of the new one and an acquire of the old one.
        self.free(self.0.xchg(spare, Full));
    }

    fn free(&self, spare: *mut MaybeUninit<T>) {
        if !spare.is_null() {
            // SAFETY: Not null, hence a box, which was taken out.
            drop(unsafe { KBox::from_raw(spare) });
        }
    }
}

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        self.free(self.0.xchg(ptr::null_mut(), Acquire));
    }
}
