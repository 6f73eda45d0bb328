#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fetches a static BusyBox for ARCH, unless there is one.

. "$(dirname "$0")/lib.sh"

[ ! -x "$busybox" ] || exit 0
[ -z "$BUSYBOX" ] || die "BUSYBOX=$BUSYBOX is no program: give a static $ARCH one"

# A package of that architecture, without making the system it is fetched with
# multi-arch.
fetch_busybox() {
	local state=$busybox.apt deb
	rm -rf "$state"
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	cd "$state"
	local apt=(tools apt-get -o APT::Architecture="$debian_arch"
		-o APT::Architectures="$debian_arch" -o APT::Sandbox::User=root
		-o Dir::State="$state" -o Dir::State::status=/dev/null -o Dir::Cache="$state")
	"${apt[@]}" update
	"${apt[@]}" download busybox-static
	deb=$(compgen -G '*.deb')
	tools dpkg-deb -x "$deb" "$state/root"
	install -m 755 "$(find "$state/root" -path '*/bin/busybox')" "$busybox.tmp"
	rm -rf "$state"
	mv "$busybox.tmp" "$busybox"
}

mkdir -p "$out"
unless_fresh "busybox-$ARCH" "$busybox"
step "busybox-$ARCH" "initramfs: fetch BusyBox for $ARCH" fetch_busybox
done_fresh
