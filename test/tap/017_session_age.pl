# session_timeout: an old session goes, but only between two transactions, be it
# as busy as a pooled one; a younger session stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.session_timeout' => '2s',
	'pg_session_guard.session_timeout_jitter' => 0);

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

my $idle = RawSession->connect($node);
my $in_transaction = RawSession->connect($node);
my $running = RawSession->connect($node);
my $pooled = RawSession->connect($node);
my $young_sessions = 0;

$in_transaction->query('BEGIN');
$in_transaction->query('INSERT INTO t VALUES (1)');
$running->send_query('SELECT pg_sleep(600)');

# The pooled session has its next statement as soon as it is done with one.
wait_until(
	sub {
		my $young = RawSession->connect($node);

		$pooled->query('SELECT 1') for 1 .. 200;
		$young_sessions++ if ($young->query('SELECT 42') // '') eq '42';
		$young->quit;
		return $pooled->is_closed;
	},
	'the busy session is gone');
is($pooled->sqlstate, '57P01', 'a busy session past its age was terminated');
cmp_ok($young_sessions, '>', 1, 'younger sessions do their work meanwhile');
wait_for_end($node, $idle->pid);
pass('an idle session past its age is gone');

wait_for_status($node, $in_transaction->pid, "clock_timestamp() - backend_start > '4 s'");
wait_for_scan($node, 1);
ok(is_alive($node, $in_transaction->pid), 'a session in a transaction stays');
ok(is_alive($node, $running->pid), 'a session that runs a statement stays');
is($in_transaction->query('INSERT INTO t VALUES (2) RETURNING x'), '2', 'it can go on');

$in_transaction->query('COMMIT');
is($in_transaction->sqlstate, '', 'and commit');
wait_for_end($node, $in_transaction->pid);
pass('after that it is gone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '2', 'what it has done is kept');

$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\$running->pid})");
wait_for_end($node, $running->pid);
pass('so is the other when its statement is over');

my @lines = guard_lines($node, qr/LOG:  terminating/);
my %expected = map { ($_->pid => 1) } $idle, $in_transaction, $running, $pooled;
is_deeply({ map { /terminating session (\d+)/ ? ($1 => 1) : () } @lines },
	\%expected, 'nobody else was meant');
like(
	$lines[0],
	qr/\(user "web", .*\): connected for \d[^,]*, pg_session_guard.session_timeout is 2 s \(configuration file\)$/,
	'the line says who and why');

$_->abandon for $idle, $in_transaction, $running, $pooled;
$node->stop;
done_testing();
