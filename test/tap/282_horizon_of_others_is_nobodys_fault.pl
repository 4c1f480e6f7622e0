# A snapshot is as old as the oldest transaction that runs when it is taken.  While that runs,
# whoever takes one holds back nothing of its own, be it a statement of a moment or a transaction
# that keeps it; when it has ended, what is kept counts from then.

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
	'CREATE ROLE etl LOGIN', 'ALTER ROLE etl SET pg_session_guard.exempt = on');

my %session = (
	etl => RawSession->connect($node, user => 'etl'),
	map { $_ => RawSession->connect($node) } qw(snapshot statement));

$session{etl}->query('BEGIN; UPDATE account SET id = 2');
pass_transactions($node);
$session{snapshot}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account');
$session{statement}->send_query('SELECT pg_sleep(600) FROM account');
wait_for_status($node, $session{statement}->pid, "wait_event = 'PgSleep'");
is( $node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.session WHERE horizon_age > 1000 AND NOT is_self'),
	3, 'by their snapshots all three are old');
# Two readings a second apart would be enough.
wait_until_unchanged_for($node, '3 s', map { $session{$_}->pid } qw(snapshot statement));
wait_for_scan($node, 5);
pass_transactions($node);
wait_until_unchanged_for($node, '5 s', map { $session{$_}->pid } qw(snapshot statement));
is(living($node, \%session), 'etl snapshot statement', 'while the oldest transaction runs nobody is ended');
is(scalar guard_lines($node, qr/terminating session|canceling statement of/), 0, 'nor canceled');

$session{etl}->query('COMMIT');
wait_for_scan($node, 10);
wait_until_unchanged_for($node, '7 s', map { $session{$_}->pid } qw(snapshot statement));
is(living($node, \%session), 'etl snapshot statement', 'when it has ended the others count from then');
pass_transactions($node);
wait_for_end($node, $session{snapshot}->pid);
$session{statement}->read_result;
is($session{statement}->sqlstate, '57014', 'and are ended when they have held back as much');

# A migration that waits for its table keeps a snapshot meanwhile; who is in its way has none.
my %other = map { $_ => RawSession->connect($node) } qw(forgetful migration);
$node->safe_psql('postgres', 'CREATE TABLE report (id int); ALTER TABLE report OWNER TO web');
$other{forgetful}->query('BEGIN; SELECT count(*) FROM report');
let_wait($node, $other{migration} => 'BEGIN; SELECT pg_current_xact_id(); ALTER TABLE report ADD COLUMN amount int; SELECT pg_sleep(600)');
wait_for_scan($node, 5);
pass_transactions($node);
wait_for_scan($node, 5);
is(living($node, \%other, "pid <> ${\ $other{migration}->pid } OR wait_event_type = 'Lock'"), 'forgetful migration',
	'who waits for a lock is spared');
$other{forgetful}->query('COMMIT');
wait_for_status($node, $other{migration}->pid, "wait_event = 'PgSleep'");
wait_for_scan($node, 10);
is(living($node, \%other, "pid <> ${\ $other{migration}->pid } OR wait_event = 'PgSleep'"), 'forgetful migration',
	'what it has waited does not count');
pass_transactions($node);
$other{migration}->read_result;
is($other{migration}->sqlstate, '57014', 'what it holds back later does');

$_->abandon for values(%session), values(%other);
$node->stop;
done_testing();
