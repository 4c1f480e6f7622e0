# A parallel query is one session: its leader is canceled, its workers are
# nobody's; while a worker of it waits for a lock, the query waits; while it
# runs, its leader is not idle.

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

create_parallel_table($node, 'ROLE web');
create_parallel_functions($node);

my $keeper = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $waiting = RawSession->connect($node);
my $running = RawSession->connect($node);

$keeper->query('BEGIN; LOCK TABLE gate');
$waiting->send_query('SELECT sum(pass_gate(n)) FROM big');
my @waiting_workers = wait_for_parallel_workers($node, $waiting, 1, "wait_event_type = 'Lock'");
my @sleeping_workers = wait_for_parallel_workers($node, $waiting, 1, "wait_event = 'PgSleep'");
wait_for_status($node, $waiting->pid, "wait_event_type <> 'Lock'");
$running->send_query('SELECT sum(hang()) FROM big');
my @running_workers = wait_for_parallel_workers($node, $running, 2, "wait_event = 'PgSleep'");

# Limits on idleness, far shorter than what these queries take.
set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms');

$running->read_until('E');
is($running->sqlstate, '57014', 'a parallel query over the limit is canceled');
my @lines = guard_lines($node, qr/LOG:  canceling/);
is(scalar @lines, 1, 'one line for the whole query');
like($lines[0], qr/canceling statement of session ${\$running->pid} /, 'it names the leader');

# The gate was closed before the other query began, and that was over the limit.
wait_for_status($node, $waiting->pid, "clock_timestamp() - query_start > '4 s'");
ok(parallel_workers($node, $waiting, "wait_event_type = 'Lock'"), 'a query whose worker waits for a lock stays');

$keeper->query('COMMIT');
is($waiting->read_result, '40', 'it completes when its worker has got the lock');
is($waiting->sqlstate, '', 'without an error');
is(
	scalar(
		guard_lines(
			$node, qr/(terminating|canceling statement of) session (${\join '|', @waiting_workers, @sleeping_workers, @running_workers}) /)),
	0,
	'no parallel worker was meant by any limit');
is(scalar(guard_lines($node, qr/terminating session ${\$waiting->pid} .* idle in transaction/)),
	0, 'the leader was not taken for idle');

# Now that it has no query any more, it is.
wait_for_end($node, $waiting->pid);
like(
	(guard_lines($node, qr/terminating session ${\$waiting->pid} /))[0],
	qr/: idle for/,
	'until it was');

$_->abandon for $waiting, $running;
$keeper->quit;
$node->stop;
done_testing();
