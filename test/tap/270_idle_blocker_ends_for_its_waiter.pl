# idle_blocker_timeout: a session that is idle in a transaction goes when somebody has waited
# for its locks for too long.  Who holds as much and is in nobody's way stays, as does who is at
# work, who is at the end or in the middle of a chain of waits, and who is only in the way of
# maintenance or of an advisory lock.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_blocker_timeout' => '1s',
	'pg_session_guard.naptime' => '500ms',
	deadlock_timeout => '1h');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE account AS SELECT id, 100 AS amount FROM generate_series(1, 4) AS id;
	CREATE TABLE audit (id int);
	CREATE TABLE report (id int);
	GRANT ALL ON account, audit, report TO web;
	ALTER TABLE report OWNER TO web});

my %session = map { $_ => RawSession->connect($node) }
  qw(root middle leaf worker waits_for_worker keeper reader builder advisory suitor);

# None of these is in anybody's way, or not in one that counts.
$session{keeper}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 3');

$session{reader}->query('BEGIN; INSERT INTO report VALUES (1)');
let_wait($node, $session{builder} => 'VACUUM FULL report');
$session{advisory}->query('BEGIN; SELECT pg_advisory_xact_lock(1)');
let_wait($node, $session{suitor} => 'SELECT pg_advisory_xact_lock(1)');
# Neither is idle.
$session{worker}->send_query('LOCK TABLE audit; SELECT pg_sleep(600)');
wait_for_status($node, $session{worker}->pid, "wait_event = 'PgSleep'");
let_wait($node, $session{waits_for_worker} => 'INSERT INTO audit VALUES (1)');
# A chain of three: who is in the middle is idle in its transaction as well until it waits.
$session{middle}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 2');
$session{root}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 1');
let_wait($node, $session{middle} => 'UPDATE account SET amount = 1 WHERE id = 1');
let_wait($node, $session{leaf} => 'UPDATE account SET amount = 1 WHERE id = 2');

wait_for_end($node, $session{root}->pid);
$session{root}->read_to_end;
like(
	$session{root}->error_text,
	qr/^\QFATAL 57P01: terminating connection due to administrator command
DETAIL: Idle while blocking 2 sessions, the first for 1\E(\.\d+)?\Q s; pg_session_guard.idle_blocker_timeout is 1 s (configuration file).
HINT: Commit or roll back before waiting for other work, or ask the administrator to raise the limit.\E$/,
	'its client is told why');
$session{middle}->read_result;
is($session{middle}->sqlstate, '', 'what waited for it gets its lock');

# Now the one in the middle is idle and in the way of the last one.
wait_for_end($node, $session{middle}->pid);
$session{leaf}->read_result;
is($session{leaf}->sqlstate, '', 'and so does the end of the chain');

wait_until_unchanged_for($node, '2 s', map { $session{$_}->pid } qw(keeper reader advisory));
is( living($node, \%session),
	'advisory builder keeper leaf reader suitor waits_for_worker worker',
	'nobody else is ended');
is(scalar guard_lines($node, qr/terminating session/), 2, 'one line for each of the two');
is( $node->safe_psql('postgres', q{SELECT string_agg(limit_name || ' ' || outcome, ', ' ORDER BY number) FROM session_guard.event}),
	'idle_blocker_timeout terminated, idle_blocker_timeout terminated',
	'and one event');

$_->abandon for values %session;
$node->stop;
done_testing();
