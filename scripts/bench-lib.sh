# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sourced: the variables are for the scripts
#
# What the bench's scripts share: the machine. Time in it is a count of
# instructions where nothing comes from outside: no clock, no entropy, no disk.

. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

bench=$build/bench/$ARCH
counted=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
parallel=(-accel "tcg,thread=multi" -smp 4)

# The kernel with the C driver, and how either driver gets the hardware. Operations on
# other hardware than the first have names that begin with a prefix.
case $ARCH in
arm64)
	kernel=arm64 kdir=${KDIR:-$out/linux}
	ours=(nested.driver=ours nested.params=nesting_coherency=trust)
	theirs=(nested.driver=c)
	prefixes=("")
	board+=,dtb-randomness=off memory=3072
	;;
x86_64)
	kernel=x86_64-bench kdir=$build/x86_64-bench/linux
	ours=(nested.driver=ours)
	theirs=(nested.driver=builtin "intel_iommu=on,sm_on")
	prefixes=("" first-)
	# So much that there is an aligned GiB of it in one piece
	memory=4096
	;;
esac
bench_module=$build/$kernel/iommu_nested.ko

# prefix_of OPERATION: the hardware's that it is on
prefix_of() {
	local prefix found=
	for prefix in "${prefixes[@]}"; do
		[[ $1 != "$prefix"* ]] || found=$prefix
	done
	echo "$found"
}

# machine NAME PREFIX OPTION... -- ARGS PARAMETER...: sets command to QEMU's command
# line, with the hardware that PREFIX stands for, OPTIONs for QEMU, ARGS for the suite
# and PARAMETERs for the kernel. Who runs it says where the two serial lines go: the
# suite's and the kernel's.
machine() {
	local slot append options=()
	kernel_log=$log/$1.kernel.log
	case $ARCH-$2 in
	x86_64-first-) options+=(-vga none -device "intel-iommu,$first_stage") ;;
	x86_64-) options+=(-vga none -device "intel-iommu,$second_stage") ;;
	esac
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	append="$machine_parameters nested.run=bench hugepagesz=1G hugepages=1"
	append+=" nested.args=${*:2}"
	# shellcheck disable=SC2054 # the commas are QEMU's
	command=("$QEMU" -M "$board" -cpu "$cpu" -m "$memory"
		"${options[@]}" -seed 1 -rtc "base=2026-01-01,clock=vm"
		-display none -no-reboot -nic none
		-kernel "$build/$kernel/Image" -initrd "$bench/initramfs"
		-append "$append")
	for slot in 4 5 6 7; do
		command+=(-device "$edu,addr=$slot")
	done
}

# run_machine: its output, without what is for us; 125 if it did not finish
run_machine() {
	local status output=${kernel_log%.kernel.log}.out
	: >"$kernel_log"
	tools timeout -k 5 "${LIMIT:-900}" "${command[@]}" -monitor none -serial stdio \
		-serial "file:$kernel_log" </dev/null |
		sed 's/\r*$//' >"$output" || true
	sed -n '/^bench /p' "$output"
	status=$(sed -n 's/^nested: exit=//p' "$output" | tail -n 1)
	if [ "${status:-125}" != 0 ]; then
		tail -n 15 "$output" | sed 's/^/    | /' >&2
		tail -n 15 "$kernel_log" | sed 's/^/    | /' >&2
		die "the machine did not finish; its kernel log is ${kernel_log#"$root/"}"
	fi
}
