# Patroni's own connection is a superuser's, and spared by default.  If it is not, and a limit is
# shorter than Patroni's pause, it is ended each time and opened anew: the leader stays the leader.
# With its role exempt it stays, though nobody else is spared.  What replicates stays in any case.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use GuardedCluster;
use RawSession;
use Test::More;

my $cluster = GuardedCluster->start_guarded([ 'a', 'b' ]);
my ($leader, $standby) = $cluster->nodes;
my $connection = "FROM pg_stat_activity WHERE application_name IN ('Patroni', 'Patroni heartbeat') AND backend_type = 'client backend'";

# How often has the guard ended Patroni's connection?
sub ends
{
	return scalar guard_lines($_[0], qr/terminating session \d+ \(user "patroni", .*application "Patroni/);
}

sub walsender
{
	return $leader->safe_psql('postgres', "SELECT pid FROM pg_stat_replication WHERE application_name = 'b'");
}

# Wait until Patroni's connection has been in use again some times after another; is it the same?
sub stays_connected
{
	my ($node) = @_;
	my $pid = $node->safe_psql('postgres', "SELECT pid $connection");

	for (1 .. 2)
	{
		my $used = $node->safe_psql('postgres', "SELECT coalesce(max(state_change), 'infinity') $connection");

		$node->poll_query_until('postgres', "SELECT max(state_change) > '$used' $connection AND state = 'idle'")
		  or die 'Patroni is silent';
	}
	return $node->safe_psql('postgres', "SELECT pid $connection") eq $pid;
}

# Whoever runs the test is another superuser, and not to be ended between two words.
$leader->safe_psql('postgres', 'ALTER ROLE "' . getpwuid($<) . '" SET pg_session_guard.exempt = on');
$cluster->wait_for_replay('a', 'b');
my $walsender = walsender();
my $start = $leader->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

$cluster->configure('pg_session_guard.idle_session_timeout' => '200ms');
$cluster->wait_for_setting($_, 'pg_session_guard.idle_session_timeout', '200ms') for 'a', 'b';
ok(stays_connected($_), "Patroni stays connected to ${\ $_->name }") for $leader, $standby;
is(ends($leader) + ends($standby), 0, 'it is spared as a superuser');

$cluster->configure('pg_session_guard.exempt_superusers' => 'off');
wait_until(sub { ends($leader) >= 5 && ends($standby) >= 5 }, 'its connections are ended again and again');
$cluster->wait_for_leader('a');
$cluster->wait_for_standby('b');
is($leader->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'),
	'1', 'if it is not, it connects again, and nobody else is promoted');
is($leader->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $start, 'nor is anybody restarted');

$leader->safe_psql('postgres', 'ALTER ROLE patroni SET pg_session_guard.exempt = on');
$cluster->wait_for_replay('a', 'b');
wait_for_scan($_, 2) for $leader, $standby;
my @ends = map { ends($_) } $leader, $standby;
my $culprit = RawSession->connect($leader, user => 'app');
$culprit->read_to_end;
wait_for_outcome($leader, 'event', $culprit->pid, 'terminated');
pass('somebody else is ended by that limit');
ok(stays_connected($_), "with its role exempt it stays connected to ${\ $_->name }") for $leader, $standby;
is(join(' ', map { ends($_) } $leader, $standby), "@ends", 'and is not ended any more');
is(walsender(), $walsender, 'the connection that replicates is the same all the time');

$cluster->stop;
done_testing();
