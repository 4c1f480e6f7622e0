# The edge: many sessions send a statement within 20 ms of their idle limit.
# None is ended whose statement had begun more than 2 ms before the guard
# decided; how many were ended within those 2 ms, or with a statement under way,
# is told beside the same number for the server's own idle_session_timeout.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $limit = 500;
my ($sessions, $rounds) = (60, 5);
my $tools = "$FindBin::RealBin/../tools";

# Build the client against the libpq of the server under test; undef if that cannot be.
sub build_edge
{
	my ($node) = @_;
	my ($include, $lib) = map { chomp(my $dir = $node->config_data($_)); $dir } '--includedir', '--libdir';
	my $cxx = $ENV{CXX} // 'g++';
	my $binary = "$PostgreSQL::Test::Utils::tmp_check/edge";

	return undef unless -f "$include/libpq-fe.h" && system("$cxx --version >/dev/null 2>&1") == 0;
	system("$cxx -std=c++20 -O2 -Wall -Wextra -I'$include' '$tools/edge.cpp' -o '$binary'"
		  . " -L'$lib' -Wl,-rpath,'$lib' -lpq -pthread") == 0
	  or die 'could not build test/tools/edge.cpp';
	return $binary;
}

# Let the client run as a role; what it counted, as a hash.
sub run_edge
{
	my ($binary, $node, $role) = @_;
	my ($out, $err) =
	  run_command([ $binary, $node->connstr('postgres') . " user=$role", $limit, $sessions, $rounds ]);

	is($err, '', "the sessions of $role could connect");
	return $out =~ /(\w+)=(\d+)/g;
}

# Read the server's log: for each session that was ended by the guard, how long
# before the guard's line about it the first statement had begun that was not
# over for a whole limit, in milliseconds; negative if it began after the line,
# undef if there was none.
sub ended_sessions
{
	my ($node, $offset) = @_;
	my (%statements, %decision, %ended);

	for (guard_lines($node, qr/^\d+\.\d+ \[\d+\] /, $offset))
	{
		my ($seconds, $fraction, $pid) = /^(\d+)\.(\d+) \[(\d+)\] /;
		my $at = $seconds * 1000 + $fraction;

		push @{ $statements{$pid} }, $at if /LOG:  statement: /;
		$decision{$1} = $at if /LOG:  terminating session (\d+) /;
		$ended{$pid} = 1 if /FATAL:  terminating connection/;
	}

	my @before;
	for my $pid (grep { defined $decision{$_} } keys %ended)
	{
		my ($age) = grep { $_ < $limit - 2 } map { $decision{$pid} - $_ } @{ $statements{$pid} };
		push @before, $age;
	}
	return @before;
}

my $node = guard_node('main', log_statement => 'all', log_line_prefix => '%n [%p] ');
my $binary = build_edge($node);
if (!defined $binary)
{
	$node->stop;
	plan skip_all => 'a C++ compiler and libpq-fe.h are needed';
}
$node->safe_psql('postgres', "CREATE ROLE timed LOGIN; ALTER ROLE timed SET idle_session_timeout = $limit");

# First the server's own timeout, with the guard's limit off; then the guard's.
my %own = run_edge($binary, $node, 'timed');
is($node->safe_psql('postgres', 'SELECT terminated FROM session_guard.stats'), '0',
	'the guard has no part in what the server does by itself');
my $offset = log_size($node);
set_limits($node, idle_session_timeout => "${limit}ms");
my %guard = run_edge($binary, $node, 'web');
my @before = ended_sessions($node, $offset);

for my $run ([ "the server's own timeout", \%own ], [ 'the guard', \%guard ])
{
	my ($whose, $count) = @$run;

	cmp_ok($count->{survived}, '>=', 30, "with $whose many sessions go on");
	cmp_ok($count->{ended} + $count->{sent_and_ended}, '>=', 30, "with $whose many sessions end");
}
cmp_ok(scalar @before, '>=', 30, 'the log tells of many sessions that were ended by the guard');

my @began_during = grep { defined } @before;
my @wrong = grep { $_ > 2 } @began_during;
is("@wrong", '', 'no session is ended whose statement had begun more than 2 ms before the decision');

# These depend on the machine, so they are only told.
for my $run ([ 'the server itself', \%own ], [ 'the guard', \%guard ])
{
	my ($whose, $count) = @$run;

	diag sprintf('%s ended %d sessions, %d of them had sent a statement (%d before the limit); %d went on',
		$whose, $count->{ended} + $count->{sent_and_ended},
		@$count{qw(sent_and_ended sent_early_and_ended survived)});
}
diag sprintf('by the log, in %d of %d ends by the guard a statement began less than 2 ms before the decision or after it',
	@began_during - @wrong, scalar @before);

$node->stop;
done_testing();
