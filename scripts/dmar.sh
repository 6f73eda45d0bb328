#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dmar.sh NAME: packs build/x86_64/dmar-NAME.cpio, for TABLES= of qemu.sh: a DMAR
# table for the emulated machine, instead of its own.

. "$(dirname "$0")/lib.sh"

name=$1
output=$build/x86_64/dmar-$name.cpio

# As Perl, with the functions below.
case $name in
# Devices by name, one of them behind a bridge. Memory that the first uses by itself;
# some that is not whole pages.
devices)
	table='1, unit(0, UNIT, endpoint(4), endpoint(5), endpoint(9, 0)),
		reserved(0x10002000, 0x10003fff, endpoint(4)),
		reserved(0x10004800, 0x100057ff, endpoint(4))'
	;;
# All that is behind a bridge; a unit that does not answer.
bridge)
	table='1, unit(0, UNIT, endpoint(4), bridge(9)), unit(0, 0xfed91000, endpoint(6))'
	;;
# A structure that goes beyond the table.
truncated)
	table='1, unit(ALL, UNIT), substr(unit(0, UNIT, endpoint(4)), 0, 12)'
	;;
unknown)
	table='9, unit(ALL, UNIT)'
	;;
# A unit beside QEMU, and the devices that it translates for, with caches of their own.
nests)
	table='1, unit(0, UNIT_BESIDE, map { endpoint($_) } 4, 5, 6),
		caches(map { endpoint($_) } 4, 5, 6)'
	;;
# The same with two.
two)
	table='1, unit(0, UNIT_BESIDE, endpoint(4), endpoint(5)),
		unit(0, UNIT_BESIDE + 0x1000, endpoint(6)),
		caches(map { endpoint($_) } 4, 5, 6)'
	;;
# The same with devices behind two root ports, of which the first lets translation requests
# through, or all do.
ports)
	table='1, unit(ALL, UNIT_BESIDE_PORTS), ports(0, bridge(1))'
	;;
all-ports)
	table='1, unit(ALL, UNIT_BESIDE_PORTS), ports(ALL)'
	;;
*) die "dmar.sh: unknown table $name" ;;
esac

# It has the names of the machine's own table and a newer OEM revision.
make_table() {
	# shellcheck disable=SC2016 # Perl's own $
	tools perl -e '
		use constant { ALL => 1, UNIT => 0xfed90000, UNIT_BESIDE => 0xfeb00000,
			UNIT_BESIDE_PORTS => 0xfe602000 };
		sub scope {
			my ($type, @path) = @_;
			pack("C C x4 (C x)*", $type, 6 + 2 * @path, @path)
		}
		sub endpoint { scope(1, @_) }
		sub bridge { scope(2, @_) }
		sub unit {
			my ($flags, $registers, @scopes) = @_;
			my $scopes = join("", @scopes);
			pack("v v C x3 Q< a*", 0, 16 + length($scopes), $flags, $registers,
				$scopes)
		}
		sub reserved {
			my ($first, $last, $scope) = @_;
			pack("v v x4 Q< Q< a*", 1, 24 + length($scope), $first, $last, $scope)
		}
		sub ports {
			my ($flags, @scopes) = @_;
			my $scopes = join("", @scopes);
			pack("v v C x v a*", 2, 8 + length($scopes), $flags, 0, $scopes)
		}
		sub caches {
			my $scopes = join("", @_);
			pack("v v C x v a*", 5, 8 + length($scopes), 0, 0, $scopes)
		}
		sub table {
			my ($revision, @structures) = @_;
			my $body = pack("C x11 a*", 38, join("", @structures));
			my $table = pack("a4 V C x a6 a8 V a4 V a*", "DMAR", 36 + length($body),
				$revision, "BOCHS ", "BXPC    ", 2, "TEST", 1, $body);
			vec($table, 9, 8) = -unpack("%8C*", $table) & 255;
			$table
		}
		binmode STDOUT;
		print eval "table($ARGV[0])" or die $@' "$table" >"$output.table"
	pack_table "$output.table" "$output"
}

mkdir -p "$build/x86_64"
unless_fresh "dmar-$name" "$output" "$build/stamp/toolbox"
step "dmar-$name" "a DMAR table: $name" make_table
done_fresh
