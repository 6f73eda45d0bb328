#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds iommu_nested.ko for ARCH out of tree, against KDIR= or the kernel of
# build/ARCH/linux.

. "$(dirname "$0")/lib.sh"

kdir=${KDIR:-$out/linux}
config=$kdir/include/config/auto.conf
output=$out/iommu_nested.ko

# What the driver depends on and selects for ARCH, out of its own Kconfig: out of
# tree nothing can select, so the kernel must already have it. Alternatives are in
# parentheses, one for each architecture.
needed_symbols() {
	awk -v arch="${ARCH^^}" '
		/^config / { ours = $2 == "IOMMU_NESTED" }
		!ours || ($1 != "depends" && $1 != "select") { next }
		/ if / && $NF != arch { next }
		/\|\|/ { $0 = match($0, "[(]" arch " [^)]*[)]") ? substr($0, RSTART, RLENGTH) : "" }
		{
			sub(/ if .*/, "")
			gsub(/depends on|select|&&|[()]/, " ")
			for (i = 1; i <= NF; i++) print "CONFIG_" $i
		}' "$root/drivers/iommu/nested/Kconfig"
}

check_kdir() {
	local symbol text rustc
	[ -f "$config" ] || die "$kdir is not a built kernel tree: build it first, or check KDIR="
	for symbol in CONFIG_MODULES CONFIG_RUST $(needed_symbols); do
		grep -q "^$symbol=[ym]" "$config" ||
			die "$kdir lacks $symbol: enable it and rebuild (see tools/testing/kconfig)"
	done
	# Rust has no stable ABI: the kernel crate is of exactly one compiler.
	text=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\?\([^"]*\)"\?$/\1/p' "$config")
	rustc=$(tools rustc --version)
	[ "$text" = "$rustc" ] ||
		die "$kdir was built by '$text', not by '$rustc':" \
			"use TOOLBOX=host with that compiler, or rebuild the kernel"
}

compile() {
	mkdir -p "$out/module"
	kmake "$kdir" M="$root" MO="$out/module" modules
	cp "$out/module/drivers/iommu/nested/iommu_nested.ko" "$output.tmp"
	mv "$output.tmp" "$output"
}

unless_fresh "module-$ARCH" "$output" "$root/Kbuild" "$root/drivers" "$root/rust" "$root/include" \
	"=$kdir" "$config" "$kdir/Module.symvers" "$build/stamp/toolbox"
check_kdir
step "module-$ARCH" "module: iommu_nested.ko for $ARCH, out of tree" compile
done_fresh
