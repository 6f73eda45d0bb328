#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packs build/vm/initramfs: what the host of make vm boots into, and inside
# it what its guests boot into. Not compressed: QEMU puts it in memory, and to
# inflate it on an emulated processor takes longer than all that follows.

. "$(dirname "$0")/lib.sh"

dir=$build/vm
output=$dir/initramfs
modules=("$out/iommu_nested.ko"
	"${KDIR:-$out/linux}/drivers/iommu/arm/arm-smmu-v3/arm_smmu_v3.ko")
guest=$dir/guest
host=$dir/host

archive() { # DIRECTORY
	tools sh -c "cd '$1' && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0"
}

skeleton() { # DIRECTORY
	rm -rf "$1"
	mkdir -p "$1"/{bin,sbin,proc,sys,dev,tmp,modules}
	cp "$busybox" "$1/bin/busybox"
}

pack() {
	skeleton "$guest"
	cp "$root/tools/testing/vm/guest"/* "$guest/"
	cp "${modules[@]:1}" "$guest/modules/"
	skeleton "$host"
	cp -r "$dir/root/." "$root/tools/testing/initramfs/." "$root/tools/testing/vm/host/." \
		"$host/"
	cp "${modules[@]}" "$host/modules/"
	mkdir -p "$host/guest"
	archive "$guest" | gzip -1 >"$host/guest/initramfs.gz"
	cp "$out/Image" "$host/guest/Image"
	archive "$host" >"$output.tmp"
	mv "$output.tmp" "$output"
}

unless_fresh vm-initramfs "$output" "$busybox" "$root/tools/testing/initramfs" \
	"$root/tools/testing/vm" "${modules[@]}" "$out/Image" "$build/stamp/vm-root-arm64"
step vm-initramfs "vm: pack what host and guest boot into" pack
done_fresh
