// SPDX-License-Identifier: GPL-2.0

//! Devices for IOMMUs that firmware describes by their registers alone.

use super::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    io::PhysAddr,
    prelude::*,
    str::CStr, //
};

/// A platform device that is one IOMMU. A platform driver of its name is bound to it.
///
/// Dropping it unbinds the driver.
///
/// # Invariants
///
/// The pointer is valid, and the device is registered and this object's.
pub struct UnitDevice(NonNull<bindings::platform_device>);

// SAFETY: A device can be unregistered by any thread.
unsafe impl Send for UnitDevice {}

// SAFETY: A reference to it gives access to nothing.
unsafe impl Sync for UnitDevice {}

impl UnitDevice {
    /// Makes the device `name`.`index` whose one resource is its registers: `size` bytes at
    /// `base` (HPA). If there is a driver it is probed before this returns.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `size` is 0, or there is no such range.
    /// - [`EBUSY`]: the range belongs to something else.
    /// - [`ENOMEM`]
    pub fn new(name: &CStr, index: u16, base: PhysAddr, size: PhysAddr) -> Result<Self> {
        let last = size
            .checked_sub(1)
            .and_then(|rest| base.checked_add(rest))
            .ok_or(EINVAL)?;
        let registers = bindings::resource {
            start: base,
            end: last,
            // CAST: Small flags.
            flags: bindings::IORESOURCE_MEM as usize,
            ..pin_init::zeroed()
        };
        let info = bindings::platform_device_info {
            name: name.as_char_ptr(),
            id: c_int::from(index),
            res: &registers,
            num_res: 1,
            ..pin_init::zeroed()
        };
        // SAFETY: All that is pointed to is valid; what is kept of it is copied.
        let device = from_err_ptr(unsafe { bindings::platform_device_register_full(&info) })?;

        // INVARIANT: Just registered, for this object.
        NonNull::new(device).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for UnitDevice {
    fn drop(&mut self) {
        // SAFETY: By the type's invariant, and once.
        unsafe { bindings::platform_device_unregister(self.0.as_ptr()) };
    }
}
