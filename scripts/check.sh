#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# check.sh [SUITE...]: builds what is missing, runs the suites (without a name:
# all), prints what failed and, as the last line, "N passed, N failed, N skipped".
# A suite is a script in scripts/suite that prints TAP; file descriptor 3 is for
# the progress of builds. The results stay in build/results.

. "$(dirname "$0")/lib.sh"

# Quick ones first: who broke the format should not wait for the kernels.
suites=(build lint host-test rustdoc kunit selftests selftests-smp4 coherency
	dma-api reload reference overlay sanitizers)

if [ "${1-}" = --list ]; then
	printf '%s\n' "${suites[@]}"
	exit 0
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
		echo "not ok - $name ended with exit code $status, see build/log/suite-$name.log" >>"$tap"
	elif [ $((passed + failed + skipped)) = 0 ]; then
		echo "not ok - $name tested nothing, see build/log/suite-$name.log" >>"$tap"
	fi
	read -r passed failed skipped < <(count "$tap")
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	printf '[%4d.%ds] %-16s%4d passed,%3d failed,%3d skipped\n' $((ms / 1000)) \
		$((ms % 1000 / 100)) "$name" "$passed" "$failed" "$skipped"
	# Each failure with the diagnostics that follow it; each reason to skip.
	awk '/^not ok / { print "    " $0; show = 1; next }
		/^ok .*# SKIP/ { print "    " $0; show = 0; next }
		/^#/ && show && shown[NR - FNR]++ < 200 { print "      " $0; next }
		{ show = 0 }' "$tap"
}

mkdir -p "$results" "$log"
if [ $# -gt 0 ]; then
	suites=("$@")
	for name; do
		[ -x "$root/scripts/suite/$name" ] || die "no suite $name: there are $("$0" --list | tr '\n' ' ')"
	done
fi
rm -f "$results"/*.tap
for name in "${suites[@]}"; do
	run_suite "$name"
done
read -r passed failed skipped < <(count "$results"/*.tap)
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
