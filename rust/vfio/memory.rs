// SPDX-License-Identifier: GPL-2.0

//! Memory of a process that devices are given.

use super::bindings;
use core::marker::PhantomData;
use kernel::{
    current,
    error::to_result,
    io::PhysAddr,
    mm::Mm,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
    }, //
};

/// How many pages are pinned between one chance for others to run and the next.
const BATCH: usize = 512;

/// Pages that are accounted to a process as locked, until this is dropped.
pub struct Accounted {
    mm: ARef<Mm>,
    pages: usize,
}

impl Accounted {
    /// Accounts `pages` to the current process. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: beyond `RLIMIT_MEMLOCK`, for a process without `CAP_IPC_LOCK`.
    /// - [`ENODEV`]: a kernel thread.
    pub fn new(pages: usize) -> Result<Self> {
        let task = current!();
        let mm = task.mm().ok_or(ENODEV)?;

        // SAFETY: The current process's memory.
        to_result(unsafe { bindings::account_locked_vm(mm.as_raw(), pages, true) })?;
        Ok(Self {
            mm: (&**mm).into(),
            pages,
        })
    }
}

impl Drop for Accounted {
    fn drop(&mut self) {
        // SAFETY: Valid, as there is a reference, though the process may be gone. It takes less,
        // which can't fail.
        unsafe { bindings::account_locked_vm(self.mm.as_raw(), self.pages, false) };
    }
}

/// Physically contiguous pages.
#[derive(Clone, Copy)]
struct Run {
    start: PhysAddr,
    pages: usize,
    /// How many pages there are in the runs before.
    before: usize,
}

/// Pages of a process that are pinned until this is dropped, for as long as it takes.
///
/// # Invariants
///
/// `runs` are pinned pages.
pub struct Pinned {
    runs: KVVec<Run>,
    write: bool,
    /// Never to be unpinned.
    kept: Atomic<bool>,
}

impl Pinned {
    /// Pins `pages` pages of the current process from `vaddr` on, which is aligned to a page. If
    /// `write`, they will be written. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EFAULT`]: not memory of the process that can be pinned, and written if so wanted; of a
    ///   device's registers, for example.
    /// - [`EINTR`]: the process is being killed.
    /// - [`ENOMEM`]
    pub fn new(vaddr: usize, pages: usize, write: bool) -> Result<Self> {
        let mut batch = KVec::from_elem(core::ptr::null_mut(), BATCH.min(pages), GFP_KERNEL)?;
        // From here on, dropping it unpins what there is so far.
        let mut this = Self {
            runs: KVVec::new(),
            write,
            kept: Atomic::new(false),
        };
        let mut done = 0;

        while done < pages {
            let vaddr = vaddr.checked_add(done * PAGE_SIZE).ok_or(EFAULT)?;

            done += this.pin(vaddr, pages - done, &mut batch)?;
            // SAFETY: In the process's context, which may sleep.
            if !unsafe { bindings::rust_helper_cond_resched_alive() } {
                return Err(EINTR);
            }
        }
        Ok(this)
    }

    /// Pins up to `pages` pages. Returns how many: at least one.
    fn pin(
        &mut self,
        vaddr: usize,
        pages: usize,
        batch: &mut [*mut bindings::page],
    ) -> Result<usize> {
        let flags = bindings::FOLL_LONGTERM | if self.write { bindings::FOLL_WRITE } else { 0 };
        let wanted = pages.min(batch.len());

        // What is pinned must be noted.
        self.runs.reserve(wanted, GFP_KERNEL_ACCOUNT)?;
        // CAST: Not more than `BATCH`; small flags.
        // SAFETY: There is room for as many pages as are wanted.
        let pinned = unsafe {
            bindings::pin_user_pages_fast(vaddr, wanted as c_int, flags, batch.as_mut_ptr())
        };
        to_result(pinned.min(0))?;
        for &page in &batch[..pinned as usize] {
            // SAFETY: A valid page.
            self.note(unsafe { bindings::rust_helper_page_to_phys(page) });
        }
        match pinned {
            0 => Err(EFAULT),
            pinned => Ok(pinned as usize),
        }
    }

    /// Adds a page to the last run, or to a new one, for which there is room.
    fn note(&mut self, phys: PhysAddr) {
        if let Some(last) = self.runs.last_mut() {
            if last.start + (last.pages * PAGE_SIZE) as PhysAddr == phys {
                last.pages += 1;
                return;
            }
        }
        let before = self.runs.last().map_or(0, |last| last.before + last.pages);

        // INVARIANT: The page was just pinned.
        let _ = self.runs.push_within_capacity(Run {
            start: phys,
            pages: 1,
            before,
        });
    }

    /// Keeps the pages pinned for good: a device may be able to reach them.
    pub fn keep(&self) {
        self.kept.store(true, Relaxed);
    }

    /// The physically contiguous parts in order: where (HPA), and how large in bytes.
    pub fn runs(&self) -> impl Iterator<Item = (PhysAddr, u64)> + '_ {
        self.runs
            .iter()
            .map(|run| (run.start, (run.pages * PAGE_SIZE) as u64))
    }

    /// Where the byte `offset` is (HPA), and how many bytes are contiguous from there on, if there
    /// are any.
    pub fn at(&self, offset: u64) -> Option<(PhysAddr, u64)> {
        // CAST: `usize` has 64 bits where there is nesting.
        let page = offset as usize / PAGE_SIZE;
        let after = self.runs.partition_point(|run| run.before <= page);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let skipped = offset - (run.before * PAGE_SIZE) as u64;
        let left = ((run.pages * PAGE_SIZE) as u64).checked_sub(skipped)?;

        (left != 0).then(|| (run.start + skipped as PhysAddr, left))
    }

    /// The page that the byte `offset` is in, to be read.
    pub fn page(&self, offset: u64) -> Option<PinnedPage<'_>> {
        let (start, _) = self.at(offset & !(PAGE_SIZE as u64 - 1))?;

        // INVARIANT: One of the pages, and it stays pinned as long as `self` is borrowed.
        Some(PinnedPage {
            start,
            _pinned: PhantomData,
        })
    }
}

/// A page that is pinned, and may be changed by its process at any time.
///
/// # Invariants
///
/// `start` is the address (HPA) of a page that is pinned for `'a`.
#[derive(Clone, Copy)]
pub struct PinnedPage<'a> {
    start: PhysAddr,
    _pinned: PhantomData<&'a Pinned>,
}

impl PinnedPage<'_> {
    /// Reads the eight bytes at `offset` once, if they are in the page and aligned.
    pub fn read(&self, offset: usize) -> Option<u64> {
        if offset >= PAGE_SIZE || offset % size_of::<u64>() != 0 {
            return None;
        }
        // SAFETY: Memory, by the type's invariant, and aligned.
        Some(unsafe { bindings::rust_helper_vfio_read_word(self.start + offset as PhysAddr) })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.kept.load(Relaxed) {
            return;
        }
        for run in &self.runs {
            // SAFETY: Pinned pages, by the type's invariant.
            unsafe {
                bindings::unpin_user_page_range_dirty_lock(
                    bindings::rust_helper_phys_to_page(run.start),
                    run.pages,
                    self.write,
                );
            }
        }
    }
}
