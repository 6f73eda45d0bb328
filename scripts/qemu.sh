#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# qemu.sh NAME VARIANT SUITE [PARAMETER...]: boots the kernel of VARIANT in the
# emulated machine and runs tools/testing/initramfs/suite/SUITE. What the suite
# prints comes out here; the kernel's messages go to build/log/NAME.kernel.log.
# VARIANT vm is the kernel of arm64 as the host of virtual machines, with the
# suites of tools/testing/vm/host and new disks build/results/NAME.nvme[01].
# PARAMETERs are added to the kernel command line. SMP=, MEM= and LIMIT= (in
# seconds) change the machine, STAGE=1 or 2 has an SMMU with that stage only. With
# FIRMWARE=uefi the kernel gets ACPI instead of a device tree, the tables of TABLES=
# (a cpio) before the machine's own. VTD= are properties of x86_64's intel-iommu
# (scalable-mode=on: second stage only; with fsts=on,pasid-bits=20 first stage only).
# UNIT=nested, separate or caching has a unit beside QEMU instead, such a one of
# vtd-unit.sh's, and devices of its own, with UNITS=2 two and the last device behind the
# second, with PORTS=1 two devices, each behind a root port; what they say, and "exit" with
# the exit code, is in build/log/NAME.unit and NAME.unit2.
# BRIDGES=1 has other devices, behind bridges to conventional PCI: one behind one from PCI
# Express, one behind one from conventional PCI, two behind another one from PCI Express.
# MORE= is a cpio that is added to the initramfs.
# TRACE= is an event of QEMU's to be logged in build/log/NAME.trace.
# The exit code is that of the suite.

. "$(dirname "$0")/machine.sh"

name=$1 variant=$2 suite=$3
shift 3
kernel_log=$log/$name.kernel.log
output=$log/$name.out
mkdir -p "$log" "$results"
belongs "$variant" || die "the machine $variant is not of ARCH=$ARCH"

command_line="$machine_parameters nested.run=$suite"

# function_beside SOCKET BUS ADDR: what QEMU has to be told of it
function_beside() {
	printf '{"driver":"vfio-user-pci","bus":"%s","addr":"%s",' "$2" "$3"
	printf '"x-no-posted-writes":true,"socket":{"type":"unix","path":"%s"}}' "$1"
}

# unit_beside NAME ADDR RID...: starts it, and adds it and its devices to the machine, by their
# requester IDs: the slot on the root bus, or the number of the bus behind a root port.
unit_beside() {
	local socket=$results/$name.$1 rid bus slot functions=()
	local report=$log/$name.$1
	[ ${#socket} -lt 90 ] || die "$results is too long a path for sockets"
	rm -f "$socket".*
	machine+=(-device "$(function_beside "$socket.registers" pcie.0 "$2")")
	for rid in "${@:3}"; do
		bus=$((rid >> 8)) slot=$(printf %x $((rid >> 3 & 31)))
		if [ $bus = 0 ]; then
			bus=pcie.0
		else
			machine+=(-device "pcie-root-port,id=port$bus,chassis=$bus,addr=$bus")
			bus=port$bus
		fi
		functions+=("${rid#0x}=$socket.$rid")
		machine+=(-device "$(function_beside "$socket.$rid" "$bus" "$slot")")
	done
	{
		unit_status=0
		tools timeout -k 5 "${LIMIT:-600}" "$build/vtd-unit/debug/vtd-unit" "$UNIT" \
			"$results/$name.ram" "$socket.registers" "${functions[@]}" ||
			unit_status=$?
		echo "exit $unit_status"
	} >"$report" 2>&1 &
	units+=($!)
	# The last of the sockets.
	until [ -e "$socket.$rid" ]; do
		sleep 0.1
		kill -0 "${units[-1]}" 2>/dev/null || die "no unit: $(cat "$report")"
	done
}

# units_beside MEGABYTES: and the machine's memory, which they have in common
units=()
units_beside() {
	local ram=$results/$name.ram
	rm -f "$ram"
	truncate -s "$1M" "$ram"
	machine+=(
		-object "memory-backend-file,id=ram,size=$1M,mem-path=$ram,share=on"
		-machine memory-backend=ram
	)
	if [ "${UNITS:-1}" = 2 ]; then
		unit_beside unit 0x10 0x20 0x28
		unit_beside unit2 0x11 0x30
	elif [ -n "${PORTS-}" ]; then
		unit_beside unit 0x10 0x100 0x200
	else
		unit_beside unit 0x10 0x20 0x28 0x30
	fi
}

# shellcheck disable=SC2054 # the commas are QEMU's
case $variant in
vm)
	kernel=$out/Image initramfs=$build/vm/initramfs
	disk=$results/$name.nvme
	"$root/scripts/disk.sh" | tee "${disk}0" >"${disk}1"
	machine=(
		-M virt,gic-version=3,iommu=smmuv3,virtualization=on -cpu neoverse-n1
		-accel tcg,thread=multi -smp "${SMP:-2}" -m "${MEM:-1536}"
		-device "$edu,addr=4"
		-device "$edu,addr=5"
		-drive "if=none,id=disk0,format=raw,file=${disk}0"
		-drive "if=none,id=disk1,format=raw,file=${disk}1"
		-device nvme,drive=disk0,serial=zero,addr=8
		-device nvme,drive=disk1,serial=one,addr=9
	)
	;;
*)
	kernel=$build/$variant/Image initramfs=$build/$variant/initramfs.gz
	disk=$build/nvme.img
	# Several machines may start at once.
	if [ ! -e "$disk" ]; then
		"$root/scripts/disk.sh" >"$disk.$$"
		mv "$disk.$$" "$disk"
	fi
	# One processor: virtual time jumps to the next timer when the machine idles,
	# so that waiting for the device's slow DMA costs nothing. That of x86_64 is
	# slower by its own clock: its firmware and its kernel wait for time in loops. With
	# sanitizers that would be too slow for the tests' limits of time.
	# More processors shall really run at the same time, by the clock on the wall.
	case $variant in
	x86_64-debug) speed=2 ;;
	x86_64*) speed=5 ;;
	*) speed=1 ;;
	esac
	accel=(-accel tcg,thread=multi)
	[ "${SMP:-1}" != 1 ] || [ "$suite" = shell ] ||
		accel=(-accel tcg -icount "shift=$speed,sleep=off")
	if [ -n "${UNIT-}" ]; then
		machine=(-M "$board" -vga none)
	elif [ "$ARCH" = x86_64 ]; then
		machine=(-M "$board" -vga none -device "intel-iommu,${VTD:-$second_stage}")
	elif [ -n "${STAGE-}" ]; then
		# The machine's own SMMU has both stages, whatever -global says.
		machine=(-M virt,gic-version=3
			-device "arm-smmuv3,primary-bus=pcie.0,stage=$STAGE")
	else
		machine=(-M "$board")
	fi
	machine+=(
		-cpu "$cpu" "${accel[@]}" -smp "${SMP:-1}" -m "${MEM:-512}"
	)
	if [ -n "${BRIDGES-}" ]; then
		machine+=(
			-device pcie-pci-bridge,id=bridge1,addr=4
			-device "$edu,bus=bridge1,addr=1"
			-device pci-bridge,id=bridge2,chassis_nr=2,addr=5
			-device "$edu,bus=bridge2,addr=1"
			-device pcie-pci-bridge,id=bridge3,addr=6
			-device "$edu,bus=bridge3,addr=1"
			-device "$edu,bus=bridge3,addr=2"
		)
	elif [ -z "${UNIT-}" ]; then
		machine+=(
			-device "$edu,addr=4"
			-device "$edu,addr=5"
			-device "$edu,addr=6"
			-drive "if=none,id=disk,format=raw,snapshot=on,file=$disk"
			-device nvme,drive=disk,serial=nested,addr=8
			-device pcie-root-port,id=bridge,chassis=1,addr=9
			-device "$edu,bus=bridge"
		)
	fi
	# The disk answers by the host's clock, which the machine's may outrun.
	command_line+=" nvme_core.io_timeout=600 nvme_core.admin_timeout=600"
	;;
esac
if [ "${FIRMWARE-}" = uefi ]; then
	machine+=(-bios "$build/vm/root/share/QEMU_EFI.fd")
fi
if [ -n "${TRACE-}" ]; then
	machine+=(-trace "$TRACE" -D "$log/$name.trace")
fi
if [ -n "${TABLES-}${MORE-}" ]; then
	cat ${TABLES:+"$TABLES"} "$initramfs" >"$results/$name.initramfs"
	initramfs=$results/$name.initramfs
	if [ -n "${MORE-}" ]; then
		# Each begins at a multiple of four bytes.
		truncate -s %4 "$initramfs"
		cat "$MORE" >>"$initramfs"
	fi
fi
machine+=(-display none -no-reboot -nic none -kernel "$kernel" -initrd "$initramfs")

if [ "$suite" = shell ]; then
	[ -t 0 ] || die "the shell needs a terminal"
	tools "$QEMU" "${machine[@]}" -serial mon:stdio -serial "file:$kernel_log" \
		-append "$command_line nested.tty=1 $*"
	exit
fi

[ ! -t 1 ] || command_line+=" nested.tty=1"
: >"$kernel_log"
[ -z "${UNIT-}" ] || units_beside "${MEM:-512}"
# UEFI clears a screen before the first line that is ours.
tools timeout -k 5 "${LIMIT:-600}" "$QEMU" "${machine[@]}" -monitor none \
	-serial stdio -serial "file:$kernel_log" -append "$command_line $*" </dev/null |
	sed -u -e 's/\r*$//' -e '/^UEFI firmware/d' -e 's/^\x1b.*\x1b\[[0-9;=]*[A-Za-z]//' |
	tee "$output" | sed -u '/^nested: exit=/d' || true

if [ -n "${UNIT-}" ]; then
	wait "${units[@]}"
	rm -f "$results/$name.ram"
fi
status=$(sed -n 's/^nested: exit=//p' "$output" | tail -n 1)
if [ -z "$status" ]; then
	echo "the machine did not finish; the end of its kernel log:"
	tail -n 15 "$kernel_log" | sed 's/^/    | /'
	exit 125
fi
exit "$status"
