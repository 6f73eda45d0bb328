// SPDX-License-Identifier: GPL-2.0

//! From a request to a PASID table entry (3.4), and on to the address that it gets.

use super::{
    bit,
    bits,
    caches::{
        Context,
        Kind,
        Pasid,
        Span,
        Translation, //
    },
    faults::Reason,
    Unit, //
};
use core::cell::Cell;

/// What a device asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) rid: u16,
    /// `None`: without a PASID.
    pub(crate) pasid: Option<u32>,
    /// IOVA.
    pub(crate) address: u64,
    pub(crate) write: bool,
}

/// What it gets, and how far that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) span: Span,
    /// HPA of the span's base.
    pub(crate) output: u64,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) dirty: bool,
}

impl Answer {
    /// What an address gets that is not translated.
    fn through(address: u64) -> Self {
        Self {
            span: Span::around(address, 12),
            output: address & !0xfff,
            read: true,
            write: true,
            dirty: true,
        }
    }
}

/// One walk.
pub(crate) struct Walk<'a> {
    pub(super) unit: &'a Unit,
    /// Looks into caches, adds to them, and sets accessed and dirty bits. Otherwise a walk leaves
    /// no trace.
    pub(super) real: bool,
    /// FPD was set on the way: a fault is not recorded.
    silent: Cell<bool>,
}

/// A PASID table entry that has been checked.
pub(crate) struct Entry {
    words: [u64; 8],
    pub(super) kind: Kind,
    pub(super) pasid: u32,
}

impl Entry {
    pub(super) fn did(&self) -> u16 {
        // CAST: The lower 16 bits.
        self.words[1] as u16
    }

    /// Levels of the second stage.
    pub(super) fn second_levels(&self) -> u32 {
        // CAST: 3 bits.
        bits(self.words[0], 4, 2) as u32 + 2
    }

    /// The second stage's top table (HPA).
    pub(super) fn second_top(&self) -> u64 {
        self.words[0] & !0xfff
    }

    /// SSADE: accessed and dirty bits in the second stage.
    pub(super) fn second_dirty(&self) -> bool {
        bit(self.words[0], 9)
    }

    /// Levels of the first stage.
    pub(super) fn first_levels(&self) -> u32 {
        // CAST: 2 bits.
        bits(self.words[2], 3, 2) as u32 + 4
    }

    /// The first stage's top table: HPA, or GPA if nested.
    pub(super) fn first_top(&self) -> u64 {
        self.words[2] & !0xfff
    }

    /// NXE: bit 63 of first-stage entries is not reserved.
    pub(super) fn first_no_execute(&self) -> bool {
        bit(self.words[2], 5)
    }
}

/// The interrupt range.
fn interrupt(address: u64) -> bool {
    address >> 20 == 0xfee
}

impl<'a> Walk<'a> {
    /// A walk that a device's access makes.
    pub(super) fn real(unit: &'a Unit) -> Self {
        Self {
            unit,
            real: true,
            silent: Cell::new(false),
        }
    }

    /// A walk that only memory is asked.
    pub(super) fn fresh(unit: &'a Unit) -> Self {
        Self {
            unit,
            real: false,
            silent: Cell::new(false),
        }
    }

    /// Whether a fault is not to be recorded.
    pub(super) fn is_silent(&self) -> bool {
        self.silent.get()
    }

    pub(super) fn read(&self, address: u64) -> Option<u64> {
        if self.real || self.unit.memory.is_live(address) {
            self.unit.memory.read(address)
        } else {
            None
        }
    }

    fn read_words<const N: usize>(&self, address: u64) -> Option<[u64; N]> {
        let mut words = [0; N];

        for (word, at) in words.iter_mut().zip((address..).step_by(8)) {
            *word = self.read(at)?;
        }
        Some(words)
    }

    /// The context entry of a device.
    pub(super) fn context(&self, rid: u16) -> Result<[u64; 4], Reason> {
        let unit = self.unit;
        let beyond = unit.config.beyond_host();

        if self.real {
            if let Some(words) = unit.caches.context(rid) {
                self.silent.set(bit(words[0], 1));
                return present(words, Reason::ContextPresent);
            }
        }

        let root = unit.root();

        // TTM 01: scalable mode.
        if bits(root, 11, 10) != 1 || root & beyond != 0 {
            return Err(Reason::RootPointer);
        }

        let (bus, function) = (u64::from(rid >> 8), u64::from(rid & 0xff));
        // Functions from 0x80 have the second half of the entry.
        let upper = self
            .read((root & !0xfff) + bus * 16 + (function >> 7) * 8)
            .ok_or(Reason::RootAccess)?;

        if !bit(upper, 0) {
            return Err(Reason::RootPresent);
        }
        if bits(upper, 11, 1) != 0 || upper & beyond != 0 {
            return Err(Reason::RootReserved);
        }

        let words: [u64; 4] = self
            .read_words((upper & !0xfff) + (function & 0x7f) * 32)
            .ok_or(Reason::ContextAccess)?;

        self.silent.set(bit(words[0], 1));
        if bit(words[0], 0) {
            let reserved = bits(words[0], 8, 5) != 0
                || words[0] & beyond != 0
                || bits(words[1], 63, 21) != 0
                || words[2] != 0
                || words[3] != 0;

            if reserved {
                return Err(Reason::ContextReserved);
            }
        }
        if self.real && (bit(words[0], 0) || unit.config.caching_mode()) {
            unit.caches.add_context(Context {
                rid,
                words,
                passes: false,
            });
        }
        present(words, Reason::ContextPresent)
    }

    /// The PASID table entry for a request, and the context entry that it belongs to.
    pub(super) fn entry(&self, request: &Request) -> Result<Entry, Reason> {
        let unit = self.unit;
        let beyond = unit.config.beyond_host();
        let context = self.context(request.rid)?;

        if request.pasid.is_some() && !bit(context[0], 3) {
            return Err(Reason::PasidEnable);
        }

        // CAST: 20 bits.
        let pasid = request.pasid.unwrap_or(bits(context[1], 19, 0) as u32);
        // PDTS: the directory has 2^(PDTS + 7) entries, for 64 PASIDs each.
        let limit = 1 << (bits(context[0], 11, 9) + 13);

        if pasid >= limit {
            return Err(match request.pasid {
                Some(_) => Reason::PasidRange,
                None => Reason::RidPasid,
            });
        }
        let cached = if self.real {
            unit.caches.pasid(request.rid, pasid)
        } else {
            None
        };

        if let Some(words) = cached.filter(|_| !unit.config.torn) {
            self.silent.set(self.is_silent() || bit(words[0], 1));
            return self.check(present(words, Reason::PasidPresent)?, pasid);
        }

        let directory = self
            .read((context[0] & !0xfff) + u64::from(pasid >> 6) * 8)
            .ok_or(Reason::DirectoryAccess)?;

        self.silent.set(self.is_silent() || bit(directory, 1));
        if !bit(directory, 0) {
            return Err(Reason::DirectoryPresent);
        }
        if bits(directory, 11, 2) != 0 || directory & beyond != 0 {
            return Err(Reason::DirectoryReserved);
        }

        let mut words: [u64; 8] = self
            .read_words((directory & !0xfff) + u64::from(pasid & 63) * 64)
            .ok_or(Reason::PasidAccess)?;
        let valid = bit(words[0], 0);

        if let Some(cached) = cached.filter(|_| valid) {
            words[2..].copy_from_slice(&cached[2..]);
        }

        self.silent.set(self.is_silent() || bit(words[0], 1));
        if !valid && !unit.config.caching_mode() {
            return Err(Reason::PasidPresent);
        }

        let entry = if valid {
            self.check(words, pasid)
        } else {
            Err(Reason::PasidPresent)
        };

        if self.real && cached.is_none() && (entry.is_ok() || !valid) {
            unit.caches.add_pasid(Pasid {
                rid: request.rid,
                pasid,
                // CAST: The lower 16 bits.
                did: if valid { words[1] as u16 } else { 0 },
                words,
            });
        }
        entry
    }

    /// Reserved bits of a PASID table entry (9.6), and what this unit cannot do.
    fn check(&self, words: [u64; 8], pasid: u32) -> Result<Entry, Reason> {
        let config = &self.unit.config;
        let (cap, ecap) = (config.cap, config.ecap);
        let kind = match bits(words[0], 8, 6) {
            1 => Kind::First,
            2 => Kind::Second,
            3 => Kind::Nested,
            4 => Kind::Through,
            _ => return Err(Reason::PasidInvalid),
        };
        let able = match kind {
            Kind::First => bit(ecap, 47),
            Kind::Second => bit(ecap, 46),
            Kind::Nested => bit(ecap, 26) && bit(ecap, 46) && bit(ecap, 47),
            Kind::Through => bit(ecap, 6),
        };
        let first = matches!(kind, Kind::First | Kind::Nested);
        let second = matches!(kind, Kind::Second | Kind::Nested);
        let domains = 1 << (4 + 2 * bits(cap, 2, 0));
        let reserved = bit(words[0], 5)
            || bits(words[0], 11, 10) != 0
            // SSADE.
            || (bit(words[0], 9) && !bit(ecap, 45))
            || bits(words[1], 15, 0) >= domains
            || bits(words[1], 22, 16) != 0
            // PWSNP and PGSNP.
            || (bit(words[1], 23) && !bit(ecap, 48))
            || (bit(words[1], 24) && !bit(ecap, 7))
            // Memory types.
            || (bits(words[1], 63, 25) != 0 && !bit(ecap, 25))
            // SRE and ERE.
            || (bit(words[2], 0) && !bit(ecap, 31))
            || (bit(words[2], 1) && !bit(ecap, 30))
            || (bit(words[2], 7) && !bit(ecap, 34))
            || bits(words[2], 11, 8) != 0
            || words[3..].iter().any(|&word| word != 0)
            || (second && words[0] & config.beyond_host() != 0)
            || (kind == Kind::First && words[2] & config.beyond_host() != 0);

        if reserved {
            return Err(Reason::PasidReserved);
        }

        // AW: 1 to 3 for 3 to 5 levels, which SAGAW has; pass-through has it, too.
        let width = bits(words[0], 4, 2);
        // CAST: 3 bits.
        let width_able = matches!(width, 1..=3) && bit(cap, 8 + width as u32);
        // FSPM: 4 levels, or 5 with FS5LP.
        let mode = bits(words[2], 3, 2);
        let mode_able = mode == 0 || (mode == 1 && bit(cap, 60));

        if !able || (kind != Kind::First && !width_able) || (first && !mode_able) {
            return Err(Reason::PasidInvalid);
        }
        Ok(Entry { words, kind, pasid })
    }

    /// What a request gets.
    pub(super) fn translate(&self, request: &Request) -> Result<Answer, Reason> {
        let unit = self.unit;

        if !unit.translating() {
            return Ok(Answer {
                span: Span::around(request.address, 12),
                output: request.address & !0xfff,
                read: true,
                write: true,
                dirty: true,
            });
        }
        if request.pasid.is_none() && interrupt(request.address) {
            // Not translated: an interrupt, which stays what it is without remapping.
            return if request.write {
                Ok(Answer {
                    span: Span::around(request.address, 12),
                    output: request.address & !0xfff,
                    read: false,
                    write: true,
                    dirty: true,
                })
            } else {
                Err(Reason::Interrupt)
            };
        }

        let shortcut = self.real && unit.config.shortcut && request.pasid.is_none();

        if shortcut && unit.caches.passes(request.rid) {
            return Ok(Answer::through(request.address));
        }
        if self.real && unit.config.by_source {
            let cached = unit.caches.translation_of(request);

            if let Some(answer) = cached.and_then(|cached| answer_by(&cached, request)) {
                return answer;
            }
        }

        let entry = self.entry(request).inspect_err(|reason| {
            if self.real && unit.config.caching_mode() && *reason == Reason::PasidPresent {
                unit.caches.add_absent(*request);
            }
        })?;

        if shortcut && entry.kind == Kind::Through {
            unit.caches.let_pass(request.rid);
        }
        if self.real && unit.caches.is_absent(request) {
            return Err(Reason::PasidPresent);
        }

        if self.real && !unit.config.by_source {
            let (did, pasid) = (entry.did(), entry.pasid);
            let cached = unit
                .caches
                .translation(entry.kind, did, pasid, request.address);

            if let Some(answer) = cached.and_then(|cached| answer_by(&cached, request)) {
                return answer;
            }
        }

        let answer = self.tables(&entry, request.address, request.write);

        if self.real {
            self.keep(&entry, request, &answer);
        }
        answer
    }

    /// Walks the tables of an entry, or none.
    fn tables(&self, entry: &Entry, address: u64, write: bool) -> Result<Answer, Reason> {
        let answer = match entry.kind {
            Kind::First | Kind::Nested => self.first_stage(entry, address, write),
            Kind::Second => self.second_stage(entry, address, write),
            Kind::Through if address & self.unit.config.beyond_host() != 0 => {
                Err(Reason::HostRange)
            }
            Kind::Through => Ok(Answer::through(address)),
        }?;

        if interrupt(answer.output + (address - answer.span.base)) {
            return Err(Reason::Interrupt);
        }
        Ok(answer)
    }

    /// Caches what a walk found. An entry that does not permit an access is not one that is not
    /// there: what else it permits goes on.
    fn keep(&self, entry: &Entry, request: &Request, answer: &Result<Answer, Reason>) {
        let (caches, by_source) = (&self.unit.caches, self.unit.config.by_source);
        let source = (request.rid, request.pasid);
        let (kind, did, pasid) = (entry.kind, entry.did(), entry.pasid);
        let translation = match *answer {
            Ok(answer) => Translation {
                source,
                kind,
                did,
                pasid,
                span: answer.span,
                output: answer.output,
                read: answer.read,
                write: answer.write,
                dirty: answer.dirty,
                fault: None,
            },
            Err(Reason::Read | Reason::Write | Reason::User) => return,
            Err(reason) if self.unit.config.caching_mode() => Translation {
                source,
                kind,
                did,
                pasid,
                span: Span::around(request.address, 12),
                output: 0,
                read: false,
                write: false,
                dirty: true,
                fault: Some(reason),
            },
            Err(_) => return,
        };

        // The one that is replaced because it lacks a dirty bit.
        caches.drop_translations(|t| {
            t.kind == kind
                && t.did == did
                && (kind == Kind::Second || t.pasid == pasid)
                && t.span == translation.span
                && (!by_source || t.source == source)
        });
        caches.add_translation(translation);
    }
}

/// What a cached translation answers to a request: nothing if a dirty bit has to be set, for which
/// the tables are walked, and the translation replaced.
fn answer_by(cached: &Translation, request: &Request) -> Option<Result<Answer, Reason>> {
    if let Some(reason) = cached.fault {
        return Some(Err(reason));
    }
    if request.write && !cached.write {
        return Some(Err(Reason::Write));
    }
    if !request.write && !cached.read {
        return Some(Err(Reason::Read));
    }
    if request.write && !cached.dirty {
        return None;
    }
    Some(Ok(Answer {
        span: cached.span,
        output: cached.output,
        read: cached.read,
        write: cached.write,
        dirty: cached.dirty,
    }))
}

fn present<const N: usize>(words: [u64; N], reason: Reason) -> Result<[u64; N], Reason> {
    if bit(words[0], 0) {
        Ok(words)
    } else {
        Err(reason)
    }
}
