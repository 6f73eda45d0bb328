#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds build/arm64-vm: the kernel that host and guest of make vm both run, from
# the untouched source, and iommu_nested.ko for it.

. "$(dirname "$0")/lib.sh"

dir=$build/arm64-vm
fragments=("$kconfig/arm64.config" "$kconfig/arm64-reference.config" "$kconfig/arm64-vm.config")

configure() {
	mkdir -p "$dir/linux"
	cat "${fragments[@]}" >"$dir/linux/fragment"
	tools make -s -C "$ksrc" O="$dir/linux" ARCH="$ARCH" LLVM="$LLVM" \
		KCONFIG_ALLCONFIG="$dir/linux/fragment" allnoconfig
	# The last word on each symbol must have been heeded.
	tac "$dir/linux/fragment" | awk -F= '/^CONFIG_/ && !seen[$1]++ && $2 != "n"' |
		grep -vxFf "$dir/linux/.config" |
		sed 's/$/ is asked for, but came out otherwise/' >&2 || return 0
	return 1
}

compile() {
	kmake "$dir/linux" Image modules
	cp "$dir/linux/arch/$ARCH/boot/Image" "$dir/Image.tmp"
	mv "$dir/Image.tmp" "$dir/Image"
}

compile_module() {
	mkdir -p "$dir/module"
	kmake "$dir/linux" M="$root" MO="$dir/module" modules
	cp "$dir/module/drivers/iommu/nested/iommu_nested.ko" "$dir/iommu_nested.ko.tmp"
	mv "$dir/iommu_nested.ko.tmp" "$dir/iommu_nested.ko"
}

(
	unless_fresh kernel-arm64-vm "$dir/Image" "${fragments[@]}" "=$ksrc" \
		"$build/stamp/toolbox" "$build/stamp/source"
	step kernel-arm64-vm-config "vm: kernel of host and guest: configure" configure
	step kernel-arm64-vm "vm: kernel of host and guest: build" compile
	done_fresh
)
unless_fresh module-arm64-vm "$dir/iommu_nested.ko" "$root/Kbuild" "$root/drivers" "$root/rust" \
	"$build/stamp/kernel-arm64-vm" "$dir/linux/Module.symvers"
step module-arm64-vm "vm: iommu_nested.ko for it" compile_module
done_fresh
