#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# bench-profile.pl SYMBOLS TRACE ADDRESSES: instructions per round and function.
# SYMBOLS is as of nm or /proc/kallsyms, TRACE QEMU's log of single instructions.

use strict;
use warnings;
# Addresses of the kernel have 64 bits
no warnings 'portable';

my ($symbols, $trace, $addresses) = @ARGV;
my (%name, %count, %total);

open(my $in, '<', $symbols) or die "$symbols: $!\n";
while (<$in>) {
	next unless /^([0-9a-f]+) [tTwW] (.*\S)/;
	my ($at, $text) = ($1, $2);
	# Mapping symbols of the assembler, not functions
	next if $text =~ /^\$/;
	$name{hex $at} = $text =~ s/\s+/ /r;
}
close($in);

open($in, '<', $trace) or die "$trace: $!\n";
while (<$in>) {
	$count{$1}++ if m{^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/};
}
close($in);
die "no instruction in $trace\n" unless %count;

my @starts = sort { $a <=> $b } keys %name;
my $at = 0;
my $rounds = 0;
open(my $out, '>', $addresses) or die "$addresses: $!\n";
for my $pc (sort { hex $a <=> hex $b } keys %count) {
	my $where = hex $pc;
	$at++ while $at + 1 < @starts && $starts[$at + 1] <= $where;
	my $function = $where >= $starts[$at] ? $name{$starts[$at]} : '?';
	$total{$function} += $count{$pc};
	$rounds = $count{$pc} if $function =~ /^one_round\b/ && $where == $starts[$at];
	printf $out "%s %d %s+0x%x\n", $pc, $count{$pc}, $function, $where - $starts[$at];
}
close($out) or die "$addresses: $!\n";
die "no whole round was seen\n" unless $rounds;

my $all = 0;
$all += $_ for values %total;
printf "%10.1f  instructions per round, %d rounds\n\n", $all / $rounds, $rounds;
my $shown = 0;
for my $function (sort { $total{$b} <=> $total{$a} || $a cmp $b } keys %total) {
	last if $shown++ == 50 || $total{$function} < $all / 1000;
	printf "%10.1f  %4.1f%%  %s\n", $total{$function} / $rounds,
		100 * $total{$function} / $all, $function;
}
