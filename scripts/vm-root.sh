#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes build/vm/root, for x86_64 build/x86_64/vm/root: Debian's own QEMU for ARCH, the
# libraries it needs and the guest's firmware, all that the host of virtual machines has
# beyond BusyBox.

. "$(dirname "$0")/lib.sh"

# What to keep in share/, of QEMU's own and others' files.
case $ARCH in
arm64)
	root_dir=$build/vm/root
	packages=(qemu-system-arm qemu-efi-aarch64)
	loader=lib/ld-linux-aarch64.so.1
	share=(qemu-efi-aarch64/QEMU_EFI.fd)
	;;
x86_64)
	root_dir=$out/vm/root
	packages=(qemu-system-x86 seabios)
	loader=lib64/ld-linux-x86-64.so.2
	share=(seabios/bios-256k.bin qemu/linuxboot_dma.bin qemu/kvmvapic.bin)
	;;
esac
work=$root_dir.tmp

# The packages and what they depend on, from where the toolbox's come from, but
# for arm64 and installed nowhere.
fetch() {
	rm -rf "$work"
	mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
	: >"$work/apt/status"
	local apt=(tools apt-get -y
		-o "APT::Architecture=$debian_arch" -o "APT::Architectures=$debian_arch"
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
	local libraries=$work/all/usr/lib/$machine_arch-linux-gnu missing name
	mkdir -p "$work/root"/{bin,share,"${loader%/*}",lib}
	cp "$work/all/usr/bin/qemu-system-$machine_arch" "$work/root/bin/"
	for name in "${share[@]}"; do
		cp -L "$work/all/usr/share/$name" "$work/root/share/"
	done
	cp -L "$libraries/${loader##*/}" "$work/root/$loader"
	missing=$(needed "$work/root/bin/qemu-system-$machine_arch")
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

unless_fresh "vm-root-$ARCH" "$root_dir" "=${packages[*]}" "=$DEBIAN_MIRROR" \
	"$build/stamp/toolbox"
step "vm-root-fetch-$ARCH" "vm: fetch QEMU for $ARCH" fetch
step "vm-root-$ARCH" "vm: keep what it needs on $ARCH" keep
done_fresh
