# blocker_timeout: who keeps others waiting for too long has its statement canceled, and its
# session terminated if it is idle, or if it still is in the way after cancel_grace, whatever
# it runs by then, and whoever waits for it.  A statement that builds an index is spared.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.blocker_timeout' => '1s',
	'pg_session_guard.cancel_grace' => '1s',
	'pg_session_guard.naptime' => '500ms',
	deadlock_timeout => '1h');

$node->safe_psql('postgres',
	join ';', 'GRANT CREATE ON SCHEMA public TO web', map { "CREATE TABLE $_ (id int); ALTER TABLE $_ OWNER TO web" } qw(a b c d e));
my $gate = create_gate($node);
$gate->query('SELECT pg_advisory_lock(7)');

my %session = map { $_ => RawSession->connect($node) }
  qw(busy idle savepoint again builder waits_a waits_b waits_c waits_c_too waits_d waits_e);

$session{busy}->send_query('BEGIN; LOCK TABLE a; SELECT pg_sleep(600)');
$session{idle}->query('BEGIN; LOCK TABLE b');
# The cancel ends the statement, and the lock that was taken before the savepoint stays.
$session{savepoint}->query('BEGIN; LOCK TABLE c; SAVEPOINT s');
$session{savepoint}->send_query('SELECT pg_sleep(600)');
$session{again}->query('BEGIN; LOCK TABLE d; SAVEPOINT s');
$session{again}->send_query('SELECT pg_sleep(600)');
$node->safe_psql('postgres', 'INSERT INTO e VALUES (1)');
$session{builder}->send_query('CREATE INDEX ON e (hold(id))');
wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for qw(busy savepoint again builder);
$session{"waits_$_"}->send_query("INSERT INTO $_ VALUES (1)") for qw(a b c d e);
$session{waits_c_too}->send_query('INSERT INTO c VALUES (2)');

$session{$_}->read_result for qw(busy savepoint again);
is_deeply([ map { $session{$_}->sqlstate } qw(busy savepoint again) ],
	[ ('57014') x 3 ], 'statements are canceled');
like(
	$session{busy}->error_text,
	qr/DETAIL: Blocking 1 session for 1(\.\d+)? s; pg_session_guard\.blocker_timeout is 1 s \(configuration file\)\.\nHINT: Keep transactions short that lock what others need, or ask/,
	'the client is told why');
# The first to wait gives up; it is for the next one that the session ends.
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $session{waits_c}->pid })");
$session{again}->query('ROLLBACK TO s');
$session{again}->send_query('SELECT pg_sleep(600)');

wait_for_end($node, $session{$_}->pid) for qw(idle savepoint again);
$session{$_}->read_to_end for qw(idle savepoint again);
like($session{idle}->error_text, qr/DETAIL: Blocking 1 session for 1(\.\d+)? s; [^\n]+\(configuration file\)\.\n/,
	'who is idle is terminated at once');
like($session{$_}->error_text, qr/FATAL 57P01.*Canceled [1-9][^;]* ago and went on; pg_session_guard\.cancel_grace is 1 s\./s,
	"who goes on blocking after the cancel is terminated: $_")
  for qw(savepoint again);
$session{"waits_$_"}->read_result for qw(a b c c_too d);
is_deeply([ map { $session{"waits_$_"}->sqlstate } qw(a b c c_too d) ], [ '', '', '57014', '', '' ], 'who waited gets the lock');

wait_until_unchanged_for($node, '2 s', map { $session{$_}->pid } qw(busy builder));
is(living($node, \%session), 'builder busy waits_a waits_b waits_c waits_c_too waits_d waits_e', 'nobody else is ended');
like((guard_lines($node, qr/sparing session/))[0],
	qr/sparing session ${\ $session{builder}->pid } .*: blocking 1 session for .*; maintenance command/,
	'the log names who is spared');
is(scalar guard_lines($node, qr/sparing session/), 1, 'once');

$_->abandon for $gate, values %session;
$node->stop;
done_testing();
