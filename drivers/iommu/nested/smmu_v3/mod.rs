// SPDX-License-Identifier: GPL-2.0

//! Arm SMMUv3 (Arm IHI 0070).
//!
//! [`arch`] is what the architecture says: formats, encodings, validation; it touches no hardware.
//! The hardware's blocks are [`regs`], [`cmdq`], [`evtq`], [`gerror`], [`strtab`], [`cdtab`] and
//! [`reset`]; [`device`] puts them together. On top of it are [`domain`] with its [`tlb`],
//! [`master`] (a device behind the SMMU and what it is attached to) and [`nested`] (a guest's use).
//! [`ops`] and [`uapi`] connect all that with the IOMMU core and with user space.
//!
//! # Locking
//!
//! From the outside to the inside:
//!
//! 1. the IOMMU core's group mutex
//! 2. `Master::state`
//! 3. `Streams::owners`
//! 4. `Smmu::guests`
//! 5. `StreamTable`'s and `CdTable`'s, `Ids`'
//! 6. `Targets::list` (spinlock, interrupts off)
//! 7. `CmdQueue::recovery` (spinlock, interrupts off)
//! 8. `Regs::gerrorn` (spinlock, interrupts off)

pub(crate) mod arch;
pub(crate) mod cdtab;
pub(crate) mod cmdq;
mod debugfs;
pub(crate) mod device;
pub(crate) mod domain;
mod drivers;
pub(crate) mod evtq;
pub(crate) mod gerror;
pub(crate) mod irq;
mod levels;
mod log;
pub(crate) mod master;
pub(crate) mod nested;
pub(crate) mod ops;
pub(crate) mod probe;
pub(crate) mod regs;
pub(crate) mod reset;
mod slot;
pub(crate) mod streams;
pub(crate) mod strtab;
pub(crate) mod tlb;
pub(crate) mod uapi;

pub(crate) use self::drivers::Drivers;

/// The driver, as a type.
pub(crate) enum SmmuV3 {}

/// What every back end calls its driver.
pub(crate) type Hardware = SmmuV3;
