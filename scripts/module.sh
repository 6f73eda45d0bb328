#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# module.sh [VARIANT]: builds iommu_nested.ko out of tree, against the kernel of
# build/VARIANT/linux. Without a variant, that called as ARCH, which KDIR= takes the
# place of.

. "$(dirname "$0")/lib.sh"

variant=${1-$ARCH}
belongs "$variant" || die "the kernel $variant is not for ARCH=$ARCH"
kdir=$build/$variant/linux
[ "$variant" != "$ARCH" ] || kdir=${KDIR:-$kdir}
config=$kdir/include/config/auto.conf
output=$build/$variant/iommu_nested.ko

# What the driver depends on and selects for ARCH, out of its own Kconfig and that of its
# back end: out of tree nothing can select, so the kernel must already have it.
needed_symbols() {
	awk -v arch="${ARCH^^}" '
		/^if / { other = $2 != arch }
		/^config / { optional = $2 == "IOMMU_NESTED_VFIO" }
		!other && (/^if / || !optional && /^\t(depends on|select) /) {
			for (i = 1; i <= NF; i++)
				if ($i ~ /^[A-Z]/ && $i !~ /^IOMMU_NESTED/) print "CONFIG_" $i
		}
		/^endif/ { other = 0 }' "$root"/drivers/iommu/nested/{,*/}Kconfig
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

# With the size of each function's stack frame in it, for the suite lint.
compile() {
	local dir=$build/$variant/module
	mkdir -p "$dir"
	kmake "$kdir" M="$root" MO="$dir" KRUSTFLAGS=-Zemit-stack-sizes modules
	cp "$dir/drivers/iommu/nested/iommu_nested.ko" "$output.tmp"
	mv "$output.tmp" "$output"
}

unless_fresh "module-$variant" "$output" "$root/Kbuild" "$root/drivers" "$root/rust" \
	"$root/include" "=$kdir" "$config" "$kdir/Module.symvers" "$build/stamp/toolbox"
check_kdir
step "module-$variant" "module: iommu_nested.ko for $variant, out of tree" compile
done_fresh
