// SPDX-License-Identifier: GPL-2.0

//! From one translation of a PASID's traffic to another, in the order that the hardware needs
//! (section 6.5.3.3): the entry is written and the unit made to forget the old one, then what the
//! unit has cached by the old one goes, then what the device has.
//!
//! That is done even if others use what the old one was tagged by, and if the new one has another
//! tag: a unit may find what it has cached by the device, without a look at the PASID table, and
//! accesses that are on their way have to arrive before anybody relies on their being over.

use super::{
    arch::{
        caps::Features,
        descriptor::{
            Descriptor,
            DeviceTlb, //
        },
        pasid::PasidEntry,
        range::Block, //
    },
    flush::{
        self,
        Batch,
        Tag, //
    },
    hw::Page,
    pasids::PasidTable,
    slot::Invalidate, //
};
use crate::common::entry::Transition;
use kernel::prelude::*;

/// The PASID of a device's own traffic.
pub(crate) const OWN: u32 = 0;

/// One of a device's PASIDs, on its unit.
pub(crate) struct Place<'a, U: Invalidate> {
    /// The unit.
    pub(crate) unit: &'a U,
    /// What it can do.
    pub(crate) features: &'a Features,
    /// Set if the device caches translations itself.
    pub(crate) device_tlb: Option<DeviceTlb>,
    /// The PASID, [`OWN`] for the device's own traffic.
    pub(crate) pasid: u32,
}

impl<U: Invalidate> Place<'_, U> {
    /// Changes what translates, from what is tagged by `old` to `entry`, tagged by `new`. A tag is
    /// `None` for what is blocked. When it returns, nothing of the old is in use.
    ///
    /// # Errors
    ///
    /// Those of the unit. What it uses then is unknown, the entry in memory is the new one.
    pub(crate) fn switch<P: Page>(
        &self,
        table: &mut PasidTable<P>,
        entry: &PasidEntry,
        old: Option<Tag>,
        new: Option<Tag>,
    ) -> Result {
        table.write(self.unit, self.pasid, entry, |transition| {
            // CM: that there was nothing, if only in between, is cached as well.
            let absent = old.is_none() || transition == Transition::Disruptive;

            match self.features.caching_mode && absent && new.is_some() {
                true => Some(Descriptor::iotlb_global(self.features.drain)),
                false => old.map(|old| old.all(self.features)),
            }
        })?;

        match (old, self.device_tlb) {
            (Some(_), Some(device)) => self.forget_device(device),
            _ => Ok(()),
        }
    }

    /// Makes the device forget.
    fn forget_device(&self, device: DeviceTlb) -> Result {
        let mut batch: Batch<'_, _> = Batch::new(self.unit);
        let all = match self.pasid {
            OWN => Descriptor::device_tlb(device, Block::ALL),
            pasid => Descriptor::pasid_device_tlb(device, pasid, Block::ALL),
        };

        flush::invalidate_devices(&mut batch, core::iter::once((device, all)))
    }

    /// Blocks what is in whatever state after a failure. When it returns, nothing is in use of
    /// what the entry has ever been.
    ///
    /// # Errors
    ///
    /// Those of the unit. What it uses then is unknown; the entry in memory blocks.
    pub(crate) fn block<P: Page>(&self, table: &mut PasidTable<P>) -> Result {
        // What of this fails is made up for.
        let _ = table.write(self.unit, self.pasid, &PasidEntry::blocked(), |_| None);

        let forgotten = forget_all(self.unit, self.features);
        let told = match self.device_tlb {
            Some(device) => self.forget_device(device),
            None => Ok(()),
        };

        forgotten.and(told)
    }
}

/// Makes the unit forget PASID entries and translations, of whatever device.
///
/// # Errors
///
/// Those of the unit.
pub(crate) fn forget_all(unit: &impl Invalidate, features: &Features) -> Result {
    let forgotten = unit.invalidate(&[Descriptor::pasid_cache_global()]);
    let dropped = unit.invalidate(&[Descriptor::iotlb_global(features.drain)]);

    forgotten.and(dropped)
}
