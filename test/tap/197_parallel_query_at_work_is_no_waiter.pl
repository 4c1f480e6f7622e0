# A parallel query of which one process waits for a lock, on purpose perhaps,
# while the others work is a running statement; it is a waiter when all of it waits.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_worker_processes' => 16,
	'max_parallel_workers' => 8,
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => '2s');

create_parallel_table($node, 'ROLE web');
$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION waits(n int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE COST 10000 AS
		'BEGIN PERFORM pg_advisory_xact_lock(5); RETURN n; END';
	CREATE FUNCTION one_waits(n int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE COST 10000 AS $$
	BEGIN
		IF n = 1 THEN
			PERFORM pg_advisory_xact_lock(5);
		ELSE
			WHILE clock_timestamp() < statement_timestamp() + interval '60 s' LOOP
			END LOOP;
		END IF;
		RETURN n;
	END
	$$});

my $holder = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $innocent = RawSession->connect($node);
my $culprit = RawSession->connect($node);

$holder->query('SELECT pg_advisory_lock(5)');
$innocent->send_query('SELECT count(waits(n)) FROM big');
wait_for_parallel_workers($node, $innocent, 2, "wait_event = 'advisory'");
$culprit->send_query('SELECT count(one_waits(n)) FROM big');
wait_for_parallel_workers($node, $culprit, 1, "wait_event = 'advisory'");
wait_for_parallel_workers($node, $culprit, 1, 'wait_event IS NULL');
$culprit->read_result;
is($culprit->sqlstate, '57014', 'a query of which one process runs is canceled');
wait_for_status($node, $innocent->pid, "clock_timestamp() - query_start > '4 s'");
is(living($node, { innocent => $innocent }, "state = 'active'"), 'innocent', 'one that waits stays');
$holder->query('SELECT pg_advisory_unlock(5)');
$innocent->read_result;
is($innocent->sqlstate, '', 'and ends well');

$_->quit for $holder, $innocent, $culprit;
$node->stop;
done_testing();
