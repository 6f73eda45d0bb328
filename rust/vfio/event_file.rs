// SPDX-License-Identifier: GPL-2.0

//! Files that events are read from.

use super::bindings;
use core::marker::PhantomData;
use kernel::{
    error::from_err_ptr,
    fs::{
        file::{
            flags::{
                O_CLOEXEC,
                O_RDONLY, //
            },
            FileDescriptorReservation, //
        },
        File, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        poll::PollTable,
        Arc, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceWriter, //
    },
    ThisModule, //
};

/// What `poll()` says.
#[derive(Clone, Copy)]
pub struct Readiness {
    /// There is something to read.
    pub readable: bool,
    /// Nothing more will come.
    pub ended: bool,
}

/// What is behind a file of events: an anonymous inode that is read and polled.
pub trait EventFile: Send + Sync + Sized + 'static {
    /// The name of the inode, in brackets.
    const NAME: &'static CStr;
    /// The module that the code is in.
    const OWNER: ThisModule;

    /// Writes events to user memory, and returns how many bytes. Never waits for any.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: no room for one.
    /// - [`EFAULT`]: not writable.
    fn read(&self, to: &mut UserSliceWriter) -> Result<usize>;

    /// Has `table` wait for a change on behalf of `file`, then says how things are.
    fn poll(&self, file: &File, table: PollTable<'_>) -> Readiness;

    /// The last reference to the file is gone.
    fn close(&self);

    /// Makes a file of events, and returns its descriptor in the current process.
    ///
    /// # Errors
    ///
    /// - [`EMFILE`], [`ENFILE`], [`ENOMEM`]
    fn open(this: Arc<Self>) -> Result<u32> {
        let fd = FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?;
        let private = Arc::into_raw(this);
        // CAST: Small flags.
        // SAFETY: The name and the operations are static; `release()` takes the reference back.
        let file = from_err_ptr(unsafe {
            bindings::anon_inode_getfile(
                Self::NAME.as_char_ptr(),
                Fops::<Self>::FOPS,
                private.cast_mut().cast(),
                (O_RDONLY | O_CLOEXEC) as c_int,
            )
        })
        .inspect_err(|_| {
            // SAFETY: Leaked above, and not taken over by a file.
            drop(unsafe { Arc::from_raw(private) });
        })?;
        let number = fd.reserved_fd();

        // SAFETY: A new file, which nobody has a position in, and whose reference this is.
        fd.fd_install(unsafe { ARef::from_raw(core::ptr::NonNull::new_unchecked(file.cast())) });
        Ok(number)
    }
}

/// The C operations of an [`EventFile`].
struct Fops<T>(PhantomData<T>);

impl<T: EventFile> Fops<T> {
    const FOPS: &'static bindings::file_operations = &bindings::file_operations {
        owner: T::OWNER.as_ptr(),
        read: Some(Self::read),
        poll: Some(Self::poll),
        release: Some(Self::release),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `file` must be one of [`EventFile::open`], valid for `'a`.
    unsafe fn from_file<'a>(file: *mut bindings::file) -> &'a T {
        // SAFETY: By this function's requirement.
        unsafe { &*(*file).private_data.cast::<T>() }
    }

    // SAFETY (of all the callbacks below): VFS calls them with a file that has these operations,
    // which is one of `open()`.

    extern "C" fn read(
        file: *mut bindings::file,
        buf: *mut c_char,
        len: usize,
        _pos: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: See above.
        let this = unsafe { Self::from_file(file) };
        let mut to = UserSlice::new(UserPtr::from_ptr(buf.cast()), len).writer();

        match this.read(&mut to) {
            // CAST: Not more than `len`, which VFS has limited.
            Ok(done) => done as isize,
            Err(e) => e.to_errno() as isize,
        }
    }

    extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: See above; the file has no position that would need protection.
        let (this, file, table) = unsafe {
            (
                Self::from_file(file),
                File::from_raw_file(file),
                PollTable::from_raw(table),
            )
        };
        let Readiness { readable, ended } = this.poll(file, table);
        let mut mask = 0;

        if readable {
            mask |= bindings::POLLIN | bindings::POLLRDNORM;
        }
        if ended {
            mask |= bindings::POLLHUP;
        }
        mask
    }

    extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: See above. The reference was leaked by `open()`, and this is the end of the file.
        let this = unsafe { Arc::<T>::from_raw((*file).private_data.cast()) };

        this.close();
        0
    }
}
