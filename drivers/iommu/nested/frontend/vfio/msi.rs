// SPDX-License-Identifier: GPL-2.0

//! Interrupts by message: from a device's IOVA through both stages to the host's doorbell.
//!
//! When an interrupt is set up, `iommu_dma_prepare_msi()` takes the next page of IOVAs from what
//! `iommu_get_msi_cookie()` has made known for the attached domain, maps the doorbell there by the
//! domain's `map_pages`, and remembers the page for all interrupts to come. That domain is
//! [`client::Attached`](crate::iommu::client::Attached)'s, one for each group, so the page can be
//! the guest's IOVA. And what "to map" means is said here: the guest's first stage maps its IOVA to
//! its doorbell by itself, and what is missing is the doorbell's GPA in the second stage. The
//! device gets a message with the guest's IOVA, for that is the page that the core has mapped.
//!
//! A message is written when the interrupt is set up, and only the driver of the interrupt's parent
//! can write it again. So a window can't change under an interrupt: the device would go on to write
//! where nothing is any more. That is EBUSY.
//!
//! An interrupt that another thread sets up at the same time may get by: its message is made, with
//! an IOVA of the old window, and the device does not count as having interrupts yet. That is seen
//! neither before the change nor after it without the lock of the device's messages, which goes
//! with the device's driver and is not ours to take. And a window that refused doorbells meanwhile
//! would have the GICv3 ITS lose an event of the device's: its driver does not give back what it
//! has taken before `iommu_dma_prepare_msi()` fails.
//!
//! Who does that has an interrupt that does not come until it is set up again, and no more. A
//! message is a write of the device's like any other. It goes through the stages that the device
//! has, to where the device could have written anyway: to nothing, to the guest's own memory, or to
//! a doorbell, which tells devices apart by their IDs. Nor does the core keep more of the old
//! window than the number that the IOVA is.

use super::{
    args::BindMsi,
    container::{
        Container,
        State, //
    },
    devices::Devices,
    group::Group,
    stage::Stage,
    target::Target,
    Abi, //
};
use crate::{
    backend::{
        AddressRange,
        Backend, //
    },
    iommu::client::Doorbells, //
};
use kernel::{
    io::PhysAddr,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

/// The largest window of a guest in bytes: for as many doorbells of the host's as it has pages.
pub(super) const SIZE_MAX: u64 = 64 * PAGE_SIZE as u64;

/// How many pages of the host's window belong to one group. A group has one doorbell, as a rule.
const HOST_PAGES: u64 = 4;

/// Where the doorbells of a group are to be found.
pub(super) struct Window<B: Backend> {
    stage: Arc<Stage<B>>,
    /// What devices write to.
    iovas: Option<AddressRange>,
    /// What the guest's first stage makes of its start.
    gpa: u64,
    /// The guest has chosen it.
    bound: bool,
    /// The GPAs at which there is a doorbell.
    mapped: Pin<KBox<Mutex<KVec<u64>>>>,
}

impl<B: Backend> Window<B> {
    fn new(
        stage: Arc<Stage<B>>,
        iovas: Option<AddressRange>,
        gpa: u64,
        bound: bool,
    ) -> Result<Self> {
        Ok(Self {
            stage,
            iovas,
            gpa,
            bound,
            mapped: KBox::pin_init(
                new_mutex!(KVec::new(), "Window::mapped"),
                GFP_KERNEL_ACCOUNT,
            )?,
        })
    }

    /// The window of a group that has none of the guest's: the `slot`th part of `host`, if the host
    /// has a window.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(super) fn host(
        stage: Arc<Stage<B>>,
        host: Option<AddressRange>,
        slot: usize,
    ) -> Result<Self> {
        let part = host.and_then(|host| {
            let pages = host.size / PAGE_SIZE as u64;
            let first = (slot as u64 * HOST_PAGES) % pages.max(1);
            let skipped = first * PAGE_SIZE as u64;

            AddressRange::new(host.start + skipped, host.size - skipped)
        });

        Self::new(stage, part, part.map_or(0, |part| part.start), false)
    }

    /// The IOVA from which on the core is to give pages away.
    pub(super) fn base(&self) -> Option<u64> {
        self.iovas.map(|iovas| iovas.start)
    }

    /// The GPAs that the guest has given away for doorbells.
    pub(super) fn bound(&self) -> Option<AddressRange> {
        let size = self.iovas.filter(|_| self.bound)?.size;

        AddressRange::new(self.gpa, size)
    }

    fn gpa_of(&self, iova: u64) -> Option<u64> {
        let iovas = self.iovas?;
        let page = AddressRange::new(iova, PAGE_SIZE as u64)?;

        iovas
            .contains(&page)
            .then(|| self.gpa + (iova - iovas.start))
    }

    /// The core has a doorbell at `iova`, a page.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: more doorbells than the window has pages.
    /// - As [`Stage::map_doorbell`].
    pub(super) fn map(&self, iova: u64, doorbell: PhysAddr) -> Result {
        let gpa = self.gpa_of(iova).ok_or(ENOSPC)?;
        let mut mapped = self.mapped.lock();

        mapped.reserve(1, GFP_KERNEL_ACCOUNT)?;
        self.stage.map_doorbell(gpa, doorbell)?;
        mapped.push(gpa, GFP_KERNEL_ACCOUNT)?;
        Ok(())
    }

    /// Undoes [`Self::map`].
    pub(super) fn unmap(&self, iova: u64) {
        if let Some(gpa) = self.gpa_of(iova) {
            let mut mapped = self.mapped.lock();

            mapped.retain(|there| *there != gpa);
            self.stage.unmap_doorbell(gpa);
        }
    }
}

impl<B: Backend> Drop for Window<B> {
    fn drop(&mut self) {
        for &gpa in self.mapped.lock().iter() {
            self.stage.unmap_doorbell(gpa);
        }
    }
}

/// Refuses a group in which an interrupt is set up.
fn refuse_interrupts<B: Backend>(group: &Group<B>) -> Result {
    group
        .attached
        .for_each(|member| match member.has_messages() {
            true => Err(EBUSY),
            false => Ok(()),
        })
}

/// How long to wait for the end of a reset before another try.
const PAUSE: Delta = Delta::from_millis(1);

impl<B: Backend> State<B> {
    /// Gives groups other windows, all of them or, on an error, none.
    ///
    /// # Errors
    ///
    /// As [`Attached::exchange`](crate::iommu::client::Attached::exchange).
    fn exchange(&mut self, groups: &[usize], mut windows: KVec<Doorbells<Devices<B>>>) -> Result {
        for (done, &i) in groups.iter().enumerate() {
            let Err(e) = self.groups[i].attached.exchange(&mut windows[done]) else {
                continue;
            };

            for (&i, window) in groups.iter().zip(windows.iter_mut()).take(done) {
                // A reset ends by itself, and waits for nothing that is held here. Otherwise it is
                // the hardware that does not answer, and the devices are blocked.
                while self.groups[i].attached.exchange(window) == Err(EBUSY) {
                    fsleep(PAUSE);
                }
            }
            return Err(e);
        }
        Ok(())
    }
}

impl<B: Abi> Container<B> {
    /// Leads the interrupts of a target's groups through the guest's first stage.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_BIND_MSI`.
    pub(super) fn bind_msi(&self, target: &Target, msi: &BindMsi) -> Result {
        let mut state = self.state.lock();
        let groups = state.select(target)?;
        let mut windows = KVec::with_capacity(groups.len(), GFP_KERNEL)?;

        if state.memory.overlaps(&msi.gpas) {
            return Err(EEXIST);
        }
        for group in &state.groups {
            if group.reserves(&msi.gpas) {
                return Err(EINVAL);
            }
        }
        for &i in &groups {
            let group = &state.groups[i];
            let stage = group.stage();
            let input_bits = B::capabilities(&stage.iommu).input_bits;

            stage.guest()?;
            group.host_window.ok_or(EOPNOTSUPP)?;
            if msi.gpas.last() > stage.space.last()
                || msi.iovas.last().checked_shr(input_bits).unwrap_or(0) != 0
            {
                return Err(ERANGE);
            }
            if group.attached.doorbells().bound {
                return Err(EBUSY);
            }
            refuse_interrupts(group)?;
            let window = Window::new(stage.clone(), Some(msi.iovas), msi.gpas.start, true)?;

            windows.push(group.prepare(window)?, GFP_KERNEL)?;
        }
        state.exchange(&groups, windows)
    }

    /// Undoes [`Self::bind_msi`].
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_UNBIND_MSI`.
    pub(super) fn unbind_msi(&self, target: &Target) -> Result {
        let mut state = self.state.lock();
        let mut groups = state.select(target)?;

        groups.retain(|i| state.groups[*i].attached.doorbells().bound);
        if groups.is_empty() {
            return Err(ENOENT);
        }
        let mut windows = KVec::with_capacity(groups.len(), GFP_KERNEL)?;

        for &i in &groups {
            let group = &state.groups[i];

            refuse_interrupts(group)?;
            let window = Window::host(group.stage().clone(), group.host_window, group.slot)?;

            windows.push(group.prepare(window)?, GFP_KERNEL)?;
        }
        state.exchange(&groups, windows)
    }
}
