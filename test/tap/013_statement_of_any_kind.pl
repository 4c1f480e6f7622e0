# statement_timeout reaches the statements that are easy to miss: a prepared one,
# timed from its Execute; a COPY in either direction whose client stalls; a
# SELECT whose client does not read.  A cancel does not reach a server process
# that is stuck in sending or receiving, so those are ended by the second step.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

use Time::HiRes qw(time);

my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '2s',
	'pg_session_guard.cancel_grace' => '4s',
	'pg_session_guard.naptime' => '100ms');

$node->safe_psql('postgres', 'CREATE TABLE t (x text); GRANT ALL ON t TO web');

my $prepared = RawSession->connect($node);
my $copy_from = RawSession->connect($node);
my $copy_to = RawSession->connect($node);
my $select = RawSession->connect($node);
my $slow_copy = RawSession->connect($node);
my $good_copy = RawSession->connect($node);
# Rows that come from the first moment on: the server must be stuck in sending when the limit is met.
my $rows = q{SELECT repeat('x', 1000), generate_series(1, 10000000)};

# Nothing of what the server sends from here on is read.
$copy_from->send_query('COPY t FROM STDIN');
$copy_from->copy_data("the only row\n");
$slow_copy->send_query('COPY t FROM STDIN');
$copy_to->send_query("COPY ($rows) TO STDOUT");
$select->send_query($rows);

$prepared->parse('short', 'SELECT pg_sleep(0.2)');
$prepared->parse('long', 'SELECT pg_sleep(600)');
$prepared->sync;
$prepared->read_result;

# A client that does not stall may COPY as often as it likes, but not in one COPY without end.
wait_until(
	sub {
		$slow_copy->copy_data("one row more\n");
		$good_copy->send_query('COPY t FROM STDIN');
		$good_copy->read_until('G');
		$good_copy->copy_data("a row\n");
		$good_copy->copy_done;
		$good_copy->read_result;
		$good_copy->query('COPY (SELECT 1) TO STDOUT');
		return !grep { is_alive($node, $_->pid) } $copy_from, $copy_to, $select;
	},
	'all that stalled are gone');

is($good_copy->query('SELECT 42'), '42', 'a session whose copies do not stall stays');
$slow_copy->copy_done;
$slow_copy->read_result;
is($slow_copy->sqlstate, '57014', 'a COPY that is fed slowly is timed from its start');
is($slow_copy->query('SELECT 42'), '42', 'its session lives on');
is($node->safe_psql('postgres', q{SELECT count(*) FROM t WHERE x = 'the only row'}),
	'0', 'nothing of the stalled COPY was kept');

for ([ $copy_from, 'COPY FROM STDIN' ], [ $copy_to, 'COPY TO STDOUT' ], [ $select, 'SELECT' ])
{
	my ($session, $what) = @$_;
	my $pid = $session->pid;

	is_deeply(
		[
			scalar(guard_lines($node, qr/canceling statement of session $pid /)),
			scalar(guard_lines($node, qr/terminating session $pid .*, canceled /))
		],
		[ 1, 1 ],
		"$what with a stalled client was canceled, and terminated after the grace");
}

# By now it is longer than the limit since the statements were prepared.
wait_for_status($node, $prepared->pid, "clock_timestamp() - query_start > '3 s'");
$prepared->bind('', 'short');
$prepared->execute('');
$prepared->sync;
$prepared->read_result;
is($prepared->sqlstate, '', 'a prepared statement is not timed from its Parse');

my $sent = time;
$prepared->bind('', 'long');
$prepared->execute('');
$prepared->sync;
$prepared->read_result;
cmp_ok(time - $sent, '>=', 2, 'but from its Execute');
is($prepared->sqlstate, '57014', 'and is canceled as any statement');
is($prepared->query('SELECT 42'), '42', 'its session lives on');

$_->quit for $prepared, $slow_copy, $good_copy;
$_->abandon for $copy_from, $copy_to, $select;
$node->stop;
done_testing();
