# transaction_timeout does not count maintenance and waits for somebody else's
# lock or for a synchronous standby, but all the rest: a transaction that does
# some of either again and again ends when the rest comes up to the limit, one
# that waits is spared and not ended when it goes on, and who holds the lock goes.
# With spare_lock_waiters off waiting counts.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $limit = 3;
my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'allows_streaming' => 1,
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.transaction_timeout' => "${limit}s");
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE locked AS SELECT 1 AS id;
	GRANT ALL ON locked TO web;
	CREATE SCHEMA web AUTHORIZATION web;
	SET ROLE web;
	CREATE FUNCTION web.slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM pg_catalog.pg_sleep(0.05); RETURN n; END';
	CREATE TABLE web.a AS SELECT n FROM generate_series(1, 10) AS n;
	CREATE INDEX ON web.a (web.slow(n));
});

# What the guard's event of a session says, and how much was taken off until then.
sub event_of
{
	my ($session, $since) = @_;

	wait_for_outcome($node, 'event', $session->pid, 'terminated');
	return split /\|/,
	  $node->safe_psql(
		'postgres', "SELECT limit_name, extract(epoch FROM measured),
			extract(epoch FROM acted_at - '$since'::timestamptz - measured)
		 FROM session_guard.event WHERE pid = ${\ $session->pid }");
}

# A superuser's lock, since a superuser is not the guard's to end.
my $owner = RawSession->connect($node, user => $superuser);
$owner->query('BEGIN; LOCK TABLE locked');
my $lucky = RawSession->connect($node);
$lucky->query('BEGIN');
$lucky->query('SELECT pg_sleep(0.5)');
$lucky->send_query('LOCK TABLE locked');
wait_for_status($node, $lucky->pid, "wait_event_type = 'Lock'");

# 0.7 s that count, and half a second of maintenance, again and again.
my $maintains = RawSession->connect($node);
my $since = $maintains->query('BEGIN; SELECT transaction_timestamp()');
my $rounds = 0;
my $maintained = 0;
until ($maintains->is_closed)
{
	$maintains->query('SELECT pg_sleep(0.7)');
	my $begun = time;
	$maintains->query('ANALYZE web.a');
	$maintained += time - $begun;
	$rounds++ unless $maintains->is_closed;
	last if $rounds > 20;
}
is($maintains->sqlstate, '57P01', 'a transaction with maintenance in it ends');
my ($name, $measured, $off) = event_of($maintains, $since);
is($name, 'transaction_timeout', 'by the transaction limit');
cmp_ok($measured, '>=', $limit, 'when all the rest comes up to the limit');
cmp_ok($off, '>=', 0.5 * $rounds - 0.1, 'the maintenance was taken off');
cmp_ok($off, '<', $maintained + 0.1, 'and nothing else');

# It waited meanwhile for longer than the limit.
wait_for_status($node, $lucky->pid, "clock_timestamp() - query_start > '$limit s'");
wait_for_status($node, $lucky->pid, "wait_event_type = 'Lock'");
$owner->query('COMMIT');
$lucky->read_result;
$lucky->query('SELECT pg_sleep(0.5)');
is($lucky->query('SELECT 42'), '42', 'who has got its lock after a long wait goes on');
is($lucky->query('COMMIT'), undef, 'and commits');
is($lucky->sqlstate, '', 'its transaction');

# The holder has the same limit, and counts.
my $holder = RawSession->connect($node);
$holder->query('BEGIN; LOCK TABLE locked');
$lucky->query('BEGIN');
$lucky->send_query('LOCK TABLE locked');
$holder->read_to_end;
is($holder->sqlstate, '57P01', 'the holder of the lock goes');
$lucky->read_result;
is($lucky->sqlstate, '', 'the waiter gets it');
$lucky->query('COMMIT');

# A standby that is away is not the transaction's fault either.
$node->safe_psql('postgres',
	'CREATE PROCEDURE commits(pause float8) LANGUAGE plpgsql AS
	 $$ BEGIN INSERT INTO locked VALUES (2); COMMIT; PERFORM pg_sleep(pause); END $$');
require_absent_standby($node);
set_limits($node, statement_timeout => "${limit}s");
my %standby = map { $_ => RawSession->connect($node) } 'goes on', 'goes on for too long';
$standby{'goes on'}->send_query('CALL commits(0.5)');
$standby{'goes on for too long'}->send_query('CALL commits(600)');
wait_for_status($node, $_->pid, "wait_event = 'SyncRep' AND clock_timestamp() - query_start > '${\ ($limit + 2) } s'")
  for values %standby;
# The next transaction of a call is not to meet the other limit at the same moment.
set_limits($node, transaction_timeout => 0);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
$standby{$_}->read_result for sort keys %standby;
is($standby{'goes on'}->sqlstate, '', 'who has waited for a standby goes on');
is($standby{'goes on for too long'}->sqlstate, '57014', 'for as long as the limit allows');
my ($counted) = $node->safe_psql('postgres',
	"SELECT measured >= '$limit s' AND acted_at - query_start - measured > '${\ ($limit + 0.5) } s'
	 FROM session_guard.event JOIN pg_stat_activity USING (pid)
	 WHERE pid = ${\ $standby{'goes on for too long'}->pid }");
is($counted, 't', 'without the wait');

# Without sparing lock waiters waiting counts.
$owner->query('BEGIN; LOCK TABLE locked');
set_limits($node, spare_lock_waiters => 'off', statement_timeout => 0,
	transaction_timeout => "${limit}s");
$lucky->query('BEGIN');
$lucky->send_query('LOCK TABLE locked');
$lucky->read_to_end;
is($lucky->sqlstate, '57P01', 'with spare_lock_waiters off a waiter goes');
is($owner->query('SELECT 42'), '42', 'and not the superuser who holds the lock');

$_->quit for $owner, values %standby;
$node->stop;
done_testing();
