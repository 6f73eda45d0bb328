// SPDX-License-Identifier: GPL-2.0

//! Tracepoints that C has made.

use super::{
    bindings,
    raw_dev, //
};
use kernel::{
    device::Device,
    prelude::*, //
};

/// What a tracepoint can be given.
pub(crate) trait Argument {
    /// What C takes it as.
    type Raw;

    /// The value for C. A pointer is valid as long as `self` is.
    fn raw(self) -> Self::Raw;
}

impl Argument for &Device {
    type Raw = *mut bindings::device;

    fn raw(self) -> Self::Raw {
        raw_dev(self)
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl Argument for $ty {
            type Raw = Self;

            fn raw(self) -> Self {
                self
            }
        }
    )*};
}

integers!(c_int u32 u64);

/// Declares `name(...)`, which runs the tracepoint `SYSTEM_name` with the values given for its
/// arguments. What it costs when the tracepoint is off is a branch that is not taken.
macro_rules! tracepoints {
    ($system:ident: $(
        $(#[$attr:meta])*
        fn $name:ident($($arg:ident: $ty:ty => $value:expr),* $(,)?);
    )*) => {$(
        $(#[$attr])*
        #[inline(always)]
        pub(crate) fn $name($($arg: $ty),*) {
            #[cfg(CONFIG_TRACEPOINTS)]
            kernel::macros::paste! {
                // SAFETY: The key of a tracepoint may always be asked for.
                let on = unsafe {
                    kernel::jump_label::static_branch_unlikely!(
                        crate::iommu::bindings::[<__tracepoint_ $system _ $name>],
                        kernel::bindings::tracepoint,
                        key
                    )
                };
                if on {
                    use crate::iommu::bindings::[<rust_do_trace_ $system _ $name>] as run;

                    // SAFETY: Arguments are integers or pointers that are valid during this call,
                    // of the types that the tracepoint takes, which does not keep them.
                    unsafe { run($(crate::iommu::trace::Argument::raw($value)),*) };
                }
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = ($(crate::iommu::trace::Argument::raw($value)),*);
        }
    )*};
}

pub(crate) use tracepoints;
