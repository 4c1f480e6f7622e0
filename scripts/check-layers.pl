#!/usr/bin/perl
# Prove by the include lines that the rooms of src/ keep their ranks.
#
# A file includes only files of its own room or of a lower rank, so rooms of the same rank never
# see each other; the core includes no header of the server's, and nobody but pg/ does; and
# neither files nor modules (a header with its source) include each other in a circle.
#
#   scripts/check-layers.pl          silent, or a line for each fault
#   scripts/check-layers.pl -v       also how many modules, rooms and edges there are

use strict;
use warnings FATAL => 'all';

use FindBin;
use File::Find;

my %rank = (
	core => 0,
	pg => 0,
	settings => 1,
	shmem => 2,
	status => 3,
	policy => 4,
	action => 5,
	worker => 6,
	guard => 7,
	history => 7,
	backend => 7,
	functions => 7,
	# src/module.cpp
	'' => 8);

my $src = "$FindBin::RealBin/../src";
my $faults = 0;
my (%file_edges, %module_edges, %rooms);

sub fault
{
	print "@_\n";
	$faults++;
}

sub room_of
{
	return $_[0] =~ m{^([^/]+)/} ? $1 : '';
}

sub module_of
{
	return $_[0] =~ s/\.(?:h|cpp)$//r;
}

my @files;
find({ no_chdir => 1, wanted => sub { push @files, s{^\Q$src\E/}{}r if /\.(?:h|cpp)$/ } }, $src);
die "no sources in $src\n" unless @files;
my %is_file = map { $_ => 1 } @files;

for my $file (sort @files)
{
	my $room = room_of($file);

	$rooms{$room} = 1;
	if (!defined $rank{$room})
	{
		fault("src/$file: room \"$room\" has no rank");
		next;
	}
	open(my $source, '<', "$src/$file") or die "could not read $file: $!\n";
	while (my $line = <$source>)
	{
		$line =~ /^\s*#\s*include\s*(["<])([^">]+)[">]/ or next;
		my ($quote, $target) = ($1, $2);

		if (!$is_file{$target})
		{
			# What is not ours in quotes is the server's; the language's and the system's are in <>.
			fault("src/$file:$.: only pg/ includes headers of the server: $target")
			  if $quote eq '"' && $room ne 'pg';
			fault("src/$file:$.: the core includes no header of the system: $target")
			  if $quote eq '<' && $room eq 'core' && $target =~ /\.h$/;
			next;
		}
		my $other = room_of($target);
		fault("src/$file:$.: a file of $room ($rank{$room}) includes $target ($rank{$other})")
		  unless $other eq $room || ($rank{$other} < $rank{$room});
		$file_edges{$file}{$target} = 1;
		$module_edges{ module_of($file) }{ module_of($target) } = 1
		  unless module_of($file) eq module_of($target);
	}
}

# Report each circle once: a depth-first search that meets a node on its own way.
sub find_circles
{
	my ($what, $edges) = @_;
	my (%done, @way, %on_way);
	my $visit;
	$visit = sub {
		my $node = shift;
		if ($on_way{$node})
		{
			my @circle = @way;
			shift @circle while $circle[0] ne $node;
			fault("$what include each other: " . join(' -> ', @circle, $node));
			return;
		}
		return if $done{$node};
		push @way, $node;
		$on_way{$node} = 1;
		$visit->($_) for sort keys %{ $edges->{$node} // {} };
		pop @way;
		delete $on_way{$node};
		$done{$node} = 1;
	};
	$visit->($_) for sort keys %$edges;
}
find_circles('files', \%file_edges);
find_circles('modules', \%module_edges);

if (@ARGV && $ARGV[0] eq '-v')
{
	my %modules = map { module_of($_) => 1 } @files;
	my $edges = 0;

	$edges += keys %$_ for values %module_edges;
	printf "%d modules in %d rooms, %d edges between modules, %d faults\n", scalar keys %modules,
	  scalar keys %rooms, $edges, $faults;
}
exit($faults ? 1 : 0);
