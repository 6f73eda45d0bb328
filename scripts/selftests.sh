#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the selftests and the demo program: static arm64 programs on the
# kernel's installed user-space headers.

. "$(dirname "$0")/lib.sh"

headers=$out/headers

install_headers() {
	tools make -s -C "$ksrc" O="$out/headers-build" ARCH="$ARCH" \
		INSTALL_HDR_PATH="$headers" headers_install
}

compile() {
	tools make -C "$selftests" OUTPUT="$out/selftests" CC=aarch64-linux-gnu-gcc \
		KHDR="$headers/include" KSRC="$ksrc"
}

(
	unless_fresh headers "$headers" "=$ksrc" "$build/stamp/source" "$build/stamp/toolbox"
	step headers "selftests: kernel headers" install_headers
	done_fresh
)
unless_fresh selftests "$out/selftests/iommu_nested" "$selftests" "$root/include/uapi" \
	"$build/stamp/headers"
mkdir -p "$out/selftests"
step selftests "selftests: static $ARCH programs" compile
done_fresh
