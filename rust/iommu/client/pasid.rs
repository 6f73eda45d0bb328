// SPDX-License-Identifier: GPL-2.0

//! PASIDs that no two users in the system have.

use crate::iommu::bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A PASID, until it is dropped.
///
/// It is nobody else's who has one of these, whatever their devices and IOMMUs are. The kernel's
/// own users (SVA) are not among them: they never have a device that somebody was given.
///
/// # Invariants
///
/// It is this object's to give back.
pub struct Pasid(u32);

impl Pasid {
    /// The first: 0 stands for traffic without a PASID.
    pub const FIRST: u32 = 1;

    /// Takes the smallest free one from `min` to `max`. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `min` is less than [`Self::FIRST`], or `max` is more than an `i32`.
    /// - [`ENOSPC`]: all of them are in use, or there are none.
    /// - [`ENOMEM`]
    pub fn new(min: u32, max: u32) -> Result<Self> {
        if min < Self::FIRST || i32::try_from(max).is_err() {
            return Err(EINVAL);
        }
        if min > max {
            return Err(ENOSPC);
        }
        // SAFETY: No requirements.
        let pasid = unsafe { bindings::rust_helper_pasid_alloc(min, max) };

        to_result(pasid)?;
        // CAST: Not negative, or it would be an error.
        // INVARIANT: Just taken.
        Ok(Self(pasid as u32))
    }

    /// The number.
    pub fn get(&self) -> u32 {
        self.0
    }
}

impl Drop for Pasid {
    fn drop(&mut self) {
        // SAFETY: It is this object's, by the type's invariant.
        unsafe { bindings::rust_helper_pasid_free(self.0) };
    }
}
