#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Without an option  measures our driver and the kernel's C driver on one kernel,
#                    compares, and says which goals are met; the exit code is 0 if
#                    all are. Results: bench.json, bench.svg, table.rst in
#                    build/bench/ARCH.
# --quick [OPERATION]
#                    counts the instructions of our driver only, once
# --doc              puts the last results into Documentation/iommu-nested/bench.rst
#
# BENCH_RUNS= is how often instructions are counted (2; all must be the same),
# BENCH_PAIRS= how many pairs of runs compare contended submission (7), BENCH_MS=
# how long each of the measurements in them takes (40).

. "$(dirname "$0")/bench-lib.sh"

: "${BENCH_RUNS:=2}" "${BENCH_PAIRS:=7}" "${BENCH_MS:=40}"
report=$root/scripts/bench-report.pl
document=$root/Documentation/iommu-nested/bench.rst
begin=".. Results of $ARCH: made by --doc, not by hand"
end=".. End of results of $ARCH"

# count_on PREFIX NAME ARGS PARAMETER...: a boot that counts instructions
count_on() {
	machine "bench-$1$2" "$1" "${counted[@]}" -- "${@:3}"
	run_machine | sed "s/^bench /&$1/"
}

# All of them, JOBS at a time: what else the host does is nothing to them. Counts of
# NAME's run N on the hardware PREFIX are in part.NAME.N.PREFIX at first.
count_all() {
	local run name prefix parameters running=0
	for ((run = 1; run <= BENCH_RUNS; run++)); do
		for name in c ours; do
			parameters=("${ours[@]}")
			[ $name = ours ] || parameters=("${theirs[@]}")
			for prefix in "${prefixes[@]}"; do
				if [ $running -ge "$JOBS" ]; then
					wait -n
					running=$((running - 1))
				fi
				count_on "$prefix" "$name.$run" count "${parameters[@]}" \
					>"$bench/part.$name.$run.$prefix" &
				running=$((running + 1))
			done
		done
	done
	while [ $running -gt 0 ]; do
		wait -n
		running=$((running - 1))
	done
	for ((run = 1; run <= BENCH_RUNS; run++)); do
		for name in c ours; do
			cat "${prefixes[@]/#/$bench/part.$name.$run.}" >"$bench/$name.$run"
		done
	done
}

contending() {
	machine bench-contend "" "${parallel[@]}" -- "contend,$BENCH_MS,$BENCH_PAIRS" \
		"${ours[@]}"
	run_machine >"$bench/contend"
}

# identical NAME: do all runs of NAME have the very same counts?
identical() {
	local run
	for ((run = 2; run <= BENCH_RUNS; run++)); do
		diff -u "$bench/$1.1" "$bench/$1.$run" || return 1
	done
}

versions() {
	local config=$kdir/.config
	echo "Linux $(tools make -s -C "$ksrc" kernelversion)"
	sed -n -e 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' \
		-e 's/^CONFIG_RUSTC_VERSION_TEXT="\(.*\)"/\1/p' "$config"
	tools "$QEMU" --version | head -n 1
	git -C "$root" describe --always --dirty 2>/dev/null | sed 's/^/iommu_nested /'
}

# The last machine's command line, for people
command_line() {
	local word
	for word in "${command[@]//"$root/"/}"; do
		case $word in
		*" "*) printf '"%s" ' "$word" ;;
		*) printf '%s ' "$word" ;;
		esac
	done | fold -s -w 90 | sed 's/ *$//; $!s/$/ \\/'
}

into_document() {
	[ -s "$bench/table.rst" ] || die "no results yet: run make bench"
	awk -v table="$bench/table.rst" -v begin="$begin" -v end="$end" '
		$0 == end { skip = 0 }
		!skip { print }
		$0 == begin {
			skip = 1
			print ""
			while ((getline line <table) > 0) print line
			print ""
		}' "$document" >"$bench/bench.rst"
	cp "$bench/bench.rst" "$document"
}

case ${1-} in
--doc)
	into_document
	exit 0
	;;
--quick)
	"$root/scripts/bench-build.sh"
	if [ $# = 1 ]; then
		for prefix in "${prefixes[@]}"; do
			count_on "$prefix" quick count "${ours[@]}"
		done >"$bench/quick"
	else
		prefix=$(prefix_of "$2")
		count_on "$prefix" quick "count,${2#"$prefix"}" "${ours[@]}" >"$bench/quick"
	fi
	tools perl "$report" "$ARCH" --quick "$bench/quick" "$bench/bench.json"
	exit 0
	;;
"") ;;
*) die "$1 is unknown: see the head of $0" ;;
esac

"$root/scripts/bench-build.sh"
rm -f "$bench"/{c,ours,part}.* "$bench/contend"
step bench-count "bench: instructions, $BENCH_RUNS runs of each driver" count_all
machine bench-ours "" "${counted[@]}" -- count "${ours[@]}"
command_line >"$bench/command"
for name in c ours; do
	identical $name || die "the counts of two runs differ (above): not a measurement"
done
# The kernel has the C driver of VT-d built in: it can't take turns with ours.
[ "$ARCH" != arm64 ] ||
	step bench-contend "bench: contended submission, $BENCH_PAIRS pairs of runs" contending
versions >"$bench/versions"
tools perl "$report" "$ARCH" "$bench"
