# One history writer goes on writing and deleting, whatever happens to its table
# meanwhile: the table is dropped and created anew, has another column, or loses
# one for a while.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');

# Something for the history: the process ID of a session that was terminated.
sub make_event
{
	my $session = RawSession->connect($node);
	my $pid = $session->pid;

	$node->safe_psql('postgres', "SELECT terminate_session($pid)");
	return $pid;
}

sub is_written
{
	my ($pid, $test) = @_;

	ok( $node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM session_guard.history WHERE pid = $pid AND outcome = 'terminated'"),
		$test);
	return;
}

# Have the writer delete a row that is past its retention.
sub is_deleted
{
	my ($test) = @_;

	$node->safe_psql('postgres',
		q{INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, action, outcome)
		  VALUES (now(), 1, now() - interval '10 years', 'guard', 1, 'terminate', 'terminated')});
	$node->reload;
	ok( $node->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM session_guard.history WHERE pid = 1)'),
		$test);
	return;
}

sub failures
{
	return $node->safe_psql('postgres', 'SELECT history_failures FROM session_guard.stats');
}

is_written(make_event(), 'an event is written');
is_deleted('an old row is deleted');
my $writer = $node->safe_psql('postgres', 'SELECT history_pid FROM session_guard.stats');

# In one transaction, so that the writer never finds it missing.
for my $time (1 .. 2)
{
	$node->safe_psql('postgres', 'BEGIN; DROP EXTENSION pg_session_guard; CREATE EXTENSION pg_session_guard; COMMIT');
	is_written(make_event(), "written to a new table ($time)");
	is_deleted("deleted from a new table ($time)");
}
is(failures(), '0', 'none of this is a failure');

$node->safe_psql('postgres', 'ALTER TABLE session_guard.history ADD COLUMN seen_by text DEFAULT $$nobody$$');
my $pid = make_event();
is_written($pid, 'written to a table with another column');
is($node->safe_psql('postgres', "SELECT seen_by FROM session_guard.history WHERE pid = $pid"), 'nobody', 'which has its default');

# An error in the middle leaves a plan that works again afterwards.
$node->safe_psql('postgres', 'ALTER TABLE session_guard.history RENAME COLUMN note TO remark');
$pid = make_event();
wait_until(sub { failures() > 0 }, 'a table without a column is a failure');
is($node->safe_psql('postgres', "SELECT count(*) FROM session_guard.history WHERE pid = $pid"), '0', 'and nothing is written to it');
$node->safe_psql('postgres', 'ALTER TABLE session_guard.history RENAME COLUMN remark TO note');
is_written($pid, 'once the column is there again, the event is written');
is_deleted('and rows are deleted');
is($node->safe_psql('postgres', 'SELECT events_lost FROM session_guard.stats'), '0', 'no event was lost');
is($node->safe_psql('postgres', 'SELECT history_pid FROM session_guard.stats'), $writer, 'by one writer all the time');

$node->stop;
done_testing();
