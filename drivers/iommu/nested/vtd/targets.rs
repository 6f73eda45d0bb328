// SPDX-License-Identifier: GPL-2.0

//! The users of a domain, or of a guest's tables, for everyone at once.
//!
//! # Ordering
//!
//! A change of a page table is followed by [`Targets::invalidate`], and a new user of the table is
//! [added](Targets::join) before an entry that leads to the table is written. `Targets::users`
//! orders the two: if the invalidation comes first, its unlock and the joiner's lock make the
//! change of the table visible before the entry is; if the joiner comes first, the invalidation
//! sees it.

use super::{
    arch::range::Block,
    flush::{
        Change,
        Room,
        Usage,
        Users, //
    },
    hw::Machine, //
};
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        SpinLockIrq,
        SpinLockIrqGuard, //
    },
};

/// What may have cached translations of one origin.
#[pin_data]
pub(crate) struct Targets<M: Machine> {
    unit: Arc<M::Unit>,
    #[pin]
    users: SpinLockIrq<Users>,
}

impl<M: Machine> Targets<M> {
    /// Nothing, so far.
    pub(crate) fn new(unit: &Arc<M::Unit>) -> impl PinInit<Self> {
        let users = Users::new(&M::engine(unit).features);
        let unit = unit.clone();

        pin_init!(Self {
            unit,
            users <- new_spinlock_irq!(users, "Targets::users"),
        })
    }

    /// The unit.
    pub(crate) fn unit(&self) -> &Arc<M::Unit> {
        &self.unit
    }

    /// Adds a user, before the unit is told to use what the translations come from. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn join(&self, usage: &Usage) -> Result {
        self.users_with_room(usage)?.join(usage);
        Ok(())
    }

    /// Removes a user, after the unit was told to use something else, and to forget what it had
    /// cached by its tag.
    pub(crate) fn leave(&self, usage: &Usage) {
        self.users.lock().leave(usage);
    }

    fn users_with_room(&self, usage: &Usage) -> Result<SpinLockIrqGuard<'_, Users>> {
        // Rarely needed, and to drop empty vectors is a call of the allocator for each.
        let mut room: Option<Room> = None;

        loop {
            let mut users = self.users.lock();

            if users.has_room(usage) {
                return Ok(users);
            }
            let wanted = users.wanted(usage);
            if let Some(room) = room.as_mut().filter(|room| room.holds(wanted)) {
                users.take_room(room);
                return Ok(users);
            }
            drop(users);
            room.get_or_insert_with(Room::new).grow(wanted)?;
        }
    }

    /// Invalidates what is cached of the pages in `block`, or of everything, for one PASID or all,
    /// and waits. With `leaf`, only entries of the last level have changed. Any context.
    ///
    /// # Errors
    ///
    /// - Those of [`super::slot::Invalidate::invalidate`].
    pub(crate) fn invalidate(
        &self,
        pasid: Option<u32>,
        block: Option<Block>,
        leaf: bool,
    ) -> Result {
        let engine = M::engine(&self.unit);

        self.users.lock().invalidate(engine, pasid, block, leaf)
    }

    /// Invalidates what is cached of all of `changes`, as [`Users::invalidate_all`]. Any context.
    ///
    /// # Errors
    ///
    /// As of [`Self::invalidate`].
    pub(crate) fn invalidate_all(&self, changes: &[Change]) -> Result {
        let engine = M::engine(&self.unit);

        self.users.lock().invalidate_all(engine, changes)
    }
}
