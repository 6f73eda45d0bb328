// SPDX-License-Identifier: GPL-2.0

//! Groups of devices that cannot be told apart.

use crate::iommu::{
    bindings,
    Driver,
    Endpoint, //
};
use core::ptr::NonNull;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::Arc, //
};

/// A reference to `struct iommu_group`.
///
/// # Invariants
///
/// Owns a reference.
pub struct Group(NonNull<bindings::iommu_group>);

// SAFETY: The core locks what it changes, and references may be given back by any thread.
unsafe impl Send for Group {}
// SAFETY: As above.
unsafe impl Sync for Group {}

/// What a reserved region is to a user of the group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReservedKind {
    /// The host maps interrupt doorbells there (`IOMMU_RESV_SW_MSI`).
    MsiWindow,
    /// Firmware needs it, but only before there is a user (`IOMMU_RESV_DIRECT_RELAXABLE`).
    Relaxable,
    /// No use for anything else.
    Other,
}

/// A range of IOVAs that is not to be mapped.
#[derive(Clone, Copy)]
pub struct Reserved {
    /// The first IOVA.
    pub start: u64,
    /// The last IOVA.
    pub last: u64,
    /// Why.
    pub kind: ReservedKind,
}

impl Group {
    /// Takes a reference.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid group.
    pub unsafe fn get(raw: *mut bindings::iommu_group) -> Result<Self> {
        // SAFETY: By this function's requirement. INVARIANT: The reference is the new object's.
        let raw = unsafe { bindings::iommu_group_ref_get(raw) };

        NonNull::new(raw).map(Self).ok_or(ENODEV)
    }

    /// The C side.
    pub fn as_raw(&self) -> *mut bindings::iommu_group {
        self.0.as_ptr()
    }

    /// The group's number, as in `/sys/kernel/iommu_groups` and `/dev/vfio`.
    pub fn id(&self) -> i32 {
        // SAFETY: A valid group, by the type's invariant.
        unsafe { bindings::iommu_group_id(self.as_raw()) }
    }

    /// Whether the devices can only raise interrupts that they were given. May sleep.
    pub fn has_isolated_msi(&self) -> bool {
        // SAFETY: A valid group, by the type's invariant.
        unsafe { bindings::iommu_group_has_isolated_msi(self.as_raw()) }
    }

    /// The reserved regions of all devices. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn reserved(&self) -> Result<KVec<Reserved>> {
        extern "C" fn visit(region: *const bindings::iommu_resv_region, arg: *mut c_void) -> c_int {
            // SAFETY: `arg` is the vector below, which nothing else refers to during the visit; the
            // region is valid.
            let (all, region) = unsafe { (&mut *arg.cast::<KVec<Reserved>>(), &*region) };
            let Some(last) = (region.length as u64).checked_sub(1) else {
                return 0;
            };

            from_result(|| {
                all.push(
                    Reserved {
                        start: region.start,
                        last: region.start.saturating_add(last),
                        kind: match region.type_ {
                            bindings::iommu_resv_type_IOMMU_RESV_SW_MSI => ReservedKind::MsiWindow,
                            bindings::iommu_resv_type_IOMMU_RESV_DIRECT_RELAXABLE => {
                                ReservedKind::Relaxable
                            }
                            _ => ReservedKind::Other,
                        },
                    },
                    GFP_KERNEL_ACCOUNT,
                )?;
                Ok(0)
            })
        }

        let mut all = KVec::new();
        // SAFETY: A valid group; `visit` gets the vector and valid regions.
        to_result(unsafe {
            bindings::rust_helper_iommu_group_visit_resv(
                self.as_raw(),
                Some(visit),
                (&raw mut all).cast(),
            )
        })?;
        Ok(all)
    }

    /// Calls `f` for each device, with the group's mutex held, until it fails.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn for_each(&self, f: impl FnMut(&Member<'_>) -> Result) -> Result {
        extern "C" fn visit<F: FnMut(&Member<'_>) -> Result>(
            dev: *mut bindings::device,
            arg: *mut c_void,
        ) -> c_int {
            // SAFETY: `arg` is the closure below, which nothing else refers to during the visit; a
            // member of a group is valid while the group's mutex is held.
            let (f, dev) = unsafe { (&mut *arg.cast::<F>(), Device::from_raw(dev)) };

            // INVARIANT: The core calls this with the mutex held.
            from_result(|| f(&Member { dev }).map(|()| 0))
        }
        fn visit_of<F: FnMut(&Member<'_>) -> Result>(
            _: &F,
        ) -> extern "C" fn(*mut bindings::device, *mut c_void) -> c_int {
            visit::<F>
        }

        let mut f = f;
        let visit = visit_of(&f);
        // SAFETY: A valid group; `visit` gets the closure that it is for.
        to_result(unsafe {
            bindings::iommu_group_for_each_dev(self.as_raw(), (&raw mut f).cast(), Some(visit))
        })
    }
}

impl Clone for Group {
    fn clone(&self) -> Self {
        // SAFETY: A valid group. INVARIANT: The reference is the new object's.
        unsafe { bindings::iommu_group_ref_get(self.as_raw()) };
        Self(self.0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: The reference is owned, by the type's invariant.
        unsafe { bindings::iommu_group_put(self.as_raw()) };
    }
}

/// A device of a [`Group`].
///
/// # Invariants
///
/// The group's mutex is held.
pub struct Member<'a> {
    dev: &'a Device,
}

impl Member<'_> {
    /// The device.
    pub fn dev(&self) -> &Device {
        self.dev
    }

    /// The device as one behind an IOMMU of `D`, if it is one.
    pub fn endpoint<D: Driver>(&self) -> Option<Arc<Endpoint<D>>> {
        // SAFETY: A device in a group is not released while the group's mutex is held.
        unsafe { Endpoint::try_from_dev(crate::iommu::raw_dev(self.dev)) }
    }

    /// The hardware device of the IOMMU that the device is behind, if it is one of `D`.
    pub fn iommu_dev<D: Driver>(&self) -> Option<&Device<Bound>> {
        let ep = self.endpoint::<D>()?;

        // SAFETY: A device in a group is behind a registered IOMMU while the group's mutex is held.
        Some(unsafe { ep.iommu().bound_dev() })
    }

    /// Whether the device can raise interrupts by messages, as set up by its driver.
    ///
    /// Of PCI devices: the others say so only to who holds locks that nest outside.
    pub fn has_messages(&self) -> bool {
        // SAFETY: A valid device.
        unsafe { bindings::rust_helper_dev_has_msi(crate::iommu::raw_dev(self.dev)) }
    }

    /// The domain that the device is attached to: that of the group, unless it is being reset.
    pub(super) fn domain(&self) -> *mut bindings::iommu_domain {
        // SAFETY: A valid device in a group, whose mutex is held.
        unsafe { bindings::iommu_driver_get_domain_for_dev(crate::iommu::raw_dev(self.dev)) }
    }
}
