# What applies on a hot standby.  By hot_standby_feedback its snapshots hold back vacuum on the
# primary: who keeps one for too long is ended there by max_horizon_age, but not for an older
# transaction that runs on the primary, and nobody is while the feedback is off.  On the primary the
# standby's slot is older than its own sessions, and nobody ends for that.  Who blocks others by
# advisory locks is ended, and who keeps the replay waiting is not; max_memory binds as anywhere.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $primary = guard_node(
	'main',
	allows_streaming => 1,
	max_connections => 30,
	autovacuum => 'off',
	deadlock_timeout => '1h',
	'pg_session_guard.naptime' => '200ms');

$primary->safe_psql('postgres', join ';',
	'CREATE TABLE account AS SELECT 1 AS id', 'CREATE TABLE replayed (id int)',
	'GRANT ALL ON account, replayed TO PUBLIC',
	'CREATE ROLE etl LOGIN', 'ALTER ROLE etl SET pg_session_guard.exempt = on',
	q{SELECT pg_create_physical_replication_slot('for_standby', true)});

# The standby has the primary's settings from before.
my $standby = standby_of($primary);
$standby->append_conf(
	'postgresql.conf', q{
primary_slot_name = 'for_standby'
hot_standby_feedback = on
wal_receiver_status_interval = 1s
max_standby_streaming_delay = -1
});
$standby->reload;

sub follow
{
	return $primary->wait_for_catchup($standby) && wait_for_scan($standby, 10);
}

my $keep_snapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account';
my %on_primary = map { $_ => RawSession->connect($primary, user => $_ eq 'etl' ? 'etl' : 'web') } qw(etl snapshot writer);
my %session = (
	etl => RawSession->connect($standby, user => 'etl'),
	map { $_ => RawSession->connect($standby) } qw(snapshot statement reader idle));

# Everything on the standby is as old as the transaction that runs on the primary.
set_limits($standby, max_horizon_age => '1000');
$on_primary{etl}->query('BEGIN; SELECT pg_current_xact_id()');
pass_transactions($primary);
follow();
$session{snapshot}->query($keep_snapshot);
$session{reader}->query('BEGIN; SELECT count(*) FROM account');
$session{statement}->send_query('SELECT pg_sleep(600) FROM account');
wait_for_status($standby, $session{statement}->pid, "wait_event = 'PgSleep'");
wait_for_scan($standby, 10);
pass_transactions($primary);
follow();
is( $standby->safe_psql('postgres', 'SELECT count(*) FROM session_guard.session WHERE horizon_age > 2000 AND NOT is_self'),
	2, 'by their snapshots two are old');
wait_until_unchanged_for($standby, '3 s', map { $session{$_}->pid } qw(snapshot statement));
is(living($standby, \%session), 'etl idle reader snapshot statement', 'while a transaction of the primary is as old all stay');
is(scalar guard_lines($standby, qr/terminating session|canceling statement of/), 0, 'and nothing is canceled');

# They are old by themselves, but nobody is told.
$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\n");
$standby->reload;
$on_primary{etl}->query('COMMIT');
follow();
pass_transactions($primary);
follow();
wait_until_unchanged_for($standby, '5 s', map { $session{$_}->pid } qw(snapshot statement));
is(living($standby, \%session), 'etl idle reader snapshot statement', 'without feedback nobody holds back vacuum');
is( $standby->safe_psql('postgres',
		"SELECT count(*) FROM session_guard.schedule WHERE limit_name = 'max_horizon_age' AND since IS NOT NULL"),
	0, 'by the schedule, too');

# And now.  The snapshot of an exempt session is younger, and so no reason to spare the others.
$session{etl}->query($keep_snapshot);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\n");
$standby->reload;
follow();
pass_transactions($primary);
follow();
wait_for_end($standby, $session{snapshot}->pid);
$session{statement}->read_result;
is($session{statement}->sqlstate, '57014', 'with feedback a statement is canceled');
$session{snapshot}->read_to_end;
like($session{snapshot}->error_text, qr/^FATAL 57P01: .*\nDETAIL: Holding back vacuum by \d{4} transactions; pg_session_guard\.max_horizon_age is 1000/,
	'who keeps a snapshot is terminated');
is(living($standby, \%session), 'etl idle reader statement', 'and nobody else');
set_limits($standby, max_horizon_age => '0');

# The exempt session of the standby holds back the primary by its slot.
$primary->poll_query_until('postgres', q{SELECT age(xmin) > 1000 FROM pg_replication_slots}) or die 'there is no feedback';
$on_primary{snapshot}->query($keep_snapshot);
$on_primary{writer}->query('BEGIN; INSERT INTO account VALUES (2)');
set_limits($primary, max_horizon_age => '1000');
wait_for_scan($primary, 10);
pass_transactions($primary);
wait_until(sub { guard_lines($primary, qr/LOG:  replication slot "for_standby" holds back vacuum by \d+ transactions$/) },
	'the slot is named');
wait_until_unchanged_for($primary, '3 s', map { $on_primary{$_}->pid } qw(snapshot writer));
is(living($primary, \%on_primary), 'etl snapshot writer', 'where a slot is older nobody is ended');
is(scalar guard_lines($primary, qr/holds back vacuum by/), 1, 'which is said once');

# When the standby needs less they are the oldest.
$session{etl}->query('ROLLBACK');
wait_for_end($primary, $on_primary{writer}->pid);
wait_for_scan($primary, 10);
pass_transactions($primary);
wait_for_end($primary, $on_primary{snapshot}->pid);
is(living($primary, \%on_primary), 'etl', 'who holds back vacuum then is ended');
set_limits($primary, max_horizon_age => '0');

# The replay waits for a session that forgot its transaction.
set_limits($standby, idle_blocker_timeout => '500ms', blocker_timeout => '500ms', count_advisory_locks => 'on');
my %blocker = map { $_ => RawSession->connect($standby) } qw(leader follower forgetful behind);
$blocker{forgetful}->query('BEGIN; SELECT count(*) FROM replayed');
$primary->safe_psql('postgres', 'ALTER TABLE replayed ADD COLUMN amount int');
$standby->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'replayed'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted})
  or die 'the replay does not wait';

# Meanwhile one session waits for another's advisory lock.
$blocker{leader}->query('SELECT pg_advisory_lock(1)');
let_wait($standby, $blocker{follower} => 'SELECT pg_advisory_lock(1)');
wait_for_end($standby, $blocker{leader}->pid);
$blocker{follower}->read_result;
is($blocker{follower}->sqlstate, '', 'who blocks another one by an advisory lock is ended');
wait_until_unchanged_for($standby, '2 s', $blocker{forgetful}->pid);
is(living($standby, \%blocker), 'behind follower forgetful', 'for the sake of the replay nobody is');
is(scalar guard_lines($standby, qr/terminating session ${\ $blocker{forgetful}->pid }|canceling .* ${\ $blocker{forgetful}->pid }/), 0,
	'nor was meant to be');
# Now another session waits behind the replay.
let_wait($standby, $blocker{behind} => 'SELECT count(*) FROM replayed');
wait_for_end($standby, $blocker{forgetful}->pid);
$blocker{behind}->read_result;
is($blocker{behind}->sqlstate, '', 'for that of a session that waits behind the replay it ends');

# Memory.
set_limits($standby, max_memory => '100MB');
$session{statement}->send_query(q{SELECT array_length(array_agg(repeat('x', 1000) || n), 1) FROM generate_series(1, 10000000) AS n});
$session{statement}->read_result;
like($session{statement}->error_text, qr/57014.*\nDETAIL: Using \d+(\.\d)? [MG]B of memory;/, 'a statement that takes too much memory is canceled');
is(living($standby, \%session), 'etl idle reader statement', 'and nobody is ended for it');

$_->abandon for values %session, values %on_primary, values %blocker;
$standby->stop('immediate');
$primary->stop('immediate');
done_testing();
