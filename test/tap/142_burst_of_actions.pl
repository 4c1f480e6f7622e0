# A thousand actions in a burst are a thousand events, all of them in the
# history, and none is lost.  Where memory has place for a few only and the
# history cannot be written, what is overwritten is counted; what is still in
# memory is followed to its end.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	max_connections => 130,
	'pg_session_guard.cancel_grace' => '0');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE ROLE slow LOGIN; CREATE ROLE clerk LOGIN;
	ALTER ROLE slow SET pg_session_guard.statement_timeout = '150ms';
	ALTER ROLE slow SET pg_session_guard.idle_in_transaction_session_timeout = '150ms'});

sub connect_many
{
	my ($count, $user) = @_;

	return map { RawSession->connect($node, user => $user) } 1 .. $count;
}

# Let each of some sessions have a statement canceled, all at the same time.
sub cancel_all
{
	my (@sessions) = @_;

	$_->send_query('SELECT pg_sleep(600)') for @sessions;
	$_->read_result for @sessions;
	return;
}

# How many events there are with which outcome, in memory or in the history.
sub outcomes
{
	my ($relation, $condition) = @_;

	return $node->safe_psql('postgres',
		"SELECT coalesce(string_agg(outcome || ' ' || n, ', ' ORDER BY outcome), '')
		 FROM (SELECT outcome, count(DISTINCT (server_start, number)) AS n
			FROM session_guard.$relation WHERE ${\ ($condition // 'true') } GROUP BY outcome) AS outcomes");
}

sub stat_of
{
	my ($column) = @_;

	return $node->safe_psql('postgres', "SELECT $column FROM session_guard.stats");
}

my $bystander = RawSession->connect($node);
my @sessions = connect_many(100, 'slow');
cancel_all(@sessions) for 1 .. 9;
$_->send_query('BEGIN') for @sessions;
$_->read_to_end for @sessions;
$node->poll_query_until('postgres', 'SELECT terminated = 100 FROM session_guard.stats')
  or die 'not all ends were confirmed';
wait_for_history($node);
my $all = 'canceled 900, terminated 100';
is(outcomes('event'), $all, 'a thousand actions are a thousand events');
is(outcomes('history'), $all, 'which are all in the history');
is($node->safe_psql('postgres', 'SELECT min(number), max(number), count(*) FROM session_guard.history'),
	'1|1000|1000', 'each of them once');
is(stat_of('events_lost'), '0', 'none is lost');
is(stat_of('history_rows'), '1000', 'none was written twice');
is($bystander->query('SELECT 42'), '42', 'who had nothing to do with it lives');
$node->stop;

# Sixteen places, and nobody who could empty them.
$node->append_conf('postgresql.conf', 'pg_session_guard.history_buffer = 16');
$node->start;
wait_for_guard($node);
my $locker = RawSession->connect($node, user => $superuser);
@sessions = connect_many(8, 'slow');
$locker->query('BEGIN; LOCK TABLE session_guard.history IN ACCESS EXCLUSIVE MODE');
cancel_all(@sessions) for 1 .. 5;
$node->poll_query_until('postgres',
	q{SELECT count(*) = 16 AND max(number) = 40 AND min(outcome) = 'canceled' FROM session_guard.event})
  or die 'the last events are not there';
# A try that fails from now on was not made for what was overwritten since.
my $failures = stat_of('history_failures');
$node->poll_query_until('postgres', "SELECT history_failures > $failures FROM session_guard.stats")
  or die 'the history could be written';
is(stat_of('events_lost'), '24', 'what was overwritten is counted as lost');
$locker->query('COMMIT');
wait_for_history($node);
my $here = 'server_start = (SELECT max(server_start) FROM session_guard.event)';
is(outcomes('history', $here), 'canceled 16', 'the rest is in the history as soon as it can be written');
is(stat_of('events_lost'), '24', 'and none of that is lost');
is(outcomes('history', "NOT $here"), $all, 'as is what was there');
is($sessions[0]->query('SELECT 42'), '42', 'who had nothing to do with it lives');

# The guard knows sixteen who cannot end, and then they make room for others.
my @stuck = connect_many(16, 'web');
my @quick = connect_many(16, 'clerk');
freeze_process($_->pid) for @stuck;
$node->safe_psql('postgres', q{SELECT terminate_user_sessions('web', timeout => '0')});
wait_for_scan($node);
$node->safe_psql('postgres', q{SELECT terminate_user_sessions('clerk', timeout => '0')});
$_->read_to_end for @quick;
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) > 1 AND bool_and(outcome = 'terminated') FROM session_guard.event WHERE usename = 'clerk'}),
	'those whose events have taken the place of others are followed to their end');
thaw_process($_->pid) for @stuck;
$_->read_to_end for @stuck;

$node->stop;
done_testing();
