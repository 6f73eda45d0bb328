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
		[ $tries -lt 100 ] || { say disks missing && return 1; }
		usleep 50000
	done
}

# The virtual SMMUs, and in which kind of domain each disk is.
job_setup() {
	local smmu disk
	for smmu in /sys/class/iommu/*; do
		say smmu "${smmu##*/}" "$(ls "$smmu/devices" | tr '\n' ' ')"
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
				for (i = 2; $i ~ /^[0-9]+$/; i++); print $i; exit
			}' /proc/interrupts)"
	done
}

# edu, without a driver. Registers: 0x80 source, 0x88 destination, 0x90 length,
# 0x98 command: bit 0 runs it and reads as set until done, bit 1 is for a transfer
# to memory. EDU_BUFFER is edu's own address of its memory.
EDU_BUFFER=0x40000

# edu_find: sets edu to its PCI address and bar to that of its registers
edu_find() {
	edu=$(grep -l 0x11e8 $DEVICES/*/device) || { say edu missing && return 1; }
	edu=${edu%/device}
	echo 1 >"$edu/enable"
	printf '\006' | dd of="$edu/config" bs=1 seek=4 conv=notrunc 2>/dev/null
	bar=$(head -n 1 "$edu/resource" | cut -d' ' -f1)
	edu=${edu##*/}
}

edu_run() { # SOURCE DESTINATION LENGTH COMMAND
	local tries=0
	devmem $((bar + 0x80)) 64 "$1"
	devmem $((bar + 0x88)) 64 "$2"
	devmem $((bar + 0x90)) 64 "$3"
	devmem $((bar + 0x98)) 64 "$4"
	while [ $(($(devmem $((bar + 0x98)) 64) & 1)) = 1 ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { say edu hangs && return 1; }
		usleep 20000
	done
}

# A transfer from an address that nothing is mapped at.
job_fault() {
	local event tries=0
	edu_find && edu_run 0x7654321000 $EDU_BUFFER 4 1 || return
	until event=$(dmesg | grep 'event: '); do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || break
		usleep 50000
	done
	say fault "$edu" "$(echo "$event" | head -n 1 | sed 's/.*event: //')"
}

# edu fetches what the processor has put into memory that Linux does not use
# (mem=128M), and stores it next to that. For a guest with iommu.passthrough=1.
job_secret() {
	local address=0x48800000 put
	devmem $address 32 "0x$(cut -c1-8 /proc/sys/kernel/random/uuid)"
	devmem $((address + 0x100)) 32 0
	put=$(devmem $address 32)
	edu_find && edu_run $address $EDU_BUFFER 8 1 &&
		edu_run $EDU_BUFFER $((address + 0x100)) 8 3 || return
	say secret $address "$put" "$(devmem $((address + 0x100)) 32)"
}

# Fills the virtual SMMU's command queue with TLBI_NH_ALL, behind its driver's
# back, and has it run 256 of them again and again; edu faults meanwhile.
# Registers: 0x90 CMDQ_BASE, with the queue's log2 size in bits 4:0, 0x98
# CMDQ_PROD, 0x9c CMDQ_CONS, both with one bit more than an index has.
job_flood() {
	local smmu base size
	smmu=0x$(grep -m 1 -i smmu /proc/iomem | cut -d- -f1 | tr -d ' ')
	base=$(devmem $((smmu + 0x90)) 64)
	size=$((1 << (base & 31)))
	base=$((base & 0xfffffffffffe0))
	edu_find || return
	printf '\020\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' >/queue
	until [ "$(stat -c %s /queue)" -ge $((size * 16)) ]; do
		cat /queue /queue >/double
		mv /double /queue
	done
	dd if=/queue of=/dev/mem bs=4096 seek=$((base / 4096)) conv=notrunc 2>/dev/null
	while true; do
		edu_run 0x7654321000 $EDU_BUFFER 0x1000 1
	done &
	say flood
	while true; do
		devmem $((smmu + 0x98)) 32 \
			$(($(devmem $((smmu + 0x9c)) 32) + 256 & (2 * size - 1)))
	done
}

# Reboots once. Every word of a new disk is its own offset, so that the first
# word of the second half tells whether it was written to.
job_reboot() {
	local disk
	disk=$(disks | head -n 1)
	if dd if="$disk" bs=1M skip=$MIB count=1 2>/dev/null | head -c 8 | xxd -p |
		grep -q ^00004; then
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
