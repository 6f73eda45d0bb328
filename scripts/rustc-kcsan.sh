#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# rustc-kcsan.sh ARGUMENT...: in the place of rustc in the kernel's build, has what
# is for the kernel instrumented as scripts/Makefile.kcsan of the kernel has C: all
# crates, core as well. rustc does not offer that for the kernel's target, so the
# target becomes a file which does, and which has no atomics of 128 bits, as KCSAN
# does not know any.

set -e

specification=${0%/*}/../build/arm64-kcsan/target

# target NAME: the file that describes it
target() {
	local file=$specification/$1-kcsan.json
	if [ ! -e "$file" ]; then
		mkdir -p "$specification"
		rustc -Zunstable-options --target "$1" --print target-spec-json |
			perl -0pe 's/("supported-sanitizers": \[)/$1 "thread",/ &&
				s/("max-atomic-width": )128/${1}64/ or exit 1' >"$file.$$"
		mv "$file.$$" "$file"
	fi
	echo "$file"
}

arguments=()
for argument; do
	case $argument in
	--target=*)
		arguments+=(-Zunstable-options "--target=$(target "${argument#*=}")"
			-Zsanitizer=thread -Cllvm-args=-tsan-distinguish-volatile=1
			-Cllvm-args=-tsan-compound-read-before-write=1)
		;;
	*) arguments+=("$argument") ;;
	esac
done
exec rustc "${arguments[@]}"
