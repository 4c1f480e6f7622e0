# A session that takes the place of a listener that has left, or was ended, has
# not inherited its mark: it goes when it is idle for too long, while a listener
# beside it stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# The few connections make the server reuse its places soon.
my $node = guard_node(
	'main',
	'max_connections' => 12,
	'max_wal_senders' => 0,
	'pg_session_guard.naptime' => '100ms');

my ($stays, $leaves, $is_ended) = map { RawSession->connect($node) } 1 .. 3;
$_->query('LISTEN news') for $stays, $leaves, $is_ended;

my %next;
for my $listener ($leaves, $is_ended)
{
	my $place = place_of($listener);

	if ($listener == $leaves)
	{
		$listener->quit;
	}
	else
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(${\$listener->pid})");
	}
	wait_for_end($node, $listener->pid);
	$next{ $listener == $leaves ? 'who left' : 'who was ended' } = connect_to_place($node, $place);
}
is(living($node, \%next), 'who left who was ended', 'both places are taken again');

set_limits($node, idle_session_timeout => '500ms');
for my $whom (sort keys %next)
{
	wait_for_end($node, $next{$whom}->pid);
	pass("the next session in the place of a listener $whom goes");
}
wait_for_scan($node, 3);
ok(is_alive($node, $stays->pid), 'the listener that is still there stays');

$_->abandon for $stays, values %next;
$node->stop;
done_testing();
