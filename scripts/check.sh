#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# check.sh [all | SUITE...]: builds what is missing, runs the suites (without a name:
# those that need the two kernels only; all: those of the kernel's tree, too), prints
# what failed and, as the last line, "N passed, N failed, N skipped".
# A suite is a script in scripts/suite that prints TAP; file descriptor 3 is for
# the progress of builds. The results stay in build/results. Those that build run
# side by side, as no build keeps all processors busy all the time, and beside them
# what needs no kernel; then those that only test do, one more than there are JOBS, as
# some of them sleep.

. "$(dirname "$0")/lib.sh"

# This builds.
builders=(build)
# These need the toolbox only.
natives=(models host-test)
# These only test: the longest first.
testers=(vm vtd-vm lint vfio shadow rustdoc vtd reference selftests-smp4 vtd-first
	vtd-nested vtd-dma-api vtd-firmware vtd-reload kunit reload coherency selftests dma-api)
# The same with the driver in the kernel's tree, which is a kernel more: "all".
tree_builders=(overlay)
tree_testers=(sanitizers)
# These run only when named.
others=(kcsan vtd-in-use vtd-sanitizers)

if [ "${1-}" = --list ]; then
	printf '%s\n' "${builders[@]}" "${tree_builders[@]}" "${natives[@]}" \
		"${tree_testers[@]}" "${testers[@]}"
	exit 0
fi
[ "$ARCH" = arm64 ] || die "the suites test both architectures: leave ARCH=$ARCH out"
if [ $# != 0 ]; then
	builders+=("${tree_builders[@]}")
	testers=("${tree_testers[@]}" "${testers[@]}")
	if [ "$*" = all ]; then
		set --
	else
		testers+=("${others[@]}")
	fi
fi

# count FILE...: "PASSED FAILED SKIPPED"
count() {
	awk '/^ok / { if (/# SKIP/) skipped++; else passed++ }
		/^not ok / { failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$@"
}

run_suite() { # NAME
	local name=$1 start=${EPOCHREALTIME/./} status=0 passed failed skipped ms
	local tap=$results/$name.tap
	"$root/scripts/suite/$name" 3>&1 >"$tap" 2>"$log/suite-$name.log" </dev/null || status=$?
	read -r passed failed skipped < <(count "$tap")
	if [ $status != 0 ]; then
		echo "not ok - $name: exit code $status, see build/log/suite-$name.log" >>"$tap"
	elif [ $((passed + failed + skipped)) = 0 ]; then
		echo "not ok - $name: no test, see build/log/suite-$name.log" >>"$tap"
	fi
	read -r passed failed skipped < <(count "$tap")
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	# In one piece, as others run at the same time: each failure with its
	# diagnostics; each reason to skip with how often it came up.
	printf '%s\n' "$(
		printf '[%4d.%ds] %-16s%4d passed,%3d failed,%3d skipped\n' $((ms / 1000)) \
			$((ms % 1000 / 100)) "$name" "$passed" "$failed" "$skipped"
		awk '
			# Numbered points have their diagnostics before them, ours after.
			/^#/ && ours { print "      " $0; next }
			/^#/ { before = before "      " $0 "\n"; next }
			/^not ok / { print "    " $0; if (/^not ok [0-9]/) printf "%s", before }
			/^ok .*# SKIP/ { sub(/.*# SKIP */, ""); reasons[$0]++ }
			{ ours = /^not ok -/; before = "" }
			END { for (why in reasons) print "    " reasons[why] " skipped: " why }
		' "$tap"
	)"
}

for name; do
	[ -x "$root/scripts/suite/$name" ] ||
		die "no suite $name: there are $("$0" --list | tr '\n' ' ')"
done

# wanted NAME ARGUMENT...: is NAME among the arguments, or are there none?
wanted() {
	[ $# = 1 ] || [[ " ${*:2} " == *" $1 "* ]]
}

mkdir -p "$results" "$log"
taps=()

# start NAME: beside what runs already.
start() {
	run_suite "$1" &
	taps+=("$results/$1.tap")
}

# All need these. If they cannot be had, that is a failure of those that build.
make --no-print-directory -C "$root" toolbox source || true
building=()
for name in "${builders[@]}"; do
	wanted "$name" "$@" || continue
	start "$name"
	building+=($!)
done
for name in "${natives[@]}"; do
	! wanted "$name" "$@" || start "$name"
done
for job in "${building[@]}"; do
	wait "$job" || true
done
if wanted build "$@" && grep -q '^not ok' "$results/build.tap"; then
	echo "The build failed: only what needs no emulated machine is tested."
	testers=(lint)
fi
for name in "${testers[@]}"; do
	wanted "$name" "$@" || continue
	while [ "$(jobs -rp | wc -l)" -gt "$JOBS" ]; do
		wait -n || true
	done
	start "$name"
done
wait
read -r passed failed skipped < <(count "${taps[@]}")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
