// SPDX-License-Identifier: GPL-2.0

//! Containers.

use super::{
    args::{
        MapDma,
        UnmapDma, //
    },
    devices::Routes,
    events::Events,
    group::{
        Candidate,
        Group, //
    },
    ioctl,
    memory::Memory,
    shadow::Shadow,
    stage::Stage,
    Abi, //
};
use crate::{
    backend::{
        AddressRange,
        Backend, //
    },
    iommu::{
        bindings,
        client::{
            self,
            Pasid, //
        },
    },
    vfio, //
};
use kernel::{
    module::ModuleMetadata,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
    ThisModule, //
};

/// The groups and the memory of a container.
pub(super) struct State<B: Backend> {
    /// The groups. Before the memory: their devices must not have it any more when it goes.
    pub(super) groups: KVec<Group<B>>,
    /// The shadows of guests' tables. Before the memory, for they lead there.
    pub(super) shadows: KVec<Shadow<B>>,
    /// The memory.
    pub(super) memory: Memory,
    /// The guest's PASIDs. After the groups, whose devices may use them.
    pub(super) pasids: KVec<Pasid>,
}

/// A container: one guest.
#[pin_data]
pub(crate) struct Container<B: Abi> {
    #[pin]
    pub(super) state: Mutex<State<B>>,
    /// The second stages. Changed with `state` held as well.
    #[pin]
    stages: Mutex<KVec<Arc<Stage<B>>>>,
    /// The bound devices by the guest's IDs. Changed with `state` held as well.
    #[pin]
    pub(super) routes: Routes<B>,
    /// Where the guest's events go.
    pub(super) events: Arc<Events<B>>,
}

impl<B: Abi> Container<B> {
    fn new() -> Result<Arc<Self>> {
        let events = Events::new()?;

        Arc::pin_init(
            pin_init!(Self {
                state <- new_mutex!(
                    State {
                        groups: KVec::new(),
                        shadows: KVec::new(),
                        memory: Memory::new(),
                        pasids: KVec::new(),
                    },
                    "Container::state"
                ),
                stages <- new_mutex!(KVec::new(), "Container::stages"),
                routes <- Routes::new(),
                events,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The second stages as of now.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn stages(&self) -> Result<KVec<Arc<Stage<B>>>> {
        let stages = self.stages.lock();
        let mut all = KVec::with_capacity(stages.len(), GFP_KERNEL)?;

        for stage in stages.iter() {
            all.push(stage.clone(), GFP_KERNEL)?;
        }
        Ok(all)
    }

    fn attach_group(&self, group: client::Group) -> Result {
        let mut state = self.state.lock();

        if state.group(&group).is_some() {
            return Err(EINVAL);
        }
        let candidate = Candidate::new(group)?;
        if candidate.conflicts(&state.memory)
            || state.doorbells().any(|gpas| candidate.reserves(&gpas))
        {
            return Err(EINVAL);
        }
        // It is either, for all of the guest's devices.
        if state
            .groups
            .first()
            .is_some_and(|group| group.stage().nests() != candidate.nests())
        {
            return Err(EINVAL);
        }
        let there = self
            .stages
            .lock()
            .iter()
            .find(|stage| candidate.fits(stage))
            .cloned();
        let stage = match &there {
            Some(stage) => stage.clone(),
            None => {
                let stage = candidate.new_stage(self.events.clone())?;

                if state.memory.reaches_beyond(stage.space.last()) {
                    return Err(EINVAL);
                }
                state.memory.replay(&stage)?;
                stage
            }
        };
        let slot = (0..)
            .find(|slot| state.groups.iter().all(|group| group.slot != *slot))
            .unwrap_or(0);

        state.groups.reserve(1, GFP_KERNEL_ACCOUNT)?;
        self.stages.lock().reserve(1, GFP_KERNEL_ACCOUNT)?;
        let group = candidate.attach(stage.clone(), slot)?;
        state.groups.push(group, GFP_KERNEL_ACCOUNT)?;
        if there.is_none() {
            self.stages.lock().push(stage, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }

    fn detach_group(&self, group: &client::Group) {
        let mut state = self.state.lock();
        let Some(index) = state.group(group) else {
            return;
        };
        let Ok(group) = state.groups.remove(index) else {
            return;
        };
        let devices = group.devices().clone();
        let stage = &devices.stage;

        self.routes.remove(|route| devices.has(&route.ep));
        // Blocks the devices.
        drop(group);
        state.shadows.retain(|shadow| !devices.has(&shadow.ep));
        if !state
            .groups
            .iter()
            .any(|group| Arc::ptr_eq(group.stage(), stage))
        {
            // A second stage may have to do something for memory that leaves it.
            state.memory.withdraw(stage);
            self.stages
                .lock()
                .retain(|there| !Arc::ptr_eq(there, stage));
        }
    }

    /// Maps memory.
    ///
    /// # Errors
    ///
    /// As of `VFIO_IOMMU_MAP_DMA`.
    pub(super) fn map(&self, map: &MapDma) -> Result {
        let mut state = self.state.lock();
        let stages = self.stages()?;

        if !state.takes(map) {
            return Err(EINVAL);
        }
        if state.doorbells().any(|gpas| gpas.overlaps(&map.range)) {
            return Err(EEXIST);
        }
        state.memory.map(map, &stages)?;
        // What led nowhere may lead there.
        state.refresh_incomplete().inspect_err(|_| {
            let _ = state.unmap(&map.range, &stages);
        })
    }

    /// Unmaps memory, and returns how many bytes.
    ///
    /// # Errors
    ///
    /// As of `VFIO_IOMMU_UNMAP_DMA`.
    pub(super) fn unmap(&self, unmap: &UnmapDma) -> Result<u64> {
        let mut state = self.state.lock();
        let stages = self.stages()?;

        if !unmap.all && !state.aligned(unmap.range.start | unmap.range.size) {
            return Err(EINVAL);
        }
        state.unmap(&unmap.range, &stages)
    }

    /// Whether the guest has page tables only, and not the tables that lead to them.
    pub(super) fn takes_page_tables(&self) -> bool {
        self.stages
            .lock()
            .iter()
            .any(|stage| stage.takes_page_tables())
    }
}

impl<B: Backend> State<B> {
    /// Unmaps and unpins all memory in `range`. Returns how many bytes that were.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: a mapping is only partly in it.
    fn unmap(&mut self, range: &AddressRange, stages: &[Arc<Stage<B>>]) -> Result<u64> {
        let taken = self.memory.take(range)?;

        if taken.size() != 0 && !self.refresh_all() {
            // A device may be able to reach it.
            taken.keep();
        }
        for stage in stages {
            taken.withdraw(stage);
        }
        Ok(taken.size())
    }

    /// The index of a group.
    fn group(&self, group: &client::Group) -> Option<usize> {
        self.groups
            .iter()
            .position(|there| there.attached.group().as_raw() == group.as_raw())
    }

    /// The GPAs that were given away for doorbells.
    fn doorbells(&self) -> impl Iterator<Item = AddressRange> + '_ {
        self.groups
            .iter()
            .filter_map(|group| group.attached.doorbells().bound())
    }

    /// Sizes of pages and blocks of all second stages, from the CPU's on, as a bitmap in bytes.
    pub(super) fn pgsizes(&self) -> u64 {
        let all = self
            .groups
            .iter()
            .fold(u64::MAX, |all, group| all & group.stage().space.pgsizes());
        // Memory is pinned by the CPU's pages, which all of them can map, be it by smaller ones.
        let page = PAGE_SIZE as u64;

        all & !(page - 1) | page
    }

    /// The last GPA of all second stages, if there are any.
    pub(super) fn last(&self) -> Option<u64> {
        self.groups
            .iter()
            .map(|group| group.stage().space.last())
            .min()
    }

    /// Whether there can be such memory.
    fn takes(&self, map: &MapDma) -> bool {
        let range = &map.range;

        self.last().is_some_and(|last| range.last() <= last)
            && self.aligned(range.start | range.size | map.vaddr as u64)
            && !self
                .groups
                .iter()
                .any(|group| group.holes().any(|hole| hole.overlaps(range)))
    }

    /// Whether addresses and sizes, all in one, are aligned to the smallest page.
    fn aligned(&self, all: u64) -> bool {
        all & ((1 << self.pgsizes().trailing_zeros()) - 1) == 0
    }
}

impl<B: Abi> vfio::Container for Container<B> {
    const NAME: &'static CStr = c"vfio-iommu-nested";
    const OWNER: ThisModule = crate::LocalModule::THIS_MODULE;

    fn extension(this: Option<&Self>, extension: usize) -> i32 {
        // CAST: A user's number that is none of these is not known.
        match u32::try_from(extension).unwrap_or(0) {
            bindings::VFIO_TYPE1_NESTING_IOMMU => 1,
            bindings::VFIO_NESTED_EXTENSION => bindings::VFIO_NESTED_VERSION as i32,
            // Before there is a container, type1 answers.
            bindings::VFIO_UNMAP_ALL => this.is_some().into(),
            bindings::VFIO_DMA_CC_IOMMU => this.is_some_and(Self::all_coherent).into(),
            _ => 0,
        }
    }

    fn open(kind: usize) -> Result<Arc<Self>> {
        if kind != bindings::VFIO_TYPE1_NESTING_IOMMU as usize {
            return Err(EINVAL);
        }
        Self::new()
    }

    fn ioctl(this: ArcBorrow<'_, Self>, cmd: u32, arg: usize) -> Result<u32> {
        ioctl::ioctl(&this, cmd, arg)
    }

    fn attach_group(this: ArcBorrow<'_, Self>, group: client::Group) -> Result {
        Container::attach_group(&this, group)
    }

    fn detach_group(this: ArcBorrow<'_, Self>, group: &client::Group) {
        Container::detach_group(&this, group);
    }

    fn release(this: ArcBorrow<'_, Self>) {
        this.events.end();
        this.state.lock().memory.clear();
    }
}

impl<B: Abi> Container<B> {
    fn all_coherent(&self) -> bool {
        self.stages.lock().iter().all(|stage| stage.coherent)
    }
}
