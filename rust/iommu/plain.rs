// SPDX-License-Identifier: GPL-2.0

//! Structures of C that are nothing but integers.

/// Declares a wrapper of a C structure, all fields of which are named, whose bytes can be given to
/// user space. It does not compile if there is a field that is not named, of another type, or
/// padding.
macro_rules! plain_struct {
    (
        $(#[$attr:meta])*
        $vis:vis struct $name:ident($raw:path) { $($field:ident: $ty:ty),* $(,)? }
    ) => {
        $(#[$attr])*
        #[repr(transparent)]
        $vis struct $name($raw);

        const _: () = {
            const fn are_bytes<T: kernel::transmute::AsBytes>(_: &T) {}

            const fn check(raw: &$raw) {
                let $raw { $($field),* } = raw;

                $(are_bytes::<$ty>($field);)*
            }

            // Padding would be more than the fields.
            assert!(size_of::<$raw>() == 0 $(+ size_of::<$ty>())*);
            _ = check;
        };

        // SAFETY: The fields above are all there is in it, without padding between them, and the
        // bytes of each are initialised.
        unsafe impl kernel::transmute::AsBytes for $name {}
    };
}

pub(crate) use plain_struct;
