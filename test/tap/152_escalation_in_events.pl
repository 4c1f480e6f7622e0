# From a cancel to its end, as events, counters and the log have it: a statement
# that gives in is canceled; one that goes on beyond its grace has survived the
# cancel, and the end of its session is an event of its own; one whose session
# is never terminated is reported once after 5 s, and canceled when it ends at
# last; with a grace longer than that there is the report and then the end.  Who
# was ended by somebody's call has survived the cancel, too.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my %grace = (web => '1s', lenient => '0', patient => '1h', dismissed => '1h');

$node->safe_psql('postgres', 'CREATE ROLE lenient LOGIN; CREATE ROLE patient LOGIN; CREATE ROLE dismissed LOGIN; CREATE ROLE exempt LOGIN');
$node->safe_psql('postgres', "ALTER ROLE exempt SET pg_session_guard.exempt = on");
for my $role (sort keys %grace)
{
	$node->safe_psql('postgres', "ALTER ROLE $role SET pg_session_guard.cancel_grace = '$grace{$role}'");
	$node->safe_psql('postgres', "ALTER ROLE $role SET pg_session_guard.statement_timeout = '500ms'");
}

# While somebody has the advisory lock 7, this one swallows a cancel and goes on.
my $gate = RawSession->connect($node, user => 'exempt');
$gate->query('SELECT pg_advisory_lock(7)');
my $until_gate_opens = <<'SQL';
DO $$
BEGIN
	WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7)
	LOOP
		BEGIN
			PERFORM pg_sleep(0.02);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
END
$$
SQL

my %session = (
	obedient => RawSession->connect($node, user => 'patient'),
	stubborn => RawSession->connect($node),
	lenient => RawSession->connect($node, user => 'lenient'),
	patient => RawSession->connect($node, user => 'patient'),
	dismissed => RawSession->connect($node, user => 'dismissed'),
	exempt => RawSession->connect($node, user => 'exempt'));
my %pid = map { $_ => $session{$_}->pid } keys %session;
my $idle = RawSession->connect($node);

$session{$_}->send_query('SELECT pg_sleep(600)') for qw(obedient exempt);
$session{$_}->send_query(stubborn_statement()) for qw(stubborn patient dismissed);
$session{lenient}->send_query($until_gate_opens);

# The events of a session in their order, or its rows in the history.
sub rows_of
{
	my ($relation, $name) = @_;

	return $node->safe_psql('postgres',
		"SELECT concat_ws(' ', action, outcome, regexp_replace(regexp_replace(note,
			' after [0-9.]+ s', ' after so long', 'g'), '; it waits for .*', '')) FROM session_guard.$relation
		 WHERE pid = $pid{$name} AND limit_name = 'statement_timeout' ORDER BY number");
}

sub warnings_of
{
	my ($name, $wait) = @_;

	return guard_lines($node, qr/WARNING:  session $pid{$name} has survived its signal: still there after [\d.]+ s; it waits for $wait$/);
}

my $still_there = 'still there after so long';
my $survived = 'cancel survived its session was terminated';

# The cancel has not ended this one, so somebody else does.
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM session_guard.event WHERE pid = $pid{dismissed}")
  or die 'no cancel';
run_function($node, "terminate_session($pid{dismissed})");
wait_for_outcome($node, 'event', $pid{dismissed}, 'survived', q{action = 'cancel'});
is(rows_of('event', 'dismissed'), $survived, 'a session that a function ends has survived the cancel');

wait_for_outcome($node, 'event', $pid{obedient}, 'canceled');
wait_for_outcome($node, 'event', $pid{stubborn}, 'terminated', q{action = 'terminate'});
is(rows_of('event', 'stubborn'), "$survived\nterminate terminated", 'whose grace is over has survived the cancel, and is terminated');

wait_for_outcome($node, 'event', $pid{lenient}, 'survived');
is(rows_of('event', 'lenient'), "cancel survived $still_there", 'whom nobody terminates has survived after 5 s');
is(scalar warnings_of('lenient', '.*'), 1, 'with a warning');

# Longer than 5 s, and over.
wait_for_outcome($node, 'event', $pid{patient}, 'survived');
is(scalar warnings_of('patient', 'Timeout: PgSleep'), 1, 'within a grace that is longer there is a warning too');
$node->safe_psql('postgres', q{ALTER ROLE patient SET pg_session_guard.cancel_grace = '6s'});
wait_for_outcome($node, 'event', $pid{patient}, 'terminated', q{action = 'terminate'});
is(rows_of('event', 'patient'), "$survived\nterminate terminated", 'and after the grace the session is terminated');

# The statement that nobody terminates ends by itself, long after its cancel.
$gate->query('SELECT pg_advisory_unlock(7)');
$session{lenient}->read_until('Z');
is($session{lenient}->sqlstate, '', 'the statement that was to be canceled ends by itself');
wait_for_outcome($node, 'event', $pid{lenient}, 'canceled');
is(rows_of('event', 'lenient'), "cancel canceled its statement ended after so long; before: $still_there",
	'then its event says so, and keeps what was noted');
is($session{lenient}->query('SELECT 42'), '42', 'and its session lives');

is(rows_of('event', 'obedient'), 'cancel canceled', 'who gives in is canceled');
$session{obedient}->read_until('Z');
is($session{obedient}->query('SELECT 42'), '42', 'and its session lives');
is(rows_of('event', 'exempt'), '', 'nothing happens to who is exempt');
ok(is_alive($node, $pid{exempt}), 'and it lives');
is($idle->query('SELECT 42'), '42', 'as does who is idle');

# The history has what is in memory.
wait_for_history($node);
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history'), '8', 'all eight events are in the history');
is(rows_of('history', $_), rows_of('event', $_), "the history has what became of $_") for qw(obedient stubborn lenient patient dismissed);
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM session_guard.event
	WHERE outcome IN ('canceled', 'terminated') AND gone_after IS NULL OR outcome = 'survived' AND gone_after IS NOT NULL}),
	'0', 'of who has gone it is known when');
is($node->safe_psql('postgres', "SELECT gone_after > interval '5 s' FROM session_guard.event WHERE pid = $pid{lenient}"),
	't', 'and so of who took long');

for my $relation ('stats', q{limit_stats WHERE limit_name = 'statement_timeout'})
{
	is($node->safe_psql('postgres', "SELECT cancels_sent, terminates_sent, canceled, terminated, survived FROM session_guard.$relation"),
		'5|2|2|2|4', "and counted: $relation");
}
is(scalar guard_lines($node, qr/WARNING:/), 2, 'there were no other warnings');
is(scalar guard_lines($node, qr/LOG:  canceling statement of session /), 5, 'five cancels');
is(scalar guard_lines($node, qr/LOG:  terminating session /), 3, 'three terminates, one of them ordered');
$node->stop;
done_testing();
