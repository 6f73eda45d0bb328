# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sourced: the variables are for the scripts
#
# What every script shares: where things are, how a step reports, what makes
# a step's result out of date, and how to reach the toolchain.

set -euo pipefail

# The kernel's make must not see what this project's make was told.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/build
log=$build/log
results=$build/results
selftests=$root/tools/testing/selftests/iommu_nested
kconfig=$root/tools/testing/kconfig

: "${ARCH:=arm64}" "${TOOLBOX:=chroot}" "${KSRC:=}" "${KDIR:=}" "${DEBIAN_MIRROR:=}"
: "${JOBS:=$(nproc)}" "${LLVM:=-19}" "${QEMU:=}" "${BUSYBOX:=}"

# What ARCH is called elsewhere: by Debian, by QEMU, in the kernel's directories; the
# kernel's image.
case $ARCH in
arm64) debian_arch=arm64 machine_arch=aarch64 srcarch=arm64 image_target=Image ;;
x86_64) debian_arch=amd64 machine_arch=x86_64 srcarch=x86 image_target=bzImage ;;
*) printf 'error: ARCH=%s is not supported: say arm64 or x86_64\n' "$ARCH" >&2 && exit 1 ;;
esac
: "${QEMU:=qemu-system-$machine_arch}"
cc=$machine_arch-linux-gnu-gcc

out=$build/$ARCH
busybox=${BUSYBOX:-$out/busybox}
release=7.3

# The kernel source: KSRC, or that of the built tree KDIR, or the downloaded one.
[ -z "$KSRC" ] || KSRC=$(realpath "$KSRC")
[ -z "$KDIR" ] || KDIR=$(realpath "$KDIR")
if [ -n "$KSRC" ]; then
	ksrc=$KSRC
elif [ -e "$KDIR/source" ]; then
	ksrc=$(realpath "$KDIR/source")
else
	ksrc=${KDIR:-$build/src/linux-source-$release}
fi

# die MESSAGE...: one clear line, then the end.
die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

case $TOOLBOX in
chroot | host) ;;
*) die "TOOLBOX=$TOOLBOX is unknown: say chroot (in build/toolbox) or host (tools on PATH)" ;;
esac

# belongs VARIANT: is this machine one of ARCH?
belongs() {
	case $1 in
	"$ARCH" | "$ARCH"-*) ;;
	vm) [ "$ARCH" = arm64 ] ;;
	*) false ;;
	esac
}

# hash_of FILE|DIR|=WORD...: one hash over the names, modes and contents of all
# files and over the words.
hash_of() {
	local arg
	for arg; do
		case $arg in
		=*) printf '%s\n' "$arg" ;;
		*)
			[ -e "$arg" ] || continue
			find "$arg" -type f -printf '%m %p\n' | LC_ALL=C sort
			find "$arg" -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
			;;
		esac
	done | sha256sum | cut -d' ' -f1
}

# unless_fresh STAMP OUTPUT INPUT...: ends the script when OUTPUT exists and was
# made from these very inputs by this very script. Otherwise the stamp is
# withdrawn until done. Only one script at a time works on a stamp.
unless_fresh() {
	stamp=$build/stamp/$1
	local output=$2
	shift 2
	mkdir -p "$build/stamp" "$log" "$results"
	exec {stamp_lock}>"$stamp.lock"
	flock "$stamp_lock"
	stamp_hash=$(hash_of "$root/scripts/${0##*/}" "=$TOOLBOX" "=$LLVM" "$@")
	if [ -e "$output" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$stamp_hash" ]; then
		exit 0
	fi
	rm -f "$stamp"
}

# done_fresh: what unless_fresh began is complete.
done_fresh() {
	printf '%s\n' "$stamp_hash" >"$stamp.tmp"
	mv "$stamp.tmp" "$stamp"
}

# step NAME TEXT COMMAND...: runs COMMAND with its output in build/log/NAME.log
# and prints one line: the time it took and TEXT. If COMMAND fails, prints the
# end of the log and gives up.
step() {
	local name=$1 text=$2 start=${EPOCHREALTIME/./} status=0
	shift 2
	mkdir -p "$log"
	[ ! -t 1 ] || printf '[ ..... ] %s' "$text"
	# Not "if", which would switch off set -e inside a function.
	set +e
	(
		set -e
		"$@"
	) >"$log/$name.log" 2>&1 </dev/null
	status=$?
	set -e
	local ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	[ ! -t 1 ] || printf '\r'
	printf '[%4d.%ds] %s%s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$text" \
		"$([ $status = 0 ] || echo ': FAILED')"
	if [ $status != 0 ]; then
		tail -n 25 "$log/$name.log" | sed 's/^/    | /' >&2
		die "$text: exit code $status, whole log in ${log#"$root/"}/$name.log"
	fi
}

# tools COMMAND...: runs COMMAND where the toolchain is.
tools() {
	case $TOOLBOX in
	chroot) "$root/scripts/enter.sh" "$@" ;;
	host) env LIBCLANG_PATH="${LIBCLANG_PATH:-/usr/lib/llvm${LLVM}/lib}" "$@" ;;
	esac
}

# kmake BUILD_DIRECTORY ARGUMENT...: the kernel's make on a build directory. Others may
# run beside it: together they start no more than the processors can take.
kmake() {
	local dir=$1
	shift
	tools make -s -C "$dir" ARCH="$ARCH" LLVM="$LLVM" -j"$JOBS" -l"$JOBS" "$@"
}

# pack_table TABLE OUTPUT: an ACPI table as a cpio, for TABLES= of qemu.sh.
pack_table() {
	local tree=$2.tree
	rm -rf "$tree"
	mkdir -p "$tree/kernel/firmware/acpi"
	cp "$1" "$tree/kernel/firmware/acpi/table.aml"
	tools sh -c "cd '$tree' && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0" \
		>"$2.tmp"
	mv "$2.tmp" "$2"
	rm -rf "$tree"
}

# remove_tree DIRECTORY: like rm -rf, but never through something mounted.
remove_tree() {
	[ -e "$1" ] || return 0
	if grep -qF " $1/" /proc/self/mountinfo; then
		die "$1 has something mounted inside: unmount it first"
	fi
	rm -rf --one-file-system "$1"
}
