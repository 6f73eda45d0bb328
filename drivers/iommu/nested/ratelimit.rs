// SPDX-License-Identifier: GPL-2.0

//! Rate limiting of log messages whose number is up to a device or a guest.

use kernel::{
    device::Device,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// Length of a window in milliseconds, the kernel's `DEFAULT_RATELIMIT_INTERVAL`.
const WINDOW_MS: i64 = 5_000;

/// Messages let through per window, the kernel's `DEFAULT_RATELIMIT_BURST`.
const BURST: u64 = 10;

/// Lets a burst of messages through per window of time and counts what it holds back.
///
/// May be used from any context but NMI. No locks: the window's number and the messages seen in it
/// share one word.
pub(crate) struct RateLimit {
    born: Instant<Monotonic>,
    /// Bits 63:32 the window's number, bits 31:0 the messages seen in it.
    seen: Atomic<u64>,
}

impl RateLimit {
    /// Creates a limit with a window that begins now.
    pub(crate) fn new() -> Self {
        Self {
            born: Instant::now(),
            seen: Atomic::new(0),
        }
    }

    /// Runs `log`, unless it was run often enough lately.
    ///
    /// The first message of a window tells how many were held back in the one before.
    pub(crate) fn run(&self, dev: &Device, log: impl FnOnce()) {
        let window = (self.born.elapsed().as_millis() / WINDOW_MS) as u64;
        let mut old = self.seen.load(Relaxed);

        let missed = loop {
            let same = old >> 32 == window & u64::from(u32::MAX);
            let count = old & u64::from(u32::MAX);
            let new = match same {
                true => old.saturating_add(u64::from(count < u64::from(u32::MAX))),
                false => window << 32 | 1,
            };

            match self.seen.cmpxchg(old, new, Relaxed) {
                Ok(_) if same && count >= BURST => return,
                Ok(_) if same => break 0,
                Ok(_) => break count.saturating_sub(BURST),
                Err(now) => old = now,
            }
        };

        if missed > 0 {
            dev_warn!(dev, "{} similar messages suppressed\n", missed);
        }
        log();
    }
}
