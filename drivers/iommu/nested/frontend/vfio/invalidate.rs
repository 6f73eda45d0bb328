// SPDX-License-Identifier: GPL-2.0

//! Invalidations on a guest's behalf.
//!
//! They take none of the locks that mapping and binding hold for long. A guest that invalidates
//! while a device is being bound or unbound gets either; neither leaves something stale, for what
//! is not bound caches nothing but with the guest's tag, and the tag's contents are invalidated in
//! all second stages, bound or not.
//!
//! Where tables are shadowed, an invalidation brings the shadows up to date, for which memory must
//! stay as it is: then they do take the container's lock. There are no other caches: those of
//! devices are kept coherent with the shadow by the kernel.

use super::{
    args::{
        Amount,
        Invalidate, //
    },
    container::Container,
    stage::Stage,
    Abi, //
};
use crate::{
    backend::{
        Failed,
        Invalidation,
        BLOCK, //
    },
    iommu::bindings,
    vfio::user, //
};
use core::mem::offset_of;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// An array of invalidations in user memory.
struct Entries {
    addr: usize,
    size: usize,
    count: u32,
}

impl Entries {
    /// The user address of an entry.
    fn at(&self, index: u32) -> Result<usize> {
        // CAST: `u32` to `usize` widens.
        self.size
            .checked_mul(index as usize)
            .and_then(|offset| self.addr.checked_add(offset))
            .ok_or(EFAULT)
    }
}

impl<B: Abi> Container<B> {
    /// Carries out invalidations.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_CACHE_INVALIDATE`.
    pub(super) fn cache_invalidate(&self, arg: usize) -> Result {
        type Raw = bindings::vfio_nested_cache_invalidate;

        let raw: Raw = user::read(arg)?;
        // CAST: `usize` has 64 bits where there is nesting.
        let entries = Entries {
            addr: raw.entries as usize,
            size: raw.entry_size as usize,
            count: raw.count,
        };
        let mut done = 0;
        let result = self.stages().and_then(|stages| match raw.model {
            _ if raw.flags != 0 || raw.reserved != 0 => Err(EINVAL),
            bindings::vfio_nested_model_VFIO_NESTED_MODEL_NONE => {
                self.invalidate_any(&stages, &entries, &mut done)
            }
            // What is shadowed has nothing that the hardware's commands are about.
            model if model == B::MODEL && !self.shadows() => {
                self.invalidate_own(&stages, &entries, &mut done)
            }
            _ => Err(EOPNOTSUPP),
        });

        // Also what was done before an error.
        user::write(arg + offset_of!(Raw, count), &done)?;
        result
    }

    /// Invalidations of any hardware.
    fn invalidate_any(
        &self,
        stages: &[Arc<Stage<B>>],
        entries: &Entries,
        done: &mut u32,
    ) -> Result {
        if entries.size < size_of::<bindings::vfio_nested_inv>() {
            return Err(EINVAL);
        }
        while *done < entries.count {
            let raw: bindings::vfio_nested_inv =
                user::read_extensible(entries.at(*done)?, entries.size)?;

            self.invalidate_entry(stages, &raw)?;
            *done += 1;
            user::pause()?;
        }
        Ok(())
    }

    fn invalidate_entry(
        &self,
        stages: &[Arc<Stage<B>>],
        raw: &bindings::vfio_nested_inv,
    ) -> Result {
        let first = stages.first().ok_or(ENODEV)?;
        let request = Invalidate::new(raw, &first.capabilities())?;

        if let Some(id) = request.device {
            self.routes.stage_of(id).ok_or(ENOENT)?;
        }
        if !first.nests() {
            return match request.caches.iotlb {
                true => self.refresh_shadows(request.tag, request.range().map(|range| range.iovas)),
                false => Ok(()),
            };
        }
        if request.caches.pasid {
            self.on_devices(stages, &request, |device| Invalidation::PasidEntries {
                device,
                pasid: request.pasid,
                leaf: request.leaf,
            })?;
        }
        if request.caches.iotlb {
            let what = Invalidation::Translations {
                tag: request.tag,
                range: request.range(),
            };

            for stage in stages {
                B::invalidate_any(stage.guest()?, &what, &self.routes.on(stage))?;
            }
        }
        if request.caches.device {
            self.on_devices(stages, &request, |device| Invalidation::DeviceCache {
                device,
                pasid: request.pasid,
                range: request.range(),
            })?;
        }
        Ok(())
    }

    /// Carries out what `what` makes of each device that is meant.
    fn on_devices(
        &self,
        stages: &[Arc<Stage<B>>],
        request: &Invalidate,
        what: impl Fn(u64) -> Invalidation,
    ) -> Result {
        if let Some(id) = request.device {
            let stage = self.routes.stage_of(id).ok_or(ENOENT)?;

            return B::invalidate_any(stage.guest()?, &what(id), &self.routes.on(&stage));
        }
        for stage in stages {
            for id in self.routes.ids(stage)? {
                match B::invalidate_any(stage.guest()?, &what(id), &self.routes.on(stage)) {
                    // Unbound meanwhile, and nothing is cached any more.
                    Err(e) if e == EIO && self.routes.stage_of(id).is_none() => (),
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// The guest's own commands.
    fn invalidate_own(
        &self,
        stages: &[Arc<Stage<B>>],
        entries: &Entries,
        done: &mut u32,
    ) -> Result {
        let mut block = user::Block::<B::Command, BLOCK>::default();

        if entries.size < size_of::<B::Command>() {
            return Err(EINVAL);
        }
        while *done < entries.count {
            // CAST: `u32` to `usize` widens.
            let left = (entries.count - *done) as usize;
            let commands = block.read(entries.at(*done)?, entries.size, left.min(BLOCK))?;
            let count = commands.len();
            let (handled, result) = match self.invalidate_block(stages, commands) {
                Ok(()) => (count, Ok(())),
                Err(Failed { done, error }) => (done, Err(error)),
            };

            // CAST: Not more than `BLOCK`.
            *done += handled as u32;
            result?;
            user::pause()?;
        }
        Ok(())
    }

    /// A block of commands: as a whole if there is one second stage; otherwise one by one, each for
    /// the device that it names or for all.
    fn invalidate_block(
        &self,
        stages: &[Arc<Stage<B>>],
        commands: &mut [B::Command],
    ) -> Result<(), Failed> {
        if let [stage] = stages {
            let guest = stage.guest().map_err(|error| Failed { done: 0, error })?;

            return B::invalidate(guest, commands, &self.routes.on(stage));
        }
        for (done, command) in commands.iter().enumerate() {
            self.invalidate_one(stages, command)
                .map_err(|error| Failed { done, error })?;
        }
        Ok(())
    }

    fn invalidate_one(&self, stages: &[Arc<Stage<B>>], command: &B::Command) -> Result {
        let named = match B::command_device(command) {
            Some(id) => Some(self.routes.stage_of(id).ok_or(EIO)?),
            None => None,
        };
        let meant =
            |stage: &&Arc<Stage<B>>| named.as_ref().is_none_or(|named| Arc::ptr_eq(named, stage));

        for stage in stages.iter().filter(meant) {
            // The back end writes to what it is given.
            let mut copy = [*command];

            B::invalidate(stage.guest()?, &mut copy, &self.routes.on(stage))
                .map_err(|failed| failed.error)?;
        }
        Ok(())
    }
}

impl Invalidate {
    fn range(&self) -> Option<crate::backend::ChangedRange> {
        match self.amount {
            Amount::Range(range) => Some(range),
            Amount::Domain | Amount::Pasid => None,
        }
    }
}
