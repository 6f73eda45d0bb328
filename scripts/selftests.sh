#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the selftests and what there is besides for ARCH (for arm64 the demo
# program and the sample VMM): static programs on the kernel's installed user-space
# headers.

. "$(dirname "$0")/lib.sh"

headers=$out/headers

install_headers() {
	tools make -s -C "$ksrc" O="$out/headers-build" ARCH="$ARCH" \
		INSTALL_HDR_PATH="$headers" headers_install
}

compile() {
	tools make -C "$selftests" OUTPUT="$out/selftests" ARCH="$ARCH" CC="$cc" \
		KHDR="$headers/include" KSRC="$ksrc"
	[ "$ARCH" = arm64 ] || return 0
	tools "$cc" -Wall -Wextra -O2 -std=gnu11 -static \
		-isystem "$headers/include" -o "$out/selftests/vfio_sample" \
		"$root/samples/vfio/nested.c"
}

(
	unless_fresh "headers-$ARCH" "$headers" "=$ksrc" "$build/stamp/source" \
		"$build/stamp/toolbox"
	step "headers-$ARCH" "selftests: kernel headers for $ARCH" install_headers
	done_fresh
)
unless_fresh "selftests-$ARCH" "$out/selftests" "$selftests" "$root/samples" \
	"$root/include" "$build/stamp/headers-$ARCH"
mkdir -p "$out/selftests"
step "selftests-$ARCH" "selftests: static $ARCH programs" compile
done_fresh
