// SPDX-License-Identifier: GPL-2.0

//! Tracepoints, see `trace.h`.

use crate::iommu::trace::tracepoints;
use kernel::{
    device::Device,
    prelude::*, //
};

/// A guest's tag, or -1 for none.
fn tag(guest: Option<u16>) -> c_int {
    guest.map_or(-1, c_int::from)
}

/// 0, or the errno.
fn errno(result: &Result) -> c_int {
    result.as_ref().err().map_or(0, |e| e.to_errno())
}

tracepoints! { iommu_nested:
    /// A device was attached, to a guest's context or not.
    fn attach(
        dev: &Device => dev,
        guest: Option<u16> => tag(guest),
        result: &Result => errno(result),
    );

    /// The entry of a device that a guest's configuration is part of is written.
    #[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
    fn entry(
        dev: &Device => dev,
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
        dev: &Device => dev,
        guest: Option<u16> => tag(guest),
        id: u32 => id,
        address: u64 => address,
        result: &Result => errno(result),
    );

    /// The hardware has rejected a command.
    #[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
    fn command_error(
        dev: &Device => dev,
        word0: u64 => word0,
        word1: u64 => word1,
        reason: u32 => reason,
    );
}
