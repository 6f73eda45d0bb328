#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# bench-report.pl ARCH DIRECTORY         the table of c.1, ours.1 and, if it is there,
#                                        contend; and bench.json, bench.svg, table.rst
# bench-report.pl ARCH --quick FILE JSON the counts of FILE, beside those of the C
#                                        driver in the JSON of an earlier run
# The exit code is 0 if all goals are met.

use strict;
use warnings;

# What is measured, in the order of the table: name, what it is, which ratio of
# ours to the C driver's is the goal, and how many commands there are in it.
my @clock = (
	['nothing',			'(the clock itself)'],
);
my @memory = (
	['map-4k',			'map 4 KiB', 1.00],
	['unmap-4k',			'unmap 4 KiB', 1.00],
	['map-2m-pages',		'map 2 MiB of pages', 1.00],
	['unmap-2m-pages',		'unmap 2 MiB of pages', 1.00],
	['map-2m-block',		'map a 2 MiB block', 1.00],
	['unmap-2m-block',		'unmap a 2 MiB block', 1.00],
	['map-1g-block',		'map a 1 GiB block', 1.00],
	['unmap-1g-block',		'unmap a 1 GiB block', 1.00],
);
my @dma_api = (
	['dma-strict-4k',		'DMA API, 4 KiB, strict', 0.90],
	['dma-strict-64k',		'DMA API, 64 KiB, strict', 0.90],
	['dma-lazy-4k',			'DMA API, 4 KiB, lazy', 0.90],
	['dma-lazy-64k',		'DMA API, 64 KiB, lazy', 0.90],
);
my @smmuv3 = (
	@clock,
	['invalidate-0',		'invalidate, 0 commands (floor)', 1.00],
	['invalidate-1',		'invalidate, 1 command', 0.80],
	['invalidate-cd',		'invalidate, 1 CFGI_CD', 1.00],
	['invalidate-16',		'  per command of 16', 0.70, 16],
	['invalidate-64',		'  per command of 64', 1.00, 64],
	['invalidate-256',		'  per command of 256', 0.50, 256],
	['invalidate-4096',		'  per command of 4096', 0.50, 4096],
	['attach-translate-bypass',	'attach: translate to bypass', 0.70],
	['attach-bypass-abort',		'attach: bypass to abort', 0.70],
	['attach-abort-translate',	'attach: abort to translate', 0.70],
	['attach-translate-other',	'attach: translate to another CD table', 0.70],
	['nested',			'nested HWPT, alloc and free', 0.80],
	['viommu',			'vIOMMU, alloc and free', 1.00],
	on('stage 2', '', @memory),
	@dma_api,
	['pasid',			'PASID, attach and detach', 1.00],
	['event',			'event: from the fault to the VMM', 1.00],
);
my @vtd = (
	['attach-translate-other',	'attach: translate to another domain', 0.70],
	['attach-translate-blocked',	'attach: translate to blocked', 0.70],
	['attach-blocked-translate',	'attach: blocked to translate', 0.70],
	['type-dma-identity',		'default domain, DMA to identity', 1.00],
	['type-identity-dma',		'default domain, identity to DMA', 1.00],
	['hwpt',			'HWPT, alloc and free', 1.00],
	['ioas',			'IOAS, alloc and free', 1.00],
	@memory, @dma_api,
);

# on STAGE PREFIX ROW...: the rows for hardware with that stage
sub on {
	my ($stage, $prefix, @some) = @_;
	return map { my ($name, $text, @rest) = @$_; ["$prefix$name", "$stage, $text", @rest] } @some;
}

my %rows_of = (
	arm64 => \@smmuv3,
	x86_64 => [@clock, on('stage 2', '', @vtd), on('stage 1', 'first-', @vtd)],
);

# What else there is to know of the comparison
my %remark = (
	arm64 => <<'END',
The C driver is the kernel's own, but for one check: it may nest on this SMMU, which
has neither S2FWB nor CANWBS. Ours has nesting_coherency=trust, for equal work.
END
	x86_64 => <<'END',
Nested translation can't be compared: QEMU's unit has none (ECAP.NEST is 0), so that
neither driver offers it.
END
);

my $arch = shift @ARGV // '';
my @rows = @{$rows_of{$arch} // die "bench-report.pl: there is no bench for \"$arch\"\n"};

# result NAME => { rounds, sum, ... } or { skip => why }
sub read_counts {
	my ($file) = @_;
	my %result;
	open(my $in, '<', $file) or die "$file: $!\n";
	while (<$in>) {
		if (/^bench (\S+) skip (.*)/) {
			$result{$1} = { skip => $2 };
		} elsif (/^bench (\S+) (rounds=.*)/) {
			$result{$1} = { map { split /=/ } split(' ', $2) };
		}
	}
	return \%result;
}

# The cost of one operation, or of one command in an array: its share of the whole
# call. Each round has the same count but for the few that a timer interrupt falls
# into, so the median is exact. The module that uses the DMA API only has a sum: there
# the work that is put off to a timer belongs to the cost.
sub cost {
	my ($result, $name, $commands) = @_;
	my $r = $result->{$name};
	return undef if !$r || $r->{skip};
	return ($r->{median} // $r->{sum} / $r->{rounds}) / ($commands // 1);
}

sub number {
	my ($value) = @_;
	return sprintf($value < 1000 ? '%.1f' : '%.0f', $value);
}

# Compared as printed, so that nobody has to wonder.
sub ratio_of {
	my ($ours, $theirs) = @_;
	return sprintf('%.3f', $ours / $theirs);
}

sub median {
	my @sorted = sort { $a <=> $b } @_;
	my $middle = int(@sorted / 2);
	return $sorted[$middle] if @sorted % 2;
	return ($sorted[$middle - 1] + $sorted[$middle]) / 2;
}

# One row for the table, with all that the other outputs need.
sub counted_rows {
	my ($c, $ours) = @_;
	my @out;
	for my $row (@rows) {
		my ($name, $text, $goal, $commands) = @$row;
		my $one = { name => $name, text => $text, unit => 'instructions', goal => $goal };
		my $why = $c->{$name}{skip} // $ours->{$name}{skip};
		if (defined $why) {
			$one->{skip} = $why;
		} elsif (!$c->{$name} || !$ours->{$name}) {
			die "no result of $name\n";
		} else {
			$one->{c} = cost($c, $name, $commands);
			$one->{rust} = cost($ours, $name, $commands);
			$one->{ratio} = ratio_of($one->{rust}, $one->{c});
			$one->{met} = $one->{ratio} <= $goal if defined $goal;
		}
		push @out, $one;
	}
	return @out;
}

# Wall time, which others on the host disturb: a run's number is the median of its
# many short measurements. The ratio is the median of those of the pairs, as what
# slows one run of a pair down is likely to slow the other, too.
sub contended_rows {
	my ($file) = @_;
	my (%run, @out);
	open(my $in, '<', $file) or die "$file: $!\n";
	while (<$in>) {
		next unless /^bench (\S+) (pair=.*)/;
		my ($driver, $rest) = ($1, $2);
		my %r = map { split /=/ } grep { /=/ } split(' ', $rest);
		my $key = sprintf('%d %d', $r{batch}, $r{threads});
		my $slices = $run{$key}{$driver}[$r{pair}] //= { rate => [], p99 => [] };
		push @{$slices->{rate}}, $r{submissions} * $r{batch} / $r{ns} * 1e9;
		push @{$slices->{p99}}, $r{p99};
	}
	die "no results of contended submission\n" unless %run;
	for my $key (sort { my @x = split(' ', $a); my @y = split(' ', $b);
			    $x[0] <=> $y[0] || $x[1] <=> $y[1] } keys %run) {
		my ($batch, $threads) = split(' ', $key);
		for my $what (['rate', 'commands/s', 'commands/s', 1],
			      ['p99', 'ns', 'p99 of a submission, ns', undef]) {
			my ($field, $unit, $label, $goal) = @$what;
			my @c = map { median(@{$_->{$field}}) } @{$run{$key}{c}};
			my @ours = map { median(@{$_->{$field}}) } @{$run{$key}{ours}};
			my @ratios = map { $ours[$_] / $c[$_] } 0 .. $#c;
			my $one = {
				name => "contend-$threads-$batch-$field",
				text => sprintf('%d x %d: %s', $threads, $batch, $label),
				unit => $unit,
				c => median(@c),
				rust => median(@ours),
				ratio => sprintf('%.3f', median(@ratios)),
				ratios => [map { sprintf('%.3f', $_) } sort { $a <=> $b } @ratios],
				goal => $goal,
				at_least => 1,
			};
			$one->{met} = $one->{ratio} >= $goal if defined $goal;
			push @out, $one;
		}
	}
	return @out;
}

sub goal_text {
	my ($row) = @_;
	return '' unless defined $row->{goal};
	return sprintf('%s %.2f', $row->{at_least} ? '>=' : '<=', $row->{goal});
}

sub met_text {
	my ($row) = @_;
	return 'SKIP' if defined $row->{skip};
	return '' unless defined $row->{met};
	return $row->{met} ? 'yes' : 'NO';
}

sub cells {
	my ($row) = @_;
	return ($row->{text}, '', '', '', goal_text($row), met_text($row)) if defined $row->{skip};
	my @cells = ($row->{text}, number($row->{c}), number($row->{rust}), $row->{ratio},
		     goal_text($row), met_text($row));
	push @cells, "$row->{ratios}[0] to $row->{ratios}[-1]" if $row->{ratios};
	return @cells;
}

# What is in the columns of cells()
sub head {
	my ($row) = @_;
	my @head = ('operation', 'C', 'Rust', 'ratio', 'goal', 'met?');
	push @head, 'pairs' if $row->{ratios};
	return @head;
}

sub terminal_part {
	my ($title, @part) = @_;
	print "\n$title\n\n";
	for my $line ([head($part[0])], map { [cells($_), $_->{skip} // ()] } @part) {
		my $text = sprintf('%-46s %10s %10s %7s  %-7s  %-4s', @$line[0 .. 5]) .
			join('', map { "  $_" } @$line[6 .. $#$line]);
		$text =~ s/ +$//;
		print "$text\n";
	}
}

sub string {
	my ($text) = @_;
	$text =~ s/(["\\])/\\$1/g;
	return "\"$text\"";
}

sub json {
	my ($path, $versions, $runs, $c, $ours, @all) = @_;
	open(my $out, '>', $path) or die "$path: $!\n";
	my @objects;
	for my $row (@all) {
		my @fields = ('"name": ' . string($row->{name}),
			      '"operation": ' . string($row->{text} =~ s/^ +//r),
			      '"unit": ' . string($row->{unit}));
		push @fields, '"skip": ' . string($row->{skip}) if defined $row->{skip};
		for my $field (qw(c rust ratio goal)) {
			push @fields, sprintf('"%s": %.10g', $field, $row->{$field})
				if defined $row->{$field};
		}
		push @fields, '"pairs": [' . join(', ', @{$row->{ratios}}) . ']' if $row->{ratios};
		push @fields, '"met": ' . ($row->{met} ? 'true' : 'false') if defined $row->{met};
		push @objects, '    {' . join(', ', @fields) . '}';
	}
	my @raw;
	for my $driver (['c', $c], ['rust', $ours]) {
		my ($name, $result) = @$driver;
		my @lines;
		for my $op (sort keys %$result) {
			my $r = $result->{$op};
			next if defined $r->{skip};
			push @lines, "      \"$op\": {" .
				join(', ', map { "\"$_\": $r->{$_}" } sort keys %$r) . '}';
		}
		push @raw, "    \"$name\": {\n" . join(",\n", @lines) . "\n    }";
	}
	print $out "{\n  \"versions\": [", join(', ', map { string($_) } @$versions), "],\n",
		"  \"identical_runs\": $runs,\n",
		"  \"rows\": [\n", join(",\n", @objects), "\n  ],\n",
		"  \"raw\": {\n", join(",\n", @raw), "\n  }\n}\n";
	close($out) or die "$path: $!\n";
}

sub rst_table {
	my ($out, @part) = @_;
	my @head = head($part[0]);
	my @lines = map { [map { s/^ +/... /r } cells($_)] } @part;
	my @width = map { length } @head;
	for my $line (@lines) {
		for my $at (0 .. $#head) {
			my $length = length($line->[$at]);
			$width[$at] = $length if $length > $width[$at];
		}
	}
	my $rule = join('  ', map { '=' x $_ } @width) . "\n";
	print $out $rule;
	for my $line (\@head, undef, @lines) {
		if (!$line) {
			print $out $rule;
			next;
		}
		my $text = join('  ', map { sprintf('%-*s', $width[$_], $line->[$_]) } 0 .. $#head);
		$text =~ s/ +$//;
		print $out "$text\n";
	}
	print $out $rule;
}

sub rst {
	my ($path, $versions, $command, $counted, $contended) = @_;
	open(my $out, '>', $path) or die "$path: $!\n";
	print $out "Instructions:\n\n";
	rst_table($out, @$counted);
	print $out "\n";
	for my $row (grep { defined $_->{skip} } @$counted) {
		print $out "SKIP, $row->{text}: $row->{skip}.\n";
	}
	if (@$contended) {
		print $out "\nContended submission, threads x commands per submission; wall time:\n\n";
		rst_table($out, @$contended);
	}
	print $out "\nMeasured with::\n\n", map { "    $_\n" } @$versions;
	print $out "\nand, for the instructions of our driver::\n\n", map { "    $_\n" } @$command;
	close($out) or die "$path: $!\n";
}

# A bar for each ratio, a mark where the goal is.
sub svg {
	my ($path, @all) = @_;
	my ($left, $wide, $step, $most) = (290, 560, 20, 1.5);
	my @bars = grep { defined $_->{ratio} } @all;
	my $height = @bars * $step + 60;
	my $x = sub { sprintf('%.1f', $left + ($_[0] > $most ? $most : $_[0]) / $most * $wide) };
	open(my $out, '>', $path) or die "$path: $!\n";
	printf $out '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" ' .
		'font-family="sans-serif" font-size="12">' . "\n", $left + $wide + 60, $height;
	print $out "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
	printf $out '<text x="%d" y="20" font-size="14">Rust / C; the mark is the goal</text>' .
		"\n", $left;
	for my $tick (0, 0.5, 1, 1.5) {
		printf $out '<line x1="%s" x2="%s" y1="32" y2="%d" stroke="%s"/>' .
			'<text x="%s" y="%d" text-anchor="middle">%.1f</text>' . "\n",
			$x->($tick), $x->($tick), $height - 22, $tick == 1 ? '#555' : '#ccc',
			$x->($tick), $height - 8, $tick;
	}
	for my $at (0 .. $#bars) {
		my $row = $bars[$at];
		my $y = 36 + $at * $step;
		my $color = !defined $row->{met} ? '#999' : $row->{met} ? '#3a7d44' : '#c0392b';
		my $text = $row->{text} =~ s/^ +/invalidate, /r;
		printf $out '<text x="%d" y="%d" text-anchor="end">%s</text>' .
			'<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' .
			'<text x="%.1f" y="%d">%s</text>' . "\n",
			$left - 8, $y + 12, $text, $left, $y, $x->($row->{ratio}) - $left,
			$step - 5, $color, $x->($row->{ratio}) + 4, $y + 12, $row->{ratio};
		next unless defined $row->{goal};
		printf $out '<line x1="%s" x2="%s" y1="%d" y2="%d" stroke="black" ' .
			'stroke-width="2"/>' . "\n", $x->($row->{goal}), $x->($row->{goal}),
			$y - 2, $y + $step - 3;
	}
	print $out "</svg>\n";
	close($out) or die "$path: $!\n";
}

# The C driver's numbers of an earlier run, if there was one.
sub read_c {
	my ($path) = @_;
	my %c;
	open(my $in, '<', $path) or return \%c;
	while (<$in>) {
		$c{$1} = $2 if /"name": "([^"]*)".*"c": ([0-9.e+]+)/;
	}
	return \%c;
}

sub quick {
	my ($file, $path) = @_;
	my $ours = read_counts($file);
	my $c = read_c($path);
	printf "\n%-46s %10s %10s %7s\n", 'operation', 'Rust', 'C, before', 'ratio';
	for my $row (@rows) {
		my ($name, $text, undef, $commands) = @$row;
		my $cost = cost($ours, $name, $commands);
		next unless defined $cost;
		printf "%-46s %10s %10s %7s\n", $text, number($cost),
			$c->{$name} ? (number($c->{$name}), ratio_of($cost, $c->{$name})) :
			('', '');
	}
}

sub lines_of {
	my ($path) = @_;
	open(my $in, '<', $path) or die "$path: $!\n";
	chomp(my @lines = <$in>);
	return @lines;
}

if (@ARGV == 3 && $ARGV[0] eq '--quick') {
	quick(@ARGV[1, 2]);
	exit 0;
}
die "usage: bench-report.pl ARCH DIRECTORY | ARCH --quick FILE JSON\n" unless @ARGV == 1;

my $dir = $ARGV[0];
my $c = read_counts("$dir/c.1");
my $ours = read_counts("$dir/ours.1");
my @counted = counted_rows($c, $ours);
my @contended = -e "$dir/contend" ? contended_rows("$dir/contend") : ();
my @runs = glob("$dir/c.[0-9]*");
my @versions = lines_of("$dir/versions");
my @command = lines_of("$dir/command");

terminal_part('Instructions, the same in ' . @runs . ' runs of each driver', @counted);
terminal_part('Contended submission (threads x commands per submission), wall time', @contended)
	if @contended;
json("$dir/bench.json", \@versions, scalar(@runs), $c, $ours, @counted, @contended);
rst("$dir/table.rst", \@versions, \@command, \@counted, \@contended);
svg("$dir/bench.svg", @counted, @contended);

my @missed = grep { defined $_->{met} && !$_->{met} } @counted, @contended;
my $goals = grep { defined $_->{met} } @counted, @contended;
print "\n$remark{$arch}\n", $goals - @missed, " of $goals goals met. ",
	"Details: bench.json, bench.svg in $dir\n";
exit(@missed ? 1 : 0);
