// SPDX-License-Identifier: GPL-2.0

//! The tags of cached translations, whatever the hardware calls them.
//!
//! The rule that makes reuse safe: nothing is cached under a tag that is free. Whoever gives one
//! back has invalidated it before.

use kernel::{
    id_pool::IdPool,
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// The free and used IDs of one kind of one IOMMU. ID 0 is never given out: hardware tags with it
/// what has none.
#[pin_data]
pub(crate) struct Ids {
    /// How many IDs the hardware tells apart.
    count: usize,
    #[pin]
    pool: Mutex<IdPool>,
}

impl Ids {
    /// `1 << bits` IDs.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new(bits: u32) -> impl PinInit<Self, Error> {
        let count = 1usize << bits.min(16);

        pin_init::pin_init_scope(move || {
            let pool = IdPool::with_capacity(count, GFP_KERNEL)?;

            Ok(try_pin_init!(Self {
                count,
                pool <- new_mutex!(pool, "Ids::pool"),
            }? Error))
        })
    }

    /// Takes a free ID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: all are in use.
    pub(crate) fn take(&self) -> Result<u16> {
        let mut pool = self.pool.lock();
        let id = pool.find_unused_id(1).ok_or(ENOSPC)?;

        if id.as_usize() >= self.count {
            return Err(ENOSPC);
        }
        // CAST: Less than `count`, which is at most 1 << 16.
        Ok(id.acquire() as u16)
    }

    /// Gives an ID back, under which nothing is cached any more. May sleep.
    pub(crate) fn give(&self, id: u16) {
        self.pool.lock().release_id(id.into());
    }
}
