// SPDX-License-Identifier: GPL-2.0

//! One remapping unit: its blocks, and which devices are behind it.

use super::{
    arch::caps::Features,
    engine::Engine,
    faults::Members,
    hw::Machine,
    mmio::{
        DmaMemory,
        DmaPage,
        Mmio, //
    },
    nested::Tenant,
    Vtd, //
};
use crate::{
    iommu::{
        page_requests::FaultQueue,
        Endpoint,
        Instance,
        PagingDomain, //
    },
    ratelimit::RateLimit, //
};
use core::ops::Deref;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// A remapping unit.
#[pin_data]
pub(crate) struct Unit {
    #[pin]
    engine: Engine<Vtd>,
    /// CAP_REG and ECAP_REG, as they are.
    pub(crate) ids: (u64, u64),
    /// Where its registers are (HPA), which is what firmware knows it by.
    pub(crate) registers: u64,
    /// Erratum 772415 of Sapphire Rapids: a second stage below a guest's first must not have pages
    /// that can only be read.
    pub(crate) read_only_errs: bool,
    /// Devices whose faults are guests'.
    #[pin]
    pub(crate) members: Members,
    /// The devices that are in use. Those that are have the unit, too, until they are released.
    #[pin]
    pub(crate) devices: Mutex<KVec<Arc<Endpoint<Vtd>>>>,
    /// The guests that there are.
    #[pin]
    pub(crate) guests: Mutex<KVec<Arc<Tenant>>>,
    /// Where the core collects page requests, if the unit has those.
    pub(crate) page_requests: Option<FaultQueue>,
    /// For messages about faults and page requests.
    pub(crate) faults: RateLimit,
}

impl Unit {
    /// Allocates what a unit needs in memory. The hardware is not touched.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new<'a>(
        dev: &'a Device<Bound>,
        regs: Mmio,
        ids: (u64, u64),
        features: Features,
        registers: u64,
        read_only_errs: bool,
    ) -> impl PinInit<Self, Error> + 'a {
        let memory = DmaMemory {
            dev,
            coherent: features.coherent,
        };

        let serves = features.serves_page_requests();

        try_pin_init!(Self {
            engine <- Engine::new(memory, regs, features),
            members <- Members::new(),
            devices <- new_mutex!(KVec::new(), "Unit::devices"),
            guests <- new_mutex!(KVec::new(), "Unit::guests"),
            page_requests: match serves {
                true => Some(FaultQueue::new(fmt!("vtd-{registers:x}"))?),
                false => None,
            },
            faults: RateLimit::new(),
            ids,
            registers,
            read_only_errs,
        }? Error)
    }

    /// The unit's device.
    pub(crate) fn dev(&self) -> &Device {
        self.engine.regs.dev()
    }

    /// The unit's memory, while its driver is bound to `hw`.
    pub(crate) fn memory<'a>(&self, hw: &'a Device<Bound>) -> DmaMemory<'a> {
        DmaMemory {
            dev: hw,
            coherent: self.features.coherent,
        }
    }
}

impl Deref for Unit {
    type Target = Engine<Vtd>;

    fn deref(&self) -> &Engine<Vtd> {
        &self.engine
    }
}

impl Machine for Vtd {
    type Registers = Mmio;
    type Page = DmaPage;
    type Table = PagingDomain<Self>;
    type Unit = Instance<Self>;

    fn engine(unit: &Instance<Self>) -> &Engine<Self> {
        &unit.engine
    }
}
