# What was done right before the server is shut down is in the history when it
# comes back: the writer writes what it has before it ends.  So it does if it is
# terminated by hand.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $pids = '';

for my $round (1 .. 3)
{
	my @sessions = map { RawSession->connect($node, user => 'web') } 1 .. 5;

	$pids .= join '', map { $_->pid . "\n" } @sessions;
	wait_for_state($node, 'idle', map { $_->pid } @sessions);
	my $result = run_function($node, "terminate_user_sessions('web')");
	is_deeply([ map { $result->{outcome}{ $_->pid } } @sessions ], [ ('terminated') x 5 ], "round $round: all are ended");
	$node->restart;
	wait_for_guard($node);
}
is( $node->safe_psql('postgres', q{SELECT pid FROM session_guard.history WHERE outcome = 'terminated' ORDER BY acted_at, number}) . "\n",
	$pids, 'the history has all of them');

# The table is busy, and the writer is told to end: it does not wait for the table.
my $admin = open_session($node, user => $node->safe_psql('postgres', 'SELECT current_user'));
$admin->query_safe('BEGIN');
$admin->query_safe('LOCK TABLE session_guard.history');
my $session = RawSession->connect($node, user => 'web');
wait_for_state($node, 'idle', $session->pid);
run_function($node, "terminate_user_sessions('web')");
my $writer = $node->safe_psql('postgres', 'SELECT history_pid FROM session_guard.stats');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($writer)");
wait_for_history_writer($node, $writer);
$admin->query_safe('COMMIT');
wait_for_outcome($node, 'history', $session->pid, 'terminated');
pass('the next writer goes on where it has ended');

# Autovacuum knows of it.
$node->poll_query_until('postgres',
	q{SELECT n_tup_ins > 0 FROM pg_stat_all_tables WHERE relid = 'session_guard.history'::regclass})
  or die 'no statistics';
is($node->safe_psql('postgres', "SELECT history_pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard history') FROM session_guard.stats"),
	't', 'what it writes is in the statistics of the table while it runs');

close_sessions($admin);
$node->stop;
done_testing();
