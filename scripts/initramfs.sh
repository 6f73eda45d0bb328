#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# initramfs.sh VARIANT: packs build/VARIANT/initramfs.gz: BusyBox, the init and
# the suites of tools/testing/initramfs, the programs under test and the modules
# of that kernel variant.

. "$(dirname "$0")/lib.sh"

variant=$1
dir=$build/$variant
output=$dir/initramfs.gz
tree=$dir/initramfs
c_driver=drivers/iommu/arm/arm-smmu-v3/arm_smmu_v3.ko
nvme=drivers/nvme/host

case $variant in
arm64)
	modules=("$out/iommu_nested.ko" "${KDIR:-$out/linux}/$c_driver") ;;
arm64-debug | arm64-kcsan)
	modules=("$dir/linux/drivers/iommu/nested/iommu_nested.ko") ;;
arm64-builtin)
	modules=() ;;
x86_64-bench)
	modules=("$dir/iommu_nested.ko") ;;
x86_64)
	modules=("$out/iommu_nested.ko" "${KDIR:-$out/linux}/$nvme"/nvme{-core,}.ko) ;;
x86_64-debug)
	modules=("$dir/linux/drivers/iommu/nested/iommu_nested.ko"
		"$dir/linux/$nvme"/nvme{-core,}.ko) ;;
*) die "initramfs.sh: unknown variant $variant" ;;
esac
belongs "$variant" || die "initramfs.sh: $variant is not of ARCH=$ARCH"

pack() {
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,sbin,proc,sys,dev,tmp,tests,modules}
	cp "$busybox" "$tree/bin/busybox"
	cp -r "$root/tools/testing/initramfs/." "$tree/"
	find "$out/selftests" -maxdepth 1 -type f -perm /111 -exec cp {} "$tree/tests/" \;
	[ ${#modules[@]} = 0 ] || cp "${modules[@]}" "$tree/modules/"
	cd "$tree"
	find . | LC_ALL=C sort | tools cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$output.tmp"
	mv "$output.tmp" "$output"
}

"$root/scripts/busybox.sh"
unless_fresh "initramfs-$variant" "$output" "$busybox" "$root/tools/testing/initramfs" \
	"$out/selftests" "${modules[@]}"
step "initramfs-$variant" "initramfs: pack for $variant" pack
done_fresh
