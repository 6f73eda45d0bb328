#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# qemu.sh NAME VARIANT SUITE [PARAMETER...]: boots the kernel of VARIANT in the
# emulated machine and runs tools/testing/initramfs/suite/SUITE. What the suite
# prints comes out here; the kernel's messages go to build/log/NAME.kernel.log.
# PARAMETERs are added to the kernel command line. SMP=, MEM= and LIMIT= (in
# seconds) change the machine. The exit code is that of the suite.

. "$(dirname "$0")/lib.sh"

name=$1 variant=$2 suite=$3
shift 3
dir=$build/$variant
kernel_log=$log/$name.kernel.log
disk=$build/nvme.img
mkdir -p "$log"

if [ ! -e "$disk" ]; then
	"$root/scripts/disk.sh" >"$disk.tmp"
	mv "$disk.tmp" "$disk"
fi

# One processor: virtual time jumps to the next timer when the machine idles, so
# that waiting for the device's slow DMA costs nothing. More processors shall
# really run at the same time, by the clock on the wall.
# shellcheck disable=SC2054 # the commas are QEMU's
accel=(-accel tcg,thread=multi)
[ "${SMP:-1}" != 1 ] || [ "$suite" = shell ] || accel=(-accel tcg -icount "shift=1,sleep=off")

# shellcheck disable=SC2054 # the commas are QEMU's
machine=(
	-M virt,gic-version=3,iommu=smmuv3 -global arm-smmuv3.stage=nested
	-cpu max,pauth-impdef=on "${accel[@]}" -smp "${SMP:-1}" -m "${MEM:-512}"
	-display none -no-reboot -nic none
	-device edu,dma_mask=0xffffffffffffffff,addr=4
	-device edu,dma_mask=0xffffffffffffffff,addr=5
	-device edu,dma_mask=0xffffffffffffffff,addr=6
	-drive "if=none,id=disk,format=raw,snapshot=on,file=$disk"
	-device nvme,drive=disk,serial=nested,addr=8
	-kernel "$dir/Image" -initrd "$dir/initramfs.gz"
)
command_line="console=ttyAMA1 loglevel=7 panic=-1 deferred_probe_timeout=60 nested.run=$suite"
# The disk answers by the host's clock, which the machine's may outrun.
command_line+=" nvme_core.io_timeout=600 nvme_core.admin_timeout=600"

if [ "$suite" = shell ]; then
	[ -t 0 ] || die "the shell needs a terminal"
	tools "$QEMU" "${machine[@]}" -serial mon:stdio -serial "file:$kernel_log" \
		-append "$command_line nested.tty=1 $*"
	exit
fi

[ ! -t 1 ] || command_line+=" nested.tty=1"
: >"$kernel_log"
output=$log/$name.out
tools timeout -k 5 "${LIMIT:-600}" "$QEMU" "${machine[@]}" -monitor none \
	-serial stdio -serial "file:$kernel_log" -append "$command_line $*" </dev/null |
	sed -u 's/\r*$//' | tee "$output" | sed -u '/^nested: exit=/d' || true

status=$(sed -n 's/^nested: exit=//p' "$output" | tail -n 1)
if [ -z "$status" ]; then
	echo "the machine did not finish; the end of its kernel log:"
	tail -n 15 "$kernel_log" | sed 's/^/    | /'
	exit 125
fi
exit "$status"
