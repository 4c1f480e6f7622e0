# The leader is lost under load, server and Patroni at once: the guard goes on on whichever standby is
# promoted, with the history as far as that has come; nobody else is ended, by no node's guard.  The
# old leader comes back as a standby, with its guard.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use GuardedCluster;
use Test::More;

my $cluster = GuardedCluster->start_guarded([ 'a', 'b', 'c' ]);
my $lost = $cluster->node('a');
my $innocents = $cluster->open_innocents('b', 'c');

$cluster->start_load('a', 'app');
$cluster->wait_for_load('a');
my $before = end_culprit($lost);
wait_for_outcome($lost, 'history', $before, 'terminated');
$cluster->wait_for_replay('a', 'b', 'c');

$cluster->kill_node('a');
my $leader = $cluster->wait_for_leader_among('b', 'c');
my $node = $cluster->node($leader);
$cluster->wait_for_load($leader);
wait_for_history_writer($node);
my $after = end_culprit($node);
wait_for_outcome($node, 'history', $after, 'terminated');
pass('a culprit is ended on the new leader, and is in the history');
is($node->safe_psql('postgres', "SELECT pid FROM session_guard.history WHERE pid = $before"),
	$before, 'with what the lost leader had written');

$cluster->start_node('a');
$cluster->wait_for_standby('a');
wait_for_guard($lost);
my $as_standby = end_culprit($lost);
is($lost->safe_psql('postgres', 'SELECT string_agg(pid::text, \' \') FROM session_guard.event'),
	$as_standby, 'the lost leader comes back as a standby, and its guard anew');
$cluster->wait_for_replay($leader, grep { $_ ne $leader } 'a', 'b', 'c');
end_culprit($cluster->node($_)) for grep { $_ ne $leader } 'b', 'c';
is( $lost->safe_psql('postgres',
		"SELECT string_agg(pid::text, ' ' ORDER BY acted_at) FROM session_guard.history WHERE pid IN ($before, $after)"),
	"$before $after", 'where the whole history can be read');

$cluster->check_innocents($innocents, 'b', 'c');
$cluster->stop;
done_testing();
