// SPDX-License-Identifier: GPL-2.0

//! The second stage (3.7, 9.8): GPA, or IOVA if it is alone, to HPA.

use super::{
    bit, bits,
    caches::{
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
const A: u64 = 1 << 8;
/// Dirty.
const D: u64 = 1 << 9;

impl Walk<'_> {
    /// Walks the second stage.
    pub(super) fn second_stage(
        &self,
        entry: &Entry,
        address: u64,
        write: bool,
    ) -> Result<Answer, Reason> {
        let config = self.unit.config();
        let caches = self.unit.caches();
        let levels = entry.second_levels();
        let width = (12 + 9 * levels).min(config.guest_bits());

        if address >> width != 0 {
            return Err(Reason::SecondRange);
        }

        let (mut level, mut table, mut rights) = (levels, entry.second_top(), Rights::ALL);

        if self.real {
            if let Some(pointer) = caches.pointer(Stage::Second, entry.did(), 0, address) {
                (level, table, rights) = (pointer.level, pointer.table, pointer.rights);
            }
        }

        loop {
            let shift = 12 + 9 * (level - 1);
            let at = table + (address >> shift & 511) * 8;
            let word = self.read(at).ok_or(if level == levels {
                Reason::SecondTop
            } else {
                Reason::SecondAccess
            })?;

            if bits(word, 1, 0) == 0 {
                return Err(Reason::SecondPresent);
            }

            let leaf = level == 1 || bit(word, 7);

            self.check_second(word, level, leaf)?;
            rights = rights.and(Rights {
                read: bit(word, 0),
                write: bit(word, 1),
                user: true,
            });
            if leaf {
                if write && !rights.write {
                    return Err(Reason::Write);
                }
                if !write && !rights.read {
                    return Err(Reason::Read);
                }
            }

            let mut marks = 0;

            if entry.second_dirty() {
                marks |= A;
                if leaf && write {
                    marks |= D;
                }
            }
            if self.real && word & marks != marks {
                self.unit.memory().mark(at, marks);
            }

            let span = Span::around(address, shift);
            let next = word & 0xf_ffff_ffff_f000;

            if leaf {
                return Ok(Answer {
                    span,
                    output: next & !span.mask,
                    read: rights.read,
                    write: rights.write,
                    dirty: !entry.second_dirty() || (word | marks) & D != 0,
                });
            }
            level -= 1;
            table = next;
            if self.real {
                caches.add_pointer(Pointer {
                    stage: Stage::Second,
                    did: entry.did(),
                    pasid: 0,
                    level,
                    span,
                    table,
                    guest: 0,
                    rights,
                });
            }
        }
    }

    /// Reserved bits of an entry.
    fn check_second(&self, word: u64, level: u32, leaf: bool) -> Result<(), Reason> {
        let config = self.unit.config();
        // SSLPS: bit 0 for 2 MiB, bit 1 for 1 GiB.
        let large = match level {
            1 => true,
            2 => bit(config.cap, 34),
            3 => bit(config.cap, 35),
            _ => false,
        };
        let reserved = word & config.beyond_host() & 0xf_ffff_ffff_f000 != 0
            // TM.
            || bit(word, 62)
            || (leaf && !large)
            || (leaf && level > 1 && bits(word, 12 + 9 * (level - 1) - 1, 12) != 0)
            // Memory type.
            || (bits(word, 6, 3) != 0 && !(leaf && bit(config.ecap, 25)))
            // SNP.
            || (bit(word, 11) && !(leaf && bit(config.ecap, 7)));

        if reserved {
            Err(Reason::SecondReserved)
        } else {
            Ok(())
        }
    }
}
