#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Packs build/x86_64/vm.cpio, for MORE= of qemu.sh: what the emulated machine needs to be
# the host of a virtual machine, which has the same kernel and the same initramfs.

. "$(dirname "$0")/lib.sh"

dir=$out/vm
output=$out/vm.cpio

pack() {
	mkdir -p "$dir/root/guest"
	cp "$out/Image" "$out/initramfs.gz" "$dir/root/guest/"
	tools sh -c "cd '$dir/root' && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0" \
		>"$output.tmp"
	mv "$output.tmp" "$output"
}

"$root/scripts/vm-root.sh"
unless_fresh vtd-vm "$output" "$out/Image" "$out/initramfs.gz" "$build/stamp/vm-root-$ARCH"
step vtd-vm "vm: pack what the host on x86_64 has more" pack
done_fresh
