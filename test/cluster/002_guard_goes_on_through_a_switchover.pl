# A switchover under load: the guard goes on on the new leader and on the old one, which follows, the
# history is written on, whoever has to go goes, and nobody else, by no node's guard.  Events of the
# two leaders are told apart.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use GuardedCluster;
use Test::More;

my $cluster = GuardedCluster->start_guarded([ 'a', 'b', 'c' ]);
my ($first, $second) = map { $cluster->node($_) } 'a', 'b';
my $innocents = $cluster->open_innocents('b', 'c');

# Each node has a name of its own in Patroni's file, pg_session_guard.node.
$cluster->start_load('a', 'app');
$cluster->wait_for_load('a');
my $by_first = end_culprit($first);
my $by_standby = end_culprit($second);
wait_for_outcome($first, 'history', $by_first, 'terminated');
is($second->safe_psql('postgres', "SELECT count(*) FROM session_guard.history WHERE pid = $by_standby"),
	'0', 'what a standby does is not in the history');

$cluster->switch_over('a', 'b');
$cluster->wait_for_load('b');
wait_for_history_writer($second);
wait_for_outcome($second, 'history', $by_standby, 'terminated');
pass('once it is the leader, it writes what it did as a standby');
my $by_second = end_culprit($second);
wait_for_outcome($second, 'history', $by_second, 'terminated');
pass('a culprit is ended on the new leader, and is in the history');
is( $second->safe_psql('postgres', "SELECT string_agg(pid || ' ' || node, ', ' ORDER BY acted_at) FROM session_guard.history"),
	"$by_first a, $by_standby b, $by_second b", 'the history of both leaders is there, with the name of the node');
my $start = $second->safe_psql('postgres', 'SELECT DISTINCT server_start FROM session_guard.event');
is( $second->safe_psql('postgres',
		"SELECT string_agg(pid::text, ' ' ORDER BY acted_at) FROM session_guard.history WHERE server_start = '$start'"),
	"$by_standby $by_second", 'and is told apart by the start of the server without that');

is($first->safe_psql('postgres', q(SELECT labels->>'node_name' FROM session_guard.metrics WHERE name = 'pg_session_guard_node_info')),
	'a', 'the metrics name the node that they are of');
my $by_follower = end_culprit($first);
isnt($first->safe_psql('postgres', "SELECT server_start FROM session_guard.event WHERE pid = $by_follower"),
	$start, 'the old leader comes back as a standby, and its guard with it');
$cluster->wait_for_replay('b', 'a', 'c');
end_culprit($cluster->node('c'));
pass('a culprit is ended on the other standby, which follows the new leader');

$cluster->check_innocents($innocents, 'b', 'c');
$cluster->stop;
done_testing();
