// SPDX-License-Identifier: GPL-2.0

//! Mutexes that are there before any code runs.

use super::bindings;
use core::cell::UnsafeCell;
use kernel::sync::Mutex;

/// A mutex in a `static`, and what it guards.
///
/// The compiler of C initialises it (`DEFINE_MUTEX()`): unlike a global lock of the kernel crate it
/// needs no call before its first use. What is in it when a module goes is not dropped.
///
/// # Invariants
///
/// `mutex` is initialised, and valid for as long as this is.
pub(crate) struct StaticMutex<T> {
    mutex: *mut bindings::mutex,
    data: UnsafeCell<T>,
}

// SAFETY: The mutex is any thread's, and `data` is only accessed by the one that holds it.
unsafe impl<T: Send> Sync for StaticMutex<T> {}

impl<T> StaticMutex<T> {
    /// A mutex that guards `data`.
    ///
    /// # Safety
    ///
    /// `mutex` must be initialised, and valid for as long as the result is. It may guard more than
    /// this: who holds it can't reach that then.
    pub(crate) const unsafe fn new(mutex: *mut bindings::mutex, data: T) -> Self {
        // INVARIANT: By this function's requirement.
        Self {
            mutex,
            data: UnsafeCell::new(data),
        }
    }

    /// Runs `f` on what is guarded. May sleep; `f` can't take the mutex again.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: By the type's invariant.
        let mutex: &Mutex<()> = unsafe { Mutex::from_raw(self.mutex) };
        let _held = mutex.lock();

        // SAFETY: This thread holds the mutex, and took it just now, so that there is no other
        // reference: a mutex that is held already is waited for, for ever if by the same thread.
        f(unsafe { &mut *self.data.get() })
    }
}
