# SPDX-License-Identifier: GPL-2.0
# What a guest can be told to do. Half of each disk is only read, half written.

DEVICES=/sys/bus/pci/devices
MIB=4

say() {
	echo "guest: $*"
}

disks() {
	ls -d /dev/nvme?n1 2>/dev/null
}

# wait_for_disks: until each NVMe controller has shown its disk.
wait_for_disks() {
	local tries=0 count
	count=$(grep -l 0x010802 $DEVICES/*/class | wc -l)
	until [ "$(disks | wc -l)" -ge "$count" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { say "disks missing: $(disks | wc -l) of $count" && return 1; }
		usleep 50000
	done
}

# The virtual SMMUs, and in which kind of domain each disk is.
job_setup() {
	local smmu disk
	for smmu in /sys/class/iommu/*; do
		say smmu "${smmu##*/}" $(ls "$smmu/devices")
	done
	for disk in /sys/block/nvme*; do
		say domain "${disk##*/}" "$(cat "$disk/device/device/iommu_group/type")"
	done
}

sum_of() { # FILE FIRST_MIB
	dd if="$1" bs=1M skip="$2" count=$MIB 2>/dev/null | sha256sum | cut -d' ' -f1
}

job_read() {
	local disk
	for disk in $(disks); do
		blockdev --flushbufs "$disk"
		say read "${disk##*/}" "$(sum_of "$disk" 0)"
	done
}

job_write() {
	local disk
	for disk in $(disks); do
		dd if=/dev/urandom of=/pattern bs=1M count=$MIB 2>/dev/null
		dd if=/pattern of="$disk" bs=1M seek=$MIB conv=fsync 2>/dev/null
		blockdev --flushbufs "$disk"
		say wrote "${disk##*/}" "$(sum_of /pattern 0)" "$(sum_of "$disk" $MIB)"
	done
}

# interrupts_of DISK: how many its controller has raised, on all vectors.
interrupts_of() {
	awk -v name="${1%n1}q" 'index($0, name) {
		for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i
	} END { print sum + 0 }' /proc/interrupts
}

job_interrupts() {
	local disk before after
	for disk in $(disks); do
		disk=${disk##*/}
		before=$(interrupts_of "$disk")
		blockdev --flushbufs "/dev/$disk"
		sum_of "/dev/$disk" 0 >/dev/null
		after=$(interrupts_of "$disk")
		say interrupts "$disk" "$before" "$after" \
			"$(awk -v name="${disk%n1}q" 'index($0, name) {
				for (i = 2; $i ~ /^[0-9]+$/; i++); print $i; exit }' /proc/interrupts)"
	done
}

# edu, without a driver: its DMA engine fetches from an address that nothing is
# mapped at. Registers: 0x80 source, 0x88 destination, 0x90 length, 0x98 command.
job_fault() {
	local edu bar event tries=0
	edu=$(grep -l 0x11e8 $DEVICES/*/device) || { say fault "no edu" && return; }
	edu=${edu%/device}
	echo 1 >"$edu/enable"
	printf '\006' | dd of="$edu/config" bs=1 seek=4 conv=notrunc 2>/dev/null
	bar=$(cut -d' ' -f1 "$edu/resource" | head -n 1)
	devmem $((bar + 0x80)) 64 0x7654321000
	devmem $((bar + 0x88)) 64 0x40000
	devmem $((bar + 0x90)) 64 0x100
	devmem $((bar + 0x98)) 64 1
	until event=$(dmesg | grep 'event: '); do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || break
		usleep 50000
	done
	say fault "${edu##*/}" "$(echo "$event" | head -n 1 | sed 's/.*event: //')"
}

# Reboots once. Every word of a new disk is its own offset, so that the first
# word of the second half tells whether it was written to.
job_reboot() {
	local disk
	disk=$(disks | head -n 1)
	if dd if="$disk" bs=1M skip=$MIB count=1 2>/dev/null | head -c 8 | xxd -p | grep -q ^00004; then
		say booted first
		job_write
		reboot -f
	fi
	say booted again
}

# Reads until it is stopped.
job_busy() {
	local disk
	say busy
	while true; do
		for disk in $(disks); do
			blockdev --flushbufs "$disk"
			sum_of "$disk" 0 >/dev/null
		done
	done
}

# Says so, and waits to be stopped.
job_stay() {
	say stay
	sleep 3600
}
