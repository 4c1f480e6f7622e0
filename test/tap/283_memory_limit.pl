# max_memory: a statement that takes too much memory is canceled, a session that hoards it is
# terminated, the memory of parallel workers counts with their leader's.  Who keeps below the limit
# stays, as does who has only read much of what all share.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.max_memory' => '100MB',
	'pg_session_guard.naptime' => '1s',
	shared_buffers => '64MB',
	max_parallel_workers_per_gather => 0);

$node->safe_psql(
	'postgres', q{
	CREATE TABLE big AS SELECT n, repeat('x', 500) AS filler FROM generate_series(1, 60000) AS n;
	GRANT ALL ON big TO PUBLIC});
create_memory_holder($node);

my %session = map { $_ => RawSession->connect($node) } qw(greedy hoarder reader first second third idle);

$session{reader}->query('SELECT count(*), sum(length(filler)) FROM big');
$session{$_}->send_query('SELECT hold(60)') for qw(first second third);
wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for qw(first second third);
is( $node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.session WHERE memory > 60000000'),
	3, 'three have taken more than half of what is allowed');

$session{greedy}->send_query('SELECT hold(5000)');
$session{greedy}->read_result;
is($session{greedy}->sqlstate, '57014', 'the statement that takes more is canceled');
like($session{greedy}->error_text,
	qr/DETAIL: Using \d+(\.\d)? [MG]B of memory; pg_session_guard\.max_memory is 100 MB \(configuration file\)\.\nHINT: Divide the work into smaller parts, or ask/,
	'its client is told why');
is($session{greedy}->query('SELECT 42'), '42', 'and its session goes on');

$session{hoarder}->query(q{DO $$ BEGIN
	FOR i IN 1..20000 LOOP EXECUTE format('PREPARE p%s AS SELECT n, filler, %s FROM big WHERE n = $1 AND filler LIKE %L', i, i, repeat('y', 1000)); END LOOP;
END $$});
wait_for_end($node, $session{hoarder}->pid);
$session{hoarder}->read_to_end;
like($session{hoarder}->error_text, qr/^FATAL 57P01: .*\nDETAIL: Using \d+(\.\d)? MB of memory;/, 'who hoards it is terminated');

wait_for_scan($node, 3);
is(living($node, \%session), 'first greedy idle reader second third', 'all others stay');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT action || ' ' || outcome, ', ' ORDER BY action || ' ' || outcome),
			bool_and(measured_amount > threshold_amount AND threshold_amount = 104857600 AND measured IS NULL)
		FROM session_guard.event WHERE limit_name = 'max_memory'}),
	'cancel canceled, terminate terminated|t',
	'the events say how much it was');

$_->abandon for values %session;
$node->stop;
done_testing();
