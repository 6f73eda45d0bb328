// SPDX-License-Identifier: GPL-2.0

//! The end of an IOMMU's use.

use super::{
    bindings,
    Driver,
    Instance, //
};
use core::marker::PhantomPinned;
use kernel::{
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// An IOMMU that translates. It is stopped when this is dropped, and when the machine is shut down,
/// by reboot, kexec or poweroff: whoever comes next finds it as it was, not with tables in memory
/// that is used for something else.
///
/// # Invariants
///
/// The `struct syscore` is registered, with the address of the `Inner` it is in as its data.
pub struct PoweredOn<D: Driver>(Pin<KBox<Inner<D>>>);

/// The registration, and what it is for.
struct Inner<D: Driver> {
    syscore: Opaque<bindings::syscore>,
    instance: Arc<Instance<D>>,
    _pin: PhantomPinned,
}

// SAFETY: It may be unregistered by any thread; the instance is `Send` and `Sync`.
unsafe impl<D: Driver> Send for PoweredOn<D> {}
// SAFETY: A shared reference gives access to nothing.
unsafe impl<D: Driver> Sync for PoweredOn<D> {}

impl<D: Driver> PoweredOn<D> {
    const OPS: &'static bindings::syscore_ops = &bindings::syscore_ops {
        suspend: None,
        resume: None,
        shutdown: Some(Self::shutdown),
    };

    /// For `instance`, which was started. It is stopped if this fails.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(instance: Arc<Instance<D>>) -> Result<Self> {
        let inner = KBox::pin(
            Inner {
                syscore: Opaque::zeroed(),
                instance: instance.clone(),
                _pin: PhantomPinned,
            },
            GFP_KERNEL,
        )
        .inspect_err(|_| stop(&instance))?;
        let raw = inner.syscore.get();

        // SAFETY: Nobody else refers to it yet. It is pinned, and unregistered before it is freed.
        // INVARIANT: As said.
        unsafe {
            (*raw).ops = Self::OPS;
            (*raw).data = core::ptr::from_ref(&*inner).cast_mut().cast();
            bindings::register_syscore(raw);
        }
        Ok(Self(inner))
    }

    extern "C" fn shutdown(inner: *mut c_void) {
        // SAFETY: Called with the data that `new()` has set, while it is registered. The kernel's
        // list is locked meanwhile.
        let inner = unsafe { &*inner.cast::<Inner<D>>() };

        stop(&inner.instance);
    }
}

impl<D: Driver> Drop for PoweredOn<D> {
    fn drop(&mut self) {
        // SAFETY: Registered, by the type's invariant. Afterwards it is not called any more.
        unsafe { bindings::unregister_syscore(self.0.syscore.get()) };
        stop(&self.0.instance);
    }
}

fn stop<D: Driver>(instance: &Instance<D>) {
    if let Err(e) = D::stop(instance) {
        dev_err!(instance.dev(), "the IOMMU does not stop: {e:?}\n");
    }
}
