// SPDX-License-Identifier: GPL-2.0

//! The stream table (Arm IHI 0070, chapters 3.3.1, 5.1 and 5.2): which device gets which
//! translation.
//!
//! Linear, or of two levels where the SMMU has them and the StreamIDs are worth it. Level 2 tables
//! are for 256 StreamIDs, a PCI bus, and made when the first device there appears. Every entry that
//! the hardware can find aborts until a device's driver has set it.

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
        cmd::Cmd,
        features::Features,
        ste::{
            Ste,
            SteLayout, //
        }, //
    },
    cmdq::CmdQueue,
    levels::Levels,
    regs::{
        self,
        STRTAB_BASE,
        STRTAB_BASE_CFG, //
    },
    slot::EntrySlot, //
};
use crate::{
    common::entry::{
        self,
        Transition, //
    },
    iommu::Table, //
};

/// StreamID bits resolved by a level 2 table.
const SPLIT: u32 = 8;

/// The longest level 1 table, as a power of two: 1 MiB.
const L1_LOG2_MAX: u32 = 17;

/// STRTAB_BASE_CFG.FMT.
const FMT_LINEAR: u32 = 0;
const FMT_TWO_LEVEL: u32 = 1;

type Entries = Levels<SPLIT>;

/// The stream table of one SMMU.
///
/// A mutex serialises everything that sleeps or writes, so that an entry has one writer at a time,
/// whoever calls. It is held while the hardware is made to forget old entries. The memory must
/// outlive the hardware's use of it: the SMMU is off before this is dropped.
#[pin_data]
pub(crate) struct StreamTable {
    /// Where the hardware finds the table.
    address: u64,
    /// StreamID bits that the table covers.
    sid_bits: u32,
    two_level: bool,
    #[pin]
    entries: Mutex<Entries>,
}

impl StreamTable {
    /// Allocates the table. `dev` is the SMMU.
    ///
    /// If memory is short the table covers fewer StreamIDs than the SMMU has, and says so. May
    /// sleep; `ENOMEM`.
    pub(crate) fn new<'a>(
        dev: &'a Device<Bound>,
        features: &Features,
    ) -> impl PinInit<Self, Error> + 'a {
        let two_level = features.two_level_strtab && features.sid_bits > SPLIT;
        let wanted = features.sid_bits;

        pin_init::pin_init_scope(move || {
            let (entries, sid_bits) = match two_level {
                true => two_levels(dev, wanted)?,
                false => one_level(dev, wanted)?,
            };

            if sid_bits < wanted {
                dev_warn!(
                    dev,
                    "stream table covers {} of {} bits of StreamID\n",
                    sid_bits,
                    wanted
                );
            }
            Ok(try_pin_init!(Self {
                address: entries.address(),
                sid_bits,
                two_level,
                entries <- new_mutex!(entries, "StreamTable::entries"),
            }? Error))
        })
    }

    /// The value of the register that tells the hardware where the table is.
    pub(super) fn base(&self) -> STRTAB_BASE {
        STRTAB_BASE::from(regs::table_base(self.address))
    }

    /// The value of the register that tells the hardware how the table is made.
    pub(super) fn config(&self) -> Result<STRTAB_BASE_CFG> {
        let cfg = STRTAB_BASE_CFG::zeroed().try_with_log2size(self.sid_bits)?;

        Ok(match self.two_level {
            true => cfg
                .with_const_format::<FMT_TWO_LEVEL>()
                .with_const_split::<SPLIT>(),
            false => cfg.with_const_format::<FMT_LINEAR>(),
        })
    }

    /// Makes sure that there is an entry for `sid`; a new one aborts.
    ///
    /// `dev` is the SMMU. May sleep. `ERANGE` if the table does not cover `sid`, `ENOMEM`.
    pub(crate) fn ensure(&self, dev: &Device<Bound>, sid: u32) -> Result {
        self.check(sid)?;
        self.entries.lock().ensure(dev, sid, |table| {
            fill(table, 1 << SPLIT)?;
            Ok(l1_descriptor(table.address()))
        })
    }

    /// The entry of `sid`. May sleep. `ERANGE` if the table does not cover it, `ENOENT` if
    /// [`Self::ensure`] was not called for it.
    pub(crate) fn read(&self, sid: u32) -> Result<Ste> {
        self.check(sid)?;
        let entries = self.entries.lock();

        Ok(Ste::from_words(entries.entry(sid)?.read()))
    }

    /// Changes the entry of `sid`, without an interruption of traffic where the architecture
    /// allows that, and returns when the hardware uses the new one. May sleep.
    ///
    /// Errors as in [`Self::read`], or from `cmdq` if the hardware could not be made to forget the
    /// old entry: the table has the new one even so.
    pub(crate) fn write(&self, sid: u32, ste: &Ste, cmdq: &CmdQueue) -> Result<Transition> {
        self.check(sid)?;
        let entries = self.entries.lock();
        // The level 1 descriptor may have been cached before it led to this table.
        let forget = [Cmd::cfgi_ste(sid, !self.two_level)];
        let mut slot = EntrySlot::new(entries.entry(sid)?, || Ok(cmdq.submit_sync(&forget[..])?));
        let transition = entry::write::<SteLayout, _, 8>(&mut slot, ste.words());

        slot.status()?;
        Ok(transition)
    }

    fn check(&self, sid: u32) -> Result {
        match u64::from(sid) >> self.sid_bits {
            0 => Ok(()),
            _ => Err(ERANGE),
        }
    }
}

/// A linear table for that many bits of StreamID, or fewer: returned, too.
fn one_level(dev: &Device<Bound>, sid_bits: u32) -> Result<(Entries, u32)> {
    let (table, sid_bits) = Table::zeroed_or_smaller(dev, sid_bits, SPLIT.min(sid_bits))?;

    fill(&table, 1 << sid_bits)?;
    Ok((Entries::Linear(table), sid_bits))
}

/// The same with two levels.
fn two_levels(dev: &Device<Bound>, sid_bits: u32) -> Result<(Entries, u32)> {
    let (l1, log2) = Table::zeroed_or_smaller(dev, (sid_bits - SPLIT).min(L1_LOG2_MAX), 0)?;

    Ok((Entries::two(l1), log2 + SPLIT))
}

/// Makes all `entries` of a table that the hardware does not know yet abort.
fn fill(table: &Table<8>, entries: usize) -> Result {
    let abort = Ste::abort();

    for index in 0..entries {
        table.write(index, abort.words())?;
    }
    Ok(())
}

/// A level 1 stream table descriptor: L2Ptr in bits 51:6, and Span in bits 4:0, which is one more
/// than log2 of the length of the level 2 table.
fn l1_descriptor(address: u64) -> u64 {
    address | u64::from(SPLIT + 1)
}
