// SPDX-License-Identifier: GPL-2.0

//! Atomics, and waiting for other CPUs, for logic that also runs on the host, where `cargo test`
//! model-checks it: there this module is another one, with the same items.

pub(crate) use kernel::{
    processor::cpu_relax as relax,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    }, //
};

use kernel::time::{
    delay::udelay,
    Delta, //
};

/// The longest pause, in microseconds.
const PAUSE_MAX: u32 = 16;

/// How to wait, in any context, for what is about to happen: eagerly first, then with pauses that
/// double from a microsecond on. A CPU may sleep in a pause, and leaves the processor to others if
/// it is a virtual one.
pub(crate) struct Backoff {
    eager: u32,
    /// In microseconds.
    pause: u32,
}

impl Backoff {
    /// The first `eager` looks are made without a pause.
    #[inline]
    pub(crate) const fn new(eager: u32) -> Self {
        Self { eager, pause: 1 }
    }

    /// To be called between two looks.
    #[inline]
    pub(crate) fn wait(&mut self) {
        if self.eager != 0 {
            self.eager -= 1;
            relax();
        } else {
            self.pause();
        }
    }

    #[cold]
    fn pause(&mut self) {
        udelay(Delta::from_micros(self.pause.into()));
        self.pause = (2 * self.pause).min(PAUSE_MAX);
    }
}
