// SPDX-License-Identifier: GPL-2.0

//! Who owns which StreamID.

use super::{
    nested::Tenant,
    SmmuV3, //
};
use crate::{
    backend::EventSink,
    iommu::Endpoint, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        Arc,
        Mutex, //
    },
};

/// Who is told of a device's events.
#[derive(Clone)]
pub(crate) enum Audience {
    /// The guest whose tables the SMMU walks.
    Guest(Arc<Tenant>),
    /// The guest whose table the device's domain is a shadow of.
    Shadowed(Arc<dyn EventSink<[u64; 4]>>),
}

/// A device as a guest knows it.
#[derive(Clone)]
pub(crate) struct Member {
    /// The device's ID in the guest.
    pub(crate) id: u64,
    /// The guest.
    pub(crate) audience: Audience,
}

/// Whose a StreamID is.
#[derive(Clone)]
pub(crate) struct Owner {
    /// The device.
    pub(crate) ep: Arc<Endpoint<SmmuV3>>,
    /// Set if events of the device are a guest's.
    pub(crate) member: Option<Member>,
}

/// The owners of an SMMU's StreamIDs.
#[pin_data]
pub(crate) struct Streams {
    #[pin]
    owners: Mutex<RBTree<u32, Owner>>,
}

impl Streams {
    /// Nobody owns any.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            owners <- new_mutex!(RBTree::new(), "Streams::owners"),
        })
    }

    /// Makes `ep` the owner of its StreamIDs. May sleep.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: another device has one of them.
    /// - [`ENOMEM`]
    pub(crate) fn adopt(&self, ep: &Arc<Endpoint<SmmuV3>>) -> Result {
        let mut owners = self.owners.lock();

        for (i, &sid) in ep.sids().iter().enumerate() {
            let owner = Owner {
                ep: ep.clone(),
                member: None,
            };
            let added = match owners.get(&sid) {
                Some(_) => {
                    dev_warn!(ep.dev(), "StreamID {sid:#x} is another device's already\n");
                    Err(ENODEV)
                }
                None => owners.try_create_and_insert(sid, owner, GFP_KERNEL),
            };

            if let Err(e) = added {
                for sid in &ep.sids()[..i] {
                    owners.remove(sid);
                }
                return Err(e);
            }
        }
        Ok(())
    }

    /// Leaves StreamIDs without an owner. May sleep.
    pub(crate) fn forget(&self, sids: &[u32]) {
        let mut owners = self.owners.lock();

        for sid in sids {
            owners.remove(sid);
        }
    }

    /// From now on, events of these StreamIDs are a guest's, or the host's. May sleep.
    pub(crate) fn assign(&self, sids: &[u32], member: Option<Member>) {
        let mut owners = self.owners.lock();

        for sid in sids {
            if let Some(owner) = owners.get_mut(sid) {
                owner.member = member.clone();
            }
        }
    }

    /// The owner of a StreamID. May sleep.
    pub(crate) fn owner(&self, sid: u32) -> Option<Owner> {
        self.owners.lock().get(&sid).cloned()
    }

    /// Calls `f` with each StreamID that has an owner. `f` may sleep.
    pub(crate) fn try_for_each<E>(
        &self,
        mut f: impl FnMut(u32, &Endpoint<SmmuV3>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.owners
            .lock()
            .iter()
            .try_for_each(|(sid, owner)| f(*sid, &owner.ep))
    }
}
