// SPDX-License-Identifier: GPL-2.0

//! What runs a unit: its registers, its queue, its tables and its DIDs.

use super::{
    arch::{
        caps::Features,
        context::ContextEntry,
        descriptor::{
            Descriptor,
            DeviceTlb, //
        },
    },
    bringup,
    hw::{
        Machine,
        Memory,
        Page,
        Registers, //
    },
    qi::{
        Outcome,
        Queue, //
    },
    slot::Invalidate,
    tables::Tables, //
};
use crate::{
    ids::Ids,
    sync::{
        Atomic,
        Relaxed, //
    },
};
use kernel::{
    new_mutex,
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SpinLockIrq, //
    }, //
};

/// Looks at the status word between two looks at the registers, which are slow.
const LOOKS: u32 = 256;

/// The DID of untranslated traffic: the first of [`Ids`], and not given to anybody else.
pub(crate) const IDENTITY_DID: u16 = 1;

/// What runs a unit. Several devices and domains use it at once.
#[pin_data]
pub(crate) struct Engine<M: Machine> {
    pub(crate) regs: M::Registers,
    pub(crate) features: Features,
    #[pin]
    pub(crate) dids: Ids,
    #[pin]
    pub(crate) tables: SpinLockIrq<Tables<M::Page>>,
    /// How many devices were cut off from what they had cached, ever.
    cut_off: Atomic<u64>,
    outcome: Arc<Outcome<M::Page>>,
    /// The ring of page requests, if the unit has those. One at a time takes them out.
    #[pin]
    pub(super) requests: Mutex<Option<M::Page>>,
    #[pin]
    queue: SpinLockIrq<Queue<M::Page>>,
}

impl<M: Machine> Engine<M> {
    /// Allocates what a unit needs in memory. The hardware is not touched.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new<'a>(
        memory: impl Memory<Page = M::Page> + 'a,
        regs: M::Registers,
        features: Features,
    ) -> impl PinInit<Self, Error> + 'a
    where
        M: 'a,
    {
        pin_init::pin_init_scope(move || {
            let queue = Queue::new(&memory, features.write_buffer)?;
            let tables = Tables::new(&memory)?;
            let requests = match features.serves_page_requests() {
                true => Some(memory.snooped_page()?),
                false => None,
            };

            Ok(try_pin_init!(Self {
                outcome: queue.outcome().clone(),
                queue <- new_spinlock_irq!(queue, "Engine::queue"),
                tables <- new_spinlock_irq!(tables, "Engine::tables"),
                cut_off: Atomic::new(0),
                requests <- new_mutex!(requests, "Engine::requests"),
                dids <- Ids::new(features.did_bits),
                regs,
                features,
            }? Error))
        })
    }

    /// The positions of the invalidation queue: what was submitted, and what is complete of it.
    pub(crate) fn queue_positions(&self) -> (u64, u64) {
        let mut queue = self.queue.lock();
        let completed = queue.progress(&self.regs).unwrap_or(0);

        (queue.tail(), completed)
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
        let pages = self.requests.lock().as_ref().map(Page::address);

        bringup::start(&self.regs, self, queue, pages, root, self.features.drain)
    }

    /// Stops the unit. Its devices can access all of memory then.
    pub(crate) fn stop(&self) -> Result {
        bringup::stop(&self.regs, self.features.serves_page_requests())
    }

    /// Makes sure that there is a context entry for a requester ID; a new one is not present. May
    /// sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn ensure_context(&self, memory: &impl Memory<Page = M::Page>, rid: u16) -> Result {
        if self.tables.lock().has(rid) {
            return Ok(());
        }

        let page = memory.page()?;
        let mut room = KVec::new();

        loop {
            let mut tables = self.tables.lock();
            let wanted = tables.wanted();

            if tables.has(rid) {
                return Ok(());
            }
            if room.capacity() >= wanted {
                tables.add(rid, page, room);
                return Ok(());
            }
            drop(tables);
            room.reserve(wanted, GFP_KERNEL)?;
        }
    }

    /// Waits until all page requests that have come to the unit are in their queue.
    ///
    /// # Errors
    ///
    /// As [`Invalidate::invalidate`].
    pub(super) fn wait_for_page_requests(&self) -> Result {
        self.wait(self.submit(&[], Descriptor::wait_for_page_requests)?)
    }

    /// Queues descriptors as soon as there is room, and one that [waits](Queue::submit_with).
    fn submit(
        &self,
        descriptors: &[Descriptor],
        waiting: fn(u64, u32) -> Descriptor,
    ) -> Result<u64> {
        let mut looks = 0;

        loop {
            let mut queue = self.queue.lock();

            match queue.submit_with(&self.regs, descriptors, waiting) {
                Err(e) if e == EAGAIN => queue.progress(&self.regs)?,
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

                if queue.progress(&self.regs)? > pos {
                    break;
                }
            }
            self.regs
                .pause(looks)
                .inspect_err(|_| self.regs.complain(format_args!("does not answer")))?;
            looks += 1;
        }
        if self.outcome.any_failed() && self.queue.lock().failed(pos) {
            self.regs.complain(format_args!(
                "refused an invalidation, or a device did not answer one"
            ));
            return Err(EIO);
        }
        Ok(())
    }
}

impl<M: Machine> Invalidate for Engine<M> {
    fn invalidate(&self, descriptors: &[Descriptor]) -> Result {
        self.wait(self.submit(descriptors, Descriptor::wait)?)
    }

    fn cut_off(&self, device: DeviceTlb) -> Result {
        let mut tables = self.tables.lock();
        let Some(context) = tables.read(device.sid).filter(ContextEntry::has_ats) else {
            return Ok(());
        };

        self.cut_off.fetch_add(1, Relaxed);
        self.regs
            .complain(format_args!("goes on without ATS of {:#06x}", device.sid));
        tables.write(self, device.sid, &context.without_ats())?;
        // What has passed the unit before that arrives.
        self.invalidate(&[Descriptor::iotlb_global(self.features.drain)])
    }

    fn is_cut_off(&self, device: DeviceTlb) -> bool {
        self.cut_off.load(Relaxed) != 0
            && !self
                .tables
                .lock()
                .read(device.sid)
                .is_some_and(|context| context.has_ats())
    }

    fn is_told_all(&self) -> bool {
        self.features.caching_mode || self.features.write_buffer
    }
}
