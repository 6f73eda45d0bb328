// SPDX-License-Identifier: GPL-2.0

//! A driver of containers: `struct vfio_iommu_driver_ops`.

use super::{
    bindings,
    cmd, //
};
use crate::iommu::{
    client::Group,
    static_mutex::StaticMutex, //
};
use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    ThisModule, //
};

/// A container that has a driver, and the driver.
///
/// All of this may sleep. VFIO serialises [`attach_group`](Self::attach_group),
/// [`detach_group`](Self::detach_group), [`open`](Self::open) and [`release`](Self::release) of one
/// container.
pub trait Container: Send + Sync + Sized + 'static {
    /// The name of the driver.
    const NAME: &'static CStr;
    /// The module that the code is in.
    const OWNER: ThisModule;

    /// Answers `VFIO_CHECK_EXTENSION`, of a container or, before there is one, of the driver: 0 is
    /// no. A driver is chosen by whether it has the type that user space asks for.
    fn extension(this: Option<&Self>, extension: usize) -> i32;

    /// Makes a container of type `kind`, without groups.
    ///
    /// # Errors
    ///
    /// Any; then VFIO looks for another driver.
    fn open(kind: usize) -> Result<Arc<Self>>;

    /// Carries out an ioctl, that VFIO does not know, with its argument from user space.
    ///
    /// May run at the same time as anything else, even after [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// - [`ENOTTY`]: not an ioctl of this driver.
    fn ioctl(this: ArcBorrow<'_, Self>, cmd: u32, arg: usize) -> Result<u32>;

    /// Adds a group of devices behind an IOMMU, whose DMA VFIO owns.
    ///
    /// # Errors
    ///
    /// Any: it has not been added.
    fn attach_group(this: ArcBorrow<'_, Self>, group: Group) -> Result;

    /// Removes a group. When it returns, its devices can't reach memory any more.
    fn detach_group(this: ArcBorrow<'_, Self>, group: &Group);

    /// The container has no groups any more and gets no ioctls, but for those under way.
    fn release(this: ArcBorrow<'_, Self>);
}

/// A container that VFIO knows.
struct Entry {
    /// What VFIO knows it by.
    key: usize,
    /// The driver, by the address of its operations.
    ops: usize,
    /// A reference: `Arc<T>` of the driver's container, by its address, which is exposed.
    container: usize,
}

/// All containers, and the next key.
struct Containers {
    entries: KVec<Entry>,
    next: usize,
}

/// The containers. Innermost lock.
///
/// VFIO passes ioctls on to a driver without any lock that would keep a last group from leaving,
/// and so the driver's data from being released, in between. So what VFIO gets as data is no
/// pointer but a number, that is never used again.
static CONTAINERS: StaticMutex<Containers> = {
    let none = Containers {
        entries: KVec::new(),
        next: 1,
    };

    // SAFETY: `DEFINE_MUTEX()` initialises it, and it is there as long as the code is.
    unsafe { StaticMutex::new(&raw mut bindings::rust_vfio_containers, none) }
};

/// A reference to the module that the driver is in, so that it stays while it runs.
struct InUse(*mut bindings::module);

impl InUse {
    fn new(module: &ThisModule) -> Option<Self> {
        // SAFETY: A valid module, or null if built in.
        unsafe { bindings::try_module_get(module.as_ptr()) }.then(|| Self(module.as_ptr()))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // SAFETY: Got in `new()`.
        unsafe { bindings::module_put(self.0) };
    }
}

/// The C operations of a [`Container`].
struct Ops<T>(PhantomData<T>);

impl<T: Container> Ops<T> {
    const VFIO: &'static bindings::rust_vfio_iommu_driver_ops =
        &bindings::rust_vfio_iommu_driver_ops {
            name: kernel::str::as_char_ptr_in_const_context(T::NAME).cast_mut(),
            owner: T::OWNER.as_ptr(),
            open: Some(Self::open),
            release: Some(Self::release),
            ioctl: Some(Self::ioctl),
            attach_group: Some(Self::attach_group),
            detach_group: Some(Self::detach_group),
            pin_pages: None,
            unpin_pages: None,
            register_device: None,
            unregister_device: None,
            dma_rw: None,
            group_iommu_domain: None,
        };

    fn ops() -> usize {
        ptr::from_ref(Self::VFIO).addr()
    }

    /// The container that VFIO knows by `key`.
    fn find(key: *mut c_void) -> Option<Arc<T>> {
        CONTAINERS.with(|all| {
            let entry = all
                .entries
                .iter()
                .find(|entry| entry.key == key.addr() && entry.ops == Self::ops())?;
            let container = ptr::with_exposed_provenance(entry.container);

            // SAFETY: `open()` of this very type stored a reference, which `release()` takes out of
            // the list, under the lock, before it gives it back.
            Some(unsafe { ArcBorrow::<T>::from_raw(container) }.into())
        })
    }

    // SAFETY (of all the callbacks below): VFIO calls them with valid groups.

    extern "C" fn open(kind: usize) -> *mut c_void {
        let open = || -> Result<usize> {
            let container = T::open(kind)?;

            CONTAINERS.with(|all| {
                let key = all.next;

                all.entries.reserve(1, GFP_KERNEL)?;
                all.next += 1;
                all.entries.push(
                    Entry {
                        key,
                        ops: Self::ops(),
                        container: Arc::into_raw(container).expose_provenance(),
                    },
                    GFP_KERNEL,
                )?;
                Ok(key)
            })
        };

        match open() {
            Ok(key) => ptr::without_provenance_mut(key),
            Err(e) => e.to_ptr(),
        }
    }

    extern "C" fn release(key: *mut c_void) {
        let Some(container) = Self::find(key) else {
            return;
        };

        T::release(container.as_arc_borrow());
        CONTAINERS.with(|all| {
            all.entries.retain(|entry| entry.key != key.addr());
            // Statics are not dropped when the module goes.
            if all.entries.is_empty() {
                all.entries = KVec::new();
            }
        });
        // SAFETY: The reference that was in the list, and is not any more.
        drop(unsafe { Arc::from_raw(Arc::as_ptr(&container)) });
    }

    extern "C" fn ioctl(key: *mut c_void, cmd: u32, arg: usize) -> isize {
        let Some(_in_use) = InUse::new(&T::OWNER) else {
            return ENODEV.to_errno() as isize;
        };
        let container = Self::find(key);

        if cmd == cmd::CHECK_EXTENSION {
            return T::extension(container.as_deref(), arg) as isize;
        }
        match container.ok_or(EINVAL) {
            Ok(container) => match T::ioctl(container.as_arc_borrow(), cmd, arg) {
                Ok(value) => value as isize,
                Err(e) => e.to_errno() as isize,
            },
            Err(e) => e.to_errno() as isize,
        }
    }

    extern "C" fn attach_group(
        key: *mut c_void,
        group: *mut bindings::iommu_group,
        kind: c_int,
    ) -> c_int {
        from_result(|| {
            if kind != bindings::RUST_VFIO_IOMMU as c_int {
                return Err(EINVAL);
            }
            // SAFETY: See above.
            let group = unsafe { Group::get(group)? };

            T::attach_group(Self::find(key).ok_or(EINVAL)?.as_arc_borrow(), group).map(|()| 0)
        })
    }

    extern "C" fn detach_group(key: *mut c_void, group: *mut bindings::iommu_group) {
        // SAFETY: See above.
        if let (Some(container), Ok(group)) = (Self::find(key), unsafe { Group::get(group) }) {
            T::detach_group(container.as_arc_borrow(), &group);
        }
    }
}

/// The registration of a [`Container`] with VFIO.
pub struct Registration<T: Container> {
    registered: NonNull<bindings::rust_vfio_iommu_driver_ops>,
    _driver: PhantomData<T>,
}

// SAFETY: Any thread may unregister.
unsafe impl<T: Container> Send for Registration<T> {}
// SAFETY: There are no methods.
unsafe impl<T: Container> Sync for Registration<T> {}

impl<T: Container> Registration<T> {
    /// Registers the driver.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: done already.
    /// - [`ENOMEM`]
    pub fn new() -> Result<Self> {
        let ops = Ops::<T>::VFIO;

        // SAFETY: The operations are static, and unregistered before their code goes.
        to_result(unsafe { bindings::rust_helper_vfio_register(ops) })?;
        Ok(Self {
            registered: ops.into(),
            _driver: PhantomData,
        })
    }
}

impl<T: Container> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered by `new()`. There are no containers, which hold on to the module.
        unsafe { bindings::rust_helper_vfio_unregister(self.registered.as_ptr()) };
    }
}
