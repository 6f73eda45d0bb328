// SPDX-License-Identifier: GPL-2.0

//! Errors.

use std::{
    convert::Infallible,
    fmt, //
};

use crate::alloc::AllocError;

/// An error code of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(i32);

/// What can fail with an [`Error`].
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

impl Error {
    /// The code, which is negative.
    pub const fn to_errno(self) -> i32 {
        self.0
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $text:literal;)+) => {
        /// The error codes.
        pub mod code {
            $(
                #[doc = $text]
                pub const $name: super::Error = super::Error(-$code);
            )+
        }

        impl fmt::Debug for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(code::$name => f.write_str(stringify!($name)),)+
                    Self(code) => f.debug_tuple("Error").field(&code).finish(),
                }
            }
        }
    };
}

codes! {
    ENOENT = 2, "No such file or directory.";
    EIO = 5, "I/O error.";
    E2BIG = 7, "Argument list too long.";
    EAGAIN = 11, "Try again.";
    ENOMEM = 12, "Out of memory.";
    EFAULT = 14, "Bad address.";
    EBUSY = 16, "Device or resource busy.";
    EEXIST = 17, "File exists.";
    ENODEV = 19, "No such device.";
    EINVAL = 22, "Invalid argument.";
    ENOSPC = 28, "No space left on device.";
    ERANGE = 34, "Math result not representable.";
    EOVERFLOW = 75, "Value too large for defined data type.";
    EOPNOTSUPP = 95, "Operation not supported on transport endpoint.";
    ETIMEDOUT = 110, "Connection timed out.";
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
