// SPDX-License-Identifier: GPL-2.0

//! Initialisers of values that have a place for good. Here they may move.

use std::convert::Infallible;

/// What makes a value.
pub trait PinInit<T, E = Infallible> {
    /// Makes it.
    fn init(self) -> Result<T, E>;
}

/// A function that makes a value.
pub struct Init<F>(pub F);

impl<T, E, F: FnOnce() -> Result<T, E>> PinInit<T, E> for Init<F> {
    fn init(self) -> Result<T, E> {
        (self.0)()
    }
}

/// What the initialiser makes that `make` returns.
pub fn pin_init_scope<T, E, I: PinInit<T, E>>(
    make: impl FnOnce() -> Result<I, E>,
) -> impl PinInit<T, E> {
    Init(move || make()?.init())
}

/// An initialiser of a structure, field by field, that can't fail.
#[macro_export]
macro_rules! pin_init {
    ($name:ident { $($fields:tt)* }) => {
        $crate::try_pin_init!($name { $($fields)* }? ::std::convert::Infallible)
    };
}

/// An initialiser of a structure, field by field.
#[macro_export]
macro_rules! try_pin_init {
    ($name:ident { $($fields:tt)* }? $error:ty) => {
        $crate::init::Init(move || {
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
            $field: $crate::init::PinInit::init($init).map_err(<$error>::from)?,
        ] $($rest)*)
    };
    ($name:ident $error:ty [$($done:tt)*] $field:ident: $value:expr, $($rest:tt)*) => {
        $crate::fields!($name $error [$($done)* $field: $value,] $($rest)*)
    };
    ($name:ident $error:ty [$($done:tt)*] $field:ident, $($rest:tt)*) => {
        $crate::fields!($name $error [$($done)* $field,] $($rest)*)
    };
}
