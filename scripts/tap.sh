# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the suites share: TAP points, and runs of the emulated machine as points.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# on_x86_64 COMMAND...: runs COMMAND for the other architecture. What was said of the
# kernel, QEMU and BusyBox is about the first.
on_x86_64() {
	ARCH=x86_64 KDIR='' QEMU='' BUSYBOX='' "$@"
}

# point STATUS NAME: ok when STATUS is 0.
point() {
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
	fi
}

# try NAME COMMAND...: one point; on failure the end of the output follows.
try() {
	local name=$1 status=0 output
	shift
	output=$("$@" 2>&1) || status=$?
	point $status "$name"
	printf '%s\n' "$output" >&2
	[ $status = 0 ] || printf '%s\n' "$output" | tail -n 40 | sed 's/^/# /'
}

# try_once HASH NAME COMMAND...: as try, but what passed is not tried again until
# HASH, that of all it looks at, is another.
try_once() {
	local hash=$1 name=$2 stamp
	shift 2
	stamp=$build/stamp/passed-${name//[^A-Za-z0-9]/-}
	if [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then
		point 0 "$name (unchanged since it passed)"
		return
	fi
	rm -f "$stamp"
	try "$name" "$@" | tee "$stamp.tmp"
	! grep -q '^ok' "$stamp.tmp" || echo "$hash" >"$stamp"
	rm -f "$stamp.tmp"
}

# built_from_overlay VARIANT NAME: a kernel with the driver in its source tree, and what
# it boots into. Fails if that does.
built_from_overlay() {
	local status=0
	{
		"$root/scripts/selftests.sh" && "$root/scripts/overlay.sh" copy &&
			"$root/scripts/kernel.sh" "$1" && "$root/scripts/initramfs.sh" "$1"
	} >&3 2>&3 || status=$?
	point $status "$2 builds"
	return $status
}

# kernel_log_is_clean NAME: no report of any kind in the kernel's messages.
kernel_log_is_clean() {
	local file=$log/$1.kernel.log
	local reports='BUG:|WARNING:|Oops|KASAN:|UBSAN:|Kernel panic|Unable to handle|Call trace:'
	reports+='|INFO: task|rcu: INFO|INFO: possible|Invalid wait context|kmemleak: [0-9]+ new'
	reports+='|DMA-API: .*device driver|DMA-API: .*leak'
	if grep -qE "$reports" "$file"; then
		point 1 "kernel log is clean"
		grep -nE -A 30 "$reports" "$file" | awk 'NR <= 100 { sub(/\r/, ""); print "# " $0 }'
	else
		point 0 "kernel log is clean"
	fi
}

# machine NAME VARIANT SUITE PARAMETER...: the points that a suite prints inside
# the emulated machine, and whether it got as far as it had planned.
machine() {
	local name=$1 status=0 raw=$results/$1.raw planned seen finished
	shift
	"$root/scripts/qemu.sh" "$name" "$@" >"$raw" || status=$?
	grep -v -E '^(TAP version|1\.\.[0-9])' "$raw" || true
	planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$raw" | tail -n 1)
	seen=$(grep -c -E '^(not )?ok ' "$raw" || true)
	finished=1
	[ "$status" = 125 ] || [ "$seen" = 0 ] || [ "${planned:-none}" != "$seen" ] || finished=0
	point $finished "machine ran to the end: ${planned:-none} points planned, $seen seen"
}

# ends_with NAME PATTERN LAST: whether of the lines with PATTERN in the trace of that
# run of the machine, up to its end, the last one has LAST.
ends_with() {
	grep -- "$2" "$log/$1.trace" | tail -n 1 | grep -- "$3"
}

# guest NAME VARIANT SUITE PARAMETER...: the same, and the kernel's log.
guest() {
	machine "$@"
	kernel_log_is_clean "$1"
}
