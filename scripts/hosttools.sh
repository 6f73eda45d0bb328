#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TOOLBOX=host: checks that the tools on PATH are there and new enough, with one
# line for each that is not.

. "$(dirname "$0")/lib.sh"

missing=0

complain() {
	printf 'error: %s\n' "$*" >&2
	missing=1
}

# version_of COMMAND...: the first thing that looks like a version.
version_of() {
	"$@" 2>/dev/null </dev/null | grep -Eo '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1
}

# need TOOL MINIMUM PACKAGE [ARGUMENT...]
need() {
	local tool=$1 minimum=$2 package=$3 version
	shift 3
	if ! command -v "$tool" >/dev/null; then
		complain "$tool is missing: install it (Debian package $package)"
		return
	fi
	[ "$minimum" != any ] || return 0
	version=$(version_of "$tool" "${@:---version}") || true
	if [ "$(printf '%s\n' "$minimum" "$version" | sort -V | head -n 1)" != "$minimum" ]; then
		complain "$tool is version ${version:-unknown}, but $minimum or newer is needed:" \
			"update it (Debian package $package)"
	fi
}

# As scripts/min-tool-version.sh of Linux 7.3 has them.
need rustc 1.85.0 rustc
need bindgen 0.71.1 bindgen
need rustfmt any rustfmt
need clippy-driver any rust-clippy
need cargo any cargo
need "clang$LLVM" 17.0.1 "clang$LLVM"
need "ld.lld$LLVM" 17.0.1 "lld$LLVM"
need "llvm-nm$LLVM" 17.0.1 "llvm$LLVM"
case $ARCH in
arm64)
	# A second SMMU stage and a second UART in the virt machine.
	need "$QEMU" 9.1.0 qemu-system-arm
	need "$cc" any "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
	;;
x86_64)
	# intel-iommu's fsts= and pasid-bits=.
	need "$QEMU" 11.1.0 qemu-system-x86
	need "$cc" any "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross"
	;;
esac
need gcc any gcc
need make 4.0 make
for tool in bc bison flex cpio perl python3 rsync xz shellcheck; do
	need $tool any "$tool"
done
python3 -c 'import git, ply' 2>/dev/null ||
	complain "Python's git or ply is missing: install them" \
		"(Debian packages python3-git, python3-ply)"

case $(gcc -print-file-name=libtsan.so 2>/dev/null) in
/*) ;;
*) complain "gcc's libtsan is missing: install it (Debian packages libgcc-14-dev, libtsan2)" ;;
esac

library=lib/rustlib/src/rust/library/core
if command -v rustc >/dev/null && [ ! -d "$(rustc --print sysroot)/$library" ]; then
	complain "the Rust library source is missing: install it" \
		"(Debian package rust-src, or rustup component add rust-src)"
fi
libclang=${LIBCLANG_PATH:-/usr/lib/llvm$LLVM/lib}
if ! compgen -G "$libclang/libclang*.so*" >/dev/null; then
	complain "libclang is missing in $libclang: install it (Debian package" \
		"libclang$LLVM-dev) or set LIBCLANG_PATH"
fi
for header in openssl/ssl.h gelf.h; do
	echo "#include <$header>" | gcc -E -o /dev/null - 2>/dev/null ||
		complain "<$header> is missing: install it (Debian packages libssl-dev, libelf-dev)"
done

exit $missing
