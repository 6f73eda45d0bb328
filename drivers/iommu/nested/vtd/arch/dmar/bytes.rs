// SPDX-License-Identifier: GPL-2.0

//! Bytes of firmware's, at offsets that may not be there.

/// A part of the table. Numbers are little-endian, and not aligned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// The first `len` bytes.
    pub(super) fn first(self, len: usize) -> Option<Self> {
        self.0.get(..len).map(Self)
    }

    /// All but the first `len` bytes.
    pub(super) fn after(self, len: usize) -> Option<Self> {
        self.0.get(len..).map(Self)
    }

    /// All up to the first NUL, or all.
    pub(super) fn until_nul(self) -> &'a [u8] {
        self.0.split(|b| *b == 0).next().unwrap_or_default()
    }

    /// The bytes in pairs. One that is left over is dropped.
    pub(super) fn pairs(self) -> impl Iterator<Item = [u8; 2]> + Clone + 'a {
        self.0
            .chunks_exact(2)
            .filter_map(|pair| pair.try_into().ok())
    }

    pub(super) fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.0.get(offset..)?.first_chunk().copied()
    }

    pub(super) fn u8(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    pub(super) fn u16(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    pub(super) fn u32(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    pub(super) fn u64(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }
}
