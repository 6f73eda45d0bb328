#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs the driver in the kernel source KSRC=, or in a copy of the downloaded
# source, build/src/overlay. Two existing files get one line each; doing it again
# updates the driver and changes nothing else.

. "$(dirname "$0")/lib.sh"

parts=(
	drivers/iommu/nested rust/iommu rust/vfio
	include/uapi/linux/vfio_nested include/uapi/linux/vfio_nested.h
)

# Hard links are quick; they are safe because whatever changes a file here
# writes a new one and renames it.
copy_source() {
	remove_tree "$target.tmp"
	cp -al "$ksrc" "$target.tmp" 2>/dev/null ||
		{ remove_tree "$target.tmp" && cp -a --reflink=auto "$ksrc" "$target.tmp"; }
	remove_tree "$target"
	mv "$target.tmp" "$target"
}

# insert_after PATTERN LINE FILE: unless LINE is there already.
insert_after() {
	if grep -qxF "$2" "$3"; then
		return 0
	fi
	awk -v pattern="$1" -v line="$2" '{ print } !done && $0 ~ pattern { print line; done = 1 }
		END { exit !done }' "$3" >"$3.tmp"
	mv "$3.tmp" "$3"
}

install_driver() {
	local part
	for part in "${parts[@]}"; do
		rm -rf "${target:?}/$part"
		mkdir -p "$target/${part%/*}"
		cp -a "$root/$part" "$target/$part"
	done
	insert_after '^source "drivers/iommu/arm/Kconfig"' \
		'source "drivers/iommu/nested/Kconfig"' "$target/drivers/iommu/Kconfig"
	# shellcheck disable=SC2016 # make's own $(...) syntax
	insert_after '^obj-y [+]= arm/' \
		'obj-$(CONFIG_IOMMU_NESTED) += nested/' "$target/drivers/iommu/Makefile"
}

if [ "${1-}" != copy ] && [ -n "$KSRC" ]; then
	target=$KSRC
	step overlay "overlay: install the driver in $KSRC" install_driver
	exit 0
fi

target=$build/src/overlay
(
	unless_fresh overlay-source "$target" "=$ksrc" "$build/stamp/source" \
		"$ksrc/drivers/iommu/Kconfig"
	mkdir -p "$build/src"
	rm -f "$build/stamp/overlay"
	step overlay-source "overlay: copy the kernel source" copy_source
	done_fresh
)
unless_fresh overlay "$target" "${parts[@]/#/$root/}" "$build/stamp/overlay-source"
step overlay "overlay: install the driver in build/src/overlay" install_driver
done_fresh
