// SPDX-License-Identifier: GPL-2.0

//! Domains that the kernel maps into, of either stage. Their page tables are the kernel's
//! generic ones, which the IOMMU core maps and unmaps in by itself.

use super::{
    arch::{
        pasid::{
            FirstStage,
            PasidEntry,
            SecondStage, //
        },
        range::Block, //
    },
    targets::Targets,
    Vtd, //
};
use crate::iommu::{
    generic_pt::{
        Config,
        Format,
        Root, //
    },
    Endpoint,
    Gather,
    Instance,
    NewPaging,
    Paging, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What a domain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// IOVA to HPA by a first-stage table.
    FirstStage,
    /// IOVA to HPA by a second-stage table.
    SecondStage,
    /// GPA to HPA, below first stages of guests.
    NestParent,
}

/// A DID that belongs to somebody.
pub(crate) struct OwnedDid {
    unit: Arc<Instance<Vtd>>,
    did: u16,
}

impl OwnedDid {
    /// Takes a free DID. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`]: all are in use.
    pub(crate) fn new(unit: &Arc<Instance<Vtd>>) -> Result<Self> {
        Ok(Self {
            did: unit.dids.take()?,
            unit: unit.clone(),
        })
    }

    /// Its number.
    pub(crate) fn get(&self) -> u16 {
        self.did
    }
}

impl Drop for OwnedDid {
    fn drop(&mut self) {
        self.unit.dids.give(self.did);
    }
}

/// A domain: where its table is, and what may have cached it.
#[pin_data]
pub(crate) struct Domain {
    purpose: Purpose,
    root: Root,
    /// That its own translations are cached by. Users of a nesting parent have their own.
    did: Option<OwnedDid>,
    #[pin]
    targets: Targets,
}

impl Domain {
    /// An empty domain for a device's unit.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the unit has no such stage.
    /// - [`ENOSPC`]: all DIDs are in use.
    /// - [`ENOMEM`]
    pub(crate) fn create(ep: &Endpoint<Vtd>, purpose: Purpose) -> Result<NewPaging<Vtd>> {
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

        if !present {
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
            dirty: false,
        };

        NewPaging::generic(ep, &config, |root| {
            Arc::pin_init(
                try_pin_init!(Self {
                    purpose,
                    root,
                    did: match purpose {
                        Purpose::NestParent => None,
                        _ => Some(OwnedDid::new(unit)?),
                    },
                    targets <- Targets::new(unit),
                }),
                GFP_KERNEL,
            )
        })
    }

    /// The unit that the domain is for.
    pub(crate) fn unit(&self) -> &Arc<Instance<Vtd>> {
        self.targets.unit()
    }

    /// What may have cached it.
    pub(crate) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What the domain is for.
    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The bits of its input addresses.
    pub(crate) fn address_bits(&self) -> u32 {
        let features = &self.unit().features;

        match self.purpose {
            Purpose::FirstStage => features.first_stage_shape().bits,
            Purpose::SecondStage | Purpose::NestParent => features.second_stage_shape().bits,
        }
    }

    /// The DID that its own translations are cached by; 0 for a nesting parent, which has none.
    pub(crate) fn did(&self) -> u16 {
        self.did.as_ref().map_or(0, OwnedDid::get)
    }

    /// The PASID entry of a device that uses it alone.
    pub(crate) fn entry(&self, did: u16) -> PasidEntry {
        match self.purpose {
            Purpose::FirstStage => PasidEntry::first_stage(&self.first_stage(), did),
            Purpose::SecondStage | Purpose::NestParent => {
                PasidEntry::second_stage(&self.second_stage(), did)
            }
        }
    }

    fn first_stage(&self) -> FirstStage {
        let features = &self.unit().features;

        FirstStage {
            table: self.root.address,
            five_levels: self.root.levels == 5,
            aw: features.aw(),
            page_snoop: features.snoop_control,
            walk_snoop: features.walk_coherent,
        }
    }

    /// The second stage's part of a PASID entry.
    pub(crate) fn second_stage(&self) -> SecondStage {
        let features = &self.unit().features;

        SecondStage {
            table: self.root.address,
            // CAST: 1 for 3 levels, and so on.
            aw: (self.root.levels - 2) as u8,
            dirty: false,
            // Each entry of the table says it if it has to be so.
            page_snoop: false,
            walk_snoop: features.walk_coherent,
        }
    }
}

impl Domain {
    fn invalidate(&self, block: Option<Block>, leaf: bool) {
        let targets = &self.targets;

        targets.log(targets.invalidate(None, block, leaf));
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
}
