# A limit that comes by a reload binds sessions that have long been idle, idle
# in transaction or running; a limit that is raised or switched off spares them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');

# Open a session for each of the three states.
sub open_three
{
	my @sessions = map { open_session($node) } 1 .. 3;
	my @pids = map { pid_of($_) } @sessions;

	$sessions[1]->query('BEGIN');
	start_query($sessions[2], 'SELECT pg_sleep(600)');
	wait_for_state($node, 'idle', $pids[0]);
	wait_for_state($node, 'idle in transaction', $pids[1]);
	wait_for_state($node, 'active', $pids[2]);
	return (\@sessions, \@pids);
}

# They were in their state before there was any limit.
my ($before, $before_pids) = open_three();
my ($idle_pid, $in_transaction_pid, $running_pid) = @$before_pids;
wait_until_unchanged_for($node, '500 ms', @$before_pids);

set_limits($node, idle_session_timeout => '400ms');
wait_for_end($node, $idle_pid);
wait_for_scan($node, 3);
ok(is_alive($node, $in_transaction_pid) && is_alive($node, $running_pid),
	'the idle session is ended, the two others stay');

set_limits($node, idle_session_timeout => 0, idle_in_transaction_session_timeout => '400ms');
wait_for_end($node, $in_transaction_pid);
wait_for_scan($node, 3);
ok(is_alive($node, $running_pid), 'then the one in transaction, the running one stays');

set_limits($node, idle_in_transaction_session_timeout => 0, statement_timeout => '400ms');
wait_for_state($node, 'idle', $running_pid);
ok(is_alive($node, $running_pid), 'at last the statement is canceled, and its session stays');

like(
	(guard_lines($node, qr/LOG:  pg_session_guard\.idle_session_timeout is in force/))[0],
	qr/is in force at 400 ms, 1 session is over it now, ending 10 per second(; \d+ (is|are) spared [^,;]*)?$/,
	'the log says that a limit has come into force, and for how many');

# Next to a statement whose limit stays, limits are raised or switched off
# after the guard has planned by them, and long before they are reached.
set_limits(
	$node,
	idle_session_timeout => '4s',
	idle_in_transaction_session_timeout => '4s',
	statement_timeout => '4s');
my ($after, $after_pids) = open_three();
wait_for_scan($node, 2);
set_limits($node, idle_session_timeout => '1h', idle_in_transaction_session_timeout => 0);

wait_for_state($node, 'idle', $after_pids->[2]);
wait_until_unchanged_for($node, '4500 ms', @$after_pids[ 0, 1 ]);
wait_for_scan($node, 2);
ok(is_alive($node, $after_pids->[0]), 'raising a limit before the deadline spares');
ok(is_alive($node, $after_pids->[1]), 'switching it off spares');
is(scalar guard_lines($node, qr/LOG:  canceling statement of session $after_pids->[2] /),
	1, 'the limit that was left alone is kept');

close_sessions(@$before, @$after);
$node->stop;
done_testing();
