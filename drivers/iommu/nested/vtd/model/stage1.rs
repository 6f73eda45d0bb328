// SPDX-License-Identifier: GPL-2.0

//! The first stage (3.6, 9.7), alone: IOVA to HPA; or nested (3.8): its tables are read through
//! the second stage, and so is what they lead to.

use super::{
    bit, bits,
    caches::{
        Kind,
        Pointer,
        Rights,
        Span,
        Stage, //
    },
    faults::Reason,
    walk::{
        Answer,
        Entry,
        Walk, //
    },
};

/// Accessed.
const A: u64 = 1 << 5;
/// Dirty.
const D: u64 = 1 << 6;

impl Walk<'_> {
    /// Where a table of the first stage is: HPA from HPA, or GPA if nested.
    fn table(&self, entry: &Entry, pointer: u64, refused: Reason) -> Result<u64, Reason> {
        if entry.kind != Kind::Nested {
            return Ok(pointer);
        }
        match self.second_stage(entry, pointer, false) {
            Ok(answer) => Ok(answer.output + (pointer - answer.span.base)),
            Err(Reason::SecondPresent | Reason::Read) => Err(refused),
            Err(other) => Err(other),
        }
    }

    /// Walks the first stage.
    pub(super) fn first_stage(
        &self,
        entry: &Entry,
        address: u64,
        write: bool,
    ) -> Result<Answer, Reason> {
        let caches = self.unit.caches();
        let levels = entry.first_levels();
        let top = 12 + 9 * levels - 1;
        let sign = bits(address, 63, top);

        if sign != 0 && sign != u64::MAX >> top {
            return Err(Reason::Canonical);
        }

        let cached = if self.real {
            caches.pointer(Stage::First, entry.did(), entry.pasid, address)
        } else {
            None
        };
        let (mut level, mut guest, mut table, mut rights) = match cached {
            Some(p) => (p.level, p.guest, p.table, p.rights),
            None => {
                let guest = entry.first_top();
                let table = self.table(entry, guest, Reason::FirstTopPermission)?;

                (levels, guest, table, Rights::ALL)
            }
        };

        loop {
            let shift = 12 + 9 * (level - 1);
            let offset = (address >> shift & 511) * 8;
            let word = self.read(table + offset).ok_or(if level == levels {
                Reason::FirstTop
            } else {
                Reason::FirstAccess
            })?;

            if !bit(word, 0) {
                return Err(Reason::FirstPresent);
            }

            let leaf = level == 1 || bit(word, 7);

            self.check_first(entry, word, level, leaf)?;
            rights = rights.and(Rights {
                read: true,
                write: bit(word, 1),
                user: bit(word, 2),
            });

            let mut marks = A;

            if leaf {
                if !rights.user {
                    return Err(Reason::User);
                }
                if write && !rights.write {
                    return Err(Reason::Write);
                }
                if write {
                    marks |= D;
                }
            }
            if word & marks != marks {
                self.mark(entry, guest, table + offset, marks)?;
            }

            let span = Span::around(address, shift);
            let next = word & 0xf_ffff_ffff_f000;

            if leaf {
                let first = Answer {
                    span,
                    output: next & !span.mask,
                    read: true,
                    write: rights.write,
                    dirty: (word | marks) & D != 0,
                };

                return if entry.kind == Kind::Nested {
                    self.combine(entry, first, address, write)
                } else {
                    Ok(first)
                };
            }
            level -= 1;
            guest = next;
            table = self.table(entry, next, Reason::FirstPermission)?;
            if self.real {
                caches.add_pointer(Pointer {
                    stage: Stage::First,
                    did: entry.did(),
                    pasid: entry.pasid,
                    level,
                    span,
                    table,
                    guest,
                    rights,
                });
            }
        }
    }

    /// Sets accessed and dirty bits. A guest's tables need the second stage's permission.
    fn mark(&self, entry: &Entry, guest: u64, at: u64, marks: u64) -> Result<(), Reason> {
        if entry.kind == Kind::Nested {
            self.second_stage(entry, guest, true)
                .map_err(|reason| match reason {
                    Reason::Write => Reason::FirstUpdate,
                    other => other,
                })?;
        }
        if self.real {
            self.unit.memory().mark(at, marks);
        }
        Ok(())
    }

    /// What both stages give: the smaller page, and what both allow.
    fn combine(
        &self,
        entry: &Entry,
        first: Answer,
        address: u64,
        write: bool,
    ) -> Result<Answer, Reason> {
        let guest = first.output + (address - first.span.base);
        let second = self.second_stage(entry, guest, write)?;
        let mask = first.span.mask.min(second.span.mask);

        Ok(Answer {
            span: Span {
                base: address & !mask,
                mask,
            },
            output: (second.output + (guest - second.span.base)) & !mask,
            read: second.read,
            write: first.write && second.write,
            dirty: first.dirty && second.dirty,
        })
    }

    /// Reserved bits of an entry.
    fn check_first(&self, entry: &Entry, word: u64, level: u32, leaf: bool) -> Result<(), Reason> {
        let config = self.unit.config();
        // FS1GP; 2 MiB there always is.
        let large = match level {
            1 | 2 => true,
            3 => bit(config.cap, 56),
            _ => false,
        };
        let address = word & 0xf_ffff_ffff_f000;
        let reserved = (leaf && !large)
            // Bit 12 is PAT.
            || (leaf && level > 1 && bits(word, 12 + 9 * (level - 1) - 1, 13) != 0)
            || (bit(word, 63) && !entry.first_no_execute())
            || (entry.kind == Kind::First && address & config.beyond_host() != 0);

        if reserved {
            return Err(Reason::FirstReserved);
        }
        if entry.kind == Kind::Nested && !leaf && address >> config.guest_bits().min(52) != 0 {
            return Err(Reason::FirstBeyond);
        }
        Ok(())
    }
}
