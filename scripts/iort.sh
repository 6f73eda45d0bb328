#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# iort.sh VARIANT: packs build/VARIANT/iort.cpio, for TABLES= of qemu.sh: the IORT
# of that machine, saying CANWBS of its root complexes: that a device cannot bypass
# the caches, without which the C driver does not nest.

. "$(dirname "$0")/lib.sh"

variant=$1
dir=$build/$variant
output=$dir/iort.cpio

# The table as the machine has it, then bit 2 of the memory access flags, byte 23
# of each node of type 2, a newer OEM revision (byte 24) and the checksum (byte 9).
pack() {
	FIRMWARE=uefi "$root/scripts/qemu.sh" "iort-$variant" "$variant" tables \
		nested.driver=none | sed -n 's/^# IORT: //p' | tools base64 -d >"$dir/iort.aml"
	# shellcheck disable=SC2016 # Perl's own $
	tools perl -0777 -e '
		$table = <>;
		($nodes, $at) = unpack("x36 V V", $table);
		while ($nodes--) {
			($type, $length) = unpack("x$at C v", $table);
			vec($table, $at + 23, 8) |= 4, $done++ if $type == 2;
			$at += $length;
		}
		$done or die "no root complex in the table";
		vec($table, 24, 8)++;
		vec($table, 9, 8) = (vec($table, 9, 8) - unpack("%8C*", $table)) & 255;
		print $table' "$dir/iort.aml" >"$output.table"
	pack_table "$output.table" "$output"
}

unless_fresh "iort-$variant" "$output" "$root/scripts/qemu.sh" "$build/stamp/kernel-arm64" \
	"$build/stamp/toolbox"
step "iort-$variant" "an IORT with CANWBS for $variant" pack
done_fresh
