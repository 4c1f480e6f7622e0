# A limit on blocking is that of the role of who is in the way, not of who waits; it counts from
# when the wait began, or the session went idle; the schedule says when; with mode = log it is
# only said.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '1h', deadlock_timeout => '1h');

$node->safe_psql('postgres', join ';',
	'CREATE ROLE app LOGIN', 'CREATE ROLE batch LOGIN',
	q{ALTER ROLE app SET pg_session_guard.idle_blocker_timeout = '5s'},
	q{ALTER ROLE batch SET pg_session_guard.idle_blocker_timeout = '1h'},
	'CREATE TABLE a (id int); CREATE TABLE b (id int); GRANT ALL ON a, b TO PUBLIC');
my %session = (
	app => RawSession->connect($node, user => 'app'),
	batch => RawSession->connect($node, user => 'batch'),
	map { $_ => RawSession->connect($node, user => 'app') } qw(waits_a waits_b));

$session{app}->query('BEGIN; LOCK TABLE a');
$session{batch}->query('BEGIN; LOCK TABLE b');
wait_until_unchanged_for($node, '3 s', map { $session{$_}->pid } qw(app batch));
is(living($node, \%session), 'app batch waits_a waits_b', 'while nobody waits all stay');

$session{"waits_$_"}->send_query("BEGIN; LOCK TABLE $_") for qw(b a);
wait_for_status($node, $session{"waits_$_"}->pid, "wait_event_type = 'Lock'") for qw(b a);
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(concat_ws(' ', usename, threshold, source, since = waitstart, due_at = since + threshold), ', ' ORDER BY threshold)
		FROM session_guard.schedule
		JOIN (SELECT DISTINCT holder.pid, waiter.waitstart FROM pg_locks AS waiter
			JOIN pg_locks AS holder USING (relation) WHERE NOT waiter.granted AND holder.granted) AS locks USING (pid)
		WHERE limit_name = 'idle_blocker_timeout'}),
	'app 00:00:05 role "app" t t, batch 01:00:00 role "batch" t t',
	'the schedule knows when it would be due');
wait_for_end($node, $session{app}->pid);
$session{waits_a}->read_result;
wait_until_unchanged_for($node, '3 s', $session{waits_b}->pid);
is(living($node, \%session), 'batch waits_a waits_b', 'who has a higher limit stays');

# Only logged, once.
set_limits($node, mode => 'log');
$node->safe_psql('postgres', q{ALTER ROLE batch SET pg_session_guard.idle_blocker_timeout = '1s'});
wait_until(sub { guard_lines($node, qr/would terminate session/) > 0 }, 'with mode = log it is said');
like((guard_lines($node, qr/would terminate session/))[0], qr/: idle while blocking 1 session for .* is 1 s \(role "batch"\)$/,
	'who, and why');
wait_for_scan($node, 3);
is(scalar guard_lines($node, qr/would terminate session/), 1, 'once');
is(living($node, \%session), 'batch waits_a waits_b', 'and nobody is ended');

$_->abandon for values %session;
$node->stop;
done_testing();
