// SPDX-License-Identifier: GPL-2.0

//! The driver's logic on the model: what devices get before, during and after each change, and
//! what becomes of that when an invalidation is missing.

mod failures;
mod host;
#[cfg(all(CONFIG_KUNIT = "y", CONFIG_X86_64))]
mod library;
mod mutation;
mod queue;
mod random;
mod records;
mod requests;
mod switches;
mod tracking;

use super::{
    faults::Reason,
    Config,
    Model, //
};
use crate::vtd::{
    attach::Attachment,
    hw::Registers,
    space::Purpose, //
};
