// SPDX-License-Identifier: GPL-2.0

//! PASIDs for guests of hardware whose tables of PASIDs are the host's.
//!
//! A guest of such hardware asks its virtual IOMMU for PASIDs, and the VMM asks here: one guest's
//! are never another's, whichever devices they have.

use super::{
    args::PasidRange,
    container::{
        Container,
        State, //
    },
    Abi, //
};
use crate::{
    backend::Backend,
    iommu::{
        client::Pasid,
        Endpoint, //
    },
};
use kernel::prelude::*;

/// The most PASIDs of a container.
const PASIDS_MAX: usize = 1024;

impl<B: Backend> State<B> {
    /// Size of a PASID in bits, of all hardware of the container; 0 if a guest can't ask for them.
    pub(super) fn pasid_bits(&self) -> u32 {
        let of_group = |stage: &super::stage::Stage<B>| match stage.takes_page_tables() {
            true => stage.capabilities().pasid_bits,
            false => 0,
        };

        self.groups
            .iter()
            .map(|group| of_group(group.stage()))
            .min()
            .unwrap_or(0)
    }

    /// Checks that a device can use a PASID, if it is to use one, and that it is the guest's.
    ///
    /// # Errors
    ///
    /// - [`EOPNOTSUPP`]: the device has no PASIDs.
    /// - [`ERANGE`]: more than it has.
    /// - [`ENOENT`]: not the guest's.
    pub(super) fn check_pasid(&self, ep: &Endpoint<B>, pasid: Option<u32>) -> Result {
        let Some(pasid) = pasid else {
            return Ok(());
        };

        match B::pasid_bits(ep) {
            0 => Err(EOPNOTSUPP),
            bits if bits < u32::BITS && pasid >> bits != 0 => Err(ERANGE),
            _ if !self.pasids.iter().any(|own| own.get() == pasid) => Err(ENOENT),
            _ => Ok(()),
        }
    }
}

impl<B: Abi> Container<B> {
    /// Whether a guest can ask for PASIDs.
    pub(super) fn has_pasids(&self) -> bool {
        self.state.lock().pasid_bits() != 0
    }

    /// Takes a PASID for the guest.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_PASID_ALLOC`.
    pub(super) fn alloc_pasid(&self, range: &PasidRange) -> Result<u32> {
        let mut state = self.state.lock();
        let last = match state.pasid_bits() {
            0 => return Err(EOPNOTSUPP),
            bits => (1 << bits) - 1,
        };

        if range.min > last {
            return Err(ERANGE);
        }
        if state.pasids.len() >= PASIDS_MAX {
            return Err(ENOSPC);
        }
        state.pasids.reserve(1, GFP_KERNEL_ACCOUNT)?;
        let pasid = Pasid::new(range.min.max(Pasid::FIRST), range.max.min(last))?;
        let number = pasid.get();

        state.pasids.push(pasid, GFP_KERNEL_ACCOUNT)?;
        Ok(number)
    }

    /// Gives a PASID of the guest's back.
    ///
    /// # Errors
    ///
    /// As of `VFIO_NESTED_PASID_FREE`.
    pub(super) fn free_pasid(&self, pasid: u32) -> Result {
        let mut state = self.state.lock();
        let there = state
            .pasids
            .iter()
            .position(|own| own.get() == pasid)
            .ok_or(ENOENT)?;

        if state.groups.iter().any(|group| group.devices().uses(pasid)) {
            return Err(EBUSY);
        }
        state.pasids.remove(there)?;
        Ok(())
    }
}
