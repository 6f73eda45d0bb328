// SPDX-License-Identifier: GPL-2.0

//! Driver-specific data that user space hands to iommufd.

use super::bindings;
use core::mem::MaybeUninit;
use kernel::{
    error::to_result,
    prelude::*,
    transmute::FromBytes, //
};

/// One structure in user memory: `struct iommu_user_data`.
pub struct UserData<'a>(&'a bindings::iommu_user_data);

impl<'a> UserData<'a> {
    /// # Safety
    ///
    /// `raw` must be null or valid for `'a`.
    pub(super) unsafe fn from_raw(raw: *const bindings::iommu_user_data) -> Option<Self> {
        // SAFETY: By this function's requirement.
        unsafe { raw.as_ref() }.map(Self)
    }

    /// Copies the structure in, once.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: not of type `data_type`, or shorter or longer than `T`.
    /// - [`EFAULT`]: not readable.
    pub fn read<T: FromBytes>(&self, data_type: u32) -> Result<T> {
        let mut out = MaybeUninit::<T>::zeroed();
        let len = size_of::<T>();

        // SAFETY: `out` has room for `len` bytes, and the source was made by iommufd from the
        // ioctl's arguments.
        to_result(unsafe {
            bindings::rust_helper_iommu_copy_struct_from_user(
                out.as_mut_ptr().cast(),
                self.0,
                data_type,
                len,
                len,
            )
        })?;
        // SAFETY: All of `out` is initialised (zeroed, then copied to), and any bytes are a `T`.
        Ok(unsafe { out.assume_init() })
    }
}

/// An array of structures in user memory: `struct iommu_user_data_array`.
pub struct UserArray<'a>(&'a mut bindings::iommu_user_data_array);

impl<'a> UserArray<'a> {
    /// # Safety
    ///
    /// `raw` must be valid and accessed through nothing else for `'a`.
    pub(super) unsafe fn from_raw(raw: *mut bindings::iommu_user_data_array) -> Self {
        // SAFETY: By this function's requirement.
        Self(unsafe { &mut *raw })
    }

    /// The type that user space says the elements are of (`enum iommu_*_data_type`).
    pub fn data_type(&self) -> u32 {
        self.0.type_
    }

    /// The number of elements that user space passed, or that [`Self::set_handled`] set.
    pub fn len(&self) -> u32 {
        self.0.entry_num
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies as many elements as `out` has room for from index `first` on, each once, and returns
    /// them.
    ///
    /// An element in user memory may be longer than `T` if the excess is zero.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `first` and `out` go beyond the array, or an element is shorter than `T`.
    /// - [`E2BIG`]: an element is longer than `T` and the excess is not zero.
    /// - [`EFAULT`]: not readable.
    pub fn read<'o, T: FromBytes>(
        &self,
        first: u32,
        out: &'o mut [MaybeUninit<T>],
    ) -> Result<&'o mut [T]> {
        let count = u32::try_from(out.len())?;

        if count > self.len().saturating_sub(first) || self.0.entry_len < size_of::<T>() {
            return Err(EINVAL);
        }
        // SAFETY: `out` has room for `count` elements of the size given, any bytes are a `T`, and
        // the source range is within what the ioctl's arguments describe.
        to_result(unsafe {
            bindings::rust_helper_iommu_copy_user_entries(
                out.as_mut_ptr().cast(),
                size_of::<T>(),
                self.0,
                first,
                count,
            )
        })?;
        // SAFETY: All elements were copied to, and any bytes are a `T`.
        Ok(unsafe { out.assume_init_mut() })
    }

    /// To be called between two portions of an array, which may be as long as user space likes:
    /// lets others run.
    ///
    /// # Errors
    ///
    /// - [`EINTR`]: the process is being killed and will not see a result.
    pub fn pause(&self) -> Result {
        // SAFETY: In the ioctl's process context, which may sleep.
        match unsafe { bindings::rust_helper_cond_resched_alive() } {
            true => Ok(()),
            false => Err(EINTR),
        }
    }

    /// Reports to user space how many elements were handled.
    pub fn set_handled(&mut self, handled: u32) {
        self.0.entry_num = handled;
    }
}
