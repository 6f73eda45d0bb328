// SPDX-License-Identifier: GPL-2.0

//! What may have cached a domain's translations, and how to invalidate that (section 6.5).
//!
//! The unit caches translations of a first stage by DID and PASID, those of a second stage by DID,
//! and what a guest's first stage makes of a second one by the guest's own DID and the PASID. A
//! device that uses ATS caches them as well: its cache is filled from the unit's, and is therefore
//! invalidated after that. A device that does not answer then loses ATS.

mod few;
#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use self::few::Few;

use super::{
    arch::{
        caps::Features,
        descriptor::{
            Descriptor,
            DeviceTlb,
            Drain, //
        },
        range::{
            Block,
            ORDER_ALL, //
        },
    },
    qi::RUN_MAX,
    slot::Invalidate,
    switch::OWN, //
};
use kernel::prelude::*;

/// What cached translations are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Those of a first stage.
    First { did: u16, pasid: u32 },
    /// Those of a second stage.
    Second { did: u16 },
    /// Those of a guest, of which the domain is the second stage.
    Guest { did: u16 },
    /// Untranslated ones.
    PassThrough { did: u16, pasid: u32 },
}

impl Tag {
    /// What invalidates everything with this tag.
    pub(crate) fn all(self, features: &Features) -> Descriptor {
        self.everything(features.drain)
    }

    fn everything(self, drain: Drain) -> Descriptor {
        match self {
            Self::First { did, pasid } | Self::PassThrough { did, pasid } => {
                Descriptor::pasid_iotlb_pasid(did, pasid)
            }
            Self::Second { did } | Self::Guest { did } => Descriptor::iotlb_domain(did, drain),
        }
    }

    /// Whether translations of a PASID have the tag.
    fn is_of(self, wanted: Option<u32>) -> bool {
        match (self, wanted) {
            (Self::First { pasid, .. }, Some(wanted)) => pasid == wanted,
            _ => true,
        }
    }
}

/// What invalidates a block of what a device has cached itself: of a PASID or, without, of its own
/// traffic.
fn device(device: DeviceTlb, pasid: Option<u32>, block: Block) -> Descriptor {
    match pasid {
        Some(pasid) => Descriptor::pasid_device_tlb(device, pasid, block),
        None => Descriptor::device_tlb(device, block),
    }
}

/// Invalidates what devices have cached themselves, by the descriptor of each. A device that does
/// not answer is [cut off](Invalidate::cut_off) from what it has cached, which is as good.
///
/// # Errors
///
/// Those of the unit.
pub(super) fn invalidate_devices<U: Invalidate, const N: usize>(
    batch: &mut Batch<'_, U, N>,
    devices: impl Iterator<Item = (DeviceTlb, Descriptor)> + Clone,
) -> Result {
    let unit = batch.unit;
    let devices = devices.filter(|(device, _)| !unit.is_cut_off(*device));

    for (_, descriptor) in devices.clone() {
        batch.push(descriptor);
    }
    match batch.complete() {
        Err(e) if e == EIO => (),
        result => return result,
    }

    // One of them, it is not said which.
    let single = devices.clone().nth(1).is_none();

    for (device, descriptor) in devices {
        if single || unit.invalidate(&[descriptor]) == Err(EIO) {
            unit.cut_off(device)?;
        }
    }
    Ok(())
}

/// How a device uses a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// What the unit caches by.
    pub(crate) tag: Tag,
    /// The device's own cache, and the PASID that it uses the domain with.
    pub(crate) device: Option<(DeviceTlb, Option<u32>)>,
}

/// A change of translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Nothing but what the device with this source ID has cached itself is to be invalidated.
    pub(crate) device: Option<u16>,
    /// What is cached for one PASID, or for all.
    pub(crate) pasid: Option<u32>,
    /// The pages, or all.
    pub(crate) block: Option<Block>,
    /// Only entries of the last level have changed.
    pub(crate) leaf: bool,
}

impl Change {
    /// The pages, if they are not all.
    fn part(&self) -> Option<Block> {
        self.block.filter(|block| block.order < ORDER_ALL)
    }
}

/// The users of a domain.
pub(crate) struct Users {
    /// Each tag, and how many use it.
    tags: Few<(Tag, u32)>,
    devices: Few<(DeviceTlb, Option<u32>)>,
    /// The largest block of one invalidation; `None` if the unit takes no pages.
    max_order: Option<u32>,
    drain: Drain,
}

impl Users {
    /// Nobody, on a unit of such features.
    pub(crate) const fn new(features: &Features) -> Self {
        Self {
            tags: Few::new(),
            devices: Few::new(),
            max_order: features.max_order,
            drain: features.drain,
        }
    }

    /// Whether there is room for `usage` to [`join`](Self::join).
    pub(crate) fn has_room(&self, usage: &Usage) -> bool {
        self.tags.has_room() && (usage.device.is_none() || self.devices.has_room())
    }

    /// Moves what there is more room for into the vectors of `room`.
    pub(crate) fn take_room(&mut self, room: &mut Room) {
        self.tags.take_room(&mut room.tags);
        self.devices.take_room(&mut room.devices);
    }

    /// How much there has to be in a [`Room`] for `usage`.
    pub(crate) fn wanted(&self, usage: &Usage) -> Wanted {
        Wanted {
            tags: self.tags.wanted(),
            devices: usage.device.map_or(0, |_| self.devices.wanted()),
        }
    }

    /// Adds a user, before the unit is told to use the domain. There is [room](Self::has_room).
    pub(crate) fn join(&mut self, usage: &Usage) {
        match self.tags.find_mut(|(tag, _)| *tag == usage.tag) {
            Some((_, count)) => *count += 1,
            None => self.tags.push((usage.tag, 1)),
        }
        if let Some(device) = usage.device {
            self.devices.push(device);
        }
    }

    /// Removes a user, after the unit was told to use something else.
    pub(crate) fn leave(&mut self, usage: &Usage) {
        if let Some(device) = usage.device {
            self.devices.remove(|there| *there == device);
        }
        self.tags.remove(|(tag, count)| {
            let is_meant = *tag == usage.tag;

            *count -= u32::from(is_meant);
            is_meant && *count == 0
        });
    }

    /// Invalidates what is cached of the pages in `block`, or of everything, for one PASID or all.
    /// With `leaf`, only entries of the last level have changed. Returns when it is complete.
    ///
    /// # Errors
    ///
    /// As of [`Self::invalidate_all`].
    pub(crate) fn invalidate(
        &self,
        unit: &impl Invalidate,
        pasid: Option<u32>,
        block: Option<Block>,
        leaf: bool,
    ) -> Result {
        let change = Change {
            device: None,
            pasid,
            block,
            leaf,
        };

        // Most domains are one device's, which caches nothing itself.
        match self.tags.only() {
            Some(&(tag, _)) if tag.is_of(pasid) && self.devices.is_empty() => {
                unit.invalidate(&[self.descriptor(tag, &change)])
            }
            _ => self.issue(&mut Batch::<_, FEW>::new(unit), &[change]),
        }
    }

    /// Invalidates what is cached of all of `changes`, waiting as seldom as can be: for the unit to
    /// be done, and then for the devices. Returns when it is complete.
    ///
    /// # Errors
    ///
    /// Those of `unit`, the first; the rest is invalidated even so.
    pub(crate) fn invalidate_all(&self, unit: &impl Invalidate, changes: &[Change]) -> Result {
        self.issue(&mut Batch::<_, RUN_MAX>::new(unit), changes)
    }

    /// What invalidates `change` in what has the tag.
    #[inline]
    fn descriptor(&self, tag: Tag, change: &Change) -> Descriptor {
        let fits = |block: &Block| self.max_order.is_some_and(|max| block.order <= max);

        match (tag, change.part()) {
            (Tag::First { did, pasid }, Some(block)) => {
                Descriptor::pasid_iotlb_page(did, pasid, block, change.leaf)
            }
            (Tag::Second { did }, Some(block)) if fits(&block) => {
                Descriptor::iotlb_page(did, block, change.leaf, self.drain)
            }
            _ => tag.everything(self.drain),
        }
    }

    fn issue<U: Invalidate, const N: usize>(
        &self,
        batch: &mut Batch<'_, U, N>,
        changes: &[Change],
    ) -> Result {
        // What a guest has made of a page is cached by the guest's addresses.
        let guests = self
            .tags
            .iter()
            .any(|(tag, _)| matches!(tag, Tag::Guest { .. }));

        for change in changes.iter().filter(|change| change.device.is_none()) {
            let of_change = |(tag, _): &&(Tag, u32)| tag.is_of(change.pasid);

            for &(tag, _) in self.tags.iter().filter(of_change) {
                batch.push(self.descriptor(tag, change));
            }
        }
        if self.devices.is_empty() {
            return batch.complete();
        }

        // What a device of a guest has cached is by the guest's addresses, too.
        let devices = changes.iter().flat_map(|change| {
            let block = change.part().filter(|_| !guests).unwrap_or(Block::ALL);
            let of_change = move |(there, of): &&(DeviceTlb, Option<u32>)| {
                change.device.is_none_or(|sid| sid == there.sid)
                    && change.pasid.is_none_or(|pasid| pasid == of.unwrap_or(OWN))
            };

            self.devices
                .iter()
                .filter(of_change)
                .map(move |&(there, of)| (there, device(there, of, block)))
        });
        let result = batch.complete();

        result.and(invalidate_devices(batch, devices))
    }
}

/// How many there is to be room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    tags: usize,
    devices: usize,
}

/// Vectors for more users.
pub(crate) struct Room {
    tags: KVec<(Tag, u32)>,
    devices: KVec<(DeviceTlb, Option<u32>)>,
}

impl Room {
    /// No room.
    pub(crate) const fn new() -> Self {
        Self {
            tags: KVec::new(),
            devices: KVec::new(),
        }
    }

    /// Makes room. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn grow(&mut self, wanted: Wanted) -> Result {
        self.tags.reserve(wanted.tags, GFP_KERNEL)?;
        self.devices.reserve(wanted.devices, GFP_KERNEL)?;
        Ok(())
    }

    /// Whether there is as much room.
    pub(crate) fn holds(&self, wanted: Wanted) -> bool {
        self.tags.capacity() >= wanted.tags && self.devices.capacity() >= wanted.devices
    }
}

/// The descriptors that are carried out at a time where there rarely are more: all of them are
/// initialised, on the stack.
const FEW: usize = 4;

/// Descriptors that are carried out `N` at a time.
pub(crate) struct Batch<'a, U: Invalidate, const N: usize = FEW> {
    unit: &'a U,
    descriptors: [Descriptor; N],
    len: usize,
    /// The first error. Later descriptors are issued even so: it is better to have dropped most of
    /// what is stale than some of it.
    status: Result,
}

impl<'a, U: Invalidate, const N: usize> Batch<'a, U, N> {
    /// No descriptors. Not inlined, as the compiler then has two of them on the stack.
    #[inline(never)]
    pub(crate) fn new(unit: &'a U) -> Self {
        const { assert!(N <= RUN_MAX) };

        Self {
            unit,
            descriptors: [Descriptor::default(); N],
            len: 0,
            status: Ok(()),
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, descriptor: Descriptor) {
        if self.len == N {
            self.flush();
        }
        self.descriptors[self.len] = descriptor;
        self.len += 1;
    }

    /// Returns when all so far are complete.
    pub(crate) fn flush(&mut self) {
        let Some(descriptors) = self.descriptors.get(..self.len).filter(|d| !d.is_empty()) else {
            return;
        };
        let result = self.unit.invalidate(descriptors);

        self.len = 0;
        if self.status.is_ok() {
            self.status = result;
        }
    }

    /// Returns when all so far are complete, with the first error of them.
    pub(crate) fn complete(&mut self) -> Result {
        self.flush();
        core::mem::replace(&mut self.status, Ok(()))
    }
}
