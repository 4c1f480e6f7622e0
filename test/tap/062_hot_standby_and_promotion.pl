# The guard works on a hot standby as on a primary, and through a promotion:
# a session that went idle before it is ended after it, at its time.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $primary = guard_node('primary', allows_streaming => 1, max_connections => 30);
$primary->safe_psql('postgres', 'CREATE TABLE news (id int); GRANT ALL ON news TO web');
my $standby = standby_of($primary);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the guard runs in recovery');

# Open a session and wait until it runs a statement that does not end.
sub open_running
{
	my $session = open_session($standby);
	my $pid = pid_of($session);

	$session->{stdin} .= "SELECT pg_sleep(600);\n";
	wait_until(
		sub {
			$session->{run}->pump_nb;
			return $standby->safe_psql('postgres',
				"SELECT wait_event FROM pg_stat_activity WHERE pid = $pid") eq 'PgSleep';
		},
		'it runs');
	return ($session, $pid);
}

my ($working, $working_pid) = open_running();
my $idle = open_session($standby);
my $in_transaction = open_session($standby);
my ($idle_pid, $in_transaction_pid) = map { pid_of($_) } $idle, $in_transaction;
$in_transaction->query('BEGIN');
set_limits(
	$standby,
	idle_session_timeout => '500ms',
	idle_in_transaction_session_timeout => '500ms');
wait_for_end($standby, $_) for $idle_pid, $in_transaction_pid;
pass('on a standby who is idle and who is idle in a transaction ends');
ok(is_alive($standby, $working_pid), 'and who works stays');

# A session that runs too long is canceled; who is idle is no culprit then.
set_limits(
	$standby,
	idle_session_timeout => '0',
	statement_timeout => '500ms');
wait_until(
	sub {
		return $standby->safe_psql('postgres',
			"SELECT state FROM pg_stat_activity WHERE pid = $working_pid") eq 'idle';
	},
	'the statement is canceled');
is( scalar(guard_lines($standby, qr/canceling statement of session $working_pid .*: statement running/)),
	1, 'on a standby a statement that runs too long is canceled');
ok(is_alive($standby, $working_pid), 'and its session stays, idle as it is');
is( $primary->safe_psql('postgres', 'SELECT terminated + canceled FROM session_guard.stats'),
	'0', 'the limits of the standby are its own');

# One of two sessions is always idle, for a moment, while the server is
# promoted: whichever last heard that it is in recovery has its deadline from
# before the promotion.
set_limits($standby, statement_timeout => '0');
my ($innocent, $innocent_pid) = open_running();
my @sessions = map { open_session($standby) } 1 .. 2;
my @pids = map { pid_of($_) } @sessions;
set_limits($standby, naptime => '200ms', idle_session_timeout => '4s');
is($sessions[0]->query('SELECT pg_is_in_recovery()'), 't', 'a session is used on the standby');
my $before = $pids[0];
my $offset = log_size($standby);
$standby->safe_psql('postgres', 'SELECT pg_promote(false)');
wait_until(
	sub {
		@sessions = reverse @sessions;
		@pids = reverse @pids;
		return 1 if $sessions[0]->query('SELECT pg_is_in_recovery()') eq 'f';
		$before = $pids[0];
		return 0;
	},
	'the standby is promoted');
wait_for_end($standby, $before);
my @lines = guard_lines(
	$standby, qr/terminating session $before |database system is ready to accept connections/, $offset);
is(scalar @lines, 2, 'it is ended once, and the server is promoted once');
like($lines[0], qr/ready to accept/, 'the promotion comes first');
like($lines[1], qr/terminating session .*: idle for [4-9]/,
	'whose deadline is from before the promotion is ended after it, and not before its time');
ok(is_alive($standby, $innocent_pid), 'who works is there before and after the promotion');

# What only a primary can do is guarded now.
ok(wait_for_guard($standby), 'the guard runs on the promoted server');
my $writer = open_session($standby);
my $writer_pid = pid_of($writer);
is($writer->query("BEGIN\\; INSERT INTO news VALUES (1) RETURNING id"), '1', 'a session writes');
wait_for_end($standby, $writer_pid);
is( scalar(guard_lines($standby, qr/terminating session $writer_pid .*: idle in transaction/)),
	1, 'and is ended on the promoted server for being idle in its transaction');
ok(is_alive($standby, $innocent_pid), 'and who works stays');

$_->{run}->kill_kill for $working, $idle, $in_transaction, $innocent, $writer, @sessions;
$standby->stop;
$primary->stop;
done_testing();
