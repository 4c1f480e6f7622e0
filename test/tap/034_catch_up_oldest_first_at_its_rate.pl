# Twelve sessions are over a limit when it comes into force: they end oldest
# first at catch_up_rate, while one that meets its deadline later is not made
# to wait behind them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.catch_up_rate' => 2);

# The order in which they went idle is not the order in which they connected.
my @sessions = map { open_session($node) } 1 .. 12;
my @pids = map { pid_of($_) } @sessions;
my @order = (5, 0, 11, 3, 8, 1, 10, 2, 7, 4, 9, 6);
$sessions[$_]->query('SELECT 1') for @order;

# A session in a transaction is not idle, whatever its limit.
my $late = open_session($node);
my $late_pid = pid_of($late);
$late->query('BEGIN');
wait_until_unchanged_for($node, '600 ms', @pids);

my $start = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
set_limits($node, idle_session_timeout => '500ms');
wait_until(sub { guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/) }, 'the limit is in force');
$late->query('COMMIT');
wait_until(sub { guard_lines($node, qr/LOG:  terminating session/) == 13 }, 'all thirteen are ended');

is( (guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/))[0] =~ s/^.*LOG:  |; \d+ (is|are) spared .*//gr,
	'pg_session_guard.idle_session_timeout is in force at 500 ms, 12 sessions are over it now, ending 2 per second',
	'the log says how many are over the limit');

my @ended = map { /terminating session (\d+) / } guard_lines($node, qr/LOG:  terminating session/);
my @queue = grep { $_ != $late_pid } @ended;
is_deeply(\@queue, [ map { $pids[$_] } @order ], 'they end oldest first');

# However late each of them is, none is before its turn.
is( $node->safe_psql(
		'postgres',
		"SELECT count(*), count(*) FILTER (WHERE acted_at < timestamptz '$start' + turn * interval '500 ms')
		 FROM (SELECT acted_at, row_number() OVER (ORDER BY number) - 1 AS turn
			FROM session_guard.event WHERE pid <> $late_pid) AS queue"),
	'12|0',
	'and no faster than the rate');

my ($place) = grep { $ended[$_] == $late_pid } 0 .. $#ended;
cmp_ok($place, '<', 11, 'one that meets its deadline later does not wait behind them');

close_sessions(@sessions, $late);
$node->stop;
done_testing();
