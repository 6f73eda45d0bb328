// SPDX-License-Identifier: GPL-2.0

//! Module parameters.

#[cfg(any(CONFIG_ARM64, CONFIG_IOMMU_NESTED_VFIO))]
use crate::iommu::bindings;

/// What to do about a guest's device that could get around the CPU caches, where neither the IOMMU
/// nor the root complex prevents it: `nesting_coherency=`.
#[cfg(CONFIG_ARM64)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NestingCoherency {
    /// Refuse nesting.
    Strict,
    /// Clean and invalidate each page to the point of coherency as it enters and as it leaves the
    /// second stage.
    Flush,
    /// Do nothing.
    Trust,
}

/// The value of `nesting_coherency=`.
#[cfg(CONFIG_ARM64)]
pub(crate) fn nesting_coherency() -> NestingCoherency {
    // SAFETY: Written only while the module's parameters are parsed, before its code runs.
    match unsafe { bindings::iommu_nested_coherency_param } as u32 {
        bindings::iommu_nested_coherency_IOMMU_NESTED_COHERENCY_STRICT => NestingCoherency::Strict,
        bindings::iommu_nested_coherency_IOMMU_NESTED_COHERENCY_TRUST => NestingCoherency::Trust,
        _ => NestingCoherency::Flush,
    }
}

/// The value of `allow_unsafe_interrupts=`, as of now: whether containers take devices that could
/// raise any interrupt.
#[cfg(CONFIG_IOMMU_NESTED_VFIO)]
pub(crate) fn allow_unsafe_interrupts() -> bool {
    // SAFETY: A valid byte, which may be written by sysfs meanwhile.
    unsafe { core::ptr::read_volatile(&raw const bindings::iommu_nested_unsafe_interrupts_param) }
}
