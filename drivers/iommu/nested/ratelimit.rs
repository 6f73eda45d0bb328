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
const BURST: u32 = 10;

/// Lets a burst of messages through per window of time and counts what it holds back.
///
/// May be used from any context but NMI. No locks: the window's number and the messages seen in it
/// share one word.
pub(crate) struct RateLimit {
    born: Instant<Monotonic>,
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
    /// The first message of a window tells how many were held back in the last one before.
    pub(crate) fn run(&self, dev: &Device, log: impl FnOnce()) {
        let window = (self.born.elapsed().as_millis() / WINDOW_MS) as u32;
        let mut seen = self.seen.load(Relaxed);

        let missed = loop {
            let (next, verdict) = admit(seen, window);

            match (self.seen.cmpxchg(seen, next, Relaxed), verdict) {
                (Ok(_), Verdict::Hold) => return,
                (Ok(_), Verdict::Pass { missed }) => break missed,
                (Err(now), _) => seen = now,
            }
        };

        if missed > 0 {
            dev_warn!(dev, "{} similar messages suppressed\n", missed);
        }
        log();
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Hold,
    Pass {
        /// How many messages were held back in the window before.
        missed: u32,
    },
}

/// What becomes of a message in window number `window`, and what was seen then. The latter is the
/// number of the last window in bits 63:32, and of the messages in it in bits 31:0.
fn admit(seen: u64, window: u32) -> (u64, Verdict) {
    let (last, count) = ((seen >> 32) as u32, seen as u32);
    let record = |count| u64::from(window) << 32 | u64::from(count);

    if last != window {
        let missed = count.saturating_sub(BURST);
        return (record(1), Verdict::Pass { missed });
    }
    match count < BURST {
        true => (record(count + 1), Verdict::Pass { missed: 0 }),
        false => (record(count.saturating_add(1)), Verdict::Hold),
    }
}

#[cfg(CONFIG_KUNIT)]
#[::kernel::macros::kunit_tests(iommu_nested_ratelimit)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_is_counted() {
        let mut seen = 0;

        for message in 0..BURST + 7 {
            let (next, verdict) = admit(seen, 0);
            let expected = match message < BURST {
                true => Verdict::Pass { missed: 0 },
                false => Verdict::Hold,
            };

            assert_eq!(verdict, expected);
            seen = next;
        }

        let (seen, verdict) = admit(seen, 3);
        assert_eq!(verdict, Verdict::Pass { missed: 7 });
        let (_, verdict) = admit(seen, 3);
        assert_eq!(verdict, Verdict::Pass { missed: 0 });
        let (_, verdict) = admit(seen, 4);
        assert_eq!(verdict, Verdict::Pass { missed: 0 });
    }

    #[test]
    fn the_count_does_not_run_over_into_the_window() {
        let full = u64::from(u32::MAX);

        assert_eq!(admit(full, 0), (full, Verdict::Hold));
    }
}
