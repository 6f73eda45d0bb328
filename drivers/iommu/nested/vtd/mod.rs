// SPDX-License-Identifier: GPL-2.0

//! Intel Virtualization Technology for Directed I/O (VT-d), in scalable mode.
//!
//! [`arch`] is what the architecture says: formats, encodings, validation; it touches no hardware.
//! The driver's logic is generic over a unit's registers and memory ([`hw`]), so that it runs on
//! [a model](model) of the hardware as well, from bottom to top:
//!
//! - [`bringup`], [`qi`], [`tables`], [`pasids`], [`requests`] and [`records`], and the [`engine`]
//!   that has them;
//! - [`flush`] (what is cached, and how to invalidate it) and [`switch`] (from one translation to
//!   another);
//! - [`space`] (what the host translates by), [`guest`] (what a guest translates by) and their
//!   [`targets`];
//! - [`attach`]: a device, and what its traffic is attached to.
//!
//! The rest is for the hardware: [`mmio`], [`mod@unit`], [`domain`] (with the kernel's page
//! tables), [`master`] (a PCI function) and [`nested`] (a guest's user space).
//! [`firmware`] says which devices are behind which unit; [`ops`] and [`uapi`] connect all that
//! with the IOMMU core and with user space.
//!
//! # Locking
//!
//! From the outside to the inside:
//!
//! 1. the IOMMU core's group mutex
//! 2. `Engine::requests`, then `Unit::devices`, then `Source::state`
//! 3. `Space::state`, then `Ids`'; `Unit::guests`; `Members::draining`, then `Members::all` or what
//!    is inside of an event sink
//! 4. `Targets::users` (spinlock, interrupts off)
//! 5. `Engine::tables` (spinlock, interrupts off)
//! 6. `Engine::queue` (spinlock, interrupts off)

pub(crate) mod arch;
pub(crate) mod attach;
pub(crate) mod bringup;
mod debugfs;
pub(crate) mod domain;
mod drivers;
pub(crate) mod engine;
mod faults;
mod firmware;
pub(crate) mod flush;
pub(crate) mod guest;
pub(crate) mod hw;
pub(crate) mod master;
pub(crate) mod mmio;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
pub(crate) mod model;
pub(crate) mod nested;
pub(crate) mod ops;
mod pages;
pub(crate) mod pasids;
mod probe;
pub(crate) mod qi;
pub(crate) mod records;
pub(crate) mod regs;
pub(crate) mod requests;
pub(crate) mod slot;
pub(crate) mod space;
pub(crate) mod switch;
pub(crate) mod tables;
pub(crate) mod targets;
pub(crate) mod uapi;
pub(crate) mod unit;

pub(crate) use self::drivers::Drivers;

/// The driver, as a type.
pub(crate) enum Vtd {}

/// What every back end calls its driver.
pub(crate) type Hardware = Vtd;
