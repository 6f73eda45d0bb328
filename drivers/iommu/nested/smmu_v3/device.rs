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
    ids::Ids,
    nested::Stats,
    regs::Regs,
    reset,
    strtab::StreamTable,
    SmmuV3, //
};
use crate::{
    iommu::Endpoint,
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
    rbtree::RBTree,
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
    #[pin]
    pub(crate) evtq: ReadQueue<4>,
    #[pin]
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
    /// Who owns which StreamID.
    #[pin]
    pub(crate) streams: Mutex<RBTree<u32, Arc<Endpoint<SmmuV3>>>>,
    /// The guests that there are.
    #[pin]
    pub(crate) guests: Mutex<KVec<Arc<Stats>>>,
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
                evtq <- ReadQueue::new(dev, features.evtq_log2),
                priq <- ReadQueue::new(dev, priq_log2),
                strtab <- StreamTable::new(dev, &features),
                asids <- Ids::new(features.asid_bits),
                vmids <- Ids::new(features.vmid_bits),
                streams <- new_mutex!(RBTree::new(), "Smmu::streams"),
                guests <- new_mutex!(KVec::new(), "Smmu::guests"),
                errors: GlobalErrors::new(),
                event_limit: RateLimit::new(),
                coherency: nesting_coherency(),
                admission: Admission::new(&features),
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

    /// Makes `ep` the owner of its StreamIDs.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: another device has one of them.
    /// - [`ENOMEM`]
    pub(crate) fn adopt(&self, ep: &Arc<Endpoint<SmmuV3>>) -> Result {
        let mut streams = self.streams.lock();

        for (i, &sid) in ep.sids().iter().enumerate() {
            let added = match streams.get(&sid) {
                Some(_) => {
                    dev_warn!(ep.dev(), "StreamID {sid:#x} is another device's already\n");
                    Err(ENODEV)
                }
                None => streams.try_create_and_insert(sid, ep.clone(), GFP_KERNEL),
            };

            if let Err(e) = added {
                for sid in &ep.sids()[..i] {
                    streams.remove(sid);
                }
                return Err(e);
            }
        }
        Ok(())
    }

    /// Leaves StreamIDs without an owner.
    pub(crate) fn forget(&self, sids: &[u32]) {
        let mut streams = self.streams.lock();

        for sid in sids {
            streams.remove(sid);
        }
    }

    /// The owner of a StreamID.
    pub(crate) fn owner(&self, sid: u32) -> Option<Arc<Endpoint<SmmuV3>>> {
        self.streams.lock().get(&sid).cloned()
    }
}
