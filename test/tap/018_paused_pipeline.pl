# A pipeline that its client has paused is shown as active and runs nothing: it
# is no statement for statement_timeout, and idle in transaction for
# idle_in_transaction_session_timeout.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '2s',
	'pg_session_guard.naptime' => '100ms');

# A commit that takes its time, by a trigger that runs at its very end.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE t (x int);
	CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END';
	CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION doze();
	GRANT ALL ON t TO web;
});

my $synced = RawSession->connect($node);
my $continued = RawSession->connect($node);
my $paused = RawSession->connect($node);
my $later = RawSession->connect($node);
my $busy = RawSession->connect($node);
my $idle = RawSession->connect($node);
my $runaway = RawSession->connect($node);
my $is_paused = "state = 'active' AND wait_event = 'ClientRead'";

is($_->run_in_pipeline('INSERT INTO t VALUES (42) RETURNING x'), '42', 'a pipeline is open')
  for $synced, $continued, $paused;
wait_for_status($node, $_->pid, $is_paused) for $synced, $continued, $paused;

# What does run something in its pipeline is canceled.
$runaway->parse('', 'SELECT pg_sleep(600)');
$runaway->bind('', '');
$runaway->execute('');
$runaway->flush;
$runaway->read_until('E');
is($runaway->sqlstate, '57014', 'a runaway statement in a pipeline is canceled');
$runaway->sync;
$runaway->read_result;
is($runaway->query('SELECT 42'), '42', 'its session lives on');

wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '3 s'")
  for $synced, $continued, $paused;
$synced->sync;
$synced->read_result;
is($synced->sqlstate, '', 'a Sync after a long pause is not canceled');
is($continued->run_in_pipeline('SELECT 42 FROM pg_sleep(0.4)'),
	'42', 'nor is a short statement after a long pause');
ok(is_alive($node, $paused->pid), 'a pipeline that is still paused stays');
is(scalar(guard_lines($node, qr/LOG:  (terminating|canceling)/)),
	1, 'nobody else was meant by statement_timeout');

# The same pause is idle time within a transaction; one that begins later than
# the busy pipeline outlasts it, if the latter is taken for one long pause.
set_limits($node, idle_in_transaction_session_timeout => '2s', statement_timeout => '0');
$busy->run_in_pipeline('SELECT 1');
wait_for_status($node, $busy->pid, $is_paused);
wait_for_scan($node, 2);
$later->run_in_pipeline('SELECT 1');
wait_until(
	sub {
		$busy->run_in_pipeline('SELECT 1');
		return !grep { is_alive($node, $_->pid) } $paused, $later;
	},
	'the paused pipelines are gone');
like(
	(guard_lines($node, qr/terminating session ${\$paused->pid} /))[0],
	qr/: idle in transaction for \d[^,]*, pg_session_guard.idle_in_transaction_session_timeout is 2 s /,
	'a paused pipeline goes by idle_in_transaction_session_timeout');
is($busy->run_in_pipeline('SELECT 42'), '42', 'a pipeline with short pauses stays');
ok(is_alive($node, $_->pid), 'a session without an open pipeline stays') for $idle, $synced;

$_->abandon for $synced, $continued, $paused, $later, $busy, $idle, $runaway;
$node->stop;
done_testing();
