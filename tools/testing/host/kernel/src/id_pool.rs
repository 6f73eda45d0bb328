// SPDX-License-Identifier: GPL-2.0

//! IDs that are taken and given back.

use crate::alloc::{
    AllocError,
    Flags,
    KVec, //
};

/// Which IDs are in use.
pub struct IdPool {
    used: KVec<bool>,
}

/// An ID that is not in use.
pub struct UnusedId<'a> {
    used: &'a mut bool,
    id: usize,
}

impl UnusedId<'_> {
    /// Its number.
    pub fn as_usize(&self) -> usize {
        self.id
    }

    /// Takes it.
    pub fn acquire(self) -> usize {
        *self.used = true;
        self.id
    }
}

impl IdPool {
    /// A pool of at least `ids` IDs.
    pub fn with_capacity(ids: usize, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            used: KVec::from_elem(false, ids, flags)?,
        })
    }

    /// The first ID from `offset` on that is not in use.
    pub fn find_unused_id(&mut self, offset: usize) -> Option<UnusedId<'_>> {
        self.used
            .iter_mut()
            .enumerate()
            .skip(offset)
            .find(|(_, used)| !**used)
            .map(|(id, used)| UnusedId { used, id })
    }

    /// Gives an ID back.
    pub fn release_id(&mut self, id: usize) {
        self.used[id] = false;
    }
}
