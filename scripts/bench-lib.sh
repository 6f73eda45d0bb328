# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # sourced: the variables are for the scripts
#
# What the bench's scripts share: the machine. Time in it is a count of
# instructions where nothing comes from outside: no clock, no entropy, no disk.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$ARCH" = arm64 ] || die "there is no bench for ARCH=$ARCH"

bench=$build/bench
counted=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
parallel=(-accel "tcg,thread=multi" -smp 4)
ours=(nested.driver=ours nested.params=nesting_coherency=trust)
theirs=(nested.driver=c)

# machine NAME OPTION... -- ARGS PARAMETER...: sets command to QEMU's command line,
# with OPTIONs for QEMU, ARGS for the suite and PARAMETERs for the kernel. Who runs
# it says where the two serial lines go: the suite's and the kernel's.
machine() {
	local edu=edu,dma_mask=0xffffffffffffffff slot append options=()
	kernel_log=$log/$1.kernel.log
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	append="console=ttyAMA1 loglevel=7 panic=-1 deferred_probe_timeout=60 nested.run=bench"
	append+=" hugepagesz=1G hugepages=1 nested.args=${*:2}"
	# shellcheck disable=SC2054 # the commas are QEMU's
	command=("$QEMU" -M "virt,gic-version=3,iommu=smmuv3,dtb-randomness=off"
		-global arm-smmuv3.stage=nested -cpu "max,pauth-impdef=on" -m 3072
		"${options[@]}" -seed 1 -rtc "base=2026-01-01,clock=vm"
		-display none -no-reboot -nic none
		-kernel "$out/Image" -initrd "$bench/initramfs"
		-append "$append")
	for slot in 4 5 6 7; do
		command+=(-device "$edu,addr=$slot")
	done
}

# run_machine: its output, without what is for us; 125 if it did not finish
run_machine() {
	local status output=$bench/output
	: >"$kernel_log"
	tools timeout -k 5 "${LIMIT:-900}" "${command[@]}" -monitor none -serial stdio \
		-serial "file:$kernel_log" </dev/null |
		sed 's/\r*$//' >"$output" || true
	sed '/^nested: exit=/d' "$output"
	status=$(sed -n 's/^nested: exit=//p' "$output" | tail -n 1)
	if [ -z "$status" ]; then
		tail -n 15 "$kernel_log" | sed 's/^/    | /' >&2
		die "the machine did not finish; its kernel log is ${kernel_log#"$root/"}"
	fi
	return "$status"
}
