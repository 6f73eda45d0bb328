// SPDX-License-Identifier: GPL-2.0

//! Device scopes (8.3.1): which devices a structure is for.

use super::{
    bytes::Bytes,
    BadDmar, //
};

/// What kind of device a scope names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    /// A PCI endpoint.
    Endpoint,
    /// A PCI bridge, and all devices behind it.
    Bridge,
    /// An I/O APIC; the enumeration ID is its APIC ID.
    IoApic,
    /// A timer that sends messages; the enumeration ID is its number.
    Hpet,
    /// A device that is not a PCI one; the enumeration ID is that of its [`super::Name`].
    Name,
    /// Reserved.
    Other(u8),
}

/// A PCI device on the way to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    /// The bus that it is on.
    pub(crate) bus: u8,
    /// Its device number there.
    pub(crate) device: u8,
    /// Its function number.
    pub(crate) function: u8,
}

/// The device scopes of a structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scopes<'a>(Bytes<'a>);

/// A device scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// What kind of device it names.
    pub(crate) kind: ScopeKind,
    /// The firmware's number of the device, for those that have one.
    pub(crate) id: u8,
    /// The bus that the path starts on.
    pub(crate) bus: u8,
    path: Bytes<'a>,
}

/// The size of what is before the path.
const SIZE: usize = 6;

impl<'a> Scopes<'a> {
    pub(super) fn new(bytes: Bytes<'a>) -> Self {
        Self(bytes)
    }

    /// Checks all scopes.
    pub(super) fn check(self) -> Result<(), BadDmar> {
        let mut rest = self.0;

        while rest.len() != 0 {
            (_, rest) = Scope::split(rest).ok_or(BadDmar::Scope)?;
        }
        Ok(())
    }

    /// All scopes, in the order of the table.
    pub(crate) fn iter(self) -> impl Iterator<Item = Scope<'a>> {
        let mut rest = self.0;

        core::iter::from_fn(move || {
            // All was checked: that it ends is the only error.
            let (scope, next) = Scope::split(rest)?;

            rest = next;
            Some(scope)
        })
    }

    /// How far along `way` a scope reaches that the device at its end is in, see
    /// [`super::Dmar::unit_of`]. The most is the device itself.
    pub(crate) fn reach(self, way: &[Hop]) -> Option<usize> {
        self.iter().filter_map(|scope| scope.reach(way)).max()
    }
}

impl<'a> Scope<'a> {
    /// The first scope in `bytes`, and what is after it.
    fn split(bytes: Bytes<'a>) -> Option<(Self, Bytes<'a>)> {
        let length = usize::from(bytes.u8(1)?);
        let path = bytes.first(length)?.after(SIZE)?;

        if path.len() == 0 || path.len() % 2 != 0 {
            return None;
        }
        let scope = Self {
            kind: match bytes.u8(0)? {
                1 => ScopeKind::Endpoint,
                2 => ScopeKind::Bridge,
                3 => ScopeKind::IoApic,
                4 => ScopeKind::Hpet,
                5 => ScopeKind::Name,
                kind => ScopeKind::Other(kind),
            },
            id: bytes.u8(4)?,
            bus: bytes.u8(5)?,
            path,
        };

        Some((scope, bytes.after(length)?))
    }

    /// The device and function numbers from the bus [`Scope::bus`] on. At least one pair.
    pub(crate) fn path(&self) -> impl Iterator<Item = (u8, u8)> + Clone + 'a {
        self.path
            .pairs()
            .map(|[device, function]| (device, function))
    }

    /// How far along `way` the path reaches, if the device at the end of the way is in the scope.
    fn reach(&self, way: &[Hop]) -> Option<usize> {
        (0..way.len()).find_map(|start| {
            let hops = way.get(start..)?;
            let count = self.path().count();
            let may_end = match self.kind {
                ScopeKind::Endpoint => count == hops.len(),
                ScopeKind::Bridge => count <= hops.len(),
                _ => false,
            };
            let agrees = hops
                .iter()
                .zip(self.path())
                .all(|(hop, there)| (hop.device, hop.function) == there);

            (may_end && agrees && hops.first()?.bus == self.bus).then_some(start + count)
        })
    }
}
