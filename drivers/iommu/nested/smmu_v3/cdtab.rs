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
    sync::Mutex, //
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
    levels::Levels,
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

type Entries = Levels<SPLIT>;

/// The context descriptor table of one endpoint, which may have several StreamIDs.
///
/// A mutex serialises everything, as in [`super::strtab::StreamTable`]. The memory must outlive the
/// hardware's use of it: no STE points here any more when this is dropped, and the hardware was
/// made to forget those that did.
#[pin_data]
pub(crate) struct CdTable {
    config: CdTableConfig,
    #[pin]
    entries: Mutex<Entries>,
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
            let (entries, fmt, s1cdmax) = match two_level {
                true => {
                    let l1 = Table::zeroed(dev, ssid_bits - SPLIT)?;

                    (Entries::two(l1), S1Fmt::TwoLevel64K, ssid_bits)
                }
                false => {
                    let s1cdmax = ssid_bits.min(SPLIT);

                    (
                        Entries::Linear(Table::zeroed(dev, s1cdmax)?),
                        S1Fmt::Linear,
                        s1cdmax,
                    )
                }
            };

            Ok(try_pin_init!(Self {
                config: CdTableConfig {
                    addr: entries.address(),
                    fmt,
                    // CAST: At most 20.
                    s1cdmax: s1cdmax as u8,
                },
                entries <- new_mutex!(entries, "CdTable::entries"),
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
        // Descriptors of zeros are invalid.
        self.entries
            .lock()
            .ensure(dev, ssid, |table| Ok(l1_descriptor(table.address())))
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
        let entries = self.entries.lock();
        // The level 1 descriptor may have been cached before it led to this table.
        let leaf = entries.is_linear();
        let mut slot = EntrySlot::new(entries.entry(ssid)?, || {
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

/// A level 1 context descriptor: L2Ptr in bits 51:12, and V in bit 0.
fn l1_descriptor(address: u64) -> u64 {
    address | 1
}
