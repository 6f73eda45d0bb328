// SPDX-License-Identifier: GPL-2.0

//! Lists that most often have one element.

use kernel::prelude::*;

/// A list, in no particular order, that takes no memory of its own for one element.
pub(crate) struct Few<T> {
    one: Option<T>,
    /// `None` as long as it was not needed: to drop an empty vector is a call of the allocator.
    rest: Option<KVec<T>>,
}

impl<T: Copy> Few<T> {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self {
            one: None,
            rest: None,
        }
    }

    fn rest(&self) -> &[T] {
        self.rest.as_deref().unwrap_or(&[])
    }

    /// The elements.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        Iterator::chain(self.one.iter(), self.rest())
    }

    /// The first element that `is_meant`, to be changed.
    pub(crate) fn find_mut(&mut self, is_meant: impl Fn(&T) -> bool) -> Option<&mut T> {
        let rest = self.rest.as_deref_mut().unwrap_or(&mut []);

        Iterator::chain(self.one.iter_mut(), rest).find(|one| is_meant(one))
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.one.is_none() && self.rest().is_empty()
    }

    /// The element, if it is known to be the only one without a search.
    #[inline]
    pub(crate) fn only(&self) -> Option<&T> {
        self.one.as_ref().filter(|_| self.rest().is_empty())
    }

    /// Whether one more can be [pushed](Self::push).
    pub(crate) fn has_room(&self) -> bool {
        let more = |rest: &KVec<T>| rest.capacity() > rest.len();

        self.one.is_none() || self.rest.as_ref().is_some_and(more)
    }

    /// The capacity of a vector that gives [room](Self::take_room) for one more.
    pub(crate) fn wanted(&self) -> usize {
        match self.has_room() {
            true => 0,
            false => self.rest().len() + 1,
        }
    }

    /// Makes use of an empty vector, if it has room for more. It gets the one in use so far.
    pub(crate) fn take_room(&mut self, room: &mut KVec<T>) {
        if room.capacity() <= self.rest().len() {
            return;
        }
        for one in self.rest() {
            // Can't fail: there is room.
            let _ = room.push_within_capacity(*one);
        }

        let old = self.rest.replace(core::mem::take(room));

        *room = old.unwrap_or_default();
    }

    /// Adds an element. There is [room](Self::has_room).
    pub(crate) fn push(&mut self, value: T) {
        match (&mut self.one, &mut self.rest) {
            (Some(_), Some(rest)) => {
                let _ = rest.push_within_capacity(value);
            }
            (one, _) => *one = Some(value),
        }
    }

    /// Removes the first element that `is_meant`, which may change what it is shown.
    pub(crate) fn remove(&mut self, mut is_meant: impl FnMut(&mut T) -> bool) {
        if self.one.as_mut().is_some_and(&mut is_meant) {
            self.one = None;
            return;
        }
        if let Some(rest) = &mut self.rest {
            if let Some(i) = rest.iter_mut().position(is_meant) {
                let _ = rest.remove(i);
            }
        }
    }
}

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), ::kernel::macros::kunit_tests(iommu_nested_vtd_few))]
mod cases {
    use super::*;

    fn make_room(few: &mut Few<u32>) -> Result {
        let mut room = KVec::with_capacity(few.wanted(), GFP_KERNEL)?;

        few.take_room(&mut room);
        assert!(few.has_room());
        Ok(())
    }

    /// With the numbers from 1 to `last`.
    fn up_to(last: u32) -> Result<Few<u32>> {
        let mut few = Few::new();

        for value in 1..=last {
            make_room(&mut few)?;
            few.push(value);
            assert_eq!(sum(&few), (value as usize, (1..=value).sum()));
        }
        Ok(few)
    }

    fn sum(few: &Few<u32>) -> (usize, u32) {
        (few.iter().count(), few.iter().sum())
    }

    #[test]
    fn one_takes_no_memory() {
        let mut few = Few::new();

        assert!(few.is_empty() && few.only().is_none());
        assert_eq!(few.wanted(), 0);
        few.push(1_u32);
        assert!(few.rest.is_none());
        assert_eq!(few.only(), Some(&1));
        assert!(!few.has_room() && !few.is_empty());
        assert_eq!(few.wanted(), 1);
    }

    #[test]
    fn grows_and_shrinks() -> Result {
        let mut few = up_to(5)?;

        assert!(few.only().is_none());
        for value in 1..=5 {
            *few.find_mut(|there| *there == value).ok_or(ENOENT)? += 10;
        }
        assert!(few.find_mut(|there| *there == 1).is_none());
        assert_eq!(sum(&few), (5, 65));
        for (removed, left) in [(11, 54), (15, 39), (7, 39), (13, 26)] {
            few.remove(|value| *value == removed);
            assert_eq!(sum(&few).1, left);
        }
        // What is free is used again.
        assert_eq!(few.wanted(), 0);
        few.push(1);
        assert_eq!(sum(&few), (3, 27));
        for removed in [1, 12, 14] {
            few.remove(|value| *value == removed);
        }
        assert!(few.is_empty());
        Ok(())
    }

    #[test]
    fn too_little_room_is_not_taken() -> Result {
        let mut few = up_to(3)?;

        few.take_room(&mut KVec::with_capacity(1, GFP_KERNEL)?);
        assert_eq!(sum(&few), (3, 6));
        Ok(())
    }
}
