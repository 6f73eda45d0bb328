# SPDX-License-Identifier: GPL-2.0
# What init and the suites share.

PCI=/sys/bus/pci/devices

edu_devices() {
	grep -l 0x11e8 $PCI/*/device 2>/dev/null | xargs -r -n 1 dirname
}

load_driver() {
	case $NESTED_DRIVER in
	ours) insmod /modules/iommu_nested.ko $NESTED_PARAMS ;;
	c) insmod /modules/arm_smmu_v3.ko ;;
	builtin | none) ;;
	*) echo "init: nested.driver=$NESTED_DRIVER is unknown" && false ;;
	esac
}

unload_driver() {
	case $NESTED_DRIVER in
	ours) rmmod iommu_nested ;;
	c) rmmod arm_smmu_v3 ;;
	esac
}

# The PCI host waits for its IOMMU: its devices appear once the driver is there.
wait_for_devices() {
	[ "$NESTED_DRIVER" != none ] || return 0
	local tries=0
	until [ -n "$(edu_devices)" ] && [ -e "$(edu_devices | tail -n 1)/iommu_group" ]; do
		tries=$((tries + 1))
		if [ $tries = 100 ]; then
			echo "init: no edu device with an IOMMU group after 10 seconds"
			return 1
		fi
		usleep 100000
	done
}

# The modules of other devices. Without a device tree nothing makes a device wait for
# its IOMMU: a driver that is there first does DMA which no IOMMU translates.
load_others() {
	local module
	for module in nvme-core nvme; do
		[ ! -e /modules/$module.ko ] || insmod /modules/$module.ko || return 1
	done
}

remove_devices() {
	local device
	for device in $PCI/*; do
		[ ! -e "$device/remove" ] || echo 1 >"$device/remove"
	done
}

bind_vfio() {
	[ "$NESTED_DRIVER" != none ] || return 0
	local device
	for device in $(edu_devices); do
		echo vfio-pci >"$device/driver_override"
		echo "${device##*/}" >/sys/bus/pci/drivers_probe || return 1
	done
}

# point NAME COMMAND...: one TAP point, numbered.
points=0
point() {
	local name=$1 not="not "
	shift
	points=$((points + 1))
	if "$@"; then
		not=
	fi
	echo "${not}ok $points $name"
}

# run_selftests PROGRAM: its points, to which those that follow are added.
run_selftests() {
	timeout -s KILL 900 "$1" $NESTED_ARGS | tee /tmp/selftests
	points=$((points + $(grep -c -E '^(not )?ok ' /tmp/selftests)))
}

# sample: the sample VMM on the first edu device
sample() {
	local device group status=0
	device=$(edu_devices | head -n 1)
	group=$(readlink "$device/iommu_group")
	timeout -s KILL 60 /tests/vfio_sample "${group##*/}" "${device##*/}" >/tmp/sample ||
		status=$?
	sed 's/^/# /' /tmp/sample
	return $status
}

reload() {
	remove_devices
	unload_driver && load_driver
}

# selftests_pass FIXTURE...: those selftests of iommufd as one point, as far as the
# IOMMU's program has them; what failed is shown as diagnostics.
selftests_pass() {
	local status=0 program=/tests/iommu_nested
	[ -x $program ] || program=/tests/vtd
	# A disk answers by the host's clock, and the machine's jumps while it waits.
	# shellcheck disable=SC2046 # each word is an argument
	timeout -s KILL 900 $program $(printf ' -f %s' "$@") >/tmp/selftests 2>&1 ||
		status=$?
	grep '^not ok' /tmp/selftests | sed 's/^/# /'
	# What was not finished has not said so.
	[ $status = 0 ] || tail -n 2 /tmp/selftests | sed 's/^/# /'
	return $status
}
