// SPDX-License-Identifier: GPL-2.0

//! Memory that may not be had.

use std::{
    fmt,
    ops::{
        Deref,
        DerefMut, //
    },
    slice,
    vec, //
};

use crate::{
    error::{
        code::EINVAL,
        Error,
        Result, //
    },
    init::Init, //
};

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How to allocate; here it is all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(());

/// The flags.
pub mod flags {
    use super::Flags;

    /// May sleep.
    pub const GFP_KERNEL: Flags = Flags(());
    /// May sleep, and is accounted to the process.
    pub const GFP_KERNEL_ACCOUNT: Flags = Flags(());
    /// Does not sleep.
    pub const GFP_ATOMIC: Flags = Flags(());
}

/// A value in memory of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    /// Moves `value` to memory of its own.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(Box::new(value)))
    }

    /// Makes a value in memory of its own.
    pub fn init(init: impl Init<T>, flags: Flags) -> Result<Self> {
        match init.init() {
            Ok(value) => Ok(Self::new(value, flags)?),
            Err(never) => match never {},
        }
    }

    /// Moves the value out.
    pub fn into_inner(this: Self) -> T {
        *this.0
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A list that grows.
pub struct KVec<T>(Vec<T>);

/// The list is full: the value comes back.
#[derive(Debug)]
pub struct PushError<T>(pub T);

/// There is no such index.
#[derive(Debug)]
pub struct RemoveError;

impl<T> From<PushError<T>> for Error {
    fn from(_: PushError<T>) -> Self {
        EINVAL
    }
}

impl From<RemoveError> for Error {
    fn from(_: RemoveError) -> Self {
        EINVAL
    }
}

impl<T> KVec<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty list with room for `capacity` values.
    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut this = Self::new();

        this.reserve(capacity, flags)?;
        Ok(this)
    }

    /// How many values there is room for.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Makes room for `additional` more values.
    pub fn reserve(&mut self, additional: usize, _flags: Flags) -> Result<(), AllocError> {
        self.0.try_reserve(additional).map_err(|_| AllocError)
    }

    /// Appends a value.
    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        self.0.push(value);
        Ok(())
    }

    /// Appends a value if there is room for it.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), PushError<T>> {
        if self.len() == self.capacity() {
            return Err(PushError(value));
        }
        self.0.push(value);
        Ok(())
    }

    /// Takes the last value.
    pub fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    /// Takes the value at `index`; those after it move up.
    pub fn remove(&mut self, index: usize) -> Result<T, RemoveError> {
        if index < self.len() {
            Ok(self.0.remove(index))
        } else {
            Err(RemoveError)
        }
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops all values but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Drops the values that `keep` refuses.
    pub fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(keep);
    }

    /// Takes all values.
    pub fn drain_all(&mut self) -> impl Iterator<Item = T> + '_ {
        self.0.drain(..)
    }
}

impl<T: Clone> KVec<T> {
    /// `len` copies of `value`.
    pub fn from_elem(value: T, len: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut this = Self::with_capacity(len, flags)?;

        this.0.resize(len, value);
        Ok(this)
    }

    /// Appends copies of `values`.
    pub fn extend_from_slice(&mut self, values: &[T], flags: Flags) -> Result<(), AllocError> {
        self.reserve(values.len(), flags)?;
        self.0.extend_from_slice(values);
        Ok(())
    }
}

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for KVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> IntoIterator for KVec<T> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut KVec<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}
