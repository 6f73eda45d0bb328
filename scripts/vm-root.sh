#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes build/vm/root: Debian's own QEMU for arm64, the libraries it needs
# and the guest's UEFI, all that the host of make vm has beyond BusyBox.

. "$(dirname "$0")/lib.sh"

root_dir=$build/vm/root
work=$root_dir.tmp
packages=(qemu-system-arm qemu-efi-aarch64)

# The packages and what they depend on, from where the toolbox's come from, but
# for arm64 and installed nowhere.
fetch() {
	rm -rf "$work"
	mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
	: >"$work/apt/status"
	local apt=(tools apt-get -y -o APT::Architecture=arm64 -o APT::Architectures=arm64
		-o APT::Sandbox::User=root -o Dir::State="$work/apt"
		-o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt")
	"${apt[@]}" update
	"${apt[@]}" install --download-only --no-install-recommends -t trixie-backports \
		"${packages[@]}"
	tools sh -e -c "for deb in '$work'/apt/archives/*.deb; do
		dpkg-deb -x \$deb '$work/all'
	done"
}

# needed FILE...: the libraries that they name.
needed() {
	tools readelf -d "$@" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | sort -u
}

# keep: QEMU, then its libraries, then theirs, until nothing new comes up.
keep() {
	local libraries=$work/all/usr/lib/aarch64-linux-gnu missing name
	mkdir -p "$work/root"/{bin,lib,share}
	cp "$work/all/usr/bin/qemu-system-aarch64" "$work/root/bin/"
	cp "$work/all/usr/share/qemu-efi-aarch64/QEMU_EFI.fd" "$work/root/share/"
	cp -L "$libraries/ld-linux-aarch64.so.1" "$work/root/lib/"
	missing=$(needed "$work/root/bin/qemu-system-aarch64")
	while [ -n "$missing" ]; do
		for name in $missing; do
			cp -L "$libraries/$name" "$work/root/lib/"
		done
		missing=$(needed "$work/root/lib"/* | while read -r name; do
			[ -e "$work/root/lib/$name" ] || echo "$name"
		done)
	done
	rm -rf "$root_dir"
	mv "$work/root" "$root_dir"
	rm -rf "$work"
}

unless_fresh vm-root "$root_dir" "=${packages[*]}" "=$DEBIAN_MIRROR" "$build/stamp/toolbox"
step vm-root-fetch "vm: fetch QEMU for arm64" fetch
step vm-root "vm: keep what it needs" keep
done_fresh
