# In pg_stat_activity the guard has a type, an activity and a wait event that a
# DBA understands, and while it sleeps it holds neither transaction nor snapshot.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

# Nothing is due before the next scan, so the guard stays asleep while it is looked at.
my $node = guard_node('main', 'pg_session_guard.naptime' => '1h');
my $guard = wait_for_guard($node);

# Wait until the guard shows this activity.
sub wait_for_activity
{
	my ($activity) = @_;

	$node->poll_query_until('postgres',
		"SELECT query = '$activity' FROM pg_stat_activity WHERE pid = $guard")
	  or die "the guard does not show: $activity";
	return pass("it shows \"$activity\"");
}

wait_for_activity('no limit is set');
is( $node->safe_psql('postgres',
		"SELECT backend_type, datname, leader_pid IS NULL FROM pg_stat_activity WHERE pid = $guard"),
	'pg_session_guard|postgres|t',
	'it has a type of its own');

# A session of the test itself may be there at the scan, beside this one.
my $session = open_session($node);
set_limits($node, idle_session_timeout => '1h');
$node->poll_query_until('postgres',
	"SELECT query ~ '^guarding [12] sessions?\$' FROM pg_stat_activity WHERE pid = $guard")
  or die 'the guard does not show how many sessions it guards';
pass('it shows how many sessions it guards');

# Only from server 17 on can an extension name its wait event.
my $event = $node->pg_version >= 17 ? 'PgSessionGuardMain' : 'Extension';
$node->poll_query_until('postgres',
	"SELECT wait_event_type = 'Extension' AND wait_event = '$event' FROM pg_stat_activity WHERE pid = $guard")
  or die 'the guard does not sleep';
is( $node->safe_psql('postgres',
		"SELECT state, xact_start, backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = $guard"),
	'idle|||',
	'it sleeps in no transaction and holds nothing back');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $guard"), '0', 'nor any lock');

set_limits($node, mode => 'log');
$node->poll_query_until('postgres',
	"SELECT query ~ '^guarding [12] sessions? \\(mode is log\\)\$' FROM pg_stat_activity WHERE pid = $guard")
  or die 'the guard does not show that it only writes';
pass('it shows that it only writes');
set_limits($node, mode => 'off');
wait_for_activity('mode is off');

close_sessions($session);
$node->stop;
done_testing();
