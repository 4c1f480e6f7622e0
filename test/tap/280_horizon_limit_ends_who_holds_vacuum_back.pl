# max_horizon_age: who holds back what vacuum could clean up by too many transactions goes: a
# writer that is idle in its transaction, a snapshot that is kept, a cursor; a statement that runs
# is canceled.  Who is idle in a transaction at READ COMMITTED holds back nothing, and stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.max_horizon_age' => 1000,
	'pg_session_guard.naptime' => '200ms');

$node->safe_psql('postgres', join ';',
	'CREATE TABLE account AS SELECT 1 AS id', 'GRANT ALL ON account TO PUBLIC',
	'CREATE ROLE dump LOGIN', 'ALTER ROLE dump SET pg_session_guard.exempt = on',
	'CREATE ROLE patient LOGIN', 'ALTER ROLE patient SET pg_session_guard.max_horizon_age = 1000000');

my %session = (
	dump => RawSession->connect($node, user => 'dump'),
	patient => RawSession->connect($node, user => 'patient'),
	map { $_ => RawSession->connect($node) } qw(writer snapshot cursor running reader idle));

# Another transaction is older, and may be.
$session{patient}->query('BEGIN; INSERT INTO account VALUES (9)');
$session{writer}->query('BEGIN; UPDATE account SET id = 2 WHERE id = 1');
$session{snapshot}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account');
$session{cursor}->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM account; FETCH 1 FROM c');
$session{running}->send_query('SELECT pg_sleep(600) FROM account');
$session{reader}->query('BEGIN; SELECT count(*) FROM account');
wait_for_status($node, $session{running}->pid, "wait_event = 'PgSleep'");
wait_for_scan($node, 8);
is(living($node, \%session), join(' ', sort keys %session), 'while nothing passes all stay');

# All snapshots are as old as the oldest transaction, and count when that has ended.
pass_transactions($node);
wait_for_end($node, $session{writer}->pid);
is(living($node, \%session), 'cursor dump idle patient reader running snapshot', 'the writer goes first');
$session{patient}->query('COMMIT');
# The exempt session is no reason to spare the others: its snapshot is younger than theirs.
$session{$_}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account') for qw(dump patient);
let_snapshots_count($node);
pass_transactions($node);
wait_for_end($node, $session{$_}->pid) for qw(snapshot cursor);
$session{running}->read_result;
is($session{running}->sqlstate, '57014', 'the statement is canceled');
like($session{running}->error_text,
	qr/DETAIL: Holding back vacuum by \d{4} transactions; pg_session_guard\.max_horizon_age is 1000 transactions \(configuration file\)\.\nHINT: Commit or roll back sooner, or ask/,
	'its client is told why');
$session{writer}->read_to_end;
like($session{writer}->error_text, qr/^FATAL 57P01: .*\nDETAIL: Holding back vacuum by \d{4} transactions;/, 'as is who is terminated');
is(living($node, \%session), 'dump idle patient reader running', 'nobody else is ended');
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*), bool_and(threshold IS NULL AND measured IS NULL AND late IS NULL),
			min(threshold_amount), bool_and(measured_amount > 1000 AND measured_amount < 100000)
		FROM session_guard.event WHERE limit_name = 'max_horizon_age'}),
	'4|t|1000|t',
	'the events have the number of transactions');
is( $node->safe_psql(
		'postgres', q{
		SELECT usename, threshold_amount, measured_amount > 1000, due_at, spared FROM session_guard.schedule
		WHERE limit_name = 'max_horizon_age' AND usename IN ('dump', 'patient') ORDER BY 1}),
	qq{dump|1000|t||exempt by role "dump"\npatient|1000000|t||},
	'the schedule too');

$session{dump}->query('COMMIT');

# After the cancel, what is kept of the session in a transaction is held against it.
$session{running}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account; SAVEPOINT s');
$session{running}->send_query('SELECT pg_sleep(600)');
set_limits($node, cancel_grace => '500ms');
let_snapshots_count($node);
pass_transactions($node);
wait_for_end($node, $session{running}->pid);
$session{running}->read_to_end;
like($session{running}->error_text, qr/^FATAL.*Canceled .* ago and went on;/s, 'what is still held after a cancel ends the session');
is(living($node, \%session), 'dump idle patient reader', 'and nobody else');

$_->abandon for values %session;
$node->stop;
done_testing();
