// SPDX-License-Identifier: GPL-2.0

//! What several owners share, and locks.

use std::{
    convert::Infallible,
    fmt,
    ops::Deref,
    sync, //
};

use crate::{
    alloc::{
        AllocError,
        Flags, //
    },
    error::Error,
    init::{
        Make,
        PinInit, //
    },
};

/// A value with several owners.
pub struct Arc<T: ?Sized>(std::sync::Arc<T>);

impl<T> Arc<T> {
    /// Moves `value` to where it can be shared.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(std::sync::Arc::new(value)))
    }

    /// Makes a value where it can be shared.
    pub fn pin_init<E>(init: impl PinInit<T, E>, _flags: Flags) -> Result<Self, Error>
    where
        Error: From<E>,
    {
        Ok(Self(std::sync::Arc::new(init.init()?)))
    }
}

impl<T: ?Sized> Arc<T> {
    /// Whether both are the same value.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&this.0, &other.0)
    }
}

/// For programs of the host, which can have values of any type that implements a trait.
impl<T: ?Sized> From<sync::Arc<T>> for Arc<T> {
    fn from(value: sync::Arc<T>) -> Self {
        Self(value)
    }
}

impl<T: ?Sized> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lock that sleeps.
pub struct Mutex<T>(sync::Mutex<T>);

/// Who holds a [`Mutex`].
pub type MutexGuard<'a, T> = sync::MutexGuard<'a, T>;

// Who holds a lock of the kernel's can change only what may move.
impl<T: Unpin> Mutex<T> {
    /// A lock that nobody holds.
    pub fn new(value: T) -> impl PinInit<Self> {
        Make::by(move || Ok::<_, Infallible>(Self(sync::Mutex::new(value))))
    }

    /// Waits until nobody else holds the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(sync::PoisonError::into_inner)
    }
}

/// A lock that spins with interrupts off. Here there are none.
pub type SpinLockIrq<T> = Mutex<T>;

/// Who holds a [`SpinLockIrq`].
pub type SpinLockIrqGuard<'a, T> = MutexGuard<'a, T>;

/// A [`Mutex`], with a name.
#[macro_export]
macro_rules! new_mutex {
    ($value:expr, $name:literal) => {
        $crate::sync::Mutex::new($value)
    };
}

/// A [`SpinLockIrq`], with a name.
#[macro_export]
macro_rules! new_spinlock_irq {
    ($value:expr, $name:literal) => {
        $crate::sync::SpinLockIrq::new($value)
    };
}
