# Who waits for somebody else's lock is spared by statement_timeout, and so is
# the statement that has just got its lock after a long wait; who runs goes.
# With spare_lock_waiters off, waiting is running.

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

$node->safe_psql('postgres',
	'CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE u AS SELECT 1 AS x; GRANT ALL ON t, u TO web');

# One holder is a superuser who is busy, the other an ordinary user who is idle.
my $superuser = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $holder = RawSession->connect($node);
my $table_waiter = RawSession->connect($node);
my $row_waiter = RawSession->connect($node);
my $late_waiter = RawSession->connect($node);
my $runaway = RawSession->connect($node);

$superuser->send_query('LOCK TABLE t; SELECT pg_sleep(600)');
$holder->query('BEGIN');
$holder->query('UPDATE u SET x = 2');
wait_for_status($node, $superuser->pid, "wait_event = 'PgSleep'");

# Each of them works on after it has got its lock, for less than the limit.
$table_waiter->send_query('LOCK TABLE t; SELECT pg_sleep(0.4)');
$row_waiter->send_query('UPDATE u SET x = 3; SELECT pg_sleep(0.4)');
$late_waiter->send_query('LOCK TABLE t; SELECT pg_sleep(0.4)');
wait_for_status($node, $_->pid, "wait_event_type = 'Lock'")
  for $table_waiter, $row_waiter, $late_waiter;
$runaway->query('SELECT pg_sleep(600)');
is($runaway->sqlstate, '57014', 'a statement that waits for nobody is canceled');

wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '4 s'")
  for $table_waiter, $row_waiter, $late_waiter;
wait_for_status($node, $_->pid, "wait_event_type = 'Lock'")
  for $table_waiter, $row_waiter, $late_waiter;
pass('lock waiters stay for as long as their locks are held');

$holder->query('COMMIT');
$row_waiter->read_result;
is($row_waiter->sqlstate, '', 'who has got the lock on a row completes');

# Canceled by hand: a superuser is not the guard's.
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\$superuser->pid})");
$superuser->read_result;
my @waiters = ($table_waiter, $late_waiter);
$_->read_result for @waiters;
is_deeply([ map { $_->sqlstate } @waiters ],
	[ '', '' ], 'who has got the lock on a table completes');
is(scalar(guard_lines($node, qr/LOG:  (terminating|canceling)/)), 1, 'nobody else was meant');

# Without sparing a waiter is a statement like any other.
$holder->query('BEGIN; LOCK TABLE t');
set_limits($node, spare_lock_waiters => 'off');
$table_waiter->query('SELECT x FROM t');
is($table_waiter->sqlstate, '57014', 'with spare_lock_waiters off a lock waiter is canceled');
ok(is_alive($node, $holder->pid), 'the idle holder is not meant by statement_timeout');

$_->quit for $superuser, $holder, $table_waiter, $row_waiter, $late_waiter, $runaway;
$node->stop;
done_testing();
