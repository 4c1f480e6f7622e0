# What session_guard.stats and session_guard.limit_stats count agrees with the
# events that were recorded, limit by limit; punctual actions are late by what
# the events say, and those that were throttled are not counted as late;
# errors of the workers, skipped locks and the workers themselves are shown; and
# all counters can be set to 0.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms', 'pg_session_guard.cancel_grace' => 0);
$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN SUPERUSER');
my $boss = RawSession->connect($node, user => 'boss');
my $idle = RawSession->connect($node);

sub ask
{
	my ($query) = @_;

	return $node->safe_psql('postgres', $query);
}

sub wait_for_stats
{
	my ($condition, $what) = @_;

	return wait_until(sub { ($boss->query("SELECT $condition FROM session_guard.stats") // '') eq 't' }, $what);
}

# A session that is idle in a transaction.
sub culprit
{
	my $session = RawSession->connect($node);

	$session->query('BEGIN');
	return $session;
}

# A mix of actions: a line only; two who were over the limit when it came into
# force; three who came to be; a statement; a request.
my $logged = culprit();
set_limits($node, mode => 'log', idle_in_transaction_session_timeout => '200ms', statement_timeout => '500ms');
wait_for_outcome($node, 'event', $logged->pid, 'dry run');
$logged->query('COMMIT');
set_limits($node, idle_in_transaction_session_timeout => '1h');
wait_for_scan($node, 2);
my @backlog = map { culprit() } 1 .. 2;
wait_until_unchanged_for($node, '300 ms', map { $_->pid } @backlog);
set_limits($node, mode => 'enforce', idle_in_transaction_session_timeout => '200ms');
wait_for_end($node, $_->pid) for @backlog;
my @punctual = map { culprit() } 1 .. 3;
my $running = RawSession->connect($node);
$running->send_query('SELECT pg_sleep(600)');
wait_for_outcome($node, 'event', $_->pid, 'terminated') for @backlog, @punctual;
wait_for_outcome($node, 'event', $running->pid, 'canceled');
my $ordered = RawSession->connect($node);
run_function($node, "terminate_session(${\ $ordered->pid })");

my $counters = 'deadlines_met, logged, cancels_sent, terminates_sent, canceled, terminated, survived, gone, raced';
is(ask("SELECT $counters FROM session_guard.limit_stats WHERE limit_name = 'idle_in_transaction_session_timeout'"),
	'6|1|0|5|0|5|0|0|0', 'the sessions are counted for their limit');
is(ask("SELECT $counters FROM session_guard.limit_stats WHERE limit_name = 'statement_timeout'"),
	'1|0|1|0|1|0|0|0|0', 'the statement for its own');
is(ask(qq{
	SELECT limit_name FROM session_guard.limit_stats
	LEFT JOIN (SELECT limit_name,
			count(*) AS events,
			count(*) FILTER (WHERE action = 'log' AND outcome = 'dry run') AS logs,
			count(*) FILTER (WHERE action = 'cancel') AS cancels,
			count(*) FILTER (WHERE action = 'terminate') AS terminates,
			count(*) FILTER (WHERE outcome = 'canceled') AS were_canceled,
			count(*) FILTER (WHERE outcome = 'terminated') AS were_terminated
		FROM session_guard.event WHERE actor = 'guard' GROUP BY limit_name) AS e USING (limit_name)
	WHERE (deadlines_met, logged, cancels_sent, terminates_sent, canceled, terminated)
		<> (coalesce(events, 0), coalesce(logs, 0), coalesce(cancels, 0), coalesce(terminates, 0),
			coalesce(were_canceled, 0), coalesce(were_terminated, 0))}),
	'', 'for each limit the counters agree with the events');
my $limits = ask(q{SELECT count(DISTINCT limit_name) FROM session_guard.limit_stats});
is(ask(q{SELECT count(*) FROM session_guard.limit_stats}), $limits, 'there is one row for each limit');
is(ask("SELECT $counters FROM session_guard.stats"),
	ask('SELECT ' . join(', ', map { "sum($_)" } split /, /, $counters) . ' FROM session_guard.limit_stats'),
	'the whole is the sum');
is(ask('SELECT requests FROM session_guard.stats'), '1', 'the request is counted apart');

# Late.
my $of_limit = q{FROM session_guard.event WHERE limit_name = 'idle_in_transaction_session_timeout' AND late IS NOT NULL};
is(ask("SELECT string_agg(pid::text, ' ' ORDER BY pid) $of_limit"), join(' ', sort { $a <=> $b } map { $_->pid } @punctual),
	'it is known how late the punctual ones were, and not of those that something else made wait');
is(ask(qq{
	SELECT late_max = (SELECT max(late) $of_limit),
		late_p50 BETWEEN median AND median * 1.25 + interval '64 us', late_p50 <= late_p99, late_p99 <= late_max
	FROM session_guard.limit_stats, (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY late) AS median $of_limit) AS of_events
	WHERE limit_name = 'idle_in_transaction_session_timeout'}),
	't|t|t|t', 'the counters know the maximum, and the median within a quarter');
is(ask(q{
	SELECT late_max = (SELECT max(late_max) FROM session_guard.limit_stats), late_p50 <= late_p99, late_p99 <= late_max
	FROM session_guard.stats}), 't|t|t', 'as they do of all limits together');
is(ask(q{
	SELECT count(*) FROM session_guard.limit_stats WHERE deadlines_met = 0 AND num_nonnulls(late_p50, late_p99, late_max) > 0}),
	'0', 'where nobody was acted on there is no lateness');

# Set to 0.
my $before = ask('SELECT stats_reset FROM session_guard.stats');
wait_for_history($node);
cmp_ok(ask('SELECT history_rows FROM session_guard.stats'), '>=', 8, 'the rows of the history are counted');
ask('SELECT session_guard.reset_stats()');
is(ask("SELECT $counters, requests, history_rows, late_p50, late_p99, late_max FROM session_guard.stats"),
	'0|0|0|0|0|0|0|0|0|0|0|||', 'the counters can be set to 0');
is(ask("SELECT count(*) FROM session_guard.limit_stats WHERE ($counters) = (0, 0, 0, 0, 0, 0, 0, 0, 0) AND late_max IS NULL"), $limits, 'for each limit');
is(ask("SELECT stats_reset > '$before' FROM session_guard.stats"), 't', 'and it is shown when that was');
is(ask('SELECT count(*) FROM session_guard.event'), '8', 'the events stay');

# What is read of the catalogs, and when it cannot be.
my $policy_time = ask('SELECT policy_time FROM session_guard.stats');
wait_for_stats("policy_time > '$policy_time'", 'what is stored is known to be as it was read');
my $skips = ask('SELECT lock_skips FROM session_guard.stats');
$boss->query('BEGIN');
$boss->query('LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
wait_for_stats("lock_skips > $skips", 'catalogs are skipped while they are locked');
$boss->query('COMMIT');
pass('a locked catalog is counted as skipped');

# An error of the history writer.
is(ask('SELECT last_error, last_error_at FROM session_guard.stats'), '|', 'there has been no error yet');
ask('ALTER TABLE session_guard.history ADD CONSTRAINT no_room CHECK (pid = 0) NOT VALID');
$ordered = RawSession->connect($node);
run_function($node, "terminate_session(${\ $ordered->pid })");
wait_for_stats('history_failures > 0', 'the history writer fails');
is(ask('SELECT last_error, last_error_at > stats_reset FROM session_guard.stats'), 'could not write the history: new row for relation "history" violates check constraint "no_room"|t', 'its error is shown');
ask('ALTER TABLE session_guard.history DROP CONSTRAINT no_room');

# Both workers are terminated; and the next guard fails, which cannot work
# without its rights, until it has them again.
my ($guard_pid, $history_pid) = split /\|/, ask('SELECT worker_pid, history_pid FROM session_guard.stats');
$boss->query('UPDATE pg_authid SET rolsuper = false WHERE oid = 10');
$boss->query("SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[$guard_pid, $history_pid]) AS pid");
wait_for_stats("last_error = 'session guard must run as a superuser'", 'the guard fails');
is($boss->query('SELECT worker_pid IS NULL FROM session_guard.stats'), 't', 'the error of the guard is shown, and that there is none');
$boss->query('UPDATE pg_authid SET rolsuper = true WHERE oid = 10');
wait_for_stats("worker_pid <> $guard_pid AND history_pid <> $history_pid", 'others are at work');
is(ask(q{
	SELECT string_agg(backend_type, ', ' ORDER BY backend_type) FROM pg_stat_activity, session_guard.stats
	WHERE pid = worker_pid AND backend_start = worker_start OR pid = history_pid AND backend_start = history_start}),
	'pg_session_guard, pg_session_guard history', 'the next guard and the next history writer are shown in place of those before');

is($running->read_until('Z') && $running->query('SELECT 42'), '42', 'the session of the canceled statement lives on');
is($logged->query('SELECT 42'), '42', 'who was only logged stays');
is($idle->query('SELECT 42'), '42', 'as does who did nothing');
$node->stop;
done_testing();
