# Advisory locks make a blocker only with count_advisory_locks: sessions wait for the place of
# a leader on purpose.  If they count, a lock of the session does, too, outside of a transaction.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_blocker_timeout' => '1s',
	'pg_session_guard.naptime' => '200ms',
	deadlock_timeout => '1h');

my %session = map { $_ => RawSession->connect($node) } qw(leader in_transaction follower second);

$session{leader}->query('SELECT pg_advisory_lock(1)');
$session{in_transaction}->query('BEGIN; SELECT pg_advisory_xact_lock(2)');
$session{follower}->send_query('SELECT pg_advisory_lock(1)');
$session{second}->send_query('SELECT pg_advisory_lock(2)');
wait_for_status($node, $session{$_}->pid, "wait_event = 'advisory'") for qw(follower second);
wait_until_unchanged_for($node, '2 s', map { $session{$_}->pid } qw(follower second));
wait_for_scan($node, 3);
is(living($node, \%session), 'follower in_transaction leader second', 'who holds an advisory lock stays');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM session_guard.schedule WHERE limit_name = 'idle_blocker_timeout' AND since IS NOT NULL"),
	0, 'by the schedule, too');

set_limits($node, count_advisory_locks => 'on');
wait_for_end($node, $session{$_}->pid) for qw(leader in_transaction);
$session{$_}->read_result for qw(follower second);
is_deeply([ map { $session{$_}->sqlstate } qw(follower second) ], [ '', '' ], 'told to count them it ends both');
$session{leader}->read_to_end;
like($session{leader}->error_text, qr/DETAIL: Idle while blocking 1 session for/, 'and says why');
wait_until_unchanged_for($node, '2 s', $session{follower}->pid);
is(living($node, \%session), 'follower second', 'who has the lock now, and is in nobody\'s way, stays');

$_->abandon for values %session;
$node->stop;
done_testing();
