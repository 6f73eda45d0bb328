#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# help.sh MAKEFILE: prints the targets that carry a "##" and the variables.

awk '
	/^##@/ { print ""; print substr($0, 5) ":"; next }
	/^[a-z-]+:.*## / {
		target = text = $0
		sub(/:.*/, "", target)
		sub(/.*## /, "", text)
		printf "  %-16s%s\n", target, text
	}' "$1"
echo "  check-NAME      one of: $("$(dirname "$0")/check.sh" --list | tr '\n' ' ')"
cat <<'END'

Variables:
  ARCH=ARCH       arm64 (the default) or x86_64; "make check" tests both
  KSRC=DIR        kernel source instead of the downloaded one (Linux 7.3.x)
  KDIR=DIR        built kernel tree with CONFIG_RUST; alone, builds the module for it
  TOOLBOX=host    the tools on PATH instead of the chroot in build/toolbox
  JOBS=N          parallel compilations (default: one per processor)
  LLVM=SUFFIX     of the clang and lld commands (default: -19)
  DEBIAN_MIRROR=  where the toolbox's packages come from
  BUSYBOX=FILE    a static BusyBox for ARCH instead of Debian's
END
