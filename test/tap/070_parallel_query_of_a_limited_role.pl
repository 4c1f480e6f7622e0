# A limit that is stored for a role meets its parallel query as one session: the
# leader is canceled, its workers are nobody's and go with it.  While one worker
# waits for a lock the query is spared as a whole, the other worker too.  The
# parallel query of another role beside it goes on with all its workers.

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
	'pg_session_guard.naptime' => '100ms');

create_parallel_table($node, 'ROLE ALL');
create_parallel_functions($node);
$node->safe_psql('postgres', 'CREATE ROLE limited LOGIN; CREATE ROLE free LOGIN');

my $sleeps = "wait_event = 'PgSleep'";
my $waits = "wait_event_type = 'Lock'";
my $keeper = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
$keeper->query('BEGIN; LOCK TABLE gate');

# The first row waits for the gate in the worker that has got it, the other worker sleeps.
my %session = (
	waiting => RawSession->connect($node, user => 'limited'),
	limited => RawSession->connect($node, user => 'limited'),
	free => RawSession->connect($node, user => 'free'));
$session{waiting}->send_query('SELECT sum(pass_gate(n) + hang()) FROM big');
wait_for_parallel_workers($node, $session{waiting}, 1, $_) for $waits, $sleeps;
for my $session ($session{limited}, $session{free})
{
	$session->send_query('SELECT sum(hang()) FROM big');
	wait_for_parallel_workers($node, $session, 2, $sleeps);
}
my %workers = map { $_ => [ parallel_workers($node, $session{$_}, 'true') ] } keys %session;

# Workers have been there as long as their leaders, and longer than the limits.
wait_for_status($node, $_, "clock_timestamp() - backend_start > '600 ms'")
  for map { @$_ } values %workers;
$node->safe_psql('postgres',
	q{ALTER ROLE limited SET pg_session_guard.statement_timeout = '500ms'});

$session{limited}->read_until('E');
is($session{limited}->sqlstate, '57014', 'the parallel query of the limited role is canceled');
my @lines = guard_lines($node, qr/LOG:  (canceling|terminating)/);
is(scalar @lines, 1, 'one line for the whole query');
like(
	$lines[0],
	qr/canceling statement of session ${\$session{limited}->pid} .*statement_timeout is 500 ms \(role "limited"\)$/,
	'it names the leader and the role');
wait_until(sub { parallel_workers($node, $session{limited}, 'true') == 0 }, 'its workers are gone');

is($node->safe_psql('postgres',
		"SELECT string_agg(pid::text, ' ' ORDER BY backend_start) FROM session_guard.schedule
		 WHERE limit_name = 'statement_timeout' AND usename = 'limited'"),
	join(' ', $session{waiting}->pid, $session{limited}->pid),
	'the schedule has the leaders and no worker');
wait_for_status($node, $session{$_}->pid, "clock_timestamp() - query_start > '2 s'") for 'free', 'waiting';
wait_for_scan($node, 3);
is_deeply([ parallel_workers($node, $session{free}, $sleeps) ],
	$workers{free}, 'the query of the other role goes on with its workers');
is_deeply([ parallel_workers($node, $session{waiting}, 'true') ],
	$workers{waiting}, 'and so does the one that waits, though its other worker does not');
is(scalar guard_lines($node, qr/LOG:  (canceling|terminating)/), 1, 'the guard has meant nobody else');

# When it waits no more its time begins, and then it is canceled as a whole.
$keeper->query('COMMIT');
$session{waiting}->read_until('E');
is($session{waiting}->sqlstate, '57014', 'when it waits no more it is canceled in its turn');
@lines = guard_lines($node, qr/LOG:  (canceling|terminating)/);
is(scalar @lines, 2, 'by one line, too');
like($lines[1], qr/canceling statement of session ${\$session{waiting}->pid} /, 'that names the leader');

$_->abandon for $keeper, values %session;
$node->stop('immediate');
done_testing();
