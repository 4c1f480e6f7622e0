# What the guard and a DBA did reaches the history whatever a role does to itself:
# a role that calls functions on its own session in a loop loses its own events,
# counted exactly, and nobody else's.  The same done again and again is one event
# and few lines.  A request waits for the history rather than lose, and the wait can
# be interrupted.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# Of 32 places 16 are for roles.
my $node = guard_node(
	'main',
	max_connections => 60,
	'pg_session_guard.history_buffer' => 32,
	'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $dba = RawSession->connect($node, user => $superuser);
my $flooder = RawSession->connect($node);
my $sent = 0;

$node->safe_psql(
	'postgres', q{
	CREATE ROLE idler LOGIN; CREATE ROLE slow LOGIN; CREATE ROLE crowd LOGIN;
	ALTER ROLE idler SET pg_session_guard.idle_session_timeout = '100ms'});

# Its signals stay without effect, so that it can be signaled for ever.
my $own = RawSession->connect($node);
my $pid = $own->pid;
$own->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $pid, "wait_event = 'PgSleep'");
freeze_process($pid);

# Call a function on the flooder's own session many times, "i" being the number of the call.
sub flood
{
	my ($times, $call) = @_;

	$flooder->query("DO \$\$ BEGIN FOR i IN 1 .. $times LOOP PERFORM $call; END LOOP; END \$\$");
	is($flooder->error, undef, "$times times $call") or diag($flooder->error_text);
	$sent += $times;
	return;
}

# Let the guard end some sessions, and the DBA cancel some statements; the pids of all.
sub act
{
	my @idle = map { RawSession->connect($node, user => 'idler') } 1 .. 3;
	my @busy = map { RawSession->connect($node, user => 'slow') } 1 .. 2;

	$_->send_query('SELECT pg_sleep(600)') for @busy;
	wait_for_status($node, $_->pid, "wait_event = 'PgSleep'") for @busy;
	is($dba->query("SELECT string_agg(outcome, ' ') FROM cancel_user_queries('slow', \"timeout\" => '1 h')"),
		'canceled canceled', 'the DBA cancels two statements');
	$_->read_to_end for @idle;
	$_->quit for @busy;
	return map { $_->pid } @idle, @busy;
}

sub stat_of
{
	return $dba->query("SELECT $_[0] FROM session_guard.stats");
}

# Nothing can be written for now.
my $locker = RawSession->connect($node, user => $superuser);
my $lock = 'BEGIN; LOCK TABLE session_guard.history';
$locker->query($lock);
my @pids = act();
flood(300, qq{cancel_query($pid, "timeout" => '0', reason => i::text)});
push @pids, act();
flood(300, qq{cancel_query($pid, "timeout" => '0', reason => (1000 + i)::text)});
$locker->query('COMMIT');
wait_for_history($node);
is($dba->query(
		"SELECT count(*) FILTER (WHERE actor = 'guard' AND outcome = 'terminated'),
			count(*) FILTER (WHERE function_name = 'cancel_user_queries' AND outcome = 'canceled')
		 FROM session_guard.history WHERE pid IN (" . join(', ', @pids) . ')'),
	'6', 'all that the guard did is in the history');
is($dba->query("SELECT count(*) FROM session_guard.history WHERE function_name = 'cancel_user_queries' AND outcome = 'canceled'"),
	'4', 'and all that the DBA did');
$sent += 10;
is(stat_of('ordered + terminates_sent'), $sent, 'so many signals were sent');
is(stat_of('events_lost'), $sent - $dba->query('SELECT count(*) FROM session_guard.history'),
	'what is missing was counted');
cmp_ok(stat_of('events_lost'), '>', 500, 'the flood has lost itself');
is($dba->query(q{SELECT count(*) FROM session_guard.history WHERE note = 'not followed any further'}),
	'0', 'and kept nobody from being followed to its end');

# The same again and again.
my $offset = log_size($node);
my $written = $dba->query('SELECT count(*) FROM session_guard.history');
flood(150, qq{cancel_query($pid, "timeout" => '0')});
flood(1, qq{cancel_query($pid, "timeout" => '0', reason => 'please')});
flood(1, qq{stop_query($pid, "timeout" => '0', grace => '1 ms')});
$own->abandon;
thaw_process($pid);
wait_for_end($node, $pid);
wait_for_history($node);
my $about = "FROM session_guard.history WHERE pid = $pid AND (reason IS NULL OR reason = 'please')";
is($dba->query("SELECT string_agg(concat_ws(' ', function_name, action, reason), ', ' ORDER BY number) $about"),
	'cancel_query cancel, cancel_query cancel please, stop_query cancel, stop_query terminate',
	'is one event; another reason, function or action is another');
like($dba->query("SELECT note $about AND function_name = 'cancel_query' AND reason IS NULL"),
	qr/\brepeated 149 times within /, 'which says how often');
my @lines = guard_lines($node, qr/LOG:  canceling statement of session $pid .* with cancel_query\(\)/, $offset);
is(join(', ', map { /cancel_query\(\)(.*)/ } @lines), ',  (repeated 10 times),  (repeated 100 times), : "please"',
	'the log says so at first and after each tenfold');

# Another statement is another event.
my $worker = RawSession->connect($node);
for (1 .. 2)
{
	$worker->send_query('SELECT pg_sleep(600)');
	wait_for_status($node, $worker->pid, "wait_event = 'PgSleep'");
	$flooder->query("SELECT cancel_query(${\ $worker->pid })");
	$worker->read_result;
}
is($dba->query("SELECT string_agg(outcome, ' ') FROM session_guard.event WHERE pid = ${\ $worker->pid }"),
	'canceled canceled', 'two statements are two events');

# One request for more sessions than there is room for.
my @crowd = map { RawSession->connect($node, user => 'crowd') } 1 .. 40;
my $lost = stat_of('events_lost');
$locker->query($lock);
my $request = RawSession->connect($node, user => $superuser);
$request->query(q{SET statement_timeout = '200ms'});
$request->query(q{SELECT FROM terminate_user_sessions('crowd', "timeout" => '1 h')});
is($request->sqlstate, '57014', 'the wait can be interrupted');
# Who was signaled may be a while in leaving.
my $there = 40 - $dba->query("SELECT count(DISTINCT pid) FROM session_guard.event WHERE usename = 'crowd'");
wait_until(
	sub { $dba->query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'crowd'") == $there },
	'those who were signaled have gone');
cmp_ok($there, '>=', 40 - 16, 'who waits has not gone on');
$request->query('RESET statement_timeout');
$request->send_query(q{SELECT count(*) FROM terminate_user_sessions('crowd', "timeout" => '1 h') WHERE outcome = 'terminated'});
wait_for_status($node, $request->pid, "wait_event_type = 'Extension'");
$locker->query('COMMIT');
is($request->read_result, $there, 'the request goes on as soon as there is room');
wait_for_history($node);
is($dba->query(q{SELECT count(DISTINCT pid) FROM session_guard.history WHERE usename = 'crowd' AND outcome = 'terminated'}),
	'40', 'and all are in the history');
is(stat_of('events_lost'), $lost, 'nothing is lost');
is($dba->query('SELECT 42'), '42', 'who did nothing stays');

$node->stop;
done_testing();
