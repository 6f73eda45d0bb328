// SPDX-License-Identifier: GPL-2.0

//! The architecture's formats in the kernel's log: the kernel prints what implements its own
//! `Display`, but [`arch`](super::arch) depends on `core` alone.

use super::arch::{
    event::Event,
    ste::Decoded, //
};
use kernel::fmt;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}
