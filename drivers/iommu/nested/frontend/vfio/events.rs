// SPDX-License-Identifier: GPL-2.0

//! The event fd.

use super::Abi;
use crate::{
    backend::{
        EventSink,
        Fault,
        Reason, //
    },
    iommu::bindings::{
        self,
        vfio_nested_event, //
    },
    vfio::{
        EventFile,
        Readiness, //
    },
};
use kernel::{
    fs::File,
    module::ModuleMetadata,
    new_mutex,
    new_poll_condvar,
    prelude::*,
    sync::{
        poll::{
            PollCondVar,
            PollTable, //
        },
        Arc,
        Mutex, //
    },
    transmute::AsBytes,
    uaccess::UserSliceWriter,
    ThisModule, //
};

/// The most events that are kept.
pub(super) const DEPTH_MAX: u32 = 4096;

/// Records, the oldest first. When there is no room, the oldest goes: who reads on learns at once
/// that something was lost.
struct Ring {
    records: KVVec<vfio_nested_event>,
    /// Where the oldest is.
    first: usize,
    len: usize,
    /// The number of the next event, and of the next to be read unless it was lost.
    next: u32,
    expected: u32,
    /// Nothing more will come.
    ended: bool,
}

impl Ring {
    fn push(&mut self, record: vfio_nested_event) {
        if self.len == self.records.len() {
            self.pop();
        }
        let place = self.place(self.len);

        // PANIC: There are fewer than `records` has room for, which is not 0.
        self.records[place] = vfio_nested_event {
            sequence: self.next,
            ..record
        };
        self.len += 1;
        self.next = self.next.wrapping_add(1);
    }

    /// The place `count` after that of the oldest: at most once around.
    fn place(&self, count: usize) -> usize {
        let place = self.first + count;

        place.checked_sub(self.records.len()).unwrap_or(place)
    }

    /// The oldest record, as it is to be read.
    fn peek(&self) -> Option<vfio_nested_event> {
        let mut record = *self.records.get(self.first).filter(|_| self.len != 0)?;

        if record.sequence != self.expected {
            record.flags |= bindings::VFIO_NESTED_EVENT_LOST;
        }
        Some(record)
    }

    /// Forgets the oldest record.
    fn pop(&mut self) {
        self.first = self.place(1);
        self.len -= 1;
    }

    /// The record `sequence` was read. It may have been lost meanwhile.
    fn was_read(&mut self, sequence: u32) {
        if self
            .peek()
            .is_some_and(|oldest| oldest.sequence == sequence)
        {
            self.pop();
        }
        self.expected = sequence.wrapping_add(1);
    }
}

/// What one file is read from.
#[pin_data]
pub(super) struct Queue<B: Abi> {
    events: Arc<Events<B>>,
    #[pin]
    ring: Mutex<Ring>,
    /// One reader at a time.
    #[pin]
    readers: Mutex<()>,
    #[pin]
    changed: PollCondVar,
}

/// The file that is open, if one is.
struct Reader<B: Abi> {
    /// It refers to [`Events`], until the file is closed.
    queue: Option<Arc<Queue<B>>>,
    /// Nothing more will come.
    ended: bool,
}

/// Where the events of a container's devices go.
#[pin_data]
pub(super) struct Events<B: Abi> {
    #[pin]
    reader: Mutex<Reader<B>>,
}

impl<B: Abi> Events<B> {
    /// Nobody reads them yet.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                reader <- new_mutex!(
                    Reader {
                        queue: None,
                        ended: false,
                    },
                    "Events::reader"
                ),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Makes the file that they are read from, and returns its descriptor.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_EVENT_FD`.
    pub(super) fn open(self: &Arc<Self>, depth: u32) -> Result<u32> {
        if depth == 0 || depth > DEPTH_MAX {
            return Err(EINVAL);
        }
        // CAST: `u32` to `usize` widens.
        let records = KVVec::from_elem(
            vfio_nested_event::default(),
            depth as usize,
            GFP_KERNEL_ACCOUNT,
        )?;
        let queue = Arc::pin_init(
            pin_init!(Queue {
                events: self.clone(),
                ring <- new_mutex!(
                    Ring {
                        records,
                        first: 0,
                        len: 0,
                        next: 0,
                        expected: 0,
                        ended: false,
                    },
                    "Queue::ring"
                ),
                readers <- new_mutex!((), "Queue::readers"),
                changed <- new_poll_condvar!("Queue::changed"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        {
            let mut reader = self.reader.lock();

            if reader.queue.is_some() {
                return Err(EEXIST);
            }
            queue.ring.lock().ended = reader.ended;
            reader.queue = Some(queue.clone());
        }
        EventFile::open(queue).inspect_err(|_| self.forget())
    }

    /// There will be no more events.
    pub(super) fn end(&self) {
        let mut reader = self.reader.lock();

        reader.ended = true;
        if let Some(queue) = &reader.queue {
            queue.ring.lock().ended = true;
            queue.changed.notify_all();
        }
    }

    fn forget(&self) {
        let queue = self.reader.lock().queue.take();

        // Not under the lock: it may be the last reference, and then waits.
        drop(queue);
    }
}

impl<B: Abi> EventSink<B::Event> for Events<B> {
    fn report(&self, device: u64, event: &B::Event) -> Result {
        let queue = self.reader.lock().queue.clone().ok_or(EOPNOTSUPP)?;

        queue.ring.lock().push(record::<B>(device, event));
        queue.changed.notify_all();
        Ok(())
    }
}

/// An event as it is read. What is not in all hardware's is in `raw`.
fn record<B: Abi>(id: u64, event: &B::Event) -> vfio_nested_event {
    let Fault {
        reason,
        pasid,
        access,
    } = B::describe(event);
    let mut record = vfio_nested_event {
        flags: 0,
        sequence: 0,
        reason: number(reason),
        pasid: pasid.unwrap_or(0),
        device_id: id,
        addr: 0,
        model: B::MODEL,
        reserved: 0,
        raw: [0; 4],
    };
    let mut flag = |set: bool, flag: u32| {
        if set {
            record.flags |= flag;
        }
    };

    flag(pasid.is_some(), bindings::VFIO_NESTED_EVENT_HAS_PASID);
    if let Some(access) = access {
        flag(true, bindings::VFIO_NESTED_EVENT_HAS_ADDR);
        flag(access.write, bindings::VFIO_NESTED_EVENT_WRITE);
        flag(access.execute, bindings::VFIO_NESTED_EVENT_EXEC);
        flag(access.privileged, bindings::VFIO_NESTED_EVENT_PRIV);
        record.addr = access.address;
    }
    let raw = AsBytes::as_bytes_mut(&mut record.raw);

    for (to, from) in raw.iter_mut().zip(event.as_bytes()) {
        *to = *from;
    }
    record
}

/// The uAPI's number of a reason.
fn number(reason: Reason) -> u32 {
    match reason {
        Reason::Unknown => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_UNKNOWN,
        Reason::BadConfig => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_BAD_CONFIG,
        Reason::PasidRequired => {
            bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_PASID_REQUIRED
        }
        Reason::BadPasid => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_BAD_PASID,
        Reason::BadPasidEntry => {
            bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_BAD_PASID_ENTRY
        }
        Reason::Translation => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_TRANSLATION,
        Reason::AddressSize => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_ADDRESS_SIZE,
        Reason::AccessFlag => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_ACCESS,
        Reason::Permission => bindings::vfio_nested_event_reason_VFIO_NESTED_EVENT_PERMISSION,
    }
}

impl<B: Abi> EventFile for Queue<B> {
    const NAME: &'static CStr = c"[vfio-nested-event]";
    const OWNER: ThisModule = crate::LocalModule::THIS_MODULE;

    fn read(&self, to: &mut UserSliceWriter) -> Result<usize> {
        const SIZE: usize = size_of::<vfio_nested_event>();
        let _reader = self.readers.lock();
        let mut done = 0;

        if to.len() < SIZE {
            return Err(EINVAL);
        }
        while to.len() >= SIZE {
            // User memory is not written with the ring locked.
            let Some(record) = self.ring.lock().peek() else {
                break;
            };

            match to.write(&record) {
                Ok(()) => done += SIZE,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
            self.ring.lock().was_read(record.sequence);
        }
        Ok(done)
    }

    fn poll(&self, file: &File, table: PollTable<'_>) -> Readiness {
        table.register_wait(file, &self.changed);
        let ring = self.ring.lock();

        Readiness {
            readable: ring.len != 0,
            ended: ring.ended,
        }
    }

    fn close(&self) {
        self.events.forget();
    }
}
