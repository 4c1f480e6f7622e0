# statement_timeout: a statement that runs too long is canceled and its session
# lives on; the time between two queries is nobody's running time.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# The short naptime makes the guard see every state of every session.
my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '2s',
	'pg_session_guard.naptime' => '100ms');

my $runaway = RawSession->connect($node);
my $busy = RawSession->connect($node);
my $idle = RawSession->connect($node);
my $in_transaction = RawSession->connect($node);

$idle->query('SELECT 1');
$in_transaction->query('BEGIN');
$runaway->send_query('SELECT pg_sleep(600)');
wait_until(
	sub {
		$busy->query('SELECT 1');
		return guard_lines($node, qr/canceling statement of session ${\$runaway->pid} /) > 0;
	},
	'the runaway is canceled');

$runaway->read_result;
is($runaway->sqlstate, '57014', 'the runaway was canceled');
is($runaway->query('SELECT 42'), '42', 'its session lives on');

# Both have been between two queries for longer than the limit now.
for my $session ($idle, $in_transaction)
{
	wait_for_status($node, $session->pid, "clock_timestamp() - query_start > '3 s'");
	$session->query('SELECT pg_sleep(0.3)');
	is($session->sqlstate, '', 'a short query after a long pause is let through');
}
is($busy->query('SELECT 42'), '42', 'many short queries are let through');

my @lines = guard_lines($node, qr/LOG:  (terminating|canceling)/);
is(scalar @lines, 1, 'nobody else was meant');
like(
	$lines[0],
	qr/canceling statement of session ${\$runaway->pid} \(user "web", .*\): statement running for \d[^,]*, pg_session_guard.statement_timeout is 2 s \(configuration file\)$/,
	'the line says who and why');

$_->quit for $runaway, $busy, $idle, $in_transaction;
$node->stop;
done_testing();
