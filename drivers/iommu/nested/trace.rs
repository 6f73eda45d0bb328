// SPDX-License-Identifier: GPL-2.0

//! Tracepoints, see `trace.h`.

use crate::iommu::raw_dev;
use kernel::{
    device::Device,
    prelude::*, //
};

/// Declares `name(...)`, which runs the tracepoint of that name with the values given for its C
/// arguments. What it costs when the tracepoint is off is a branch that is not taken.
macro_rules! tracepoints {
    ($(
        $(#[$attr:meta])*
        fn $name:ident($($arg:ident: $ty:ty => $c_value:expr),* $(,)?);
    )*) => {$(
        $(#[$attr])*
        #[inline(always)]
        pub(crate) fn $name($($arg: $ty),*) {
            #[cfg(CONFIG_TRACEPOINTS)]
            kernel::macros::paste! {
                // SAFETY: The key of a tracepoint may always be asked for.
                let on = unsafe {
                    kernel::jump_label::static_branch_unlikely!(
                        crate::iommu::bindings::[<__tracepoint_iommu_nested_ $name>],
                        kernel::bindings::tracepoint,
                        key
                    )
                };
                if on {
                    use crate::iommu::bindings::[<rust_do_trace_iommu_nested_ $name>] as run;

                    // SAFETY: Pointers come from references, and the tracepoint does not keep them.
                    unsafe { run($($c_value),*) };
                }
            }
            #[cfg(not(CONFIG_TRACEPOINTS))]
            let _ = ($($c_value),*);
        }
    )*};
}

/// A guest's tag, or -1 for none.
fn tag(guest: Option<u16>) -> c_int {
    guest.map_or(-1, c_int::from)
}

/// 0, or the errno.
fn errno(result: &Result) -> c_int {
    result.as_ref().err().map_or(0, |e| e.to_errno())
}

tracepoints! {
    /// A device was attached, to a guest's context or not.
    fn attach(
        dev: &Device => raw_dev(dev),
        guest: Option<u16> => tag(guest),
        result: &Result => errno(result),
    );

    /// The entry of a device that a guest's configuration is part of is written.
    #[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
    fn entry(
        dev: &Device => raw_dev(dev),
        guest: Option<u16> => tag(guest),
        word0: u64 => word0,
        word1: u64 => word1,
    );

    /// A guest's invalidations were forwarded. `opcode` is that of the first of `count`, of which
    /// `done` are complete.
    fn invalidate(
        guest: Option<u16> => tag(guest),
        opcode: u32 => opcode,
        count: u32 => count,
        done: u32 => done,
        result: &Result => errno(result),
    );

    /// An event was handed to a guest, or user space did not take it.
    fn event(
        dev: &Device => raw_dev(dev),
        guest: Option<u16> => tag(guest),
        id: u32 => id,
        address: u64 => address,
        result: &Result => errno(result),
    );

    /// The hardware has rejected a command.
    #[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
    fn command_error(
        dev: &Device => raw_dev(dev),
        word0: u64 => word0,
        word1: u64 => word1,
        reason: u32 => reason,
    );
}
