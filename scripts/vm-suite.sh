#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm-suite.sh [CASE...]: TAP points of virtual machines on our driver, each CASE
# one boot of the emulated host with tools/testing/vm/host/suite/CASE, followed by
# what only the outside can tell: the disks afterwards, the host's kernel log.
# vm-acpi and vm-reference are the case vm with ACPI and with the C driver.

. "$(dirname "$0")/tap.sh"

cases=(vm vm-acpi vm-reference vm-devices vm-modes vm-life vm-pair)
[ $# = 0 ] || cases=("$@")

sum_of() { # FILE FIRST_MIB
	dd if="$1" bs=1M skip="$2" count=4 2>/dev/null | sha256sum | cut -d' ' -f1
}

# disks_agree NAME: the half of each disk that guests only read is as before, the
# other as before or what a guest says it wrote; what was written last is there.
disks_agree() {
	local name=$1 file half last
	last=$(sed -n 's/^# wrote: .* //p' "$results/$name.raw" | tail -n 1)
	for file in "$results/$name".nvme?; do
		[ "$(sum_of "$file" 0)" = "$(sum_of "$new" 0)" ] || return 1
		half=$(sum_of "$file" 4)
		[ "$half" = "$(sum_of "$new" 4)" ] ||
			grep -q "^# wrote: .* $half$" "$results/$name.raw" || return 1
		[ "$half" != "$last" ] || last=there
	done
	[ "$last" = there ]
}

# machine NAME CASE PARAMETER...: as guest of tap.sh, on the emulated host
machine() {
	local name=$1 status=0 raw=$results/$1.raw planned seen finished=1
	"$root/scripts/vm-qemu.sh" "$@" >"$raw" || status=$?
	grep -v -E '^(TAP version|1\.\.[0-9])' "$raw" || true
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$raw" | tail -n 1)
	seen=$(grep -c -E '^(not )?ok ' "$raw" || true)
	[ "$status" = 125 ] || [ "$seen" = 0 ] || [ "${planned:-none}" != "$seen" ] || finished=0
	point $finished "machine ran to the end: ${planned:-none} points planned, $seen seen"
	kernel_log_is_clean "$name"
}

new=$results/vm.new
"$root/scripts/disk.sh" >"$new"

# run NAME CASE PARAMETER...
run() {
	local name=$1
	machine "$@" "nested.expect=$(sum_of "$new" 0)"
	try "$name: the disks hold what the guests wrote" disks_agree "$name"
}

# With the C driver, which nests only where the firmware vouches for coherency.
reference() {
	local initramfs=$build/arm64-vm/reference.initramfs
	"$root/scripts/vm-iort.sh" >&2
	cat "$build/arm64-vm/iort.cpio" "$build/arm64-vm/initramfs" >"$initramfs"
	INITRD=$initramfs FIRMWARE=uefi run vm-reference vm nested.driver=c
}

for case in "${cases[@]}"; do
	case $case in
	vm-acpi) FIRMWARE=uefi run vm-acpi vm ;;
	vm-reference) reference ;;
	*) run "$case" "$case" ;;
	esac
done
