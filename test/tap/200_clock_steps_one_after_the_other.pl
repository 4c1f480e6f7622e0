# The wall clock is set again and again, ahead and back, by a little and by ten
# years.  Whoever has been idle in a transaction for less than the limit stays,
# whatever the clock makes of it; whoever is over it by the true time is ended at
# its time, neither years early nor an hour late.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClockShim;
use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC usleep);

my $year = 365 * 24 * 3600;
my $limit = 3;
my $moved = qr/LOG:  wall clock has moved/;

require_clock_shim();
my $node = node_with_clock(
	'main',
	'pg_session_guard.idle_in_transaction_session_timeout' => "${limit}s",
	'pg_session_guard.idle_session_timeout' => '1h');

sub now
{
	return clock_gettime(CLOCK_MONOTONIC);
}

# Wait until a moment of the true time.
sub wait_for_moment
{
	my ($moment) = @_;

	return wait_until(sub { now() >= $moment }, 'time has passed');
}

# Wait until the server has closed a session; when that was.
sub end_of
{
	my ($session) = @_;

	$session->read_to_end;
	return now();
}

# Since before any step: by the clock alone it is idle for hours and for years.
my $idle = RawSession->connect($node);
$idle->query('SELECT 1');
wait_for_scan($node);

my $ahead = 0;
my @steps = (
	[ 'a little ahead' => $limit - 0.5 ],
	[ 'a little back' => -($limit - 0.5) ],
	[ 'an hour back' => -3600 ],
	[ 'and right again' => 3600 ],
	[ 'ten years ahead' => 10 * $year ],
	[ 'and back, further than that' => -12 * $year ]);

for (@steps)
{
	my ($what, $step) = @$_;
	my $culprit = RawSession->connect($node);
	my $innocent = RawSession->connect($node);
	my $count = () = guard_lines($node, $moved);
	my $before = now();

	$culprit->query('BEGIN');
	my $began = now();
	wait_for_moment($before + 1);
	$innocent->query('BEGIN');
	$ahead += $step;
	set_clock($ahead);
	wait_until(sub { guard_lines($node, $moved) == $count + 1 }, 'the guard has seen the step');
	$innocent->query('SELECT 1');
	is($innocent->sqlstate, '', "$what: who has just begun stays");
	$innocent->query('COMMIT');
	my $lasted = end_of($culprit) - $began;
	is($culprit->sqlstate, '57P01', "$what: who is idle for too long is ended");
	cmp_ok($lasted + ($began - $before), '>=', $limit, "$what: not before its time");
	# By the guard's own account of it, which tells if the machine was busy with other things.
	my $measured = $node->safe_psql('postgres',
		"SELECT extract(epoch FROM measured) FROM session_guard.event WHERE pid = ${\ $culprit->pid }");
	cmp_ok($lasted - $measured, '<', 2, "$what: nor long after it");
	$innocent->query('SELECT 1');
	is($innocent->sqlstate, '', "$what: the other one is still there");
	$innocent->quit;
}

is($idle->query('SELECT 42'), '42', 'who was idle all the time has not been idle for an hour');
like((guard_lines($node, qr/LOG:  wall clock has moved back by/))[0], qr/by 2\.\d+ s$/, 'the log says that the clock was set back');
is(scalar guard_lines($node, $moved), scalar @steps, 'and of each step once');
is(scalar guard_lines($node, qr/LOG:  terminating session/), scalar @steps, 'nobody else was ended');

$idle->quit;
$node->stop;
done_testing();
