# Whatever ends the guard or the history writer in the middle of their work, no
# event is twice in the history and none is missing: they are terminated while
# statements are canceled, the writer before its commit and after it.  Only a
# crash of the server loses what was in memory alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	restart_after_crash => 'on',
	'pg_session_guard.cancel_grace' => '0',
	'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql('postgres',
	q{CREATE ROLE slow LOGIN; ALTER ROLE slow SET pg_session_guard.statement_timeout = '200ms'});

sub pid_of_worker
{
	my ($worker) = @_;

	return $node->safe_psql('postgres', "SELECT ${worker}_pid FROM session_guard.stats");
}

# Wait until another worker than the one with this pid is at work.
sub wait_for_next
{
	my ($worker, $pid) = @_;

	return wait_until(sub { pid_of_worker($worker) !~ /^($pid|)$/ }, "another $worker runs");
}

# A row for each event, from memory or the history; those of this server only.
sub events
{
	my ($relation) = @_;

	return $node->safe_psql('postgres',
		"SELECT * FROM session_guard.$relation
		 WHERE server_start = (SELECT max(server_start) FROM session_guard.$relation) ORDER BY number");
}

sub stat_of
{
	my ($column) = @_;

	return $node->safe_psql('postgres', "SELECT $column FROM session_guard.stats");
}

# The next session that a function ends, as the event that comes next.
sub end_one
{
	my $session = RawSession->connect($node);

	$node->safe_psql('postgres', "SELECT terminate_session(${\ $session->pid })");
	return $session->pid;
}

# Both workers end while the statements of twenty sessions do.
my @sessions = map { RawSession->connect($node, user => 'slow') } 1 .. 20;
for (1 .. 2)
{
	my ($guard, $writer) = map { pid_of_worker($_) } qw(worker history);

	$_->send_query('SELECT pg_sleep(600)') for @sessions;
	$sessions[0]->read_result;
	kill TERM => $guard, $writer;
	$_->read_result for @sessions[ 1 .. $#sessions ];
	wait_for_next(worker => $guard);
	wait_for_next(history => $writer);
}
$node->poll_query_until('postgres', q{SELECT bool_and(outcome = 'canceled') FROM session_guard.event})
  or die 'not all were confirmed';
wait_for_history($node);
my $two_each = join "\n", ('2 canceled') x 20;
for my $relation (qw(event history))
{
	is($node->safe_psql('postgres',
			"SELECT count(*), outcome FROM session_guard.$relation GROUP BY pid, outcome") =~ tr/|/ /r,
		$two_each, "$relation: one cancel for each of two statements of each session");
}
is(events('history'), events('event'), 'the history has it all');
is($sessions[0]->query('SELECT 42'), '42', 'the sessions live');

# The writer is told to end while it commits.
my $writer = pid_of_worker('history');
$node->safe_psql(
	'postgres', q{
	CREATE SEQUENCE public.tries;
	CREATE FUNCTION public.end_writer() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF pg_catalog.nextval('public.tries') = 1 THEN
			PERFORM pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());
		END IF;
		RETURN NULL;
	END
	$$;
	CREATE CONSTRAINT TRIGGER end_writer AFTER INSERT ON session_guard.history
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.end_writer();
	ALTER TABLE session_guard.history ENABLE ALWAYS TRIGGER end_writer});
end_one();
wait_for_next(history => $writer);
wait_for_history($node);
is($node->safe_psql('postgres', 'SELECT last_value FROM public.tries'), '1', 'the writer ends when it has committed');
is(events('history'), events('event'), 'and the next one does not write it again');
$node->safe_psql('postgres', 'DROP FUNCTION public.end_writer() CASCADE');

# It has committed a row, and ends before it could note that: somebody else writes
# the row for it while it is stopped.
$writer = pid_of_worker('history');
freeze_process($writer);
my $pid = end_one();
$node->poll_query_until('postgres', "SELECT outcome = 'terminated' FROM session_guard.event WHERE pid = $pid")
  or die 'the end is not confirmed';
$node->safe_psql('postgres',
	"INSERT INTO session_guard.history SELECT * FROM session_guard.event WHERE pid = $pid;
	 UPDATE session_guard.history SET outcome = 'survived', gone_after = NULL WHERE pid = $pid");
kill TERM => $writer;
thaw_process($writer);
wait_for_next(history => $writer);
wait_for_history($node);
is(events('history'), events('event'), 'what was written before is written to the same row again');
is(stat_of('history_failures'), '0', 'which is no failure');
is(stat_of('events_lost'), '0', 'and nothing is lost');

# The server crashes while there is an event in memory that cannot be written.
my $before = events('history');
my $locker = RawSession->connect($node, user => $superuser);
$locker->query('BEGIN; LOCK TABLE session_guard.history IN ACCESS EXCLUSIVE MODE');
my $lost = end_one();
my $offset = log_size($node);
kill KILL => $sessions[0]->pid;
wait_until(sub { guard_lines($node, qr/LOG:  database system is ready to accept connections/, $offset) },
	'the server has started over');
wait_for_guard($node);
is(events('event'), '', 'after a crash memory is empty');
is(events('history'), $before, 'the history has what it had');
my $next = end_one();
wait_for_history($node);
is($node->safe_psql('postgres',
		"SELECT number, server_start > (SELECT min(server_start) FROM session_guard.history),
			(SELECT count(*) FROM session_guard.history WHERE number = 1)
		 FROM session_guard.history WHERE pid = $next"),
	'1|t|2', 'the next event is the first of a new start, and stands next to the first of the other');
is($node->safe_psql('postgres', "SELECT count(*) FROM session_guard.history WHERE pid = $lost AND pid <> $next"),
	'0', 'what was in memory alone is lost');
is(stat_of('history_failures'), '0', 'the writer has not failed');

$node->stop;
done_testing();
