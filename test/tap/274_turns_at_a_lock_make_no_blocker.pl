# Many that take turns at one lock: the last one waits for longer than a limit on blocking allows,
# but each has the lock for a moment only, and has waited for it itself before.  So does a hot
# row.  Nobody is ended.  A deadlock is left to the server.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_blocker_timeout' => '3s',
	'pg_session_guard.blocker_timeout' => '3s',
	'pg_session_guard.naptime' => '500ms');

$node->safe_psql('postgres', 'CREATE TABLE turn (id int); CREATE TABLE hot AS SELECT 1 AS id, 0 AS n; GRANT ALL ON turn, hot TO web');

my $dir = PostgreSQL::Test::Utils::tempdir();
my %script = (
	active => 'BEGIN; LOCK TABLE turn; SELECT pg_sleep(0.5); COMMIT;',
	idle => "BEGIN;\nLOCK TABLE turn;\n\\sleep 500 ms\nCOMMIT;",
	row => "BEGIN;\nUPDATE hot SET n = n + 1;\n\\sleep 500 ms\nCOMMIT;");
for my $name (sort keys %script)
{
	PostgreSQL::Test::Utils::append_to_file("$dir/$name", "$script{$name}\n");
	# With twelve of them the last waits for some six seconds.
	$node->command_checks_all(
		[ 'pgbench', '-n', '-U', 'web', '-c', 12, '-t', 1, '-f', "$dir/$name", 'postgres' ],
		0, [qr{processed: 12/12}], [qr/^(?!.*terminating connection)/s],
		"twelve take turns: $name");
}
is(scalar guard_lines($node, qr/terminating session|canceling statement of/), 0, 'nobody is ended');
cmp_ok($node->safe_psql('postgres', 'SELECT n FROM hot'), '==', 12, 'all did their work');

# Who has only been ahead in the queue has the lock from when it gets it.
my $reader = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my ($ahead, $behind) = map { RawSession->connect($node) } 1 .. 2;
$reader->query('BEGIN; SELECT count(*) FROM turn');
$ahead->send_query('BEGIN; LOCK TABLE turn; SELECT pg_sleep(1); COMMIT');
wait_for_status($node, $ahead->pid, "wait_event_type = 'Lock'");
$behind->send_query('SELECT count(*) FROM turn');
wait_for_status($node, $behind->pid, "wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '5 s'");
$reader->query('COMMIT');
$_->read_result for $ahead, $behind;
is_deeply([ map { $_->sqlstate } $ahead, $behind ], [ '', '' ], 'who was ahead in the queue is not ended when its turn has come');
$_->abandon for $reader, $ahead, $behind;

my ($one, $two) = map { RawSession->connect($node) } 1 .. 2;
$node->safe_psql('postgres', 'CREATE TABLE a (); CREATE TABLE b (); GRANT ALL ON a, b TO web');
$node->safe_psql('postgres', q{ALTER SYSTEM SET deadlock_timeout = '5s'});
$node->reload;
$one->query('BEGIN; LOCK TABLE a');
$two->query('BEGIN; LOCK TABLE b');
$one->send_query('LOCK TABLE b');
wait_for_status($node, $one->pid, "wait_event_type = 'Lock'");
$two->send_query('LOCK TABLE a');
wait_until(sub { guard_lines($node, qr/deadlock detected/) > 0 }, 'the server finds the deadlock');
is(scalar guard_lines($node, qr/terminating session|canceling statement of/), 0, 'and the guard has ended nobody');

$_->abandon for $one, $two;
$node->stop;
done_testing();
