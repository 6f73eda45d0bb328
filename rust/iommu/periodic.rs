// SPDX-License-Identifier: GPL-2.0

//! Something that is done again and again.

use super::bindings;
use core::{
    marker::PhantomPinned,
    pin::Pin, //
};
use kernel::{
    container_of,
    prelude::*,
    types::Opaque, //
};

/// What is done.
pub trait Task: Send + Sync + 'static {
    /// Does it. May sleep.
    fn run(&self);
}

/// A [`Task`] that runs in a workqueue, with pauses, until this is dropped.
///
/// # Invariants
///
/// The work has been initialised for `T`.
pub struct Periodic<T: Task>(Pin<KBox<Inner<T>>>);

/// The work, and what it is for.
struct Inner<T> {
    work: Opaque<bindings::delayed_work>,
    pause_ms: u32,
    task: T,
    _pin: PhantomPinned,
}

// SAFETY: The work may be queued and cancelled by any thread; the task is `Send` and `Sync`.
unsafe impl<T: Task> Send for Periodic<T> {}
// SAFETY: As above; a shared reference gives access to nothing.
unsafe impl<T: Task> Sync for Periodic<T> {}

impl<T: Task> Periodic<T> {
    /// Runs `task` every `pause_ms` milliseconds, the first time after as many.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(pause_ms: u32, task: T) -> Result<Self> {
        let inner = KBox::pin(
            Inner {
                work: Opaque::zeroed(),
                pause_ms,
                task,
                _pin: PhantomPinned,
            },
            GFP_KERNEL,
        )?;

        // SAFETY: The work is pinned, and cancelled before it is freed. `run` is for a work that is
        // the member of an `Inner<T>`. INVARIANT: As just initialised.
        unsafe {
            bindings::rust_helper_delayed_work_init(inner.work.get(), Some(Self::run));
            bindings::rust_helper_delayed_work_queue(inner.work.get(), pause_ms);
        }
        Ok(Self(inner))
    }

    extern "C" fn run(work: *mut bindings::work_struct) {
        // SAFETY: Called with the work that `new()` initialised, which is not freed before it was
        // cancelled: not while this runs.
        unsafe {
            let work = container_of!(work, bindings::delayed_work, work);
            let inner = &*container_of!(Opaque::cast_from(work), Inner<T>, work);

            inner.task.run();
            bindings::rust_helper_delayed_work_queue(work, inner.pause_ms);
        }
    }
}

impl<T: Task> Drop for Periodic<T> {
    fn drop(&mut self) {
        // SAFETY: Initialised, by the type's invariant. Afterwards it neither runs nor is queued,
        // though it queues itself.
        unsafe { bindings::cancel_delayed_work_sync(self.0.work.get()) };
    }
}
