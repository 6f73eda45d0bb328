// SPDX-License-Identifier: GPL-2.0

//! What several parts of a model look at and change, one at a time.

use core::cell::{
    Ref,
    RefCell,
    RefMut, //
};

/// A [`RefCell`] without its messages: the kernel's checker of object files does not know the
/// functions that they come from.
pub(crate) struct Shared<T>(RefCell<T>);

impl<T> Shared<T> {
    /// A value that is not in use.
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// The value, to look at.
    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        match self.0.try_borrow() {
            Ok(value) => value,
            // PANIC: A bug of the model.
            Err(_) => panic!("in use"),
        }
    }

    /// The value, to change.
    pub(crate) fn borrow_mut(&self) -> RefMut<'_, T> {
        match self.0.try_borrow_mut() {
            Ok(value) => value,
            // PANIC: A bug of the model.
            Err(_) => panic!("in use"),
        }
    }
}
