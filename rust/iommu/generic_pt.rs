// SPDX-License-Identifier: GPL-2.0

//! Domains whose page tables are of the kernel's generic page table library.
//!
//! The IOMMU core maps and unmaps by itself; the driver points its hardware at the table's
//! [`Root`], and invalidates.
//!
//! C header: [`include/linux/generic_pt/iommu.h`](srctree/include/linux/generic_pt/iommu.h)

#[cfg(CONFIG_KUNIT = "y")]
pub mod unattached;

use super::{
    bindings,
    domain::{
        PagingDomain,
        Raw, //
    },
    raw_dev,
    Driver,
    Endpoint,
    Gather,
    Paging, //
};
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    device::Device,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// The format of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The CPU's.
    X86_64,
    /// The library's `vtdss`: that of the second stage of these CPUs' IOMMUs.
    Vtdss,
}

/// The number of bits of an HPA, at most.
const OUTPUT_BITS: u8 = 52;

/// The size in bytes of the smallest page.
const PAGE: usize = 1 << 12;

/// What a page table is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The format.
    pub format: Format,
    /// The number of levels: 4 or 5, for [`Format::Vtdss`] also 3.
    pub levels: u32,
    /// The number of bits of an input address, at most. In [`Format::X86_64`] the topmost is a
    /// sign, and only positive addresses are used.
    pub va_bits: u32,
    /// The hardware's walks are coherent with the CPU caches.
    pub coherent_walk: bool,
    /// What is mapped for reading can also be written to. Only for [`Format::Vtdss`].
    pub no_read_only: bool,
    /// Sizes in bytes of the pages and blocks that the hardware has, a bit each.
    pub pgsizes: usize,
    /// [`Paging::sync_map`] is to be called after mapping.
    pub sync_map: bool,
    /// [`Paging::set_dirty_tracking`] can be called. Only for [`Format::Vtdss`], with
    /// [`Self::coherent_walk`]. What was recorded is taken out of the table without the driver, and
    /// comes to [`Paging::sync`] as what was unmapped does.
    pub dirty: bool,
}

impl Config {
    /// What both formats have in common, and the number of the top level.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: there are no such tables.
    fn common(&self) -> Result<(bindings::pt_iommu_cfg, u32)> {
        let mut features = 1 << bindings::pt_features_PT_FEAT_FLUSH_RANGE;

        if !self.coherent_walk {
            features |= 1 << bindings::pt_features_PT_FEAT_DMA_INCOHERENT;
        }
        match self.format {
            Format::X86_64 if self.no_read_only || self.dirty => return Err(EOPNOTSUPP),
            Format::Vtdss if self.dirty && !self.coherent_walk => return Err(EOPNOTSUPP),
            Format::X86_64 => features |= 1 << bindings::pt_features_PT_FEAT_SIGN_EXTEND,
            Format::Vtdss if self.no_read_only => {
                features |= 1 << bindings::PT_FEAT_VTDSS_FORCE_WRITEABLE;
            }
            Format::Vtdss => (),
        }
        Ok((
            bindings::pt_iommu_cfg {
                features,
                hw_max_vasz_lg2: u8::try_from(self.va_bits).map_err(|_| EOPNOTSUPP)?,
                hw_max_oasz_lg2: OUTPUT_BITS,
            },
            self.levels.checked_sub(1).ok_or(EOPNOTSUPP)?,
        ))
    }
}

/// What the hardware has to know of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The HPA of the topmost table, of 4 KiB.
    pub address: u64,
    /// The number of levels.
    pub levels: u32,
}

impl Root {
    /// No table.
    pub(super) const NONE: Self = Self {
        address: 0,
        levels: 0,
    };
}

impl<D: Driver> PagingDomain<D> {
    /// Of a domain with a page table of the library's, which the IOMMU of `ep` can walk. The table
    /// is not freed before the driver's side is dropped.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`], [`EINVAL`]: there are no such tables.
    /// - [`ENOMEM`]
    pub fn generic<'a>(ep: &'a Endpoint<D>, config: &'a Config) -> impl PinInit<Self, Error> + 'a {
        try_pin_init!(Self {
            raw <- Raw::generic(
                ep.iommu().dev(),
                // SAFETY: A valid device.
                unsafe { bindings::rust_helper_iommu_dev_to_node(raw_dev(ep.dev())) },
                config,
                Self::generic_ops(config),
                config.dirty.then_some(Self::DIRTY_OPS),
            ),
            root: raw.root(config.format),
            parent_on: Opaque::zeroed(),
            _driver: PhantomData,
        }? Error)
    }

    /// What the hardware has to know of the library's table.
    pub fn root(&self) -> Root {
        self.root
    }
}

impl Raw {
    /// A page table on the NUMA node `node` that the IOMMU `walker` reads.
    fn generic<'a>(
        walker: &'a Device,
        node: c_int,
        config: &'a Config,
        ops: &'static bindings::iommu_domain_ops,
        dirty_ops: Option<&'static bindings::iommu_dirty_ops>,
    ) -> impl PinInit<Self, Error> + 'a {
        let init = move |slot: *mut Self| {
            let (common, top_level) = config.common()?;
            let new = Self::new(bindings::iommu_domain {
                ops,
                dirty_ops: dirty_ops.map_or(ptr::null(), ptr::from_ref),
                ..pin_init::zeroed()
            });

            // SAFETY: `slot` is valid for a write. The library is initialised with valid pointers
            // in its place; `walker` is kept as long as the table. If it fails nothing is left.
            unsafe {
                slot.write(new);
                (*slot).walker = Some(walker.into());

                let storage = (*slot).storage.get();
                // Each format starts with the same.
                let table: *mut bindings::pt_iommu = storage.cast();

                (*table).iommu_device = raw_dev(walker);
                (*table).nid = node;

                let ready = to_result(match config.format {
                    Format::X86_64 => bindings::pt_iommu_x86_64_init(
                        storage.cast(),
                        &bindings::pt_iommu_x86_64_cfg { common, top_level },
                        bindings::GFP_KERNEL_ACCOUNT,
                    ),
                    Format::Vtdss => bindings::pt_iommu_vtdss_init(
                        storage.cast(),
                        &bindings::pt_iommu_vtdss_cfg { common, top_level },
                        bindings::GFP_KERNEL_ACCOUNT,
                    ),
                })
                .and_then(|()| {
                    (*table).domain.pgsize_bitmap &= config.pgsizes;
                    match (*table).domain.pgsize_bitmap & PAGE {
                        0 => Err(EOPNOTSUPP),
                        _ => Ok(()),
                    }
                });

                if ready.is_err() {
                    ptr::drop_in_place(slot);
                }
                ready
            }
        };

        // SAFETY: `init` initialises all of the slot, or drops what it has.
        unsafe { pin_init::pin_init_from_closure(init) }
    }

    fn root(&self, format: Format) -> Root {
        let storage = self.storage.get();

        // SAFETY: Initialised for this format by `generic()`, whose caller asks.
        unsafe {
            match format {
                Format::X86_64 => {
                    let mut info = bindings::pt_iommu_x86_64_hw_info::default();

                    bindings::pt_iommu_x86_64_hw_info(storage.cast(), &mut info);
                    Root {
                        address: info.gcr3_pt,
                        levels: info.levels.into(),
                    }
                }
                Format::Vtdss => {
                    let mut info = bindings::pt_iommu_vtdss_hw_info::default();

                    bindings::pt_iommu_vtdss_hw_info(storage.cast(), &mut info);
                    Root {
                        address: info.ssptptr,
                        // An address width of 1 is one of 39 bits.
                        levels: u32::from(info.aw) + 2,
                    }
                }
            }
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let table: *mut bindings::pt_iommu = self.storage.get().cast();

        // SAFETY: The library's, unless what follows the core's domain is zero. Nothing is attached
        // to a domain that is freed, so that the hardware no longer walks the table.
        unsafe {
            if let Some(deinit) = (*table).ops.as_ref().and_then(|ops| ops.deinit) {
                deinit(table);
            }
        }
    }
}

impl<D: Driver> PagingDomain<D> {
    const X86_64_OPS: &'static bindings::iommu_domain_ops = &Self::X86_64;
    const X86_64_SYNCED_OPS: &'static bindings::iommu_domain_ops = &Self::synced(Self::X86_64);
    const VTDSS_OPS: &'static bindings::iommu_domain_ops = &Self::VTDSS;
    const VTDSS_SYNCED_OPS: &'static bindings::iommu_domain_ops = &Self::synced(Self::VTDSS);

    const X86_64: bindings::iommu_domain_ops = bindings::iommu_domain_ops {
        iotlb_sync: Some(Self::sync_and_free),
        iova_to_phys: Some(bindings::pt_iommu_x86_64_iova_to_phys),
        ..Self::COMMON_OPS
    };

    const VTDSS: bindings::iommu_domain_ops = bindings::iommu_domain_ops {
        iotlb_sync: Some(Self::sync_and_free),
        iova_to_phys: Some(bindings::pt_iommu_vtdss_iova_to_phys),
        enforce_cache_coherency: Some(Self::enforce_in_vtdss),
        ..Self::COMMON_OPS
    };

    /// Only for domains that [ask for it](Config::sync_map): mapping is frequent.
    const fn synced(ops: bindings::iommu_domain_ops) -> bindings::iommu_domain_ops {
        bindings::iommu_domain_ops {
            iotlb_sync_map: Some(Self::iotlb_sync_map),
            ..ops
        }
    }

    const DIRTY_OPS: &'static bindings::iommu_dirty_ops = &bindings::iommu_dirty_ops {
        set_dirty_tracking: Some(Self::set_dirty_tracking),
        read_and_clear_dirty: Some(bindings::pt_iommu_vtdss_read_and_clear_dirty),
    };

    fn generic_ops(config: &Config) -> &'static bindings::iommu_domain_ops {
        match (config.format, config.sync_map) {
            (Format::X86_64, false) => Self::X86_64_OPS,
            (Format::X86_64, true) => Self::X86_64_SYNCED_OPS,
            (Format::Vtdss, false) => Self::VTDSS_OPS,
            (Format::Vtdss, true) => Self::VTDSS_SYNCED_OPS,
        }
    }

    // SAFETY (of all the callbacks below): as those of all domains.

    extern "C" fn sync_and_free(
        raw: *mut bindings::iommu_domain,
        gather: *mut bindings::iommu_iotlb_gather,
    ) {
        // SAFETY: See above.
        let (paging, gather) = unsafe { (Self::paging(raw), Gather::from_raw(gather)) };

        paging.sync(&gather);
        gather.free_tables();
    }

    extern "C" fn iotlb_sync_map(
        raw: *mut bindings::iommu_domain,
        iova: usize,
        size: usize,
    ) -> c_int {
        // SAFETY: See above.
        unsafe { Self::paging(raw) }.sync_map(iova, size);
        0
    }

    /// The second stage has a bit for it in each leaf entry, which the core will set from now on.
    extern "C" fn enforce_in_vtdss(raw: *mut bindings::iommu_domain) -> bool {
        // SAFETY: See above.
        let enforced = unsafe { Self::paging(raw) }.enforce_cache_coherency();

        if enforced {
            // SAFETY: See above; the domains that have this operation are the library's, of this
            // format. Others only read the flags.
            let features = unsafe {
                let table: *mut bindings::pt_iommu_vtdss = raw.cast();

                Atomic::from_ptr(&raw mut (*table).vtdss_pt.common.features)
            };

            features.store(
                features.load(Relaxed) | 1 << bindings::PT_FEAT_VTDSS_FORCE_COHERENCE,
                Relaxed,
            );
        }
        enforced
    }

    extern "C" fn set_dirty_tracking(raw: *mut bindings::iommu_domain, on: bool) -> c_int {
        // SAFETY: See above.
        let paging = unsafe { Self::paging(raw) };

        from_result(|| paging.set_dirty_tracking(on).map(|()| 0))
    }
}
