// SPDX-License-Identifier: GPL-2.0

//! A guest's first-stage page table (VMSAv8-64, Arm DDI 0487, D8.3), to be walked by software.
//!
//! Devices are taken to be unprivileged, as the SMMU takes them by default. Nothing is written to
//! the table: a page whose access flag is clear is not mapped, unless the context descriptor says
//! that the flag has no meaning (AFFD). Memory attributes are the host's.

#[cfg(any(test, CONFIG_KUNIT = "y"))]
mod tests;

use super::cd;
use crate::common::{
    field::{
        fields,
        Field, //
    },
    shadow::{
        Access,
        Entry,
        Format, //
    },
};

fields! {
    VALID           = 0 [0];
    /// A table; on the last level, a page.
    TABLE           = 0 [1];
    UNPRIVILEGED    = 0 [6];
    READ_ONLY       = 0 [7];
    ACCESSED        = 0 [10];
    ADDRESS         = 0 [47:12];
    /// Of a table: nothing below is unprivileged.
    TABLE_PRIVILEGED = 0 [61];
    /// Of a table: nothing below is writable.
    TABLE_READ_ONLY = 0 [62];
}

/// Fields of a context descriptor's first word that ask for what software does not do: upper
/// halves, big-endian tables, tagged addresses, flags that hardware sets.
const REFUSED: [Field; 4] = [cd::ENDI, cd::TBI, cd::HD, cd::HA];

/// The size of an IOVA in bits.
pub(crate) const INPUT_BITS: u32 = 48;
/// The least size of an IOVA in bits.
const INPUT_BITS_MIN: u32 = 25;
/// The largest size of an intermediate physical address in bits.
pub(crate) const OUTPUT_BITS: u32 = 48;

/// Why a page table is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadTable {
    /// Not a valid descriptor of a table for the lower half.
    Descriptor,
    /// The number of bits of an IOVA is not that of the descriptor, or too small.
    InputSize,
    /// The table is not aligned.
    Alignment,
    /// The descriptor asks for what software does not do.
    Unsupported,
    /// An IOVA has more bits than there can be, or the table is beyond the output size.
    Range,
}

/// A page table that was found to be sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageTable {
    root: u64,
    /// log2 of the granule in bytes.
    page_bits: u32,
    input_bits: u32,
    output_bits: u32,
    asid: u16,
    /// Access flags have no meaning.
    no_access_flag: bool,
}

impl PageTable {
    /// The table at `base` (IPA) for IOVAs of `input_bits`, of a context descriptor whose first
    /// word is `word`. There are to be at most `limit` bits.
    pub(crate) fn parse(
        base: u64,
        input_bits: u32,
        word: u64,
        limit: u32,
    ) -> Result<Self, BadTable> {
        let cd = &[word];
        // CAST: Fields of a few bits.
        let number = |field: Field| field.get(cd) as u32;

        if !cd::V.is_set(cd) || !cd::AA64.is_set(cd) || cd::EPD0.is_set(cd) {
            return Err(BadTable::Descriptor);
        }
        if REFUSED.iter().any(|field| field.is_set(cd)) || !cd::EPD1.is_set(cd) {
            return Err(BadTable::Unsupported);
        }
        let page_bits = match number(cd::TG0) {
            0 => 12,
            1 => 16,
            2 => 14,
            _ => return Err(BadTable::Descriptor),
        };
        let output_bits = match number(cd::IPS) {
            0 => 32,
            1 => 36,
            2 => 40,
            3 => 42,
            4 => 44,
            5 => OUTPUT_BITS,
            _ => return Err(BadTable::Range),
        };
        if input_bits > limit.min(INPUT_BITS) {
            return Err(BadTable::Range);
        }
        if input_bits < INPUT_BITS_MIN || number(cd::T0SZ) != u64::BITS - input_bits {
            return Err(BadTable::InputSize);
        }
        let this = Self {
            root: base,
            page_bits,
            input_bits,
            output_bits,
            // CAST: 16 bits.
            asid: cd::ASID.get(cd) as u16,
            no_access_flag: cd::AFFD.is_set(cd),
        };
        if base >> output_bits != 0 {
            return Err(BadTable::Range);
        }
        if base & (this.root_size() - 1) != 0 {
            return Err(BadTable::Alignment);
        }
        Ok(this)
    }

    /// log2 of the entries of a table.
    fn index_bits(&self) -> u32 {
        self.page_bits - 3
    }

    /// log2 of the bytes that an entry stands for.
    fn bits(&self, level: usize) -> u32 {
        // CAST: A small number.
        self.page_bits + level as u32 * self.index_bits()
    }

    /// The bytes that the first table takes, at least what it is aligned to.
    fn root_size(&self) -> u64 {
        let bits = self.input_bits - self.bits(self.levels() - 1) + 3;

        1 << bits.max(6)
    }

    /// Whether there are blocks on a level: of 2 MiB and 1 GiB, or 32 MiB, or 512 MiB.
    fn has_blocks(&self, level: usize) -> bool {
        level == 1 || (level == 2 && self.page_bits == 12)
    }
}

impl Format for PageTable {
    fn root(&self) -> u64 {
        self.root
    }

    fn levels(&self) -> usize {
        // CAST: A small number.
        (self.input_bits - self.page_bits).div_ceil(self.index_bits()) as usize
    }

    fn page_bits(&self) -> u32 {
        self.page_bits
    }

    fn last(&self) -> u64 {
        (1 << self.input_bits) - 1
    }

    fn tag(&self) -> Option<u32> {
        Some(self.asid.into())
    }

    fn decode(&self, entry: u64, level: usize) -> Entry {
        let entry = &[entry];
        let table = TABLE.is_set(entry);
        let bits = match table {
            true => self.page_bits,
            false => self.bits(level),
        };
        let gpa = entry[0] & ADDRESS.mask() & !((1 << bits) - 1);

        if !VALID.is_set(entry) || gpa >> self.output_bits != 0 {
            return Entry::Absent;
        }
        if table && level != 0 {
            let read = !TABLE_PRIVILEGED.is_set(entry);

            return Entry::Table {
                gpa,
                access: Access {
                    read,
                    write: read && !TABLE_READ_ONLY.is_set(entry),
                },
            };
        }
        if table != (level == 0)
            || (level != 0 && !self.has_blocks(level))
            || !(ACCESSED.is_set(entry) || self.no_access_flag)
        {
            return Entry::Absent;
        }
        let read = UNPRIVILEGED.is_set(entry);

        Entry::Leaf {
            gpa,
            access: Access {
                read,
                write: read && !READ_ONLY.is_set(entry),
            },
        }
    }
}
