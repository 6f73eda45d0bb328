// SPDX-License-Identifier: GPL-2.0

//! One remapping unit: its blocks, and which devices are behind it.

use super::{
    arch::{
        caps::Features,
        descriptor::Descriptor, //
    },
    bringup,
    faults::Members,
    hw::Registers,
    mmio::{
        DmaMemory,
        DmaPage,
        Mmio, //
    },
    nested::Tenant,
    qi::{
        Outcome,
        Queue, //
    },
    slot::Invalidate,
    tables::Tables,
    Vtd, //
};
use crate::{
    ids::Ids,
    iommu::Endpoint,
    ratelimit::RateLimit, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_mutex, new_spinlock_irq,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex,
        SpinLockIrq, //
    },
};

/// Looks at the status word between two looks at the registers, which are slow.
const LOOKS: u32 = 256;

/// The DID of untranslated traffic: the first of [`Ids`], and not given to anybody else.
pub(crate) const IDENTITY_DID: u16 = 1;

/// A remapping unit.
#[pin_data]
pub(crate) struct Unit {
    dev: ARef<Device>,
    pub(crate) regs: Arc<Mmio>,
    pub(crate) features: Features,
    /// CAP_REG and ECAP_REG, as they are.
    pub(crate) ids: (u64, u64),
    /// Where its registers are (HPA), which is what firmware knows it by.
    pub(crate) registers: u64,
    /// Erratum 772415 of Sapphire Rapids: a second stage below a guest's first must not have pages
    /// that can only be read.
    pub(crate) read_only_errs: bool,
    #[pin]
    pub(crate) dids: Ids,
    #[pin]
    pub(crate) tables: Mutex<Tables<DmaPage>>,
    /// Devices whose faults are guests'.
    #[pin]
    pub(crate) members: Members,
    /// The devices that are in use. Those that are have the unit, too, until they are released.
    #[pin]
    pub(crate) devices: Mutex<KVec<Arc<Endpoint<Vtd>>>>,
    /// The guests that there are.
    #[pin]
    pub(crate) guests: Mutex<KVec<Arc<Tenant>>>,
    outcome: Arc<Outcome<DmaPage>>,
    #[pin]
    queue: SpinLockIrq<Queue<DmaPage>>,
    /// For messages about the queue.
    errors: RateLimit,
    /// For messages about faults.
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
        regs: Arc<Mmio>,
        ids: (u64, u64),
        features: Features,
        registers: u64,
        read_only_errs: bool,
    ) -> impl PinInit<Self, Error> + 'a {
        pin_init::pin_init_scope(move || {
            let memory = DmaMemory {
                dev,
                coherent: features.coherent,
            };
            let queue = Queue::new(&memory, features.write_buffer)?;

            Ok(try_pin_init!(Self {
                dev: dev.into(),
                outcome: queue.outcome().clone(),
                queue <- new_spinlock_irq!(queue, "Unit::queue"),
                tables <- new_mutex!(Tables::new(&memory)?, "Unit::tables"),
                members <- Members::new(),
                devices <- new_mutex!(KVec::new(), "Unit::devices"),
                guests <- new_mutex!(KVec::new(), "Unit::guests"),
                dids <- Ids::new(features.did_bits),
                errors: RateLimit::new(),
                faults: RateLimit::new(),
                regs,
                ids,
                features,
                registers,
                read_only_errs,
            }? Error))
        })
    }

    /// The unit's device.
    pub(crate) fn dev(&self) -> &Device {
        &self.dev
    }

    /// The positions of the invalidation queue: what was submitted, and what is complete of it.
    pub(crate) fn queue_positions(&self) -> (u64, u64) {
        let mut queue = self.queue.lock();
        let completed = queue.progress(&*self.regs).unwrap_or(0);

        (queue.tail(), completed)
    }

    /// The unit's memory, while its driver is bound to `hw`.
    pub(crate) fn memory<'a>(&self, hw: &'a Device<Bound>) -> DmaMemory<'a> {
        DmaMemory {
            dev: hw,
            coherent: self.features.coherent,
        }
    }

    /// Starts translation, with every device blocked. Nobody else uses the unit yet.
    ///
    /// # Errors
    ///
    /// - [`ETIMEDOUT`]: the unit does not do what it is told.
    /// - [`EBUSY`]: it was started before.
    pub(crate) fn start(&self) -> Result {
        if self.dids.take()? != IDENTITY_DID {
            return Err(EBUSY);
        }

        let queue = self.queue.lock().address();
        let root = self.tables.lock().address();

        bringup::start(&*self.regs, self, queue, root, self.features.drain)
    }

    /// Stops the unit. Its devices can access all of memory then.
    pub(crate) fn stop(&self) -> Result {
        bringup::stop(&*self.regs)
    }

    /// Queues descriptors as soon as there is room.
    fn submit(&self, descriptors: &[Descriptor]) -> Result<u64> {
        let mut looks = 0;

        loop {
            let mut queue = self.queue.lock();

            match queue.submit(&*self.regs, descriptors) {
                Err(e) if e == EAGAIN => queue.progress(&*self.regs)?,
                result => return result,
            };
            drop(queue);
            self.regs.pause(looks)?;
            looks += 1;
        }
    }

    /// Waits until the descriptor at `pos` is complete.
    fn wait(&self, pos: u64) -> Result {
        let mut looks = 0;

        while !self.outcome.is_complete(pos) {
            if looks % LOOKS == LOOKS - 1 {
                let mut queue = self.queue.lock();

                if queue.progress(&*self.regs)? > pos {
                    break;
                }
            }
            self.regs
                .pause(looks)
                .inspect_err(|_| self.complain("does not answer"))?;
            looks += 1;
        }
        if self.outcome.any_failed() && self.queue.lock().failed(pos) {
            self.complain("refused an invalidation, or a device did not answer one");
            return Err(EIO);
        }
        Ok(())
    }

    fn complain(&self, what: &str) {
        self.errors.run(&self.dev, || {
            dev_err!(self.dev, "invalidation queue {what}\n")
        });
    }
}

impl Invalidate for Unit {
    fn invalidate(&self, descriptors: &[Descriptor]) -> Result {
        self.wait(self.submit(descriptors)?)
    }

    fn is_told_all(&self) -> bool {
        self.features.caching_mode || self.features.write_buffer
    }
}
