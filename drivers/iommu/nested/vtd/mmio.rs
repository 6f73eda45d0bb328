// SPDX-License-Identifier: GPL-2.0

//! The hardware: registers and memory of a unit.

use super::hw::{
    Memory,
    Page,
    Registers, //
};
use crate::{
    iommu::TablePage,
    ratelimit::RateLimit, //
};
use core::{
    fmt,
    ops::Range, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    io::{
        mem::{
            DevresIoMem,
            IoMem, //
        },
        Io, //
    },
    platform,
    prelude::*,
    processor::cpu_relax,
    sync::{
        aref::ARef,
        barrier::{
            dma_mb,
            Write, //
        }, //
    },
    time::{
        delay::udelay,
        Delta, //
    },
};

/// Size in bytes of the registers that every unit has at fixed places.
const SIZE: usize = 0x1000;

/// Looks before there are pauses between them.
const EAGER_LOOKS: u32 = 1000;

/// The pause, in microseconds, and how many there are: a second.
const PAUSE: i64 = 10;
const PAUSES: u32 = 100_000;

/// The mapped registers of a unit.
///
/// May outlive the binding of the driver to the device: there are all ones to be read then, and
/// writes have no effect.
pub(crate) struct Mmio {
    dev: ARef<Device>,
    io: DevresIoMem<SIZE>,
    /// For messages about the queue.
    errors: RateLimit,
}

impl Mmio {
    /// Maps the registers of `pdev`.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it has none.
    /// - [`EINVAL`]: the region is too small.
    pub(crate) fn new(pdev: &platform::Device<Bound>) -> Result<Self> {
        let io = pdev
            .io_request_by_index(0)
            .ok_or(ENODEV)?
            .iomap_sized::<SIZE>()?
            .into_devres()?;

        Ok(Self {
            dev: AsRef::<Device<Bound>>::as_ref(pdev).into(),
            io,
            errors: RateLimit::new(),
        })
    }

    /// The unit's device.
    pub(crate) fn dev(&self) -> &Device {
        &self.dev
    }

    fn with<R>(&self, f: impl FnOnce(&IoMem<'_, SIZE>) -> R) -> Option<R> {
        self.io.try_access_with(|io| f(io))
    }
}

impl Registers for Mmio {
    fn read32(&self, offset: usize) -> u32 {
        self.with(|io| io.try_read32(offset).unwrap_or(u32::MAX))
            .unwrap_or(u32::MAX)
    }

    fn read64(&self, offset: usize) -> u64 {
        self.with(|io| io.try_read64(offset).unwrap_or(u64::MAX))
            .unwrap_or(u64::MAX)
    }

    fn write32(&self, offset: usize, value: u32) {
        // Without the device there is nobody to tell.
        let _ = self.with(|io| io.try_write32(value, offset));
    }

    fn write64(&self, offset: usize, value: u64) {
        let _ = self.with(|io| io.try_write64(value, offset));
    }

    fn pause(&self, looks: u32) -> Result {
        if looks < EAGER_LOOKS {
            cpu_relax();
        } else if looks < EAGER_LOOKS + PAUSES {
            udelay(Delta::from_micros(PAUSE));
        } else {
            return Err(ETIMEDOUT);
        }
        Ok(())
    }

    fn complain(&self, what: fmt::Arguments<'_>) {
        self.errors.run(&self.dev, || {
            dev_err!(self.dev, "invalidation queue {what}\n")
        });
    }
}

/// Memory for a unit whose driver is being bound or is in use.
pub(crate) struct DmaMemory<'a> {
    /// The unit's device.
    pub(crate) dev: &'a Device<Bound>,
    /// The unit sees what is in the CPU's caches.
    pub(crate) coherent: bool,
}

impl Memory for DmaMemory<'_> {
    type Page = DmaPage;

    fn page(&self) -> Result<DmaPage> {
        let page = DmaPage {
            words: TablePage::zeroed(self.dev)?,
            coherent: self.coherent,
        };

        page.publish(0..TablePage::WORDS);
        Ok(page)
    }

    fn snooped_page(&self) -> Result<DmaPage> {
        Ok(DmaPage {
            words: TablePage::zeroed(self.dev)?,
            coherent: true,
        })
    }
}

/// A page that a unit reads.
pub(crate) struct DmaPage {
    words: TablePage,
    coherent: bool,
}

impl Page for DmaPage {
    fn address(&self) -> u64 {
        self.words.address()
    }

    #[inline]
    fn load(&self, word: usize) -> u64 {
        self.words.load(word)
    }

    fn store(&self, word: usize, value: u64) {
        self.put(word, value);
        self.publish(word..word + 1);
    }

    #[inline]
    fn put(&self, word: usize, value: u64) {
        self.put_all(word, &[value]);
    }

    #[inline]
    fn put_all<const N: usize>(&self, first: usize, words: &[u64; N]) {
        // What the words point to is visible before they are.
        dma_mb(Write);
        for (i, word) in words.iter().enumerate() {
            self.words.store(first + i, *word);
        }
    }

    #[inline]
    fn publish(&self, words: Range<usize>) {
        if !self.coherent {
            self.words.clean_inval_poc(words);
        }
    }
}
