# SPDX-License-Identifier: GPL-2.0
# What the suites of the host share: devices for guests, guests, and what must
# be true of them.

nvme_devices() {
	grep -l 0x010802 $PCI/*/class | awk -F/ '{ print $(NF - 1) }'
}

edu_addresses() {
	edu_devices | awk -F/ '{ print $NF }'
}

# bind_disks: as bind_vfio does for edu, but the disks may have a driver already.
bind_disks() {
	local device
	for device in $(nvme_devices); do
		echo vfio-pci >"$PCI/$device/driver_override"
		[ ! -e "$PCI/$device/driver" ] || echo "$device" >"$PCI/$device/driver/unbind"
		echo "$device" >/sys/bus/pci/drivers_probe
		[ -d "$PCI/$device/vfio-dev" ] || return 1
	done
}

# vm_start NAME JOBS "DEVICE..." [PARAMETER...]: a guest with DEVICEs, PCI
# addresses of the host, behind one virtual SMMU. "/" in between begins another.
# What it says is in /tmp/NAME.out, its kernel's messages in /tmp/NAME.kernel, its
# QEMU's in /tmp/NAME.qemu. PARAMETERs are for its kernel, VM_OPTIONS for QEMU.
# The kernel is to be quiet: it takes a millisecond to trap each character.
vm_start() {
	local name=$1 devices=$3 device bus smmu=0 port=0 append="vm.run=$2"
	shift 3
	append="console=ttyAMA1 loglevel=3 panic=-1 deferred_probe_timeout=60 $append $*"
	set --
	for device in / $devices; do
		if [ "$device" = / ]; then
			smmu=$((smmu + 1))
			bus=pcie.0
			if [ $smmu -gt 1 ]; then
				bus=bus$smmu
				set -- "$@" \
					-device "pxb-pcie,id=$bus,bus_nr=$((smmu * 16)),bus=pcie.0"
			fi
			set -- "$@" \
				-device "arm-smmuv3,primary-bus=$bus,id=smmu$smmu,accel=on"
			continue
		fi
		port=$((port + 1))
		local id="id=port$port,bus=$bus"
		set -- "$@" \
			-device "pcie-root-port,$id,chassis=$port,slot=$port" \
			-device "vfio-pci,host=$device,bus=port$port,iommufd=iommufd0"
	done
	qemu-system-aarch64 -M virt,gic-version=3,accel=kvm -cpu host -smp 1 -m 192 \
		-bios /share/QEMU_EFI.fd -kernel /guest/Image -initrd /guest/initramfs.gz \
		-append "$append" -display none -nic none -monitor none ${VM_OPTIONS:--no-reboot} \
		-serial "file:/tmp/$name.out" -serial "file:/tmp/$name.kernel" \
		-object iommufd,id=iommufd0 "$@" </dev/null >"/tmp/$name.qemu" 2>&1 &
	echo $! >"/tmp/$name.pid"
}

# vm_says NAME KEY: the rest of the line, of each such line.
vm_says() {
	sed -n "s/\r*\$//; s/^.*guest: $2 *//p" "/tmp/$1.out" 2>/dev/null
}

vm_runs() {
	kill -0 "$(cat "/tmp/$1.pid")" 2>/dev/null
}

# vm_blame NAME: shows what is known of a guest that did not do what it should.
vm_blame() {
	local part
	for part in qemu kernel out; do
		tail -n 12 "/tmp/$1.$part" 2>/dev/null | sed "s/\r*\$//; s/^/# $part: /"
	done
}

# vm_reaches NAME KEY SECONDS: until the guest has said so.
vm_reaches() {
	local tries=$(($3 * 20))
	until grep -q "guest: $2" "/tmp/$1.out" 2>/dev/null; do
		tries=$((tries - 1))
		if [ $tries = 0 ] || ! vm_runs "$1"; then
			vm_blame "$1"
			return 1
		fi
		usleep 50000
	done
}

# vm_is_gone NAME: waits for that; its kernel's messages join the host's.
vm_is_gone() {
	local tries=100
	while vm_runs "$1"; do
		tries=$((tries - 1))
		[ $tries != 0 ] || { vm_blame "$1" && return 1; }
		usleep 50000
	done
	sed "s/^/$1: /" "/tmp/$1.kernel" >/dev/ttyAMA1
}

# vm_ends NAME SECONDS: until the guest has done its jobs and powered off.
vm_ends() {
	vm_reaches "$1" finished "$2" && vm_is_gone "$1"
}

vm_stop() {
	kill "$(cat "/tmp/$1.pid")" && vm_is_gone "$1"
}

vm_kill() {
	kill -KILL "$(cat "/tmp/$1.pid")" && vm_is_gone "$1"
}

# seen NAME COMMAND...: a point about what our driver shows in debugfs.
seen() {
	if [ "$NESTED_DRIVER" = ours ]; then
		point "$@"
	else
		points=$((points + 1))
		echo "ok $points $1 # SKIP only our driver shows it"
	fi
}

smmu_file() {
	cat /sys/kernel/debug/iommu_nested.*/"$1"
}

# trace_begins: from now on our driver's trace events are recorded.
trace_begins() {
	mount -t tracefs none /sys/kernel/tracing &&
		echo 1 >/sys/kernel/tracing/events/iommu_nested/enable
}

# traced EVENT: what was recorded of it, a line each time.
traced() {
	sed -n "s/.*: iommu_nested_$1: //p" /sys/kernel/tracing/trace
}

domain_is() { # NAME DISK TYPE
	vm_says "$1" domain | sed 's/^/# domain: /'
	vm_says "$1" domain | grep -qx "$2 $3"
}

# streams_are KIND DEVICE...: how the host's SMMU translates for the devices.
streams_are() {
	local kind=$1 device
	shift
	for device; do
		smmu_file streams | grep -F " $device: " | sed 's/^/# stream: /'
		smmu_file streams | grep -qF " $device: $kind " || return 1
	done
}

# disk_reads NAME: each disk's first half is as the outside says, and there is one.
disk_reads() {
	vm_says "$1" read | sed 's/^/# read: /'
	[ "$(vm_says "$1" read | awk '{ print $2 }' | sort -u)" = "$NESTED_EXPECT" ]
}

disk_writes() {
	vm_says "$1" wrote | sed 's/^/# wrote: /'
	vm_says "$1" wrote | awk '{ count++; if ($2 != $3) bad = 1 } END { exit bad || !count }'
}

interrupts_rise() {
	vm_says "$1" interrupts | sed 's/^/# interrupts: /'
	vm_says "$1" interrupts |
		awk '{ count++; if ($3 <= $2) bad = 1 } END { exit bad || !count }'
}

nothing_left() {
	smmu_file guests | sed 's/^/# left: /'
	smmu_file streams | grep -F nested | sed 's/^/# left: /'
	[ -z "$(smmu_file guests)" ] && ! smmu_file streams | grep -qF nested
}
