// SPDX-License-Identifier: GPL-2.0

//! Domains that the kernel maps into, of either stage. Their page tables are the kernel's
//! generic ones, which the IOMMU core maps and unmaps in by itself.

use super::{
    arch::range::Block,
    attach,
    hw::Table,
    space::{
        Purpose,
        Space, //
    },
    Vtd, //
};
use crate::iommu::{
    generic_pt::{
        Config,
        Format, //
    },
    impl_has_domain,
    Endpoint,
    Gather,
    NewPaging,
    Paging,
    PagingDomain, //
};
use kernel::{
    prelude::*,
    sync::UniqueArc, //
};

/// A domain of the IOMMU core's.
pub(crate) type Domain = Space<Vtd>;

impl_has_domain! {
    impl HasDomain<Vtd> for Domain { table }
}

impl Table for PagingDomain<Vtd> {
    fn address(&self) -> u64 {
        self.root().address
    }

    fn levels(&self) -> u32 {
        self.root().levels
    }
}

impl Domain {
    /// An empty domain for a device's unit. With `dirty`, what devices write to can be tracked.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the unit has no such stage, or can't track in it.
    /// - [`ENOMEM`]
    pub(crate) fn create(
        ep: &Endpoint<Vtd>,
        purpose: Purpose,
        dirty: bool,
    ) -> Result<NewPaging<Vtd>> {
        let unit = ep.iommu();
        let features = &unit.features;
        let (present, format, shape, pgsizes) = match purpose {
            Purpose::FirstStage => (
                features.first_stage,
                Format::X86_64,
                features.first_stage_shape(),
                features.first_stage_pages(),
            ),
            Purpose::SecondStage | Purpose::NestParent => (
                features.second_stage && (features.nested || purpose == Purpose::SecondStage),
                Format::Vtdss,
                features.second_stage_shape(),
                features.second_stage_pages(),
            ),
        };

        if !present || (dirty && !features.dirty) {
            return Err(EOPNOTSUPP);
        }
        let config = Config {
            format,
            levels: shape.levels,
            va_bits: shape.bits,
            // CAST: `usize` has 64 bits where there is such a unit.
            pgsizes: pgsizes as usize,
            coherent_walk: features.walk_coherent,
            no_read_only: purpose == Purpose::NestParent && unit.read_only_errs,
            sync_map: features.caching_mode || features.write_buffer,
            dirty,
        };

        UniqueArc::pin_init(
            Self::new(unit, purpose, PagingDomain::generic(ep, &config)),
            GFP_KERNEL_ACCOUNT,
        )
        .map(NewPaging::new)
    }

    /// For callers that have no way to fail. Of a unit that is gone (`ENODEV`) nothing is cached
    /// any more.
    fn invalidate(&self, block: Option<Block>, leaf: bool) {
        match self.targets().invalidate(None, block, leaf) {
            Err(e) if e != ENODEV => {
                dev_err!(self.unit().dev(), "IOTLB invalidation failed: {e:?}\n")
            }
            _ => (),
        }
    }
}

impl Paging for Domain {
    fn flush_all(&self) {
        self.invalidate(None, false);
    }

    fn sync(&self, gather: &Gather<'_>) {
        if let Some((start, last)) = gather.span() {
            // CAST: Addresses of 64 bits.
            let block = Block::around(start as u64, last as u64);

            self.invalidate(Some(block), gather.leaf_only());
        }
    }

    fn sync_map(&self, iova: usize, size: usize) {
        if size != 0 {
            // CAST: Addresses of 64 bits.
            let block = Block::around(iova as u64, iova as u64 + (size as u64 - 1));

            self.invalidate(Some(block), false);
        }
    }

    /// A first stage's PASID entries do so anyhow, the entries of a second stage from now on.
    fn enforce_cache_coherency(&self) -> bool {
        self.unit().features.snoop_control
    }

    fn set_dirty_tracking(&self, on: bool) -> Result {
        let devices = self.unit().devices.lock();

        attach::track(self, on, devices.iter().map(|ep| ep.source()))
    }
}
