# session_guard.metrics tells of the whole server in any database that has the extension, and on a
# standby, where no history writer is to be; who is idle in transaction and who waits is told as it is,
# and only for as long.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $primary = guard_node('primary', allows_streaming => 1, max_prepared_transactions => 2);
wait_for_history_writer($primary);
$primary->safe_psql('postgres', 'CREATE DATABASE shop');
$primary->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
$primary->safe_psql('postgres', 'CREATE TABLE held (); GRANT ALL ON held TO web; CREATE ROLE monitor LOGIN IN ROLE pg_monitor');

# Some values, by the role that monitors, from another database.
sub value_of
{
	my ($node, $name, $labels) = @_;
	my $where = defined $labels ? " AND labels = '$labels'" : '';

	return $node->safe_psql('shop', "SELECT value FROM session_guard.metrics WHERE name = 'pg_session_guard_$name'$where",
		extra_params => [ '-U', 'monitor' ]);
}

sub wait_for_value
{
	my ($node, $condition, $name, $labels) = @_;

	return wait_until(sub { eval value_of($node, $name, $labels) . " $condition" }, "$name $condition");
}

my $free = value_of($primary, 'free_connections');
is(value_of($primary, $_), 0, "$_ of nobody") for qw(oldest_idle_in_transaction_seconds longest_blocker_seconds);
my $holder = RawSession->connect($primary);
my $waiter = RawSession->connect($primary);
wait_for_value($primary, "<= $free - 2", 'free_connections');
$holder->query($_) for 'BEGIN', 'LOCK held';
let_wait($primary, $waiter, 'SELECT FROM held');
wait_for_value($primary, '> 0.2', 'longest_blocker_seconds');
cmp_ok(value_of($primary, 'oldest_idle_in_transaction_seconds'), '>', value_of($primary, 'longest_blocker_seconds') - 1,
	'the holder is idle in transaction');
$holder->query('fail');
cmp_ok(value_of($primary, 'oldest_idle_in_transaction_seconds'), '>', 0, 'also when its transaction has failed');
$holder->query('ROLLBACK');
$waiter->read_until('Z');
is(value_of($primary, $_), 0, "$_ of nobody any more") for qw(oldest_idle_in_transaction_seconds longest_blocker_seconds);

# What holds vacuum back, by its kind.
$holder->query($_) for 'BEGIN', 'SELECT txid_current()', "PREPARE TRANSACTION 'old'";
$primary->safe_psql('postgres', 'SELECT txid_current()') for 1 .. 3;
cmp_ok(value_of($primary, 'horizon_age_transactions', '{"kind": "prepared transaction"}'), '>=', 3, 'a prepared transaction');
is(value_of($primary, 'horizon_age_transactions', '{"kind": "session"}'), 0, 'and no session');
set_limits($primary, max_prepared_age => '1s', naptime => '200ms', idle_session_timeout => '1h');
wait_for_value($primary, '== 1', 'prepared_over_age');
$primary->safe_psql('postgres', "ROLLBACK PREPARED 'old'");
wait_for_value($primary, '== 0', 'prepared_over_age');

# A standby.
my $standby = standby_of($primary);
my @series = map { $_->safe_psql('shop', q{SELECT name || labels FROM session_guard.metrics WHERE name !~ 'lateness' ORDER BY 1}) } $primary, $standby;
is($series[1], $series[0], 'a standby has the same series');
is(join(' ', map { value_of($standby, $_) } qw(up history_writer_up in_recovery)), '1 0 1', 'with a guard and no history writer');
is(join(' ', map { value_of($primary, $_) } qw(up history_writer_up in_recovery)), '1 1 0', 'unlike its primary');
my $innocent = RawSession->connect($standby);
my $culprit = RawSession->connect($standby);
$innocent->query('SELECT 1');
$standby->append_conf('postgresql.conf', "pg_session_guard.idle_in_transaction_session_timeout = '300ms'\n");
$standby->reload;
$culprit->query('BEGIN');
$culprit->read_to_end;
my $labels = '{"limit": "idle_in_transaction_session_timeout", "outcome": "terminated"}';
wait_for_value($standby, '== 1', 'outcomes_total', $labels);
is(value_of($primary, 'outcomes_total', $labels), 0, 'each node counts what it does itself');
is($innocent->query('SELECT 42'), '42', 'who was no culprit lives');

$_->stop for $standby, $primary;
done_testing();
