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

/// How many entries of the uAPI's own format are carried out at once.
const ENTRIES: usize = 16;

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
            bindings::VFIO_NESTED_MODEL_NONE => self.invalidate_any(&stages, &entries, &mut done),
            model if model == B::MODEL && takes_commands(&stages) => {
                self.invalidate_own(&stages, &entries, &mut done)
            }
            _ => Err(EOPNOTSUPP),
        });

        // Also what was done before an error.
        user::write(arg + offset_of!(Raw, count), &done)?;
        result
    }

    /// Invalidations of any hardware. Not inlined, as a block of them is on the stack.
    #[inline(never)]
    fn invalidate_any(
        &self,
        stages: &[Arc<Stage<B>>],
        entries: &Entries,
        done: &mut u32,
    ) -> Result {
        let mut block = user::Block::<bindings::vfio_nested_inv, ENTRIES>::default();

        if entries.size < size_of::<bindings::vfio_nested_inv>() {
            return Err(EINVAL);
        }
        while *done < entries.count {
            // CAST: `u32` to `usize` widens.
            let left = (entries.count - *done) as usize;
            let raw = block.read(entries.at(*done)?, entries.size, left.min(ENTRIES))?;
            let (handled, result) = match self.invalidate_entries(stages, raw) {
                Ok(()) => (raw.len(), Ok(())),
                Err(Failed { done, error }) => (done, Err(error)),
            };

            // CAST: Not more than `ENTRIES`.
            *done += handled as u32;
            result?;
            user::pause()?;
        }
        Ok(())
    }

    fn invalidate_entries(
        &self,
        stages: &[Arc<Stage<B>>],
        raw: &[bindings::vfio_nested_inv],
    ) -> Result<(), Failed> {
        let mut requests = KVec::new();
        let verdict = each(raw, |raw| {
            Ok(requests.push(self.request(stages, raw)?, GFP_KERNEL)?)
        });

        // What comes before one that is refused is carried out.
        self.invalidate_requests(stages, &requests).and(verdict)
    }

    fn request(
        &self,
        stages: &[Arc<Stage<B>>],
        raw: &bindings::vfio_nested_inv,
    ) -> Result<Invalidate> {
        let first = stages.first().ok_or(ENODEV)?;
        let request = Invalidate::new(raw, &first.capabilities())?;

        if let Some(id) = request.device {
            self.routes.stage_of(id).ok_or(ENOENT)?;
        }
        Ok(request)
    }

    /// As a whole if there is one second stage; otherwise one by one.
    fn invalidate_requests(
        &self,
        stages: &[Arc<Stage<B>>],
        requests: &[Invalidate],
    ) -> Result<(), Failed> {
        if stages.iter().any(|stage| !stage.nests()) {
            return each(requests, |request| self.refresh_for(request));
        }
        if let [stage] = stages {
            return self.invalidate_stage(stage, requests);
        }
        each(requests, |request| {
            stages.iter().try_for_each(|stage| {
                self.invalidate_stage(stage, core::slice::from_ref(request))
                    .map_err(|failed| failed.error)
            })
        })
    }

    /// Brings the shadows up to date.
    fn refresh_for(&self, request: &Invalidate) -> Result {
        if request.caches.iotlb {
            self.refresh_shadows(request.tag, request.range().map(|range| range.iovas))?;
        }
        user::pause()
    }

    /// Carries out what `requests` mean for one second stage.
    fn invalidate_stage(
        &self,
        stage: &Arc<Stage<B>>,
        requests: &[Invalidate],
    ) -> Result<(), Failed> {
        let failed = |error| Failed { done: 0, error };
        let guest = stage.guest().map_err(failed)?;
        let devices = self.routes.on(stage);
        let mut all = KVec::new();
        // How many there are up to the end of each request.
        let mut ends = KVec::new();

        for request in requests {
            self.add(stage, request, &mut all)
                .and_then(|()| Ok(ends.push(all.len(), GFP_KERNEL)?))
                .map_err(failed)?;
        }
        let mut from = 0;

        while let Err(Failed { done, error }) = B::invalidate_any(guest, &all[from..], &devices) {
            let at = from + done;
            let gone = all
                .get(at)
                .and_then(|what| what.device())
                .is_some_and(|id| self.routes.stage_of(id).is_none());

            // Unbound meanwhile, and nothing is cached any more.
            if error != EIO || !gone {
                return Err(Failed {
                    done: ends.iter().filter(|end| **end <= at).count(),
                    error,
                });
            }
            from = at + 1;
        }
        Ok(())
    }

    /// Adds to `all` what a request means for one second stage.
    fn add(
        &self,
        stage: &Arc<Stage<B>>,
        request: &Invalidate,
        all: &mut KVec<Invalidation>,
    ) -> Result {
        let named = |id: &u64| request.device.is_none_or(|device| device == *id);
        let ids = match request.caches.pasid || request.caches.device {
            true => self.routes.ids(stage)?,
            false => KVec::new(),
        };

        if request.caches.pasid {
            for &device in ids.iter().filter(|id| named(id)) {
                let what = Invalidation::PasidEntries {
                    device,
                    pasid: request.pasid,
                    leaf: request.leaf,
                };

                all.push(what, GFP_KERNEL)?;
            }
        }
        if request.caches.iotlb {
            let what = Invalidation::Translations {
                tag: request.tag,
                range: request.range(),
            };

            all.push(what, GFP_KERNEL)?;
        }
        if request.caches.device {
            for &device in ids.iter().filter(|id| named(id)) {
                let what = Invalidation::DeviceCache {
                    device,
                    pasid: request.pasid,
                    range: request.range(),
                };

                all.push(what, GFP_KERNEL)?;
            }
        }
        Ok(())
    }

    /// The guest's own commands. Not inlined, as a block of them is on the stack.
    #[inline(never)]
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
        each(commands, |command| self.invalidate_one(stages, command))
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

/// Runs `f` on one after the other, until it fails.
fn each<T>(all: &[T], mut f: impl FnMut(&T) -> Result) -> Result<(), Failed> {
    all.iter()
        .enumerate()
        .try_for_each(|(done, one)| f(one).map_err(|error| Failed { done, error }))
}

/// Whether all hardware takes the guest's own commands. What is shadowed has nothing that those are
/// about.
fn takes_commands<B: Abi>(stages: &[Arc<Stage<B>>]) -> bool {
    stages.iter().all(|stage| stage.capabilities().commands)
}

impl Invalidate {
    fn range(&self) -> Option<crate::backend::ChangedRange> {
        match self.amount {
            Amount::Range(range) => Some(range),
            Amount::Domain | Amount::Pasid => None,
        }
    }
}
