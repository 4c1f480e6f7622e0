# max_prepared_age: a prepared transaction that is older is named in the log, once, with whose
# it is, and counted; a younger one is not.  Many that come to be over it at once are a few lines and
# a number.  All of them are still there in the end, and nobody else is touched.  On a standby
# there are none until it is promoted.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClockShim;
use GuardTest;
use RawSession;
use Test::More;

require_clock_shim();
my $node = node_with_clock(
	'main',
	allows_streaming => 1,
	max_prepared_transactions => 40,
	'pg_session_guard.max_prepared_age' => '1h');

$node->safe_psql('postgres', 'CREATE DATABASE shop');
my $idle = RawSession->connect($node);
my $preparer = RawSession->connect($node, dbname => 'shop');

sub prepare
{
	my ($session, @gids) = @_;

	$session->run('BEGIN', 'SELECT pg_current_xact_id()', "PREPARE TRANSACTION '$_'") for @gids;
	return;
}

# Wait until so many are over the limit, and so many were named.
sub wait_for_counts
{
	my ($on, $over, $named, $what) = @_;

	is( $on->poll_query_until('postgres',
			'SELECT prepared_over_age, prepared_named FROM session_guard.stats', "$over|$named"),
		1, $what);
	return;
}

# How often the log names it.
sub times_named
{
	my ($gid, $on, $offset) = @_;

	return scalar guard_lines($on // $node, qr/LOG:  prepared transaction "\Q$gid\E" \(user/, $offset);
}

# Wait until the guard has woken up so many times, each of which reads them.
sub wait_for_readings
{
	my ($count) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT wake_ups FROM session_guard.stats');

	return $node->poll_query_until('postgres', "SELECT wake_ups >= $before + $count FROM session_guard.stats");
}

# No limit on sessions is set, and the guard reads them all the same.
wait_until(sub { guard_lines($node, qr/max_prepared_age is in force at 1 h, 0 prepared transactions are over it now$/) },
	'the limit is in force');
is($node->safe_psql('postgres', q{SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_session_guard'}),
	'no limit on sessions is set', 'the guard says what it does');
prepare($preparer, 'lost "one"');
# What tells one from a younger one must not be the moment at which the test comes by.
set_limits($node, naptime => '100ms');
wait_for_readings(3);
is(times_named('lost ""one""'), 0, 'within the limit it is not named');

# The clock is set ahead: it seems older than it is.
set_clock(7200);
wait_until(sub { guard_lines($node, qr/wall clock has moved/) }, 'the guard has noticed');
wait_for_readings(3);
is(times_named('lost ""one""'), 0, 'nor for what the wall clock says');
set_clock(0);
wait_until(sub { guard_lines($node, qr/wall clock has moved/) >= 2 }, 'the guard has noticed again');

set_limits($node, max_prepared_age => '1s');
wait_for_counts($node, 1, 1, 'over the limit it is counted');
like(
	join("\n", guard_lines($node, qr/"lost ""one""" \(user/)),
	qr/LOG:  prepared transaction "lost ""one""" \(user "web", database "shop"\) is [\d.]+ m?s(?: \d+ s)? old, pg_session_guard\.max_prepared_age is 1 s$/,
	'and named');
is(scalar guard_lines($node, qr/HINT:  Use COMMIT PREPARED or ROLLBACK PREPARED in its database/), 1, 'with a hint');
wait_for_readings(10);
is(times_named('lost ""one""'), 1, 'once');

# As soon as it is over the limit, and not only when the next nap is over.
set_limits($node, naptime => '1h');
my $at_once = log_size($node);
prepare($preparer, 'next');
wait_until(sub { times_named('next') }, 'another one is named');
like((guard_lines($node, qr/transaction "next"/, $at_once))[0], qr/ is 1\.\d+ s old/, 'at its time');
set_limits($node, naptime => '100ms');

# Many at once.
set_limits($node, max_prepared_age => '1h');
wait_for_counts($node, 0, 2, 'by a higher limit none is over it');
prepare($preparer, map { "many $_" } 1 .. 28);
$node->poll_query_until('postgres', q{SELECT min(clock_timestamp() - prepared) > '1 s' FROM pg_prepared_xacts})
  or die 'time stands still';
my $many = log_size($node);
set_limits($node, max_prepared_age => '1s');
wait_for_counts($node, 30, 32, 'all are counted');
is(scalar guard_lines($node, qr/LOG:  prepared transaction ".*" \(user/, $many), 10, 'and ten are named');
is(scalar guard_lines($node, qr/max_prepared_age is in force at 1 s, 30 prepared transactions are over it now/, $many), 1,
	'after how many they are');
like((guard_lines($node, qr/prepared transaction "/, $many))[0], qr/"lost ""one"""/, 'the oldest first');
is(scalar guard_lines($node, qr/LOG:  20 more prepared transactions are older than pg_session_guard\.max_prepared_age, which is 1 s/, $many),
	1, 'with how many more there are');

# Whoever locks the catalogs that have the names keeps nothing from being named later.
my $locker = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $early = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
$early->run('BEGIN', 'SELECT pg_current_xact_id()');
$locker->run('BEGIN', 'LOCK TABLE pg_catalog.pg_proc');
my $locked = log_size($node);
$early->run(q{PREPARE TRANSACTION 'meanwhile'});
wait_until(sub { guard_lines($node, qr/catalogs of roles and databases are locked/, $locked) }, 'a catalog is locked');
is(times_named('meanwhile'), 0, 'while they are locked nobody is waited for');
$locker->run('ROLLBACK');
wait_until(sub { times_named('meanwhile') }, 'then it is named');

# mode = log does nothing to anybody, as this does; with mode = off there is no limit.
set_limits($node, mode => 'log');
prepare($preparer, 'in mode log');
wait_until(sub { times_named('in mode log') }, 'with mode = log they are named, too');
set_limits($node, mode => 'off');
wait_for_counts($node, 0, 34, 'with mode = off none is over a limit');
set_limits($node, mode => 'enforce');
wait_for_counts($node, 32, 66, 'when it is in force again they are named again');

# What is finished does not count any more, and the next of that name is another one.
$preparer->run(map({ "ROLLBACK PREPARED 'many $_'" } 1 .. 28), q{COMMIT PREPARED 'next'}, q{COMMIT PREPARED 'in mode log'});
wait_for_counts($node, 2, 66, 'who is finished is over no limit');
$at_once = log_size($node);
prepare($preparer, 'next');
wait_until(sub { times_named('next', $node, $at_once) }, 'the next of that name is named');
replace_guard($node);
wait_until(sub { times_named('lost ""one""', $node, $at_once) }, 'the next guard names them again');

# A standby has none.
my $standby = standby_of($node);
prepare($preparer, 'late');
$node->poll_query_until('postgres', q{SELECT clock_timestamp() - prepared > '1 s' FROM pg_prepared_xacts WHERE gid = 'late'})
  or die 'time stands still';
$node->wait_for_catchup($standby);
wait_until(sub { guard_lines($standby, qr/max_prepared_age is in force at 1 s, 0 prepared transactions are over it now$/) },
	'on a standby the limit is in force');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '0', 'though there are none');
is(times_named('late', $standby), 0, 'so none is named');
$standby->promote;
wait_until(sub { times_named('late', $standby) && times_named('lost ""one""', $standby) }, 'after its promotion they are');
$standby->stop('immediate');

is($node->safe_psql('postgres', q{SELECT string_agg(gid, ' ' ORDER BY gid) FROM pg_prepared_xacts}),
	'late lost "one" meanwhile next', 'all but those that were finished are there');
is(scalar guard_lines($node, qr/terminating session|canceling statement of/), 0, 'and nobody was ended');
ok(is_alive($node, $idle->pid), 'whoever is there stays');

$_->abandon for $idle, $preparer, $locker, $early;
$node->stop('immediate');
done_testing();
