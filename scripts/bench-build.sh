#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds what make bench boots, the kernel and build/bench/ARCH/initramfs: the program,
# our driver, a module that uses the DMA API, and the kernel's C driver. That of VT-d
# is built in; that of the SMMU has one check open: it refuses to nest on QEMU's, which
# has neither S2FWB nor CANWBS.

. "$(dirname "$0")/bench-lib.sh"

c_driver=drivers/iommu/arm/arm-smmu-v3
c_module=$bench/arm-smmu-v3
module=$selftests/bench/module
check='if (!arm_smmu_master_canwbs(master) &&'

# The same source with the same flags, but for one line.
build_c_driver() {
	local file=$c_module/arm-smmu-v3-iommufd.c
	rm -rf "$c_module"
	mkdir -p "$c_module"
	cp "$ksrc/$c_driver"/{Makefile,*.[ch]} "$c_module/"
	[ "$(grep -cF "$check" "$file")" = 1 ] ||
		die "the check for CANWBS and S2FWB in $c_driver is not the one known: see $0"
	sed -i "s/$check/if (false \&\&/" "$file"
	# It includes headers of other directories by relative paths.
	echo "ccflags-y += -I\$(srctree)/$c_driver" >>"$c_module/Makefile"
	kmake "$kdir" M="$c_module" modules
}

build_module() {
	mkdir -p "$bench/module"
	kmake "$kdir" M="$module" MO="$bench/module" modules
}

pack() {
	local tree=$bench/tree
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,sbin,proc,sys,dev,tmp,tests,modules}
	cp "$busybox" "$tree/bin/busybox"
	cp -r "$root/tools/testing/initramfs/." "$tree/"
	cp "$out/selftests/iommu_bench" "$tree/tests/"
	cp "${modules[@]}" "$tree/modules/"
	tools sh -c "cd '$tree' && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0" \
		>"$bench/initramfs.tmp"
	mv "$bench/initramfs.tmp" "$bench/initramfs"
}

# fresh NAME OUTPUT TEXT COMMAND INPUT...
fresh() (
	unless_fresh "$1" "$2" "${@:5}"
	step "$1" "$3" "$4"
	done_fresh
)

"$root/scripts/kernel.sh" "$kernel"
"$root/scripts/module.sh" "$kernel"
"$root/scripts/selftests.sh"
"$root/scripts/busybox.sh"
mkdir -p "$bench"
inputs=("$kdir/include/config/auto.conf" "$kdir/Module.symvers" "$build/stamp/toolbox")
modules=("$bench_module" "$bench/module/dma_bench.ko")
if [ "$ARCH" = arm64 ]; then
	fresh bench-c-driver "$c_module/arm_smmu_v3.ko" "bench: the C driver, allowed to nest" \
		build_c_driver "$ksrc/$c_driver" "${inputs[@]}"
	modules+=("$c_module/arm_smmu_v3.ko")
fi
fresh "bench-module-$ARCH" "$bench/module/dma_bench.ko" "bench: a user of the DMA API" \
	build_module "$module" "${inputs[@]}"
fresh "bench-initramfs-$ARCH" "$bench/initramfs" "bench: pack what the machine boots into" \
	pack "$busybox" "$root/tools/testing/initramfs" "$out/selftests/iommu_bench" \
	"${modules[@]}"
