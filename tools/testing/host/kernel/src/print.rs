// SPDX-License-Identifier: GPL-2.0

//! The kernel's log, which is the standard error here.

/// Logs an error.
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)*) => {
        ::std::eprint!($($arg)*)
    };
}
