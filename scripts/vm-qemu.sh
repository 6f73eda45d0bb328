#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# vm-qemu.sh NAME SUITE [PARAMETER...]: boots the host of virtual machines, an
# emulated arm64 with an SMMUv3, virtualization extensions and two NVMe disks, and
# runs tools/testing/vm/host/suite/SUITE there. As qemu.sh: what the suite prints
# comes out here, the kernel's messages go to build/log/NAME.kernel.log, LIMIT= is
# in seconds, the exit code is that of the suite. With FIRMWARE=uefi the kernel
# gets ACPI instead of a device tree, INITRD= is another than the usual. The disks
# are build/results/NAME.nvme0 and NAME.nvme1, new ones each time.

. "$(dirname "$0")/lib.sh"

name=$1 suite=$2
shift 2
dir=$build/arm64-vm
kernel_log=$log/$name.kernel.log
output=$log/$name.out
disk=$results/$name.nvme
mkdir -p "$log" "$results"

"$root/scripts/disk.sh" | tee "${disk}0" >"${disk}1"

# shellcheck disable=SC2054 # the commas are QEMU's
machine=(
	-M virt,gic-version=3,iommu=smmuv3,virtualization=on -cpu neoverse-n1
	-accel tcg,thread=multi -smp "${SMP:-2}" -m 1536
	-display none -no-reboot -nic none -monitor none
	-device edu,dma_mask=0xffffffffffffffff,addr=4
	-device edu,dma_mask=0xffffffffffffffff,addr=5
	-drive "if=none,id=disk0,format=raw,file=${disk}0"
	-drive "if=none,id=disk1,format=raw,file=${disk}1"
	-device nvme,drive=disk0,serial=zero,addr=8
	-device nvme,drive=disk1,serial=one,addr=9
	-kernel "$dir/Image" -initrd "${INITRD:-$dir/initramfs}"
	-serial stdio -serial "file:$kernel_log"
	-append "console=ttyAMA1 loglevel=7 panic=-1 deferred_probe_timeout=60 nested.run=$suite $*"
)
[ "${FIRMWARE-}" != uefi ] || machine+=(-bios "$dir/root/share/QEMU_EFI.fd")

# UEFI clears a screen before the first line that is ours.
: >"$kernel_log"
tools timeout -k 5 "${LIMIT:-300}" "$QEMU" "${machine[@]}" </dev/null |
	sed -u -e 's/\r*$//' -e '/^UEFI firmware/d' -e 's/.*\x1b\[[0-9;=]*[A-Za-z]//' |
	tee "$output" | sed -u '/^nested: exit=/d' || true

status=$(sed -n 's/^nested: exit=//p' "$output" | tail -n 1)
if [ -z "$status" ]; then
	echo "the machine did not finish; the end of its kernel log:"
	tail -n 15 "$kernel_log" | sed 's/^/    | /'
	exit 125
fi
exit "$status"
