// SPDX-License-Identifier: GPL-2.0

//! How long to wait for the hardware.

use kernel::{
    prelude::*,
    processor::cpu_relax,
    time::{
        delay::udelay,
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// How long the hardware may make no progress before a submitter gives up.
pub(super) const TIMEOUT: Delta = Delta::from_secs(1);

/// Looks at the queue before the looks are spread in time. Each is a register read, which holds up
/// the one who is about to tell the hardware more.
const EAGER_LOOKS: u32 = 10;

/// The longest time between two looks; it doubles from a microsecond on.
const LOOK_PERIOD_MAX: u32 = 16;

/// How a submitter waits for the hardware: eagerly first, then with pauses, and not forever.
pub(super) struct Patience {
    seen: u64,
    since: Instant<Monotonic>,
    looks: u32,
    /// In microseconds.
    period: u32,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            seen: 0,
            since: Instant::now(),
            looks: 0,
            period: 1,
        }
    }

    /// Pauses before the next look; `cons` was the consumer's position in the last. `ETIMEDOUT` if
    /// it is the same for [`TIMEOUT`].
    pub(super) fn spend(&mut self, cons: u64) -> Result {
        if cons != self.seen {
            self.seen = cons;
            self.since = Instant::now();
        } else if self.since.elapsed() > TIMEOUT {
            return Err(ETIMEDOUT);
        }

        if self.looks < EAGER_LOOKS {
            self.looks += 1;
            cpu_relax();
        } else {
            udelay(Delta::from_micros(self.period.into()));
            self.period = (2 * self.period).min(LOOK_PERIOD_MAX);
        }
        Ok(())
    }
}
