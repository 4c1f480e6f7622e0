# Who keeps others waiting and is spared, or is no session, is named in the log once, and nobody
# ends in its place.

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
	'pg_session_guard.blocker_timeout' => '1s',
	'pg_session_guard.naptime' => '200ms',
	max_prepared_transactions => 3,
	deadlock_timeout => '1h');

$node->safe_psql('postgres', join ';',
	'CREATE ROLE backup LOGIN', 'ALTER ROLE backup SET pg_session_guard.exempt = on',
	'CREATE ROLE free LOGIN', 'ALTER ROLE free SET pg_session_guard.idle_blocker_timeout = 0',
	'ALTER ROLE free SET pg_session_guard.blocker_timeout = 0',
	map { "CREATE TABLE $_ (id int); GRANT ALL ON $_ TO PUBLIC" } qw(a b c d e));

my %session = (
	superuser => RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT current_user')),
	backup => RawSession->connect($node, user => 'backup'),
	free => RawSession->connect($node, user => 'free'),
	map { $_ => RawSession->connect($node) } qw(preparer waits_a waits_b waits_c waits_d waits_e behind));

$session{superuser}->query('BEGIN; LOCK TABLE a');
$session{backup}->query('BEGIN; LOCK TABLE b');
$session{free}->query('BEGIN; LOCK TABLE c');
$session{preparer}->query(qq{BEGIN; LOCK TABLE d; PREPARE TRANSACTION 'lost "one"'});
$session{preparer}->query(q{BEGIN; LOCK TABLE e; PREPARE TRANSACTION 'another'});
let_wait($node, $session{"waits_$_"} => "BEGIN; LOCK TABLE $_") for qw(a b c d e);
# In the middle of a chain.
let_wait($node, $session{behind} => 'BEGIN; LOCK TABLE d');

wait_until(sub { guard_lines($node, qr/sparing session|transaction .* blocks/) >= 4 }, 'all are named');
wait_for_scan($node, 10);
like((guard_lines($node, qr/sparing session ${\ $session{superuser}->pid } /))[0],
	qr/\): (?:idle while )?blocking 1 session for 1(\.\d+)? s, pg_session_guard\.(?:idle_)?blocker_timeout is 1 s \(configuration file\); superuser$/,
	'a superuser');
like((guard_lines($node, qr/sparing session ${\ $session{backup}->pid } /))[0],
	qr/; exempt by role "backup"$/, 'an exempt role');
is(scalar guard_lines($node, qr/sparing session/), 2, 'and nobody else, once');
# Others come to wait, for the same transactions.
for my $table (qw(b d))
{
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $session{qq(waits_$table)}->pid })");
	$session{"waits_$table"}->read_result;
	$session{"waits_$table"}->query('ROLLBACK');
	let_wait($node, $session{"waits_$table"} => "BEGIN; LOCK TABLE $table");
}
wait_for_status($node, $session{$_}->pid, "query_start < clock_timestamp() - interval '2 s'") for qw(waits_b waits_d);
wait_for_scan($node, 3);
is(scalar guard_lines($node, qr/sparing session/), 2, 'not again for those who come to wait then');
is(scalar guard_lines($node, qr/LOG:  session ${\ $session{free}->pid } \(user "free", .*\) blocks 1 session for/), 1,
	'but who has no limit, in other words');
is(scalar guard_lines($node, qr/LOG:  prepared transaction "lost ""one""" blocks \d sessions?, the first for 1(\.\d+)? s$/), 1,
	'a prepared transaction');
is(scalar guard_lines($node, qr/LOG:  prepared transaction "another" blocks 1 session for/), 1, 'and another one');
is(scalar guard_lines($node, qr/HINT:  COMMIT PREPARED or ROLLBACK PREPARED ends it\./), 2, 'with a hint');
is(scalar guard_lines($node, qr/terminating session|canceling statement of/), 0, 'nobody is ended');
is(living($node, \%session), join(' ', sort keys %session), 'all are there');

$_->abandon for values %session;
$node->stop;
done_testing();
