# The library is added to a cluster that runs, under load: standbys first, then a switchover instead
# of a restart of the leader.  A node where it is not installed does not start with it, which leaves
# the others alone, and starts as soon as it is.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use GuardedCluster;
use Test::More;

my $cluster = GuardedCluster->start_unguarded([ 'a', 'b' ]);
my ($first, $second) = $cluster->nodes;

$cluster->start_load('a', 'app');
$cluster->wait_for_load('a');
PatroniCluster::remove_library($second);
$cluster->configure(GuardedCluster::parameters());
wait_until(sub { $cluster->status($_)->{pending_restart} }, "a restart of $_ is pending") for 'a', 'b';
pass('Patroni says that the servers must be restarted');

my $offset = log_size($second);
$cluster->patronictl('restart', '--force', 'shop', '--role', 'replica');
wait_until(
	sub { guard_lines($second, qr/FATAL:  could not access file "pg_session_guard": No such file/, $offset) },
	'the server finds no library');
pass('a server where the library is not installed does not start');
$cluster->wait_for_leader('a');
$cluster->wait_for_load('a');
pass('and the leader stays as it is');
$cluster->configure(shared_preload_libraries => undef);
$cluster->wait_for_standby('b');
pass('without the library in the list it starts again');
$cluster->configure(shared_preload_libraries => 'pg_session_guard');
wait_until(sub { $cluster->status('b')->{pending_restart} }, "a restart of b is pending again");
$offset = log_size($second);
$cluster->patronictl('restart', '--force', 'shop', '--role', 'replica');
wait_until(sub { guard_lines($second, qr/could not access file/, $offset) }, 'the server finds no library again');
PatroniCluster::install_library($second);
$cluster->wait_for_standby('b');
ok(!$cluster->status('b')->{pending_restart}, 'it starts as soon as the library is there');
is( $second->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_session_guard'"),
	'1', 'and has its guard before there is the extension');

my ($status) = $cluster->patronictl('switchover', '--force', 'shop', '--leader', 'a', '--candidate', 'b');
is($status, 0, 'patronictl switches over');
$cluster->wait_for_leader('b');
$cluster->wait_for_standby('a');
ok(!$cluster->status('a')->{pending_restart}, 'the old leader needs no further restart');
$cluster->wait_for_load('b');
$cluster->create_extension('b');
for my $node ($first, $second)
{
	end_culprit($node);
	pass("a culprit is ended on ${\ $node->name }");
}
$cluster->check_innocents({});
$cluster->stop;
done_testing();
