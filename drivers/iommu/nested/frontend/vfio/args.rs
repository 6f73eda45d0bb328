// SPDX-License-Identifier: GPL-2.0

//! The arguments of ioctls, checked: what is here cannot be wrong in itself.

use super::{
    msi,
    Abi, //
};
use crate::{
    backend::{
        AddressRange,
        Capabilities,
        ChangedRange,
        FirstStage,
        GuestTable,
        PasidTable, //
    },
    iommu::{
        bindings,
        client::Access, //
    },
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
};

/// Memory to be mapped.
pub(crate) struct MapDma {
    /// Where (GPA).
    pub(super) range: AddressRange,
    /// The user address.
    pub(super) vaddr: usize,
    /// What devices may do.
    pub(super) access: Access,
}

impl MapDma {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, size.
    /// - [`EOVERFLOW`]: a wrap.
    pub(super) fn new(raw: &bindings::vfio_iommu_type1_dma_map) -> Result<Self> {
        const READ: u32 = bindings::VFIO_DMA_MAP_FLAG_READ;
        const WRITE: u32 = bindings::VFIO_DMA_MAP_FLAG_WRITE;
        let access = Access {
            read: raw.flags & READ != 0,
            write: raw.flags & WRITE != 0,
        };

        if raw.flags & !(READ | WRITE) != 0 || raw.flags == 0 || raw.size == 0 {
            return Err(EINVAL);
        }
        raw.vaddr.checked_add(raw.size - 1).ok_or(EOVERFLOW)?;
        Ok(Self {
            range: AddressRange::new(raw.iova, raw.size).ok_or(EOVERFLOW)?,
            // CAST: `usize` has 64 bits where there is nesting.
            vaddr: raw.vaddr as usize,
            access,
        })
    }
}

/// Memory to be unmapped.
pub(crate) struct UnmapDma {
    /// Where (GPA).
    pub(super) range: AddressRange,
    /// Whatever there is.
    pub(super) all: bool,
}

impl UnmapDma {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, size.
    /// - [`EOVERFLOW`]: a wrap.
    pub(super) fn new(raw: &bindings::vfio_iommu_type1_dma_unmap) -> Result<Self> {
        let all = raw.flags == bindings::VFIO_DMA_UNMAP_FLAG_ALL;

        if (raw.flags != 0 && !all) || all != (raw.size == 0) || (all && raw.iova != 0) {
            return Err(EINVAL);
        }
        let size = if all { u64::MAX } else { raw.size };

        Ok(Self {
            range: AddressRange::new(raw.iova, size).ok_or(EOVERFLOW)?,
            all,
        })
    }
}

/// A first stage to be bound.
pub(crate) struct BindTable<O> {
    /// The first stage.
    pub(super) stage: FirstStage<O>,
    /// The guest's ID of the device.
    pub(super) id: Option<u64>,
    /// In the place of another.
    pub(super) replace: bool,
}

impl<O: FromBytes> BindTable<O> {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, values that don't go together.
    /// - [`EOPNOTSUPP`]: another model.
    pub(super) fn new<B: Abi<TableOptions = O>>(
        raw: &bindings::vfio_nested_bind_pasid_table,
    ) -> Result<Self> {
        const ID: u32 = bindings::VFIO_NESTED_BIND_DEVICE_ID;
        const REPLACE: u32 = bindings::VFIO_NESTED_BIND_REPLACE;
        const CACHE: u32 = bindings::VFIO_NESTED_BIND_DEV_IOTLB;
        let flag = |flag| raw.flags & flag != 0;

        if raw.flags & !(ID | REPLACE | CACHE) != 0 || raw.reserved != 0 {
            return Err(EINVAL);
        }
        if raw.model != B::MODEL {
            return Err(EOPNOTSUPP);
        }
        if !flag(ID) && raw.device_id != 0 {
            return Err(EINVAL);
        }
        let (options, rest) =
            O::from_bytes_copy_prefix(AsBytes::as_bytes(&raw.data)).ok_or(EINVAL)?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(EINVAL);
        }
        let bare = raw.base == 0 && raw.pasid_bits == 0 && raw.data == [0; 4] && !flag(CACHE);

        Ok(Self {
            stage: match raw.config {
                bindings::vfio_nested_config_VFIO_NESTED_CONFIG_TRANSLATE => {
                    FirstStage::Translate(PasidTable {
                        base: raw.base,
                        pasid_bits: raw.pasid_bits,
                        device_cache: flag(CACHE),
                        options,
                    })
                }
                bindings::vfio_nested_config_VFIO_NESTED_CONFIG_BYPASS if bare => {
                    FirstStage::Bypass
                }
                bindings::vfio_nested_config_VFIO_NESTED_CONFIG_ABORT if bare => FirstStage::Abort,
                _ => return Err(EINVAL),
            },
            id: flag(ID).then_some(raw.device_id),
            replace: flag(REPLACE),
        })
    }
}

/// A page table of the guest's to be bound.
pub(crate) struct BindPageTable {
    /// For traffic with this PASID, not 0, or that without.
    pub(super) pasid: Option<u32>,
    /// The table; without, every access is refused.
    pub(super) table: Option<GuestTable>,
    /// The guest's ID of the device.
    pub(super) id: Option<u64>,
    /// In the place of another.
    pub(super) replace: bool,
}

impl BindPageTable {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, values that don't go together.
    /// - [`EOPNOTSUPP`]: another model.
    pub(super) fn new<B: Abi>(raw: &bindings::vfio_nested_bind_guest_pgtbl) -> Result<Self> {
        const NO_PASID: u32 = bindings::VFIO_NESTED_PGTBL_NO_PASID;
        const ID: u32 = bindings::VFIO_NESTED_PGTBL_DEVICE_ID;
        const REPLACE: u32 = bindings::VFIO_NESTED_PGTBL_REPLACE;
        const BLOCK: u32 = bindings::VFIO_NESTED_PGTBL_BLOCK;
        let flag = |flag| raw.flags & flag != 0;
        let bare = raw.base == 0 && raw.input_bits == 0 && raw.data == [0; 4];

        if raw.flags & !(NO_PASID | ID | REPLACE | BLOCK) != 0
            || flag(NO_PASID) != (raw.pasid == 0)
            || (!flag(ID) && raw.device_id != 0)
            || (flag(BLOCK) && !bare)
        {
            return Err(EINVAL);
        }
        if raw.model != B::MODEL {
            return Err(EOPNOTSUPP);
        }
        Ok(Self {
            pasid: (!flag(NO_PASID)).then_some(raw.pasid),
            table: (!flag(BLOCK)).then_some(GuestTable {
                base: raw.base,
                input_bits: raw.input_bits,
                data: raw.data,
            }),
            id: flag(ID).then_some(raw.device_id.into()),
            replace: flag(REPLACE),
        })
    }

    /// Of which traffic a table is to be unbound: that with a PASID, or without.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, values that don't go together.
    pub(super) fn unbound(raw: &bindings::vfio_nested_bind_guest_pgtbl) -> Result<Option<u32>> {
        const NO_PASID: u32 = bindings::VFIO_NESTED_PGTBL_NO_PASID;
        let bare = raw.model == 0
            && raw.base == 0
            && raw.input_bits == 0
            && raw.device_id == 0
            && raw.data == [0; 4];

        match (raw.flags, raw.pasid) {
            (NO_PASID, 0) if bare => Ok(None),
            (0, 1..) if bare => Ok(Some(raw.pasid)),
            _ => Err(EINVAL),
        }
    }
}

/// PASIDs of which one is wanted.
pub(crate) struct PasidRange {
    /// The smallest.
    pub(super) min: u32,
    /// The largest: not 0, nor less than the smallest.
    pub(super) max: u32,
}

impl PasidRange {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, values that don't go together.
    pub(super) fn new(raw: &bindings::vfio_nested_pasid) -> Result<Self> {
        let &bindings::vfio_nested_pasid { min, max, .. } = raw;

        if raw.flags | raw.reserved | raw.pasid != 0 || min > max || max == 0 {
            return Err(EINVAL);
        }
        Ok(Self { min, max })
    }

    /// The one PASID that is given back.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, values that don't go together.
    pub(super) fn freed(raw: &bindings::vfio_nested_pasid) -> Result<u32> {
        match raw.flags | raw.reserved | raw.min | raw.max {
            0 => Ok(raw.pasid),
            _ => Err(EINVAL),
        }
    }
}

/// Which caches an invalidation is for.
#[derive(Clone, Copy)]
pub(super) struct Caches {
    /// Entries of the PASID table.
    pub(super) pasid: bool,
    /// Translations.
    pub(super) iotlb: bool,
    /// Those that devices have themselves.
    pub(super) device: bool,
}

/// How much an invalidation is for.
#[derive(Clone, Copy)]
pub(super) enum Amount {
    /// Everything.
    Domain,
    /// All of a PASID, or of its tag.
    Pasid,
    /// Some IOVAs.
    Range(ChangedRange),
}

/// An invalidation. What the caches need to know is there.
#[derive(Clone, Copy)]
pub(super) struct Invalidate {
    pub(super) caches: Caches,
    pub(super) amount: Amount,
    pub(super) device: Option<u64>,
    pub(super) pasid: Option<u32>,
    pub(super) tag: Option<u32>,
    pub(super) leaf: bool,
}

impl Invalidate {
    /// # Errors
    ///
    /// - [`EINVAL`]: it has no meaning.
    pub(super) fn new(raw: &bindings::vfio_nested_inv, has: &Capabilities) -> Result<Self> {
        const DEVICE: u32 = bindings::VFIO_NESTED_INV_HAS_DEVICE;
        const PASID: u32 = bindings::VFIO_NESTED_INV_HAS_PASID;
        const TAG: u32 = bindings::VFIO_NESTED_INV_HAS_ARCHID;
        const LEAF: u32 = bindings::VFIO_NESTED_INV_LEAF;
        const IOTLB_CACHE: u32 = bindings::VFIO_NESTED_INV_IOTLB;
        const DEVICE_CACHE: u32 = bindings::VFIO_NESTED_INV_DEV_IOTLB;
        const PASID_CACHE: u32 = bindings::VFIO_NESTED_INV_PASID;
        let flag = |flag| raw.flags & flag != 0;
        let caches = Caches {
            pasid: raw.caches & PASID_CACHE != 0,
            iotlb: raw.caches & IOTLB_CACHE != 0,
            device: raw.caches & DEVICE_CACHE != 0,
        };

        if raw.flags & !(DEVICE | PASID | TAG | LEAF) != 0
            || raw.caches & !(IOTLB_CACHE | DEVICE_CACHE | PASID_CACHE) != 0
            || raw.caches == 0
            || raw.reserved != 0
            || (!flag(DEVICE) && raw.device_id != 0)
            || (!flag(PASID) && raw.pasid != 0)
            || (!flag(TAG) && raw.archid != 0)
        {
            return Err(EINVAL);
        }
        let leaf = flag(LEAF);
        let range = raw.addr != 0 || raw.granule_size != 0 || raw.granule_count != 0;
        let amount = match raw.granularity {
            bindings::vfio_nested_inv_granularity_VFIO_NESTED_INV_GRANU_DOMAIN
                if !range && !leaf && !flag(PASID) && !flag(TAG) =>
            {
                Amount::Domain
            }
            bindings::vfio_nested_inv_granularity_VFIO_NESTED_INV_GRANU_PASID
                if !range
                    && (!leaf || caches.pasid)
                    && (flag(TAG) || !caches.iotlb)
                    && (flag(PASID) || !(caches.pasid || caches.device)) =>
            {
                Amount::Pasid
            }
            bindings::vfio_nested_inv_granularity_VFIO_NESTED_INV_GRANU_ADDR
                if !caches.pasid && (!leaf || caches.iotlb) =>
            {
                Amount::Range(changed_range(raw, leaf, has).ok_or(EINVAL)?)
            }
            _ => return Err(EINVAL),
        };

        Ok(Self {
            caches,
            amount,
            device: flag(DEVICE).then_some(raw.device_id),
            pasid: flag(PASID).then_some(raw.pasid),
            tag: flag(TAG).then_some(raw.archid),
            leaf,
        })
    }
}

fn changed_range(
    raw: &bindings::vfio_nested_inv,
    leaf: bool,
    has: &Capabilities,
) -> Option<ChangedRange> {
    let granule = raw.granule_size;
    let iovas = AddressRange::new(raw.addr, granule.checked_mul(raw.granule_count)?)?;
    let is_page = granule.is_power_of_two() && has.pgsizes & granule != 0;

    (is_page && iovas.start & (granule - 1) == 0).then_some(ChangedRange {
        iovas,
        granule,
        leaf,
    })
}

/// A window for interrupts.
pub(crate) struct BindMsi {
    /// What devices write to.
    pub(super) iovas: AddressRange,
    /// What the guest makes of that.
    pub(super) gpas: AddressRange,
}

impl BindMsi {
    /// # Errors
    ///
    /// - [`EINVAL`]: flags, alignment, size.
    pub(super) fn new(raw: &bindings::vfio_nested_bind_msi) -> Result<Self> {
        let aligned = (raw.giova | raw.gdb | raw.size) & (PAGE_SIZE as u64 - 1) == 0;

        if raw.flags != 0 || !aligned || raw.giova == 0 || raw.size > msi::SIZE_MAX {
            return Err(EINVAL);
        }
        Ok(Self {
            iovas: AddressRange::new(raw.giova, raw.size).ok_or(EINVAL)?,
            gpas: AddressRange::new(raw.gdb, raw.size).ok_or(EINVAL)?,
        })
    }
}
