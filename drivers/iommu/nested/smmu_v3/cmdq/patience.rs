// SPDX-License-Identifier: GPL-2.0

//! How long to wait for the hardware.

use kernel::{
    prelude::*,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

use crate::sync::Backoff;

/// How long the hardware may make no progress before a submitter gives up.
pub(super) const TIMEOUT: Delta = Delta::from_secs(1);

/// Looks at the queue before the looks are spread in time. Each is a register read, which holds up
/// the one who is about to tell the hardware more.
const EAGER_LOOKS: u32 = 10;

/// How a submitter waits for the hardware: eagerly first, then with pauses, and not forever.
pub(super) struct Patience {
    seen: u64,
    since: Instant<Monotonic>,
    backoff: Backoff,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self {
            seen: 0,
            since: Instant::now(),
            backoff: Backoff::new(EAGER_LOOKS),
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

        self.backoff.wait();
        Ok(())
    }
}
