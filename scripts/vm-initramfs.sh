#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packs build/arm64-vm/initramfs: what the host of make vm boots into, and inside
# it what its guests boot into. Not compressed: QEMU puts it in memory, and to
# inflate it on an emulated processor takes longer than all that follows.

. "$(dirname "$0")/lib.sh"

dir=$build/arm64-vm
output=$dir/initramfs
modules=$dir/linux/drivers
busybox=${BUSYBOX:-$build/busybox/busybox}
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
	cp "$modules/iommu/arm/arm-smmu-v3/arm_smmu_v3.ko" "$guest/modules/"
	skeleton "$host"
	cp -r "$dir/root/." "$root/tools/testing/initramfs/." "$root/tools/testing/vm/host/." \
		"$host/"
	cp "$dir/iommu_nested.ko" "$modules/iommu/arm/arm-smmu-v3/arm_smmu_v3.ko" "$host/modules/"
	mkdir -p "$host/guest"
	archive "$guest" | gzip -1 >"$host/guest/initramfs.gz"
	cp "$dir/Image" "$host/guest/Image"
	archive "$host" >"$output.tmp"
	mv "$output.tmp" "$output"
}

unless_fresh vm-initramfs "$output" "$busybox" "$root/tools/testing/initramfs" \
	"$root/tools/testing/vm" "$dir/iommu_nested.ko" "$dir/Image" "$build/stamp/vm-root"
step vm-initramfs "vm: pack what host and guest boot into" pack
done_fresh
