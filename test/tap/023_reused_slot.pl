# A new session in the place of an ended one starts afresh: neither what its
# predecessor was due for nor what was done to it counts for the new one.

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
	'pg_session_guard.idle_session_timeout' => '2s',
	'max_connections' => 12,
	'max_wal_senders' => 0);

my $older = RawSession->connect($node);
my $first = RawSession->connect($node);
my $place = place_of($first);
my ($passed, $served) = (0, 0);

# The first one leaves when it is nearly due, and its successor is kept busy
# until the one that is as old as the first is gone.
wait_for_status($node, $first->pid, "clock_timestamp() - state_change > '1 s'");
$first->quit;
my $second = connect_to_place($node, $place);
wait_until(
	sub {
		my $passing = RawSession->connect($node);

		$passed++;
		$served++ if ($passing->query('SELECT 42') // '') eq '42';
		$passing->quit;
		$second->query('SELECT 1');
		return !is_alive($node, $older->pid);
	},
	'the older session is gone');
is($second->query('SELECT 42'), '42', 'the successor of one that was nearly due stays');
is($served, $passed, 'so do those that come and go');

# The same place again, after its session was terminated.
wait_for_end($node, $second->pid);
my $third = connect_to_place($node, $place);
my $beside = RawSession->connect($node);

wait_until(
	sub {
		$third->query('SELECT 1');
		return !is_alive($node, $beside->pid);
	},
	'the session beside it is gone');
is($third->query('SELECT 42'), '42', 'the successor of one that was terminated stays');
wait_for_end($node, $third->pid);
pass('until it is idle for too long itself');

my @ended = map { /terminating session (\d+)/ ? $1 : () } guard_lines($node, qr/LOG:/);
is_deeply(\@ended, [ map { $_->pid } $older, $second, $beside, $third ], 'nobody else was meant');

$_->abandon for $older, $first, $second, $third, $beside;
$node->stop;
done_testing();
