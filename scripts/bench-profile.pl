#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# bench-profile.pl SYMBOLS TRACE ADDRESSES: instructions per round, by function, with
# and without what it calls. SYMBOLS is as of nm or /proc/kallsyms, TRACE QEMU's log
# of single instructions.

use strict;
use warnings;
# Addresses of the kernel have 64 bits
no warnings 'portable';

my ($symbols, $trace, $addresses) = @ARGV;
my (@starts, %name, %part);

open(my $in, '<', $symbols) or die "$symbols: $!\n";
while (<$in>) {
	next unless /^([0-9a-f]+) [tTwW] (\S+)\s*(\[.*\])?/;
	my ($at, $text, $module) = ($1, $2, $3);
	# Mapping symbols of the assembler, not functions
	next if $text =~ /^\$/;
	my $where = hex $at;
	$name{$where} = $module ? "$text $module" : $text;
	# The upper half of all addresses is the kernel's.
	$part{$where} = $module // ($at =~ /^f/ ? 'kernel' : 'program');
}
close($in);
@starts = sort { $a <=> $b } keys %name;

# The start of the function that an address is in
sub function_at {
	my ($where) = @_;
	my ($low, $high) = (0, $#starts);
	while ($low < $high) {
		my $middle = int(($low + $high + 1) / 2);
		if ($starts[$middle] <= $where) {
			$low = $middle;
		} else {
			$high = $middle - 1;
		}
	}
	return $starts[$low];
}

# Who called whom: a tree, in which the place of an instruction is a node. To come to
# the start of another function is a call, to come to the middle of one that is
# further up is a return; so tail calls and interrupts need nothing special.
my $tree = { count => 0, calls => {} };
my $node = $tree;
my (%count, %function);

sub go_to {
	my ($function, $is_start) = @_;
	if (!$is_start) {
		for (my $up = $node; $up != $tree; $up = $up->{caller}) {
			return $up if $up->{function} == $function;
		}
		$node = $tree;
	}
	return $node->{calls}{$function} //=
		{ function => $function, caller => $node, count => 0, calls => {} };
}

open($in, '<', $trace) or die "$trace: $!\n";
while (<$in>) {
	next unless m{^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/};
	my $where = hex $1;
	my $function = $function{$where} //= function_at($where);
	$count{$where}++;
	$node = go_to($function, $where == $function)
		if $node == $tree || $node->{function} != $function;
	$node->{count}++;
}
close($in);

my ($first) = grep { $name{$_} =~ /^one_round\b/ && $count{$_} } @starts;
die "no whole round was seen\n" unless defined $first;
my $rounds = $count{$first};

open(my $out, '>', $addresses) or die "$addresses: $!\n";
for my $where (sort { $a <=> $b } keys %count) {
	printf $out "%x %d %s+0x%x\n", $where, $count{$where}, $name{$function{$where}},
		$where - $function{$where};
}
close($out) or die "$addresses: $!\n";

# What is in a function or a part, and that with all that is called from there
my (%own, %whole);
sub add_up {
	my ($at, %outer) = @_;
	if ($at != $tree) {
		for my $what ($name{$at->{function}}, "= $part{$at->{function}}") {
			$own{$what} += $at->{count};
			$outer{$what} = 1;
		}
		$whole{$_} += $at->{count} for keys %outer;
	}
	add_up($_, %outer) for values %{$at->{calls}};
}
no warnings 'recursion';
add_up($tree);

my $all = 0;
$all += $_ for values %count;
printf "%.1f instructions per round, %d rounds\n\n", $all / $rounds, $rounds;
printf "%10s %10s\n", 'own', 'with calls';
for my $what (sort { $b =~ /^=/ <=> $a =~ /^=/ || $own{$b} <=> $own{$a} || $a cmp $b } keys %own) {
	next if $own{$what} < $all / 1000 && $whole{$what} < $all / 100;
	printf "%10.1f %10.1f  %s\n", $own{$what} / $rounds, $whole{$what} / $rounds, $what;
}
