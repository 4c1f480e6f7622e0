# On a hot standby there are events, of the guard and of functions called by
# name, but nobody who could write the history.  When it is promoted, the writer
# starts, and what is still in memory comes to the history of the primary.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $primary = guard_node('primary', allows_streaming => 1);
$primary->safe_psql('postgres', 'CREATE ROLE late LOGIN');
my $ended = RawSession->connect($primary);
$primary->safe_psql('postgres', "SELECT terminate_session(${\ $ended->pid })");
wait_for_history($primary);

my $standby = standby_of($primary);
set_limits($standby, idle_in_transaction_session_timeout => '200ms', naptime => '100ms');

# A culprit of the guard's, until its event is settled.
sub end_culprit
{
	my $culprit = RawSession->connect($standby, user => 'late');
	my $pid = $culprit->pid;

	$culprit->query('BEGIN');
	$culprit->read_to_end;
	$standby->poll_query_until('postgres',
		"SELECT outcome = 'terminated' FROM session_guard.event WHERE pid = $pid")
	  or die "the end of $pid was not confirmed";
	return $pid;
}

sub rows_of
{
	my ($relation, $columns, $condition) = @_;

	$condition //= 'true';
	return $standby->safe_psql('postgres',
		"SELECT $columns FROM session_guard.$relation WHERE $condition ORDER BY server_start, number");
}

my $bystander = RawSession->connect($standby);
my $by_guard = end_culprit();
my $victim = RawSession->connect($standby);
my $by_name = $victim->pid;
is($standby->safe_psql('postgres', "SELECT outcome FROM terminate_session($by_name, reason => 'failover test')"),
	'terminated', 'a session of the standby is terminated');
is(rows_of('event', 'number, pid, action, outcome, reason'),
	"1|$by_guard|terminate|terminated|\n2|$by_name|terminate|terminated|failover test",
	'on a standby there are its own events');
is(rows_of('history', 'pid'), $ended->pid, 'and the history of the primary');
is( $standby->safe_psql(
		'postgres', q{SELECT count(*), (SELECT history_pid FROM session_guard.stats)
			FROM pg_stat_activity WHERE backend_type = 'pg_session_guard history'}),
	'0|', 'there is nobody who writes it');
is( $primary->safe_psql(
		'postgres', q{SELECT count(*), bool_and(pid = (SELECT history_pid FROM session_guard.stats))
			FROM pg_stat_activity WHERE backend_type = 'pg_session_guard history'}),
	'1|t', 'on the primary there is');

$standby->promote;
wait_for_history($standby);
pass('what was in memory before the promotion comes to the history');
my $after = end_culprit();
wait_for_history($standby);
is(rows_of('event', '*'), rows_of('history', '*', 'server_start = (SELECT max(server_start) FROM session_guard.event)'),
	'the history has all events of the promoted server');
is(rows_of('history', 'pid'), join("\n", $ended->pid, $by_guard, $by_name, $after),
	'next to what the primary has written');
is($standby->safe_psql('postgres', 'SELECT history_rows, history_failures, events_lost FROM session_guard.stats'),
	'3|0|0', 'without a failure');
is($bystander->query('SELECT 42'), '42', 'who was no culprit lives');

$standby->stop;
$primary->stop;
done_testing();
