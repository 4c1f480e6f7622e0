# The wall clock is set an hour ahead under twenty idle sessions and one that
# is about to be over its limit: only that one ends.  After the clock was set
# back the guard does not sleep for an hour.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClockShim;
use GuardTest;
use Test::More;

require_clock_shim();
my $node = node_with_clock(
	'main',
	'max_connections' => 60,
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.idle_session_timeout' => '30min',
	'pg_session_guard.idle_in_transaction_session_timeout' => '2s');

# How far the server's wall clock is ahead, in hours.
sub hours_ahead
{
	return $node->safe_psql('postgres', 'SELECT round((extract(epoch FROM clock_timestamp()) - ' . time . ') / 3600)');
}

my @idle = map { open_session($node) } 1 .. 20;
my @idle_pids = map { pid_of($_) } @idle;
my @culprits = map { open_session($node) } 1 .. 2;
my @culprit_pids = map { pid_of($_) } @culprits;
my $all_idle = 'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', @idle_pids) . ')';

# Its two seconds are not over when the clock is set, and the hour is not its own.
$culprits[0]->query('BEGIN');
set_clock(3600);
is(hours_ahead(), '1', 'the clock is an hour ahead');
wait_for_end($node, $culprit_pids[0]);
like(
	(guard_lines($node, qr/LOG:  terminating session/))[0],
	qr/terminating session $culprit_pids[0] .*: idle in transaction for [\d.]+ s, /,
	'it is ended for the seconds that it took');
wait_for_scan($node, 2);
is($node->safe_psql('postgres', $all_idle), '20', 'whom the clock alone makes look old stays');

my @steps = guard_lines($node, qr/LOG:  wall clock has moved ahead by/);
is(scalar @steps, 1, 'the log says once that the clock has moved');
like($steps[0], qr/ahead by (1 h|59 min 59(\.\d+)? s)/, 'and how far');

# A new guard has not forgotten it.
my $guard = wait_for_guard($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($guard)");
wait_for_guard($node, $guard);
wait_for_scan($node, 2);
is($node->safe_psql('postgres', $all_idle), '20', 'nor does a new guard end them');

set_clock(0);
is(hours_ahead(), '0', 'the clock is set back');
$culprits[1]->query('BEGIN');
wait_for_end($node, $culprit_pids[1]);
pass('what is over its limit after that is ended');
is($node->safe_psql('postgres', $all_idle), '20', 'and nobody else');
is(scalar guard_lines($node, qr/LOG:  terminating session/), 2, 'two sessions were ended in all');

# What is done again within a minute is one event and in the log once; later it is told anew.
# A stopped session takes no notice of it.
my $stopped = pop @idle_pids;
my $lines = qr/LOG:  terminating session $stopped/;
my $terminate = "SELECT outcome FROM terminate_session($stopped, timeout => '0 s')";
kill STOP => $stopped;
is($node->safe_psql('postgres', $terminate), 'signaled', 'a stopped session is signaled') for 1 .. 2;
is(scalar guard_lines($node, $lines), 1, 'what is done twice within a minute is in the log once');
set_clock(120);
is($node->safe_psql('postgres', $terminate), 'signaled', 'and later again');
is(scalar guard_lines($node, $lines), 2, 'which is in the log');
is($node->safe_psql('postgres', "SELECT count(*) FROM session_guard.event WHERE pid = $stopped"), '2', 'and an event of its own');
kill CONT => $stopped;

close_sessions(@idle, @culprits);
$node->stop;
done_testing();
