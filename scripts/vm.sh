#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds what is missing and shows a virtual machine at work on our driver: what
# the suite vm checks, and what it saw. With --build, only builds.

. "$(dirname "$0")/lib.sh"

belongs vm || die "there are no virtual machines for ARCH=$ARCH"
for part in root initramfs; do
	"$root/scripts/vm-$part.sh"
done
[ "${1-}" != --build ] || exit 0

start=${EPOCHREALTIME/./}
"$root/scripts/suite/vm" vm >"$results/vm.tap" 2>"$log/suite-vm.log" || true
awk '
	# What was seen comes before its point, but is shown below it. Numbered
	# points are of inside the emulated machine, the others of outside.
	/^# / { seen = seen "          " substr($0, 3) "\n"; next }
	/^(not )?ok / {
		bad = /^not/
		sub(/^(not )?ok ([0-9]+|-) /, "")
		printf "  %-6s%s\n%s", bad ? "FAILED" : "ok", $0, seen
		seen = ""
		count[bad]++
	}
	END {
		printf "%s", seen
		exit count[1] || !count[0]
	}' "$results/vm.tap" && status=0 || status=$?
ms=$(((${EPOCHREALTIME/./} - start) / 1000))
verdict="a virtual machine's disk works through nested translation"
[ $status = 0 ] || verdict=FAILED
printf '[%4d.%ds] vm: %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$verdict"
exit $status
