// SPDX-License-Identifier: GPL-2.0

//! Bit fields of in-memory hardware structures.
//!
//! Table entries, commands and event records are arrays of 64-bit little-endian memory words. The
//! driver holds them as CPU-endian `u64` words and converts at the memory access, so that a
//! [`Field`] never has to think about byte order.

/// A contiguous bit field: a word index and an inclusive bit range in that word.
///
/// Fields are constants, declared with [`fields!`]. With a constant field and an array of known
/// length the word index is checked by the compiler and no run-time bounds check is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    word: usize,
    hi: u32,
    lo: u32,
}

impl Field {
    /// Declares bits `hi` to `lo`, both inclusive, of word `word`.
    ///
    /// Evaluated in constants only, where a range that is not one fails the build.
    pub(crate) const fn new(word: usize, hi: u32, lo: u32) -> Self {
        assert!(lo <= hi && hi < u64::BITS);
        Self { word, hi, lo }
    }

    /// The index of the word that holds the field.
    #[inline]
    pub(crate) const fn word(self) -> usize {
        self.word
    }

    /// The field's bits, in place.
    #[inline]
    pub(crate) const fn mask(self) -> u64 {
        (u64::MAX >> (u64::BITS - 1 - self.hi + self.lo)) << self.lo
    }

    /// `value` moved to the place of the field.
    ///
    /// A value that does not fit is a bug of the caller: debug assertions catch it, and the bits
    /// that do not fit are dropped so that no neighbouring field is ever disturbed.
    #[inline]
    pub(crate) const fn prep(self, value: u64) -> u64 {
        debug_assert!(self.fits(value));
        (value << self.lo) & self.mask()
    }

    /// Whether `value` fits.
    #[inline]
    pub(crate) const fn fits(self, value: u64) -> bool {
        value <= self.mask() >> self.lo
    }

    /// Reads the field.
    #[inline]
    pub(crate) const fn get(self, words: &[u64]) -> u64 {
        (words[self.word] & self.mask()) >> self.lo
    }

    /// Writes the field and leaves all other bits alone. See [`Field::prep`] for large values.
    #[inline]
    pub(crate) const fn set(self, words: &mut [u64], value: u64) {
        words[self.word] = (words[self.word] & !self.mask()) | self.prep(value);
    }

    /// Reads the field as a flag: whether any of its bits is set.
    #[inline]
    pub(crate) const fn is_set(self, words: &[u64]) -> bool {
        words[self.word] & self.mask() != 0
    }
}

/// Declares a table of [`Field`] constants, one per line, as a data sheet does:
/// `NAME = word [hi:lo];` or `NAME = word [bit];`.
macro_rules! fields {
    ($($(#[$meta:meta])* $name:ident = $word:literal [$hi:literal $(: $lo:literal)?];)+) => {
        $(
            $(#[$meta])*
            pub(crate) const $name: $crate::common::field::Field =
                $crate::common::field::fields!(@field $word, $hi $(, $lo)?);
        )+
    };
    (@field $word:literal, $hi:literal, $lo:literal) => {
        $crate::common::field::Field::new($word, $hi, $lo)
    };
    (@field $word:literal, $bit:literal) => {
        $crate::common::field::Field::new($word, $bit, $bit)
    };
}
pub(crate) use fields;

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_field))]
mod tests {
    use super::Field;

    const LOW: Field = Field::new(0, 0, 0);
    const MIDDLE: Field = Field::new(1, 11, 4);
    const TOP: Field = Field::new(1, 63, 60);
    const WHOLE: Field = Field::new(0, 63, 0);

    #[test]
    fn masks() {
        assert_eq!(LOW.mask(), 1);
        assert_eq!(MIDDLE.mask(), 0xff0);
        assert_eq!(TOP.mask(), 0xf000_0000_0000_0000);
        assert_eq!(WHOLE.mask(), u64::MAX);
    }

    #[test]
    fn set_changes_the_field_alone() {
        let mut words = [0x5555_5555_5555_5555; 2];

        MIDDLE.set(&mut words, 0xff);
        TOP.set(&mut words, 0);
        assert_eq!(words[0], 0x5555_5555_5555_5555);
        assert_eq!(words[1], 0x0555_5555_5555_5ff5);
        assert_eq!(MIDDLE.get(&words), 0xff);
        assert!(MIDDLE.is_set(&words));
        assert!(!TOP.is_set(&words));
        WHOLE.set(&mut words, u64::MAX);
        assert_eq!(words[0], u64::MAX);
        assert_eq!(WHOLE.get(&words), u64::MAX);
    }

    #[test]
    fn prep_is_in_place() {
        assert_eq!(MIDDLE.prep(0xab), 0xab0);
        assert_eq!(TOP.prep(9), 9 << 60);
        assert_eq!(TOP.word(), 1);
    }
}
