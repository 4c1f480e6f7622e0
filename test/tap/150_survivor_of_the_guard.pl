# A session that cannot end for a while after the guard has terminated it: its
# event becomes "survived", one WARNING says what it waits for, and the guard
# looks at it each second, and no more often.  No second signal is sent, and none
# that would take the server down.  When it can go it goes, and its event and its
# row in the history say so.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 'idle_in_transaction_session_timeout';
my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my ($victim, $idle) = map { RawSession->connect($node) } 1 .. 2;
my $pid = $victim->pid;

# The counters of the guard, or of one limit, as a string.
sub counters
{
	my ($relation) = @_;

	return $node->safe_psql('postgres',
		"SELECT format('%s of %s terminated, %s survived', terminated, terminates_sent, survived) FROM $relation");
}

sub check_counters
{
	my ($expected) = @_;

	is(counters('session_guard.stats'), $expected, "stats: $expected");
	is(counters("session_guard.limit_stats WHERE limit_name = '$limit'"), $expected, 'and so for its limit');
	is(counters("session_guard.limit_stats WHERE limit_name = 'statement_timeout'"),
		'0 of 0 terminated, 0 survived', 'and nothing for another');
	return;
}

# The one row of the session in a relation.
sub row_of
{
	my ($relation) = @_;

	return $node->safe_psql('postgres',
		"SELECT action, outcome, note, gone_after > interval '5 s' FROM session_guard.$relation WHERE pid = $pid");
}

$victim->query('BEGIN');
wait_for_status($node, $pid, "wait_event = 'ClientRead'");
freeze_process($pid);
set_limits($node, $limit => '200ms');

wait_for_outcome($node, 'event', $pid, 'survived');
my $note = $node->safe_psql('postgres', 'SELECT note FROM session_guard.event');
like($note, qr/^still there after (5(\.\d+)?|[6-9][\d.]*|\d\d[\d.]*) s; it waits for Client: ClientRead$/, 'it is noted what it waits for');
is(row_of('event'), "terminate|survived|$note|", 'the event says that it has survived');
my $server_start = $node->safe_psql('postgres', 'SELECT server_start FROM session_guard.event');
wait_for_outcome($node, 'history', $pid, 'survived');
is(row_of('history'), "terminate|survived|$note|", 'the history too');
check_counters('0 of 1 terminated, 1 survived');

# Scans go by.  (An unhurried machine has time for thousands of looks between two.)
my $work = 'SELECT scans, wake_ups, evaluations FROM session_guard.stats';
my ($scans, $wake_ups, $evaluations) = split /\|/, $node->safe_psql('postgres', $work);
wait_for_scan($node, 5);
my ($later_scans, $later_wake_ups, $later_evaluations) = split /\|/, $node->safe_psql('postgres', $work);
cmp_ok($later_wake_ups - $wake_ups, '<=', 2 * ($later_scans - $scans) + 5, 'the guard is calm while it waits');
is($later_evaluations, $evaluations, 'and plans nothing for who is signaled already');

is(scalar guard_lines($node, qr/LOG:  terminating session $pid /), 1, 'one line about the signal');
my @warnings = guard_lines($node, qr/WARNING:/);
is(scalar @warnings, 1, 'one warning');
like($warnings[0], qr/WARNING:  session $pid has survived its signal: \Q$note\E$/, 'about the survivor');
ok(is_alive($node, $pid), 'it is still there');

thaw_process($pid);
wait_for_end($node, $pid);
$victim->read_to_end;
like($victim->error->{detail}, qr/^Idle in transaction for .* m?s; pg_session_guard\.$limit is 200 ms /,
	'it goes when it can, and is told why');
wait_for_outcome($node, 'event', $pid, 'terminated');
my $end = qr/^terminate\|terminated\|gone after [\d.]+ s; before: \Q$note\E\|t$/;
like(row_of('event'), $end, 'its event says so, and that it took longer than 5 s');
wait_for_outcome($node, 'history', $pid, 'terminated');
like(row_of('history'), $end, 'its one row in the history too');
check_counters('1 of 1 terminated, 1 survived');

is($idle->query('SELECT 42'), '42', 'who did nothing stays');
is(scalar guard_lines($node, qr/WARNING:/), 1, 'there is no other warning');
is(scalar guard_lines($node, qr/(terminating|canceling).* session /), 1, 'and no other signal');
is($node->safe_psql('postgres', 'SELECT DISTINCT server_start FROM session_guard.event'),
	$server_start, 'the memory of the server is still the same');
$node->stop;
done_testing();
