# transaction_timeout: one long transaction of short statements goes, many short
# transactions do not make a long one.  An idle session that serves an interrupt
# of the server shows the start of its last statement as the start of a
# transaction, and must not be taken for one that has lasted as long; it counts
# from when it was seen at it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.transaction_timeout' => '2s',
	'pg_session_guard.naptime' => '100ms');

my $long = RawSession->connect($node);
my $idle = RawSession->connect($node);
my $listener = RawSession->connect($node);
my @short = map { RawSession->connect($node) } 1 .. 2;

$idle->query('SELECT 1');
$listener->query('LISTEN news');
$long->query('BEGIN');
wait_until(
	sub {
		$long->query('SELECT 1');
		$short[0]->query('SELECT 1');
		$short[1]->query($_) for 'BEGIN', 'SELECT 1', 'COMMIT';
		return $long->is_closed;
	},
	'the long transaction is gone');

is($long->sqlstate, '57P01', 'a long transaction of short statements was terminated');
ok(is_alive($node, $_->pid), 'a session with many short transactions stays') for @short;
ok(is_alive($node, $idle->pid), 'an idle session stays');

# More news than fits between server and client: as the listener does not read,
# its server process is stuck in delivering them, idle and in a transaction.
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
$node->safe_psql('postgres',
	q{SELECT pg_notify('news', n || repeat('x', 7900)) FROM generate_series(1, 200) AS n});
wait_for_end($node, $listener->pid);
is($node->safe_psql('postgres', q{SELECT acted_at - } . "'$before' >= '2 s' FROM session_guard.event WHERE pid = ${\ $listener->pid }"),
	't', 'an idle session that serves an interrupt is timed from then on');

my @lines = guard_lines($node, qr/LOG:  (terminating|canceling)/);
is(scalar @lines, 2, 'nobody else was meant');
like(
	$lines[0],
	qr/terminating session ${\$long->pid} \(user "web", .*\): in a transaction for \d[^,]*, pg_session_guard.transaction_timeout is 2 s \(configuration file\)$/,
	'the line says who and why');

$_->quit for $idle, @short;
$listener->abandon;
$node->stop;
done_testing();
