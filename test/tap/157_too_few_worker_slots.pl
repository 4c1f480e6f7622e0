# The guard and the history writer take a worker slot each, and are known by
# their names.  Where there are not enough slots the server says so: with one,
# the guard works without a history; with none, nobody is ended but by functions.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# The server's own launcher of logical replication would take a slot, too.
my $node = guard_node(
	'main',
	'max_logical_replication_workers' => 0,
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

sub workers
{
	return $node->safe_psql('postgres', q{
		SELECT coalesce(string_agg(backend_type, ', ' ORDER BY backend_type), 'none')
		FROM pg_stat_activity WHERE backend_type LIKE 'pg_session_guard%'});
}

# Start again with so many slots; the complaints of the server.
sub complaints_with
{
	my ($slots) = @_;
	my $offset = log_size($node);

	$node->append_conf('postgresql.conf', "max_worker_processes = $slots\n");
	$node->restart;
	return scalar guard_lines($node, qr/LOG:  too many background workers$/, $offset);
}

wait_for_history_writer($node);
is(workers(), 'pg_session_guard, pg_session_guard history', 'both are known by their names');
is($node->safe_psql('postgres', q{
	SELECT string_agg(backend_type, ', ' ORDER BY backend_type) FROM pg_stat_activity, session_guard.stats
	WHERE pid = worker_pid AND backend_start = worker_start AND backend_type = 'pg_session_guard'
		OR pid = history_pid AND backend_start = history_start AND backend_type = 'pg_session_guard history'}),
	'pg_session_guard, pg_session_guard history', 'and session_guard.stats has both, and since when');

# One slot: it is the guard's.
is(complaints_with(1), 1, 'the server says that there are too few slots');
wait_for_guard($node);
my ($culprit, $idle) = map { RawSession->connect($node) } 1 .. 2;
$culprit->query('BEGIN');
wait_for_outcome($node, 'event', $culprit->pid, 'terminated');
is(workers(), 'pg_session_guard', 'the guard has got the only slot');
is($node->safe_psql('postgres', 'SELECT history_pid IS NULL, history_start IS NULL, events_lost FROM session_guard.stats'),
	't|t|0', 'and there is no history writer');
is($idle->query('SELECT 42'), '42', 'the culprit goes, the innocent stays');
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history'), '0', 'nobody writes the history');

# No slot.
is(complaints_with(0), 2, 'the server says so of both');
my ($idle_in_transaction, $ordered) = map { RawSession->connect($node) } 1 .. 2;
$idle_in_transaction->query('BEGIN');
wait_until_unchanged_for($node, '1500 ms', $idle_in_transaction->pid);
is($idle_in_transaction->query('SELECT 42'), '42', 'without a guard nobody is ended');
is($node->safe_psql('postgres', 'SELECT worker_pid IS NULL, worker_start IS NULL, wake_ups FROM session_guard.stats'),
	't|t|0', 'as session_guard.stats shows');
my $pid = $ordered->pid;
is(run_function($node, "terminate_session($pid)")->{outcome}{$pid}, 'terminated', 'the functions work');
is($node->safe_psql('postgres', 'SELECT pid, outcome FROM session_guard.event'), "$pid|terminated", 'and leave their events');

$node->stop;
done_testing();
