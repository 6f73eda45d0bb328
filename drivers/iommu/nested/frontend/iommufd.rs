// SPDX-License-Identifier: GPL-2.0

//! The stock iommufd.
//!
//! A guest's first stage is a nested HWPT: either on a virtual IOMMU ([`viommu`]), or directly on
//! the nesting parent ([`nested`]). The uAPI says which for each kind of hardware.
//!
//! uAPI: [`include/uapi/linux/iommufd.h`](srctree/include/uapi/linux/iommufd.h)

#[cfg_attr(not(CONFIG_X86_64), allow(dead_code))]
mod nested;
#[cfg_attr(not(CONFIG_ARM64), allow(dead_code))]
mod viommu;

#[cfg(CONFIG_X86_64)]
pub(crate) use self::nested::Nested;
#[cfg(CONFIG_ARM64)]
pub(crate) use self::viommu::{
    Viommu,
    ViommuAbi, //
};

use crate::{
    backend::{
        Backend,
        Failed,
        GuestDevices,
        BLOCK, //
    },
    iommu::UserArray, //
};
use core::mem::MaybeUninit;
use kernel::prelude::*;

/// The numbers by which the uAPI calls the formats of a [`Backend`].
pub(crate) trait Abi: Backend {
    /// Of `enum iommu_hwpt_data_type`, for [`Backend::RawTable`].
    const TABLE: u32;
    /// Of `enum iommu_hwpt_invalidate_data_type`, for [`Backend::Command`].
    const COMMAND: u32;
}

/// Carries out the invalidations in `array`, and tells it how many were. Errors as of
/// `IOMMU_HWPT_INVALIDATE`.
fn invalidate<B: Abi>(
    guest: &B::Guest,
    devices: &impl GuestDevices<B>,
    array: &mut UserArray<'_>,
) -> Result {
    let mut done = 0;
    let result = invalidate_blocks(guest, devices, array, &mut done);

    array.set_handled(done);
    result
}

fn invalidate_blocks<B: Abi>(
    guest: &B::Guest,
    devices: &impl GuestDevices<B>,
    array: &UserArray<'_>,
    done: &mut u32,
) -> Result {
    if array.data_type() != B::COMMAND {
        return Err(EINVAL);
    }

    let mut block = [const { MaybeUninit::uninit() }; BLOCK];

    while *done < array.len() {
        // CAST: `u32` to `usize` widens.
        let left = (array.len() - *done) as usize;
        let count = left.min(BLOCK);

        let block = array.read(*done, &mut block[..count])?;
        let (handled, result) = match B::invalidate(guest, block, devices) {
            Ok(()) => (count, Ok(())),
            Err(Failed { done, error }) => (done, Err(error)),
        };
        // CAST: Not more than `BLOCK`.
        *done += handled as u32;
        result?;
        array.pause()?;
    }
    Ok(())
}
