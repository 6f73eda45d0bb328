// SPDX-License-Identifier: GPL-2.0

//! A guest's own translations: on a second stage of the host's, by tables in the guest's memory.
//!
//! The unit tags what it caches of a first stage with DID and PASID, not with the device, and two
//! devices may use two tables without a PASID: each device that is on a guest's second stage has a
//! DID of its own there ([`super::attach`]).

use super::{
    arch::{
        range::Block,
        stage1::{
            BadInvalidation,
            BadStage1,
            Invalidation,
            RawInvalidation,
            RawStage1,
            Stage1, //
        },
    },
    flush::Change,
    hw::Machine,
    space::{
        Purpose,
        Space, //
    },
    targets::Targets, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A guest context: a second stage, and what was cached of all first stages on it.
#[pin_data]
pub(crate) struct Guest<M: Machine> {
    parent: Arc<Space<M>>,
    #[pin]
    targets: Targets<M>,
}

impl<M: Machine> Guest<M> {
    /// A guest on a second stage.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `parent` is not a nesting parent.
    /// - [`ENOMEM`]
    pub(crate) fn new(parent: &Arc<Space<M>>) -> Result<Arc<Self>> {
        if parent.purpose() != Purpose::NestParent {
            return Err(EINVAL);
        }
        Arc::pin_init(
            try_pin_init!(Self {
                parent: parent.clone(),
                targets <- Targets::new(parent.unit()),
            }? Error),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The second stage.
    pub(crate) fn parent(&self) -> &Arc<Space<M>> {
        &self.parent
    }

    /// What may have cached the guest's own translations.
    pub(crate) fn targets(&self) -> &Targets<M> {
        &self.targets
    }

    /// Validates a first stage, as in `struct iommu_hwpt_vtd_s1`.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: flags that nobody knows.
    /// - [`EINVAL`]: not what the unit, or the second stage, can do.
    pub(crate) fn parse(&self, raw: [u64; 3]) -> Result<Stage1> {
        let [flags, table, width] = raw.map(u64::from_le);

        let raw = RawStage1 {
            flags,
            table,
            // CAST: The halves.
            addr_width: width as u32,
            reserved: (width >> 32) as u32,
        };

        self.check(&raw).map_err(|why| match why {
            BadStage1::Unknown => EOPNOTSUPP,
            BadStage1::Unsupported | BadStage1::Width | BadStage1::Alignment | BadStage1::Range => {
                EINVAL
            }
        })
    }

    /// Validates a first stage.
    ///
    /// # Errors
    ///
    /// As [`Stage1::parse`].
    pub(crate) fn check(&self, raw: &RawStage1) -> Result<Stage1, BadStage1> {
        Stage1::parse(
            raw,
            &self.parent.engine().features,
            self.parent.address_bits(),
        )
    }
}

/// What an invalidation, as in `struct iommu_hwpt_vtd_s1_invalidate`, says has changed, if it is
/// anything.
///
/// # Errors
///
/// - [`EOPNOTSUPP`]: flags that nobody knows.
/// - [`EINVAL`]: not a range.
pub(crate) fn change(raw: &[u64; 3]) -> Result<Option<Change>> {
    let [address, pages, flags] = raw.map(u64::from_le);
    let changed = Invalidation::parse(&RawInvalidation {
        address,
        pages,
        // CAST: The halves.
        flags: flags as u32,
        reserved: (flags >> 32) as u32,
    });
    let (block, leaf) = match changed {
        Ok(Invalidation::Nothing) => return Ok(None),
        Ok(Invalidation::Everything) => (None, false),
        Ok(Invalidation::Pages { first, last, leaf }) => (Some(Block::around(first, last)), leaf),
        Err(BadInvalidation::Unknown) => return Err(EOPNOTSUPP),
        Err(BadInvalidation::Range) => return Err(EINVAL),
    };

    Ok(Some(Change {
        device: None,
        pasid: None,
        block,
        leaf,
    }))
}
