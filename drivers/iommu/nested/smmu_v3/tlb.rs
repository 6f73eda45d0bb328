// SPDX-License-Identifier: GPL-2.0

//! What may have cached a domain's translations, and how to invalidate that.
//!
//! # Ordering
//!
//! A change of the page table is followed by [`Targets::invalidate`], a new user of the table is
//! [added](Targets::join) before an entry that points to the table is written. `Targets::list`
//! orders the two: if the invalidation comes first, its unlock and the joiner's lock make the
//! change of the table visible before the entry is; if the joiner comes first, the invalidation
//! sees it.
//!
//! Invalidations are sent under the lock, so that after [`Targets::leave`] none is on its way to
//! an endpoint; they are waited for without it, unless one must be complete before the next is
//! sent: the TLB before an ATC, which is filled from it, and a second stage's entries before the
//! combined ones that are made of it.

use super::{
    arch::{
        cmd::Cmd,
        invalidate::{
            atc_range,
            full_cmd,
            prefers_full,
            range_cmds,
            Range,
            Tag, //
        },
    },
    SmmuV3, //
};
use crate::iommu::{
    pgtable::Tlb,
    Gather,
    Instance, //
};
use kernel::{
    new_spinlock_irq,
    prelude::*,
    sync::{
        Arc,
        SpinLockIrq,
        SpinLockIrqGuard, //
    },
};

/// An endpoint that caches translations itself (ATS).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtcTarget {
    /// The endpoint's StreamID.
    pub(crate) sid: u32,
    /// Its SubstreamID that uses the domain, if not its own traffic does.
    pub(crate) ssid: Option<u32>,
}

/// How a device uses a domain.
#[derive(PartialEq)]
pub(crate) struct Usage<'a> {
    /// Translations are cached with the domain's own tag, not a guest's.
    pub(crate) own_tag: bool,
    /// The device's accesses are coherent whatever they ask for.
    pub(crate) canwbs: bool,
    /// The StreamIDs that use ATS; empty if none does.
    pub(crate) ats: &'a [u32],
    /// As in [`AtcTarget`].
    pub(crate) ssid: Option<u32>,
}

struct List {
    /// Users of the domain's own tag.
    own: usize,
    /// VMIDs of guests whose second stage the domain is.
    guests: KVec<u16>,
    atcs: KVec<AtcTarget>,
    /// Users that are not CANWBS.
    incoherent: usize,
    /// There must be none of those.
    enforced: bool,
}

/// What may have cached a domain's translations.
#[pin_data]
pub(crate) struct Targets {
    smmu: Arc<Instance<SmmuV3>>,
    tag: Tag,
    /// log2 of the bytes of the smallest page.
    page_log2: u32,
    #[pin]
    list: SpinLockIrq<List>,
}

impl Targets {
    /// Nothing, so far. `tag` is the domain's own, and `page_log2` that of its smallest page.
    pub(crate) fn new(
        smmu: Arc<Instance<SmmuV3>>,
        tag: Tag,
        page_log2: u32,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            smmu,
            tag,
            page_log2,
            list <- new_spinlock_irq!(
                List {
                    own: 0,
                    guests: KVec::new(),
                    atcs: KVec::new(),
                    incoherent: 0,
                    enforced: false,
                },
                "Targets::list"
            ),
        }? Error)
    }

    /// The domain's own tag.
    pub(crate) fn tag(&self) -> Tag {
        self.tag
    }

    /// The SMMU.
    pub(crate) fn smmu(&self) -> &Arc<Instance<SmmuV3>> {
        &self.smmu
    }

    /// Locks the list with room for `extra` more elements in the vector that `of` picks. May sleep.
    fn lock_with_room<T: Copy>(
        &self,
        extra: usize,
        of: impl Fn(&mut List) -> &mut KVec<T>,
    ) -> Result<SpinLockIrqGuard<'_, List>> {
        let mut spare = KVec::new();

        loop {
            let mut list = self.list.lock();
            let vec = of(&mut list);
            let room = vec.len() + extra;

            if vec.capacity() >= room {
                return Ok(list);
            }
            if spare.capacity() >= room {
                for element in vec.iter() {
                    // Can't fail, and does not allocate: there is room.
                    let _ = spare.push_within_capacity(*element);
                }
                core::mem::swap(vec, &mut spare);
                return Ok(list);
            }
            drop(list);
            spare.reserve(room, GFP_KERNEL)?;
        }
    }

    /// Adds a user of the domain, before the hardware is told to use it. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: coherency is enforced, and this user's can't be.
    /// - [`ENOMEM`]
    pub(crate) fn join(&self, usage: &Usage<'_>) -> Result {
        let mut list = self.lock_with_room(usage.ats.len(), |list| &mut list.atcs)?;

        if list.enforced && !usage.canwbs {
            return Err(EINVAL);
        }
        for &sid in usage.ats {
            let _ = list.atcs.push_within_capacity(AtcTarget {
                sid,
                ssid: usage.ssid,
            });
        }
        list.own += usize::from(usage.own_tag);
        list.incoherent += usize::from(!usage.canwbs);
        Ok(())
    }

    /// Removes a user, after the hardware was told to use something else. Afterwards nothing is
    /// cached under the domain's own tag if that was its last user.
    pub(crate) fn leave(&self, usage: &Usage<'_>) {
        let last = {
            let mut list = self.list.lock();

            for &sid in usage.ats {
                let gone = AtcTarget {
                    sid,
                    ssid: usage.ssid,
                };
                if let Some(i) = list.atcs.iter().position(|atc| *atc == gone) {
                    let _ = list.atcs.remove(i);
                }
            }
            list.own -= usize::from(usage.own_tag);
            list.incoherent -= usize::from(!usage.canwbs);
            usage.own_tag && list.own == 0
        };

        if last {
            self.flush_tag(self.tag);
        }
    }

    /// Adds the VMID of a guest whose second stage the domain is. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn add_guest(&self, vmid: u16) -> Result {
        let mut list = self.lock_with_room(1, |list| &mut list.guests)?;
        let _ = list.guests.push_within_capacity(vmid);

        Ok(())
    }

    /// Removes the VMID of a guest, which no device uses any more. Afterwards nothing is cached
    /// under it.
    pub(crate) fn remove_guest(&self, vmid: u16) {
        self.list.lock().guests.retain(|v| *v != vmid);
        self.flush_tag(Tag::Vmid(vmid));
    }

    /// From now on, all users must be CANWBS. Returns whether they are.
    pub(crate) fn enforce_coherency(&self) -> bool {
        let mut list = self.list.lock();

        list.enforced = list.incoherent == 0;
        list.enforced
    }

    /// Invalidates what is cached of `range`, or of everything, and waits. Any context.
    pub(crate) fn invalidate(&self, range: Option<&Range>) {
        let features = &self.smmu.features;
        let range = range.filter(|range| !prefers_full(features, range));
        let mut batch = self.smmu.cmdq.batch();

        {
            let list = self.list.lock();
            let own = (list.own != 0).then_some(self.tag);

            let guests = list.guests.iter().map(|&vmid| Tag::Vmid(vmid));

            for tag in Iterator::chain(own.into_iter(), guests) {
                match range {
                    None => batch.push(full_cmd(tag)),
                    Some(range) => range_cmds(features, tag, range, self.page_log2)
                        .for_each(|cmd| batch.push(cmd)),
                }
            }
            // By range, a second stage's invalidation leaves what the guest's first stage made of
            // it; a full one does not.
            if range.is_some() && !list.guests.is_empty() {
                self.log(batch.sync());
                for &vmid in &list.guests {
                    batch.push(Cmd::tlbi_nh_all(vmid));
                }
            }
            if !list.atcs.is_empty() {
                self.log(batch.sync());
                for atc in &list.atcs {
                    batch.push(match range {
                        // An endpoint behind a guest's first stage caches by IOVA, which is not
                        // what `range` is in.
                        Some(range) if list.guests.is_empty() => {
                            atc_range(atc.sid, atc.ssid, range.iova, range.size)
                        }
                        _ => Cmd::atc_inv_all(atc.sid, None),
                    });
                }
            }
        }
        self.log(batch.sync());
    }

    fn flush_tag(&self, tag: Tag) {
        self.log(
            self.smmu
                .cmdq
                .submit_sync(&[full_cmd(tag)][..])
                .map_err(Error::from),
        );
    }

    /// There is nobody to return an error to: the callers have no way to fail. Of an SMMU that is
    /// gone (`ENODEV`) nothing is cached any more.
    fn log(&self, result: Result) {
        match result {
            Err(e) if e != ENODEV => {
                dev_err!(self.smmu.dev(), "TLB invalidation failed: {e:?}\n")
            }
            _ => (),
        }
    }

    fn flush_range(&self, iova: usize, size: usize, granule: usize, leaf: bool) {
        // CAST: Addresses and sizes of 64 bits at most.
        self.invalidate(Some(&Range {
            iova: iova as u64,
            size: size as u64,
            granule: granule as u64,
            leaf,
        }));
    }

    /// Invalidates the leaf entries that were collected, and waits.
    pub(crate) fn sync(&self, gather: &Gather<'_>) {
        if let Some((iova, size, granule)) = gather.range() {
            self.flush_range(iova, size, granule, true);
        }
    }
}

impl Tlb for Targets {
    fn flush_all(&self) {
        self.invalidate(None);
    }

    fn flush_walk(&self, iova: usize, size: usize, granule: usize) {
        self.flush_range(iova, size, granule, false);
    }

    fn add_page(&self, gather: &mut Gather<'_>, iova: usize, granule: usize) {
        if !gather.accepts(iova, granule, granule) {
            self.sync(gather);
            gather.clear();
        }
        gather.add(iova, granule, granule);
    }
}
