// SPDX-License-Identifier: GPL-2.0

//! One SMMU: its blocks, and who is behind it.

use super::{
    arch::{
        features::{
            Features,
            RawIds, //
        },
        guest::admission::Admission, //
    },
    cmdq::CmdQueue,
    evtq::ReadQueue,
    gerror::GlobalErrors,
    nested::Tenant,
    regs::Regs,
    reset,
    streams::Streams,
    strtab::StreamTable, //
};
use crate::{
    ids::Ids,
    params::{
        nesting_coherency,
        NestingCoherency, //
    },
    ratelimit::RateLimit,
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

/// An SMMU.
#[pin_data]
pub(crate) struct Smmu {
    pub(crate) regs: Arc<Regs>,
    pub(crate) ids: RawIds,
    pub(crate) features: Features,
    pub(crate) coherency: NestingCoherency,
    /// What guests may send.
    pub(crate) admission: Admission,
    #[pin]
    pub(crate) cmdq: CmdQueue,
    pub(crate) evtq: ReadQueue<4>,
    pub(crate) priq: ReadQueue<2>,
    pub(crate) errors: GlobalErrors,
    /// For messages about events.
    pub(crate) event_limit: RateLimit,
    #[pin]
    pub(crate) strtab: StreamTable,
    #[pin]
    pub(crate) asids: Ids,
    #[pin]
    pub(crate) vmids: Ids,
    #[pin]
    pub(crate) streams: Streams,
    /// The guests that there are.
    #[pin]
    pub(crate) guests: Mutex<KVec<Arc<Tenant>>>,
}

impl Smmu {
    /// Allocates what an SMMU needs in memory. The hardware is not touched.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new<'a>(
        dev: &'a Device<Bound>,
        regs: Arc<Regs>,
        ids: RawIds,
        features: Features,
    ) -> impl PinInit<Self, Error> + 'a {
        let priq_log2 = if features.pri { features.priq_log2 } else { 0 };

        pin_init::pin_init_scope(move || {
            Ok(try_pin_init!(Self {
                cmdq <- CmdQueue::new(dev, regs.clone(), &features),
                evtq: ReadQueue::new(dev, features.evtq_log2)?,
                priq: ReadQueue::new(dev, priq_log2)?,
                strtab <- StreamTable::new(dev, &features),
                asids <- Ids::new(features.asid_bits),
                vmids <- Ids::new(features.vmid_bits),
                streams <- Streams::new(),
                guests <- new_mutex!(KVec::new(), "Smmu::guests"),
                errors: GlobalErrors::new(),
                event_limit: RateLimit::new(),
                coherency: nesting_coherency(),
                admission <- Admission::new(&features),
                regs,
                ids,
                features,
            }? Error))
        })
    }

    /// The blocks that are reset together.
    pub(crate) fn parts(&self) -> reset::Parts<'_> {
        reset::Parts {
            regs: &self.regs,
            features: &self.features,
            strtab: &self.strtab,
            cmdq: &self.cmdq,
            evtq: &self.evtq,
            priq: self.features.pri.then_some(&self.priq),
        }
    }

    /// Takes the SMMU out of use such that no device gets through.
    pub(crate) fn shutdown(&self) -> Result {
        reset::shutdown(&self.regs, &self.cmdq)
    }
}
