// SPDX-License-Identifier: GPL-2.0

//! The model and the machine's memory. One thread has them; the others have it do jobs.

use crate::{
    vtd::model::{
        memory::Outside,
        requests::Answer,
        Config,
        Model, //
    },
    Error, //
};
use std::{
    cell::RefCell,
    fs::OpenOptions,
    io,
    path::Path,
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        mpsc,
        Arc, //
    },
};
use vm_memory::{
    Bytes,
    FileOffset,
    GuestAddress,
    GuestMemoryBackend,
    GuestMemoryMmap,
    VolatileMemory, //
};

/// Something to be done with the world.
type Job = Box<dyn FnOnce(&World) + Send>;

/// To the thread that has the world.
#[derive(Clone)]
pub(crate) struct Line(mpsc::Sender<Job>);

impl Line {
    /// A line, and its other end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (sender, receiver) = mpsc::channel();

        (Self(sender), receiver)
    }

    /// Has something done, and waits for the answer.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        job: impl FnOnce(&World) -> R + Send + 'static,
    ) -> io::Result<R> {
        let gone = |_| io::Error::other("the unit is gone");
        let (sender, receiver) = mpsc::channel();
        let job: Job = Box::new(move |world| {
            // Who has asked waits for it.
            let _ = sender.send(job(world));
        });

        self.0.send(job).map_err(|_| gone(mpsc::RecvError))?;
        receiver.recv().map_err(gone)
    }
}

/// The machine's memory.
#[derive(Clone)]
struct Ram(GuestMemoryMmap<()>);

impl Ram {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let size = usize::try_from(file.metadata()?.len())?;

        Ok(Self(GuestMemoryMmap::from_ranges_with_files([(
            GuestAddress(0),
            size,
            Some(FileOffset::new(file, 0)),
        )])?))
    }
}

impl Outside for Ram {
    fn read(&self, address: u64) -> Option<u64> {
        self.0.load(GuestAddress(address), Ordering::Acquire).ok()
    }

    fn write(&self, address: u64, value: u64) {
        // Where it was read before.
        let _ = self
            .0
            .store(value, GuestAddress(address), Ordering::Release);
    }

    fn mark(&self, address: u64, bits: u64) {
        if let Ok(slice) = self.0.get_slice(GuestAddress(address), size_of::<u64>()) {
            if let Ok(word) = slice.get_atomic_ref::<AtomicU64>(0) {
                word.fetch_or(bits, Ordering::AcqRel);
            }
        }
    }
}

/// A remapping unit and memory.
pub(crate) struct World {
    /// The unit.
    pub(crate) model: Model,
    ram: Ram,
    /// What functions have not been told of yet.
    answers: RefCell<Vec<Answer>>,
}

/// Who makes a request, and how.
#[derive(Clone, Copy)]
pub(crate) struct Requester {
    /// The requester ID.
    pub(crate) rid: u16,
    /// The PASID, if it has one.
    pub(crate) pasid: Option<u32>,
    /// It goes where the function has found that it has to go.
    pub(crate) own: bool,
}

/// The size in bytes of what is translated at once.
const PAGE: u64 = 4096;

/// ECAP.NEST.
const NEST: u64 = 1 << 26;
/// CAP.CM.
const CACHING: u64 = 1 << 7;

/// All that the model can do, with 256 DIDs (ND in CAP_REG): a guest can use them up.
const RICH: Config = Config {
    cap: Config::RICH.cap & !0b111 | 0b010,
    ..Config::RICH
};

/// What a kind of unit is, if there is that kind.
pub(crate) fn config(kind: &str) -> Option<Config> {
    match kind {
        "nested" => Some(RICH),
        "separate" => Some(Config {
            ecap: RICH.ecap & !NEST,
            ..RICH
        }),
        "caching" => Some(Config {
            cap: RICH.cap | CACHING,
            ecap: RICH.ecap & !NEST,
            ..RICH
        }),
        _ => None,
    }
}

impl World {
    /// A unit that has just been switched on, in the machine whose memory `ram` is.
    pub(crate) fn new(config: Config, ram: &Path) -> Result<Self, Error> {
        let model = Model::new(config).map_err(|_| "no memory")?;
        let ram = Ram::open(ram)?;
        let outside: Arc<dyn Outside> = Arc::new(ram.clone());

        model.memory().lend(outside.into());
        Ok(Self {
            model,
            ram,
            answers: RefCell::default(),
        })
    }

    /// Does jobs until there is nobody to give any. Says what the driver did that it must not.
    pub(crate) fn run(&self, jobs: &mpsc::Receiver<Job>) -> Result<Option<&'static str>, Error> {
        for job in jobs {
            job(self);
        }
        Ok(self.model.misuse())
    }

    /// Where a request goes (HPA), if it goes anywhere.
    fn translate(&self, requester: Requester, address: u64, write: bool) -> Option<u64> {
        let Requester { rid, pasid, own } = requester;

        match own {
            true => self.model.dma(rid, pasid, address, write),
            false => self.model.plain_dma(rid, pasid, address, write),
        }
        .ok()
    }

    /// Copies what is at `address` (IOVA) to `data`, as far as it may.
    pub(crate) fn load(&self, requester: Requester, address: u64, data: &mut [u8]) {
        for (iova, range) in pages(address, data.len()) {
            if let Some(at) = self.translate(requester, iova, false) {
                // Where there is no memory nothing answers.
                let _ = self.ram.0.read_slice(&mut data[range], GuestAddress(at));
            }
        }
    }

    /// Copies `data` to `address` (IOVA), as far as it may.
    pub(crate) fn store(&self, requester: Requester, address: u64, data: &[u8]) {
        for (iova, range) in pages(address, data.len()) {
            if let Some(at) = self.translate(requester, iova, true) {
                let _ = self.ram.0.write_slice(&data[range], GuestAddress(at));
            }
        }
    }

    /// The oldest answer to a page request of a function that it has not been told of.
    pub(crate) fn answer(&self, rid: u16) -> Option<Answer> {
        let mut answers = self.answers.borrow_mut();

        answers.extend(self.model.answers().iter());
        let first = answers.iter().position(|answer| answer.rid == rid)?;

        Some(answers.remove(first))
    }
}

/// The parts of `size` bytes at `address` that are in one page each, with where they start.
fn pages(address: u64, size: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;

    std::iter::from_fn(move || {
        let at = address.wrapping_add(done as u64);
        // CAST: Not more than a page.
        let part = ((PAGE - at % PAGE) as usize).min(size - done);
        let range = done..done + part;

        done += part;
        (part != 0).then_some((at, range))
    })
}
