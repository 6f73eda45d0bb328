// SPDX-License-Identifier: GPL-2.0

//! What user space hands to an ioctl.

use super::bindings;
use core::mem::MaybeUninit;
use kernel::{
    error::to_result,
    fs::LocalFile,
    prelude::*,
    str::CString,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// A structure of the uAPI, that begins with its size as user space knows it (`argsz`).
pub trait Argument: FromBytes {}

/// The longest structure that is looked at.
const LONGEST: usize = kernel::page::PAGE_SIZE;

/// Reads a structure once. What user space has of it beyond what is known here must be zero.
///
/// # Errors
///
/// - [`EINVAL`]: it has less than `T`.
/// - [`E2BIG`]: it has more, and that is not zero.
/// - [`EFAULT`]: not readable.
pub fn read<T: Argument>(arg: usize) -> Result<T> {
    let size = argsz(arg)?;

    if size < size_of::<T>() {
        return Err(EINVAL);
    }
    read_extensible(arg, size)
}

/// Reads the start of a structure once, up to `len` bytes, which user space must have. The rest is
/// zero, and whatever user space has beyond is ignored.
///
/// # Errors
///
/// - [`EINVAL`]: it has less, or `len` is more than `T`.
/// - [`EFAULT`]: not readable.
pub fn read_start<T: Argument>(arg: usize, len: usize) -> Result<T> {
    if argsz(arg)? < len {
        return Err(EINVAL);
    }
    let mut out = MaybeUninit::<T>::zeroed();
    // SAFETY: Bytes of `out`, which are all initialised.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(out.as_mut_ptr().cast::<u8>(), size_of::<T>()) };

    UserSlice::new(UserPtr::from_addr(arg), len)
        .reader()
        .read_slice(bytes.get_mut(..len).ok_or(EINVAL)?)?;
    // SAFETY: All is initialised, and any bytes are a `T`.
    Ok(unsafe { out.assume_init() })
}

/// Reads a structure of `size` bytes once. The excess of the longer of both must be zero, and a
/// shorter one is filled up with zeroes.
///
/// # Errors
///
/// - [`E2BIG`]: the excess is not zero.
/// - [`EFAULT`]: not readable.
pub fn read_extensible<T: FromBytes>(addr: usize, size: usize) -> Result<T> {
    let mut out = MaybeUninit::<T>::zeroed();

    if size > LONGEST {
        return Err(E2BIG);
    }
    // SAFETY: `out` has room for as many bytes.
    to_result(unsafe {
        bindings::rust_helper_vfio_copy_struct(
            out.as_mut_ptr().cast(),
            size_of::<T>(),
            UserPtr::from_addr(addr).as_const_ptr(),
            size,
        )
    })?;
    // SAFETY: All is initialised (zeroed, then copied to), and any bytes are a `T`.
    Ok(unsafe { out.assume_init() })
}

/// Room for a block of an array in user memory.
pub struct Block<T, const N: usize>([MaybeUninit<T>; N]);

impl<T, const N: usize> Default for Block<T, N> {
    fn default() -> Self {
        Self([const { MaybeUninit::uninit() }; N])
    }
}

impl<T: FromBytes, const N: usize> Block<T, N> {
    /// Reads `count` elements, at most `N`, of `size` bytes each, as [`read_extensible`]. If one
    /// can't be read, returns those before it.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: more than there is room for.
    /// - As [`read_extensible`]: the first can't be read.
    pub fn read(&mut self, addr: usize, size: usize, count: usize) -> Result<&mut [T]> {
        let elements = self.0.get_mut(..count).ok_or(EINVAL)?;

        if size == size_of::<T>() {
            let len = size * count;
            // SAFETY: The bytes of the elements, as ones that need not be initialised.
            let bytes = unsafe {
                core::slice::from_raw_parts_mut(
                    elements.as_mut_ptr().cast::<MaybeUninit<u8>>(),
                    len,
                )
            };

            let copied = UserSlice::new(UserPtr::from_addr(addr), len)
                .reader()
                .read_raw(bytes);
            if copied.is_ok() {
                // SAFETY: All were copied to, and any bytes are a `T`.
                return Ok(unsafe { elements.assume_init_mut() });
            }
        }

        let mut read = 0;
        for element in elements.iter_mut() {
            match read_extensible(addr.wrapping_add(read * size), size) {
                Ok(value) => element.write(value),
                Err(e) if read == 0 => return Err(e),
                Err(_) => break,
            };
            read += 1;
        }
        // SAFETY: So many were written.
        Ok(unsafe { elements[..read].assume_init_mut() })
    }
}

/// To be called between two portions of what user space may have as much of as it likes: lets
/// others run.
///
/// # Errors
///
/// - [`EINTR`]: the process is being killed and will not see a result.
pub fn pause() -> Result {
    // SAFETY: In an ioctl's process context, which may sleep.
    match unsafe { bindings::rust_helper_cond_resched_alive() } {
        true => Ok(()),
        false => Err(EINTR),
    }
}

/// The size that user space says its structure has.
fn argsz(arg: usize) -> Result<usize> {
    // CAST: `u32` to `usize` widens.
    let size: u32 = UserSlice::new(UserPtr::from_addr(arg), size_of::<u32>())
        .reader()
        .read()?;

    Ok(size as usize)
}

/// Writes to user memory.
///
/// # Errors
///
/// - [`EFAULT`]: not writable.
pub fn write<T: AsBytes + ?Sized>(addr: usize, value: &T) -> Result {
    let bytes = value.as_bytes();

    UserSlice::new(UserPtr::from_addr(addr), bytes.len())
        .writer()
        .write_slice(bytes)
}

/// Reads a string of at most `max` bytes, without the NUL at its end.
///
/// # Errors
///
/// - [`ENAMETOOLONG`]: it is longer.
/// - [`EFAULT`]: not readable.
/// - [`ENOMEM`]
pub fn read_string(addr: usize, max: usize) -> Result<CString> {
    // One more than fits, as a longer string comes shortened.
    let len = max + 2;
    let mut buf = KVec::from_elem(0, len, GFP_KERNEL)?;
    let name = UserSlice::new(UserPtr::from_addr(addr), len)
        .reader()
        .strcpy_into_buf(&mut buf)?;

    if name.to_bytes().len() > max {
        return Err(ENAMETOOLONG);
    }
    Ok(CString::try_from(name)?)
}

/// The number of the IOMMU group that the file descriptor `fd` of the current process is the VFIO
/// group of.
///
/// # Errors
///
/// - [`EBADF`]: not open.
/// - [`EINVAL`]: not a VFIO group.
pub fn group_number(fd: i32) -> Result<i32> {
    // CAST: A negative one is not open.
    let file = LocalFile::fget(fd as u32)?;

    // SAFETY: An open file.
    let number = unsafe { bindings::rust_helper_vfio_group_number(file.as_ptr()) };

    to_result(number.min(0))?;
    Ok(number)
}

/// What the structures of the uAPI promise.
macro_rules! plain {
    ($($name:ident),* $(,)?) => {
        $(
            // SAFETY: Integers only.
            unsafe impl FromBytes for bindings::$name {}
            // SAFETY: Integers only, and no padding: each member is aligned by the ones before.
            unsafe impl AsBytes for bindings::$name {}
        )*
    };
}

macro_rules! arguments {
    ($($name:ident),* $(,)?) => {
        plain!($($name),*);
        $(impl Argument for bindings::$name {})*
    };
}

arguments! {
    vfio_iommu_type1_dma_map,
    vfio_iommu_type1_info,
    vfio_nested_bind_guest_pgtbl,
    vfio_nested_bind_msi,
    vfio_nested_bind_pasid_table,
    vfio_nested_cache_invalidate,
    vfio_nested_event_fd,
    vfio_nested_pasid,
    vfio_nested_unbind,
}

// SAFETY: Integers only; its array has no elements of its own.
unsafe impl FromBytes for bindings::vfio_iommu_type1_dma_unmap {}
impl Argument for bindings::vfio_iommu_type1_dma_unmap {}

plain! {
    vfio_info_cap_header,
    vfio_iova_range,
    vfio_nested_event,
    vfio_nested_info_cap,
    vfio_nested_inv,
}

impl Clone for bindings::vfio_nested_event {
    fn clone(&self) -> Self {
        *self
    }
}
impl Copy for bindings::vfio_nested_event {}
