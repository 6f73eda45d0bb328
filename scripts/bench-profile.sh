#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# bench-profile.sh OPERATION [ours|c]: which functions the instructions of one
# operation of the bench are in, by QEMU's log of each instruction. All of a round
# is counted, also what the bench does not time: attaching back, unmapping again.
# How often each address was executed: build/bench/ARCH/profile.addresses.

. "$(dirname "$0")/bench-lib.sh"

operation=${1-} driver=${2-ours}
[ -n "$operation" ] || die "which operation? build/bench/$ARCH/ours.1 has their names"
output=$bench/profile.out
trace=$bench/profile.trace

case $driver in
ours) parameters=("${ours[@]}") ;;
c) parameters=("${theirs[@]}") ;;
*) die "$driver is neither ours nor c" ;;
esac

# The monitor turns the log on once the loop has begun, and ends the machine.
look() {
	local tries=0
	coproc monitor { tools timeout -k 5 500 "${command[@]}" -monitor stdio \
		-serial "file:$output" -serial "file:$kernel_log" -D "$trace"; }
	until grep -q '^iommu_bench: looping' "$output"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || die "the loop did not begin: see ${output#"$root/"}"
		sleep 0.5
	done
	printf '%s\n' 'one-insn-per-tb on' 'log exec,nochain' >&"${monitor[1]}"
	sleep 3
	printf '%s\n' 'log none' quit >&"${monitor[1]}"
	# shellcheck disable=SC2154 # coproc sets it
	wait "$monitor_PID" || true
}

"$root/scripts/bench-build.sh"
rm -f "$trace"
: >"$output"
prefix=$(prefix_of "$operation")
machine bench-profile "$prefix" "${counted[@]}" -- "loop,${operation#"$prefix"}" "${parameters[@]}"
step bench-profile "bench: look at $operation" look
{
	sed -n 's/\r*$//; s/^symbol //p' "$output"
	tools "$machine_arch-linux-gnu-nm" "$out/selftests/iommu_bench"
} >"$bench/profile.symbols"
tools perl "$root/scripts/bench-profile.pl" "$bench/profile.symbols" "$trace" \
	"$bench/profile.addresses" | tools c++filt | sed 's/\[[0-9a-f]\{16\}\]//g'
rm -f "$trace"
