#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Makes build/toolbox: a Debian chroot with the toolchain, QEMU and the kernel
# source, out of the packages that scripts/toolbox.packages names.
# With TOOLBOX=host, checks the tools on PATH instead.

. "$(dirname "$0")/lib.sh"

if [ "$TOOLBOX" = host ]; then
	exec "$root/scripts/hosttools.sh"
fi

suite=trixie
toolbox=$build/toolbox
packages=$root/scripts/toolbox.packages
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

packages_from() { # backports|stable
	awk -v from="$1" '$1 == from { for (i = 2; i <= NF; i++) print $i }' "$packages"
}

inside() {
	TOOLBOX_DIR=$toolbox.tmp ENTER_FROM_ROOT=1 "$root/scripts/enter.sh" "$@"
}

bootstrap_tool() {
	apt-get update
	apt-get install -y --no-install-recommends mmdebstrap debian-archive-keyring
}

base_system() {
	# Without a mirror argument mmdebstrap writes Debian's usual ones.
	mmdebstrap --mode=root --variant=apt "$suite" "$toolbox.tmp" \
		${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
}

install_packages() {
	# The backports of the very mirror that the base system came from.
	local mirror
	inside apt-get update
	# shellcheck disable=SC2016 # apt's own $(...) syntax
	mirror=$(inside apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
		'Created-By: Packages' | awk -v suite="$suite" '$2 == suite { print $1; exit }')
	[ -n "$mirror" ] || die "cannot tell the mirror of the base system"
	echo "deb [signed-by=$keyring] $mirror $suite-backports main" \
		>"$toolbox.tmp/etc/apt/sources.list.d/backports.list"
	inside apt-get update
	# shellcheck disable=SC2046 # one word per package
	inside apt-get install -y --no-install-recommends -t "$suite-backports" \
		$(packages_from backports)
	# shellcheck disable=SC2046
	inside apt-get install -y --no-install-recommends $(packages_from stable)
	inside apt-get clean
}

unless_fresh toolbox "$toolbox" "$packages" "=$suite" "=$DEBIAN_MIRROR"

[ "$(id -u)" = 0 ] || die "the toolbox chroot needs root: run as root, or with TOOLBOX=host"
remove_tree "$toolbox.tmp"
if ! command -v mmdebstrap >/dev/null; then
	command -v apt-get >/dev/null ||
		die "mmdebstrap is missing and this is not Debian: install it, or use TOOLBOX=host"
	export DEBIAN_FRONTEND=noninteractive
	step toolbox-mmdebstrap "toolbox: install mmdebstrap" bootstrap_tool
fi
step toolbox-base "toolbox: Debian $suite base system" base_system
step toolbox-packages "toolbox: compilers, Rust, QEMU, kernel source" install_packages
if [ -e "$toolbox" ]; then
	remove_tree "$toolbox.old"
	mv "$toolbox" "$toolbox.old"
fi
mv "$toolbox.tmp" "$toolbox"
done_fresh
remove_tree "$toolbox.old"
