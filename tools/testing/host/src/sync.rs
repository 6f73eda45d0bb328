// SPDX-License-Identifier: GPL-2.0

//! What the module's `sync` has, out of the standard library, or out of loom for its models.
//!
//! The kernel names orderings by type and has only those that make sense; so do these.

// Here a claim may be preempted.
#[cfg(not(loom))]
pub(crate) use std::thread::yield_now as relax;

#[cfg(loom)]
pub(crate) use loom::thread::yield_now as relax;

#[cfg(loom)]
use loom::sync::atomic;
#[cfg(not(loom))]
use std::sync::atomic;

use std::marker::PhantomData;

/// How to wait for another thread.
pub(crate) struct Backoff;

impl Backoff {
    pub(crate) const fn new(_eager: u32) -> Self {
        Self
    }

    pub(crate) fn wait(&mut self) {
        relax();
    }
}

/// Nothing but atomicity.
pub(crate) struct Relaxed;
/// Comes before what follows.
pub(crate) struct Acquire;
/// Comes after what precedes.
pub(crate) struct Release;

/// An ordering of the standard library's.
pub(crate) trait Ordering {
    const STD: atomic::Ordering;
}

impl Ordering for Relaxed {
    const STD: atomic::Ordering = atomic::Ordering::Relaxed;
}

impl Ordering for Acquire {
    const STD: atomic::Ordering = atomic::Ordering::Acquire;
}

impl Ordering for Release {
    const STD: atomic::Ordering = atomic::Ordering::Release;
}

/// An atomic integer.
pub(crate) struct Atomic<T>(atomic::AtomicU64, PhantomData<T>);

impl Atomic<u64> {
    #[cfg(not(loom))]
    pub(crate) const fn new(value: u64) -> Self {
        Self(atomic::AtomicU64::new(value), PhantomData)
    }

    #[cfg(loom)]
    pub(crate) fn new(value: u64) -> Self {
        Self(atomic::AtomicU64::new(value), PhantomData)
    }

    pub(crate) fn load<O: Ordering>(&self, _: O) -> u64 {
        self.0.load(O::STD)
    }

    pub(crate) fn store<O: Ordering>(&self, value: u64, _: O) {
        self.0.store(value, O::STD);
    }

    /// A failed exchange has no ordering, as in the kernel.
    pub(crate) fn cmpxchg<O: Ordering>(&self, old: u64, new: u64, _: O) -> Result<u64, u64> {
        self.0
            .compare_exchange(old, new, O::STD, atomic::Ordering::Relaxed)
    }

    pub(crate) fn fetch_add<O: Ordering>(&self, value: u64, _: O) -> u64 {
        self.0.fetch_add(value, O::STD)
    }

    pub(crate) fn fetch_sub<O: Ordering>(&self, value: u64, _: O) -> u64 {
        self.0.fetch_sub(value, O::STD)
    }
}
