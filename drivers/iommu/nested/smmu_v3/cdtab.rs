// SPDX-License-Identifier: GPL-2.0

//! Context descriptor tables (Arm IHI 0070, chapters 3.3.2, 5.3 and 5.4): which of a device's
//! address spaces, told apart by SubstreamID, gets which stage 1.
//!
//! Linear, or of two levels with a level 2 table for 1024 SubstreamIDs, made when the first of them
//! is used. A descriptor that was never written is invalid.

use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        barrier::{
            dma_mb,
            Write, //
        },
        Mutex, //
    }, //
};

use super::{
    arch::{
        cd::{
            Cd,
            CdLayout, //
        },
        cmd::Cmd,
        features::Features,
        ste::{
            CdTableConfig,
            S1Fmt, //
        }, //
    },
    cmdq::CmdQueue,
    slot::EntrySlot, //
};
use crate::{
    common::entry::{
        self,
        Transition, //
    },
    iommu::Table, //
};

/// SubstreamID bits resolved by a level 2 table of 64 KiB, and the most that a linear table is
/// used for.
const SPLIT: u32 = 10;

enum Form {
    Linear(Table<8>),
    TwoLevel {
        l1: Table<1>,
        /// The level 2 tables by index of their level 1 descriptor.
        l2: RBTree<u32, Table<8>>,
    },
}

/// The context descriptor table of one endpoint, which may have several StreamIDs.
///
/// A mutex serialises everything, as in [`super::strtab::StreamTable`]. The memory must outlive the
/// hardware's use of it: no STE points here any more when this is dropped, and the hardware was
/// made to forget those that did.
#[pin_data]
pub(crate) struct CdTable {
    config: CdTableConfig,
    #[pin]
    form: Mutex<Form>,
}

impl CdTable {
    /// Allocates a table for `ssid_bits` bits of SubstreamID, 0 for a single descriptor; fewer if
    /// the SMMU has fewer, or no level 2 tables for them. `dev` is the SMMU.
    ///
    /// May sleep; `ENOMEM`.
    pub(crate) fn new<'a>(
        dev: &'a Device<Bound>,
        features: &Features,
        ssid_bits: u32,
    ) -> impl PinInit<Self, Error> + 'a {
        let ssid_bits = ssid_bits.min(features.ssid_bits);
        let two_level = features.two_level_cdtab && ssid_bits > SPLIT;

        pin_init::pin_init_scope(move || {
            let (form, config) = match two_level {
                true => {
                    let l1 = Table::zeroed(dev, ssid_bits - SPLIT)?;
                    let config = CdTableConfig {
                        addr: l1.address(),
                        fmt: S1Fmt::TwoLevel64K,
                        s1cdmax: ssid_bits as u8,
                    };

                    (
                        Form::TwoLevel {
                            l1,
                            l2: RBTree::new(),
                        },
                        config,
                    )
                }
                false => {
                    let s1cdmax = ssid_bits.min(SPLIT);
                    let table = Table::zeroed(dev, s1cdmax)?;
                    let config = CdTableConfig {
                        addr: table.address(),
                        fmt: S1Fmt::Linear,
                        s1cdmax: s1cdmax as u8,
                    };

                    (Form::Linear(table), config)
                }
            };

            Ok(try_pin_init!(Self {
                config,
                form <- new_mutex!(form, "CdTable::form"),
            }? Error))
        })
    }

    /// What an STE has to say about the table.
    pub(crate) fn config(&self) -> &CdTableConfig {
        &self.config
    }

    /// Makes sure that there is a descriptor for `ssid`; a new one is invalid.
    ///
    /// `dev` is the SMMU. May sleep. `ERANGE` if the table does not cover `ssid`, `ENOMEM`.
    pub(crate) fn ensure(&self, dev: &Device<Bound>, ssid: u32) -> Result {
        self.check(ssid)?;
        match &mut *self.form.lock() {
            Form::Linear(_) => Ok(()),
            Form::TwoLevel { l1, l2 } => {
                let index = ssid >> SPLIT;

                if l2.get(&index).is_some() {
                    return Ok(());
                }

                let table = Table::zeroed(dev, SPLIT)?;
                let descriptor = l1_descriptor(table.address());
                l2.try_create_and_insert(index, table, GFP_KERNEL)?;
                // The descriptors are invalid before the hardware can find them.
                dma_mb(Write);
                l1.store(index as usize, 0, descriptor)
            }
        }
    }

    /// Changes the descriptor of `ssid` for all of the endpoint's StreamIDs, `sids`, without an
    /// interruption of traffic where the architecture allows that, and returns when the hardware
    /// uses the new one. May sleep.
    ///
    /// `ERANGE` if the table does not cover `ssid`, `ENOENT` if [`Self::ensure`] was not called for
    /// it; or from `cmdq` if the hardware could not be made to forget the old descriptor: the table
    /// has the new one even so.
    pub(crate) fn write(
        &self,
        ssid: u32,
        cd: &Cd,
        sids: &[u32],
        cmdq: &CmdQueue,
    ) -> Result<Transition> {
        self.check(ssid)?;
        let form = self.form.lock();
        let (table, index) = form.find(ssid)?;
        // The level 1 descriptor may have been cached before it led to this table.
        let leaf = matches!(*form, Form::Linear(_));
        let mut slot = EntrySlot::new(table.entry(index)?, || {
            let mut batch = cmdq.batch();

            for sid in sids {
                batch.push(Cmd::cfgi_cd(*sid, ssid, leaf));
            }
            batch.sync()
        });
        let transition = entry::write::<CdLayout, _, 8>(&mut slot, cd.words());

        slot.status()?;
        Ok(transition)
    }

    fn check(&self, ssid: u32) -> Result {
        match ssid >> self.config.s1cdmax {
            0 => Ok(()),
            _ => Err(ERANGE),
        }
    }
}

impl Form {
    /// The table with the descriptor of `ssid`, and the descriptor's index there.
    fn find(&self, ssid: u32) -> Result<(&Table<8>, usize)> {
        match self {
            Self::Linear(table) => Ok((table, ssid as usize)),
            Self::TwoLevel { l2, .. } => {
                let table = l2.get(&(ssid >> SPLIT)).ok_or(ENOENT)?;

                Ok((table, (ssid & ((1 << SPLIT) - 1)) as usize))
            }
        }
    }
}

/// A level 1 context descriptor: L2Ptr in bits 51:12, and V in bit 0.
fn l1_descriptor(address: u64) -> u64 {
    address | 1
}
