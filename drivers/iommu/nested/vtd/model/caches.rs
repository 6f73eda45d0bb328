// SPDX-License-Identifier: GPL-2.0

//! What a unit caches, and under which tags (6.2). Nothing here is ever forgotten but by
//! invalidation.

use super::{
    faults::Reason,
    shared::Shared,
    walk::Request, //
};
use kernel::prelude::*;

/// A cached context entry (6.2.2.1).
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) rid: u16,
    pub(crate) words: [u64; 4],
    /// What comes without a PASID was found to pass, and is not looked at any more.
    pub(crate) passes: bool,
}

/// A cached PASID table entry (6.2.2.2).
#[derive(Clone, Copy)]
pub(crate) struct Pasid {
    pub(crate) rid: u16,
    pub(crate) pasid: u32,
    /// Of the entry, or 0 if the entry is not present.
    pub(crate) did: u16,
    pub(crate) words: [u64; 8],
}

/// What a translation is made of: PGTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first stage alone.
    First,
    /// The second stage alone.
    Second,
    /// The first stage on top of the second.
    Nested,
    /// None.
    Through,
}

/// The stage of a cached table pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// First or nested: tagged with a PASID, leads to a table's HPA.
    First,
    /// Second: not tagged with a PASID.
    Second,
}

/// A naturally aligned range of input addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) base: u64,
    /// Its size in bytes, less one.
    pub(crate) mask: u64,
}

impl Span {
    /// The range of `1 << bits` bytes with an address in it.
    pub(crate) fn around(address: u64, bits: u32) -> Self {
        let mask = u64::MAX.checked_shr(64 - bits).unwrap_or(0);

        Self {
            base: address & !mask,
            mask,
        }
    }

    /// Whether an address is in it.
    pub(crate) fn contains(&self, address: u64) -> bool {
        address & !self.mask == self.base
    }

    /// Whether they have an address in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }
}

/// A translation (6.2.4), or with CM a fault.
#[derive(Clone, Copy)]
pub(crate) struct Translation {
    /// Whose request it was made for. A tag only of units where that is one.
    pub(crate) source: (u16, Option<u32>),
    pub(crate) kind: Kind,
    pub(crate) did: u16,
    /// Not a tag of the second stage's.
    pub(crate) pasid: u32,
    pub(crate) span: Span,
    /// HPA of the span's base.
    pub(crate) output: u64,
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Dirty bits are set, or there are none.
    pub(crate) dirty: bool,
    pub(crate) fault: Option<Reason>,
}

impl Translation {
    /// Whether it is found by a walk of this kind.
    fn answers(&self, kind: Kind, did: u16, pasid: u32, address: u64) -> bool {
        // Only the second stage's are not tagged with a PASID; the kind itself is no tag.
        let tagged = match kind {
            Kind::Second => self.kind == Kind::Second,
            _ => self.kind != Kind::Second && self.pasid == pasid,
        };

        tagged && self.did == did && self.span.contains(address)
    }
}

/// A cached pointer to a page table (6.2.5).
#[derive(Clone, Copy)]
pub(crate) struct Pointer {
    pub(crate) stage: Stage,
    pub(crate) did: u16,
    pub(crate) pasid: u32,
    /// The level of the table that it leads to: 1 is the lowest.
    pub(crate) level: u32,
    pub(crate) span: Span,
    /// HPA.
    pub(crate) table: u64,
    /// Of a nested first stage: where the guest has the table (GPA).
    pub(crate) guest: u64,
    /// What the entries on the way allow.
    pub(crate) rights: Rights,
}

/// What entries on the way allow.
#[derive(Clone, Copy)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) user: bool,
}

impl Rights {
    pub(crate) const ALL: Self = Self {
        read: true,
        write: true,
        user: true,
    };

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            read: self.read && other.read,
            write: self.write && other.write,
            user: self.user && other.user,
        }
    }
}

/// All caches of the unit.
pub(crate) struct Caches {
    contexts: Shared<KVec<Context>>,
    pasids: Shared<KVec<Pasid>>,
    translations: Shared<KVec<Translation>>,
    pointers: Shared<KVec<Pointer>>,
    /// With CM: requests for which there was no PASID table entry. Their tag is DID 0.
    absent: Shared<KVec<Request>>,
}

/// Adds to a cache. Where memory is short less is cached, as a cache may.
fn add<T>(cache: &Shared<KVec<T>>, entry: T) {
    let _ = cache.borrow_mut().push(entry, GFP_ATOMIC);
}

impl Caches {
    pub(super) fn new() -> Self {
        Self {
            contexts: Shared::new(KVec::new()),
            pasids: Shared::new(KVec::new()),
            translations: Shared::new(KVec::new()),
            pointers: Shared::new(KVec::new()),
            absent: Shared::new(KVec::new()),
        }
    }

    /// How much is cached: context entries, PASID table entries, translations, table pointers.
    pub(crate) fn count(&self) -> [usize; 4] {
        [
            self.contexts.borrow().len(),
            self.pasids.borrow().len(),
            self.translations.borrow().len(),
            self.pointers.borrow().len(),
        ]
    }

    /// Empties them all.
    pub(crate) fn clear(&self) {
        self.contexts.borrow_mut().clear();
        self.pasids.borrow_mut().clear();
        self.translations.borrow_mut().clear();
        self.pointers.borrow_mut().clear();
        self.absent.borrow_mut().clear();
    }

    /// Whether nothing is cached by a DID.
    pub(crate) fn is_unused(&self, did: u16) -> bool {
        !self.pasids.borrow().iter().any(|p| p.did == did)
            && !self.translations.borrow().iter().any(|t| t.did == did)
            && !self.pointers.borrow().iter().any(|p| p.did == did)
    }

    /// Whether it is cached that a request has no PASID table entry.
    pub(super) fn is_absent(&self, request: &Request) -> bool {
        self.absent.borrow().contains(request)
    }

    pub(super) fn add_absent(&self, request: Request) {
        add(&self.absent, request);
    }

    /// Removes all of them.
    pub(super) fn drop_absent(&self) {
        self.absent.borrow_mut().clear();
    }

    pub(super) fn context(&self, rid: u16) -> Option<[u64; 4]> {
        let contexts = self.contexts.borrow();

        contexts.iter().find(|c| c.rid == rid).map(|c| c.words)
    }

    pub(super) fn add_context(&self, entry: Context) {
        add(&self.contexts, entry);
    }

    /// Whether what comes from `rid` without a PASID is not looked at any more.
    pub(super) fn passes(&self, rid: u16) -> bool {
        let contexts = self.contexts.borrow();

        contexts.iter().any(|c| c.rid == rid && c.passes)
    }

    /// Looks no more at what comes from `rid` without a PASID.
    pub(super) fn let_pass(&self, rid: u16) {
        let mut contexts = self.contexts.borrow_mut();

        if let Some(context) = contexts.iter_mut().find(|c| c.rid == rid) {
            context.passes = true;
        }
    }

    /// Removes the context entries for which `goes` is true.
    pub(super) fn drop_contexts(&self, goes: impl Fn(&Context) -> bool) {
        self.contexts.borrow_mut().retain(|c| !goes(c));
    }

    pub(super) fn pasid(&self, rid: u16, pasid: u32) -> Option<[u64; 8]> {
        let pasids = self.pasids.borrow();

        pasids
            .iter()
            .find(|p| p.rid == rid && p.pasid == pasid)
            .map(|p| p.words)
    }

    pub(super) fn add_pasid(&self, entry: Pasid) {
        add(&self.pasids, entry);
    }

    /// Removes the PASID table entries for which `goes` is true.
    pub(super) fn drop_pasids(&self, goes: impl Fn(&Pasid) -> bool) {
        self.pasids.borrow_mut().retain(|p| !goes(p));
    }

    pub(super) fn translation(
        &self,
        kind: Kind,
        did: u16,
        pasid: u32,
        address: u64,
    ) -> Option<Translation> {
        let translations = self.translations.borrow();

        translations
            .iter()
            .find(|t| t.answers(kind, did, pasid, address))
            .copied()
    }

    /// What is cached for requests from there.
    pub(super) fn translation_of(&self, request: &Request) -> Option<Translation> {
        let translations = self.translations.borrow();

        translations
            .iter()
            .find(|t| t.source == (request.rid, request.pasid) && t.span.contains(request.address))
            .copied()
    }

    pub(super) fn add_translation(&self, entry: Translation) {
        add(&self.translations, entry);
    }

    /// Removes the translations for which `goes` is true.
    pub(super) fn drop_translations(&self, goes: impl Fn(&Translation) -> bool) {
        self.translations.borrow_mut().retain(|t| !goes(t));
    }

    /// The pointer to the lowest table for an address.
    pub(super) fn pointer(
        &self,
        stage: Stage,
        did: u16,
        pasid: u32,
        address: u64,
    ) -> Option<Pointer> {
        let pointers = self.pointers.borrow();

        pointers
            .iter()
            .filter(|p| p.stage == stage && p.did == did && p.span.contains(address))
            .filter(|p| stage == Stage::Second || p.pasid == pasid)
            .min_by_key(|p| p.level)
            .copied()
    }

    pub(super) fn add_pointer(&self, entry: Pointer) {
        add(&self.pointers, entry);
    }

    /// Removes the table pointers for which `goes` is true.
    pub(super) fn drop_pointers(&self, goes: impl Fn(&Pointer) -> bool) {
        self.pointers.borrow_mut().retain(|p| !goes(p));
    }
}
