// SPDX-License-Identifier: GPL-2.0

//! Which devices an ioctl is for.

use super::{
    container::State,
    group::Group, //
};
use crate::{
    backend::Backend,
    iommu::{
        bindings::vfio_nested_target,
        Endpoint, //
    },
    vfio::user, //
};
use kernel::{
    prelude::*,
    str::CString,
    sync::Arc, //
};

/// The longest name of a device.
const NAME_MAX: usize = 255;

/// A target as user space names it.
pub(super) enum Target {
    /// All groups.
    All,
    /// A group, by its number, or one device of it.
    Group(i32, Option<CString>),
}

impl Target {
    /// Reads a target.
    ///
    /// # Errors
    ///
    /// As of `struct vfio_nested_target`.
    pub(super) fn read(raw: &vfio_nested_target) -> Result<Self> {
        if raw.reserved != 0 || (raw.group_fd == -1 && raw.device != 0) {
            return Err(EINVAL);
        }
        if raw.group_fd == -1 {
            return Ok(Self::All);
        }
        let number = user::group_number(raw.group_fd)?;
        let name = match raw.device {
            0 => None,
            // CAST: `usize` has 64 bits where there is nesting.
            addr => Some(user::read_string(addr as usize, NAME_MAX)?),
        };

        Ok(Self::Group(number, name))
    }

    /// Whether it is one device of a group.
    pub(super) fn is_device(&self) -> bool {
        matches!(self, Self::Group(_, Some(_)))
    }
}

impl<B: Backend> State<B> {
    /// The groups of a target, by their indices.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: it is not in the container.
    /// - [`ENOMEM`]
    pub(super) fn select(&self, target: &Target) -> Result<KVec<usize>> {
        let mut selected = KVec::new();

        for (i, group) in self.groups.iter().enumerate() {
            let meant = match target {
                Target::All => true,
                Target::Group(number, _) => group.attached.group().id() == *number,
            };

            if meant {
                selected.push(i, GFP_KERNEL)?;
            }
        }
        if selected.is_empty() {
            return Err(ENODEV);
        }
        Ok(selected)
    }

    /// The devices of a target, each with the index of its group.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: not in the container.
    /// - [`EINVAL`]: one device, whose traffic could be another's.
    /// - [`EBUSY`]: being reset.
    /// - [`ENOMEM`]
    pub(super) fn devices(&self, target: &Target) -> Result<KVec<(usize, Arc<Endpoint<B>>)>> {
        let mut devices = KVec::new();

        for i in self.select(target)? {
            each_endpoint(&self.groups[i], |ep, name| {
                if let Target::Group(_, Some(wanted)) = target {
                    if name != &**wanted {
                        return Ok(());
                    }
                }
                Ok(devices.push((i, ep), GFP_KERNEL)?)
            })?;
        }
        if devices.is_empty() {
            return Err(ENODEV);
        }
        if target.is_device() && devices.iter().any(|(_, ep)| B::shares_traffic(ep)) {
            return Err(EINVAL);
        }
        Ok(devices)
    }
}

/// Calls `f` for each device of a group with its name, with the group's mutex held.
fn each_endpoint<B: Backend>(
    group: &Group<B>,
    mut f: impl FnMut(Arc<Endpoint<B>>, &CStr) -> Result,
) -> Result {
    group
        .attached
        .for_each(|member| f(member.endpoint::<B>().ok_or(ENODEV)?, member.dev().name()))
}
