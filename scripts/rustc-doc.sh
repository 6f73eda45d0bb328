#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rustc-doc.sh ARGUMENT...: in the place of rustc in the kernel's build, compiles
# a crate and then has rustdoc document it under the very same flags, into
# $RUSTDOC_OUTPUT.

set -e

rustc "$@"

arguments=()
document=
while [ $# -gt 0 ]; do
	case $1 in
	--emit=obj=*) document=1 ;;
	--emit=* | --remap-path-scope=*) ;;
	--out-dir) shift ;;
	*) arguments+=("$1") ;;
	esac
	shift
done
[ -z "$document" ] || rustdoc "${arguments[@]}" --document-private-items --output "$RUSTDOC_OUTPUT"
