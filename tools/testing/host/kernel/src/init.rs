// SPDX-License-Identifier: GPL-2.0

//! Initialisers of values that have a place for good. Here they may move.

use std::{
    array,
    convert::Infallible,
    marker::PhantomData, //
};

/// What makes a value.
pub trait PinInit<T, E = Infallible> {
    /// Makes it.
    fn init(self) -> Result<T, E>;
}

pub use PinInit as Init;

/// A value makes itself.
impl<T> PinInit<T> for T {
    fn init(self) -> Result<T, Infallible> {
        Ok(self)
    }
}

/// A function that makes a value.
pub struct Make<F, T, E>(F, PhantomData<fn() -> Result<T, E>>);

impl<F: FnOnce() -> Result<T, E>, T, E> Make<F, T, E> {
    /// What `make` makes.
    pub fn by(make: F) -> Self {
        Self(make, PhantomData)
    }
}

impl<F: FnOnce() -> Result<T, E>, T, E> PinInit<T, E> for Make<F, T, E> {
    fn init(self) -> Result<T, E> {
        (self.0)()
    }
}

/// An array of what the initialisers make that `make` returns for each index.
pub fn init_array_from_fn<I: Init<T>, const N: usize, T>(
    mut make: impl FnMut(usize) -> I,
) -> impl Init<[T; N]> {
    Make::by(move || {
        Ok(array::from_fn(|i| match make(i).init() {
            Ok(value) => value,
            Err(never) => match never {},
        }))
    })
}

/// What the initialiser makes that `make` returns.
pub fn pin_init_scope<T, E, I: PinInit<T, E>>(
    make: impl FnOnce() -> Result<I, E>,
) -> impl PinInit<T, E> {
    Make::by(move || make()?.init())
}

/// An initialiser of a structure, field by field, that can't fail.
#[macro_export]
macro_rules! pin_init {
    ($name:ident { $($fields:tt)* }) => {
        $crate::try_pin_init!($name { $($fields)* }? ::std::convert::Infallible)
    };
}

/// The same of a structure that may move.
#[macro_export]
macro_rules! init {
    ($name:ident { $($fields:tt)* }) => {
        $crate::pin_init!($name { $($fields)* })
    };
}

/// An initialiser of a structure, field by field.
#[macro_export]
macro_rules! try_pin_init {
    ($name:ident { $($fields:tt)* }? $error:ty) => {
        $crate::init::Make::by(move || {
            Ok::<$name, $error>($crate::fields!($name $error [] $($fields)*))
        })
    };
}

/// The fields of [`try_pin_init!`], one after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! fields {
    ($name:ident $error:ty [$($done:tt)*]) => {
        $name { $($done)* }
    };
    ($name:ident $error:ty [$($done:tt)*] $field:ident <- $init:expr, $($rest:tt)*) => {
        $crate::fields!($name $error [
            $($done)*
            $field: $crate::init::PinInit::init($init)?,
        ] $($rest)*)
    };
    ($name:ident $error:ty [$($done:tt)*] $field:ident: $value:expr, $($rest:tt)*) => {
        $crate::fields!($name $error [$($done)* $field: $value,] $($rest)*)
    };
    ($name:ident $error:ty [$($done:tt)*] $field:ident, $($rest:tt)*) => {
        $crate::fields!($name $error [$($done)* $field,] $($rest)*)
    };
}
