// SPDX-License-Identifier: GPL-2.0

//! Use of something until it is taken away.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Completion, //
    },
};

/// In the state: nobody is let in any more.
const CLOSED: u32 = 1;

/// In the state: one who is inside.
const INSIDE: u32 = 2;

/// Lets any number of threads in, which may sleep inside, until it is closed.
#[pin_data]
pub(super) struct Gate {
    state: Atomic<u32>,
    #[pin]
    empty: Completion,
}

impl Gate {
    /// An open gate.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state: Atomic::new(0),
            empty <- Completion::new(),
        })
    }

    /// Enters, unless the gate is closed. Who holds the result is inside.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        // Acquire: what follows is not done before it is known that the gate is open.
        let before = self.state.fetch_add(INSIDE, Acquire);
        // Leaves again if it is not returned.
        let inside = Inside(self);

        (before & CLOSED == 0).then_some(inside)
    }

    /// Closes the gate and waits until nobody is inside. Once. May sleep.
    pub(super) fn close(&self) {
        // Acquire: what those did who have left comes before what follows. Release: they that see
        // it closed see what preceded.
        if self.state.fetch_add(CLOSED, Full) >= INSIDE {
            self.empty.wait_for_completion();
        }
    }
}

/// Somebody inside of a [`Gate`].
pub(super) struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Release: what was done inside comes before the gate's owner goes on.
        if self.0.state.fetch_sub(INSIDE, Release) == INSIDE + CLOSED {
            self.0.empty.complete_all();
        }
    }
}
