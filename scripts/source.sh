#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Unpacks the kernel source that came with the toolbox; with KSRC= or KDIR=,
# checks that what was given is a source of the supported version.

. "$(dirname "$0")/lib.sh"

check_version() {
	local version
	[ -f "$ksrc/Makefile" ] || die "no kernel source in $ksrc: check KSRC= and KDIR="
	version=$(awk '$1 == "VERSION" { v = $3 } $1 == "PATCHLEVEL" { p = $3 }
		END { print v "." p }' "$ksrc/Makefile")
	[ "$version" = "$release" ] ||
		die "$ksrc is Linux $version, the driver is for $release.x: check KSRC=, KDIR="
}

unpack() {
	remove_tree "$ksrc.tmp"
	mkdir -p "$ksrc.tmp"
	tools tar -C "$ksrc.tmp" --strip-components=1 -xf "/$tarball"
	remove_tree "$ksrc"
	mv "$ksrc.tmp" "$ksrc"
}

if [ -n "$KSRC$KDIR" ]; then
	check_version
	exit 0
fi

tarball=usr/src/linux-source-$release.tar.xz
[ "$TOOLBOX" = host ] || prefix=$build/toolbox
archive=${prefix-}/$tarball
[ -f "$archive" ] ||
	die "no kernel source: install linux-source-$release (trixie-backports) or give KSRC="

unless_fresh source "$ksrc" "=$(stat -c '%s %Y' "$archive")"
step source "source: unpack Linux $release" unpack
check_version
done_fresh
