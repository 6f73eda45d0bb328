#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the selftests, the demo program and the sample VMM: static arm64 programs
# on the kernel's installed user-space headers.

. "$(dirname "$0")/lib.sh"

headers=$out/headers

install_headers() {
	tools make -s -C "$ksrc" O="$out/headers-build" ARCH="$ARCH" \
		INSTALL_HDR_PATH="$headers" headers_install
}

compile() {
	tools make -C "$selftests" OUTPUT="$out/selftests" CC=aarch64-linux-gnu-gcc \
		KHDR="$headers/include" KSRC="$ksrc"
	tools aarch64-linux-gnu-gcc -Wall -Wextra -O2 -std=gnu11 -static \
		-isystem "$headers/include" -o "$out/selftests/vfio_sample" \
		"$root/samples/vfio/nested.c"
}

(
	unless_fresh headers "$headers" "=$ksrc" "$build/stamp/source" "$build/stamp/toolbox"
	step headers "selftests: kernel headers" install_headers
	done_fresh
)
unless_fresh selftests "$out/selftests/iommu_nested" "$selftests" "$root/samples" \
	"$root/include" "$build/stamp/headers"
mkdir -p "$out/selftests"
step selftests "selftests: static $ARCH programs" compile
done_fresh
