# Everybody is followed and counted who was signaled, though the ring of
# events has room for a few only; the rest is counted as lost.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 80,
	'pg_session_guard.history_buffer' => 16,
	'pg_session_guard.catch_up_rate' => 10000);
my $admin = getpwuid($<) // 'postgres';

# Nothing is written for now, so that what is overwritten is lost.
my $locker = open_session($node, user => $admin);
$locker->query_safe('BEGIN');
$locker->query_safe('LOCK TABLE session_guard.history');

my @sessions = map { RawSession->connect($node, user => 'web') } 1 .. 40;
my $innocent = open_session($node);
my $innocent_pid = pid_of($innocent);
start_query($innocent, 'SELECT pg_sleep(3600)');
wait_for_status($node, $innocent_pid, "wait_event = 'PgSleep'");

set_limits($node, idle_session_timeout => '100ms');
$node->poll_query_until('postgres', 'SELECT terminated = 40 FROM session_guard.stats')
  or die 'not all were confirmed';
is($node->safe_psql('postgres', 'SELECT terminates_sent, survived, gone FROM session_guard.stats'),
	'40|0|0', 'all were signaled, and seen to their end');
is($node->safe_psql('postgres', q{SELECT count(*), bool_and(outcome = 'terminated') FROM session_guard.event}),
	'16|t', 'what the ring still has is settled');
ok(is_alive($node, $innocent_pid), 'who works goes on');

$locker->query_safe('COMMIT');
$node->poll_query_until('postgres',
	'SELECT (SELECT count(*) FROM session_guard.history) + events_lost = 40 FROM session_guard.stats')
  or die 'history and loss are not all';
pass('what is not in the history was counted as lost');

close_sessions($innocent, $locker);
$node->stop;
done_testing();
