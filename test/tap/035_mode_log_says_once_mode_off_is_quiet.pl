# mode = log ends nobody and writes one line per episode and limit, over many
# scans and a restart of the guard; mode = off is quiet; back at enforce the
# same sessions are ended.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.mode' => 'log',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.idle_session_timeout' => '300ms',
	'pg_session_guard.idle_in_transaction_session_timeout' => '300ms',
	'pg_session_guard.transaction_timeout' => '400ms');

my ($idle, $in_transaction) = map { open_session($node) } 1 .. 2;
my ($idle_pid, $in_transaction_pid) = map { pid_of($_) } $idle, $in_transaction;

# The limits that the log says a session would have been ended for, sorted.
sub logged
{
	my ($pid, $offset) = @_;
	my @lines = guard_lines($node, qr/LOG:  would terminate session $pid /, $offset);

	return join ' ', sort map { /pg_session_guard\.(\w+) is/ } @lines;
}

# The stamp of the session's current state.
sub state_change
{
	my ($pid) = @_;

	return $node->safe_psql('postgres', "SELECT state_change FROM pg_stat_activity WHERE pid = $pid");
}

# An episode of each kind begins here, and goes on over the scans that follow.
my $offset = log_size($node);
$idle->query('SELECT 1');
$in_transaction->query('BEGIN');
my $both = 'idle_in_transaction_session_timeout transaction_timeout';
wait_until(sub { logged($idle_pid, $offset) ne '' }, 'the idle session is written about');
wait_until(sub { logged($in_transaction_pid, $offset) =~ / / }, 'both limits are written about');
wait_for_scan($node, 5);
is(logged($idle_pid, $offset), 'idle_session_timeout', 'one line about one episode');
is(logged($in_transaction_pid, $offset), $both, 'one line for each limit');
ok(is_alive($node, $idle_pid) && is_alive($node, $in_transaction_pid), 'nobody is ended');
like(
	(guard_lines($node, qr/would terminate session $idle_pid /, $offset))[0],
	qr/\(user "web", .*\): idle for \S+ m?s, pg_session_guard.idle_session_timeout is 300 ms/,
	'the line says who and why');

# The episodes go on while the guard is replaced.
my $guard = wait_for_guard($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($guard)");
wait_for_guard($node, $guard);
wait_for_scan($node, 5);
is(logged($idle_pid, $offset), 'idle_session_timeout', 'a new guard does not repeat it');
is(logged($in_transaction_pid, $offset), $both, 'nor the two others');

# A new episode is a new line.
$offset = log_size($node);
$idle->query('SELECT 1');
wait_until(sub { logged($idle_pid, $offset) ne '' }, 'the next episode is written about');
wait_for_scan($node, 5);
is(logged($idle_pid, $offset), 'idle_session_timeout', 'a new episode is written about once more');
is(logged($in_transaction_pid, $offset), '', 'and the old one of the other session is not');

# With mode = off new episodes pass their limit in silence.
set_limits($node, mode => 'off');
$offset = log_size($node);
my $scans = $node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats');
$idle->query('SELECT 1');
wait_until_unchanged_for($node, '1 s', $idle_pid);
ok(is_alive($node, $idle_pid) && is_alive($node, $in_transaction_pid), 'mode = off ends nobody');
is(scalar guard_lines($node, qr/LOG:  (would end|terminating|canceling)/, $offset), 0, 'and is quiet');
# One scan may have been on its way when the mode changed.
cmp_ok($node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats'),
	'<=', $scans + 1, 'and does not scan');

# From off to log to enforce: what was only written about is done now.
set_limits($node, mode => 'log');
wait_until(sub { logged($idle_pid, $offset) ne '' }, 'the guard writes again');
ok(is_alive($node, $idle_pid), 'still nobody is ended');
set_limits($node, mode => 'enforce');
wait_for_end($node, $_) for $idle_pid, $in_transaction_pid;
pass('mode = enforce ends those who were written about');
is(scalar guard_lines($node, qr/LOG:  terminating session/, $offset), 2, 'each once');

close_sessions($idle, $in_transaction);
$node->stop;
done_testing();
