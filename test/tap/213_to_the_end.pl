# Both ends are seen: that of a survivor within a second, however far apart the scans
# are, and with mode = log that of an episode, so that the event says how long it
# has lasted.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '10min', 'pg_session_guard.mode' => 'log');
my $limit = 'idle_session_timeout';

# It cannot go for now.
my $survivor = RawSession->connect($node);
my $pid = $survivor->pid;
freeze_process($pid);
my $result = run_function($node, qq{terminate_session($pid, "timeout" => '100 ms')});
is($result->{outcome}{$pid}, 'survived', 'a session survives its signal');

# An event of a session whose episode goes on.
sub measured
{
	my ($relation, $condition, $session) = @_;

	return $node->safe_psql('postgres',
		"SELECT measured $condition FROM session_guard.$relation WHERE action = 'log' AND pid = ${\ $session->pid } ORDER BY number LIMIT 1");
}

# When the present state of a session began.
sub state_change
{
	my ($session) = @_;

	return $node->safe_psql('postgres', "SELECT state_change FROM pg_stat_activity WHERE pid = ${\ $session->pid }");
}

my ($moves_on, $leaves, $stays, $freed) = my @idle = map { RawSession->connect($node, user => 'web') } 1 .. 4;
set_limits($node, $limit => '200ms');
wait_until(sub { measured('event', 'IS NOT NULL', $_) eq 't' }, 'an event says that it would be ended') for @idle;
my ($stayed, $was_freed) = map { measured('event', '', $_) } $stays, $freed;
my $begun = state_change($moves_on);
wait_until_unchanged_for($node, '1500 ms', map { $_->pid } @idle);
$moves_on->query('SELECT 1');
my $over = state_change($moves_on);
$leaves->quit;
wait_for_end($node, $leaves->pid);
for my $session ($moves_on, $leaves)
{
	wait_until(sub { measured('event', "> '1 s'", $session) eq 't' }, 'the event says how long it lasted');
	wait_until(sub { measured('history', "> '1 s'", $session) eq 't' }, 'and so does the history');
}
is(measured('event', "<= timestamptz '$over' - timestamptz '$begun'", $moves_on), 't', 'and no longer than it did');
is(measured('event', '', $stays), $stayed, 'what goes on is not completed');
# From here on nobody measures.
set_limits($node, $limit => '0');
$freed->query('SELECT 1');
set_limits($node, $limit => '200ms');
wait_for_scan($node, 2);
is(measured('event', '', $freed), $was_freed, 'nor what ended when the limit was not in force');
set_limits($node, $limit => '0');

# The survivor goes after the outcome was decided.
wait_until(
	sub {
		$node->safe_psql('postgres',
			"SELECT clock_timestamp() > acted_at + interval '5.3 s' FROM session_guard.event WHERE pid = $pid AND action = 'terminate'") eq 't';
	},
	'the survivor is still there after 5 s');
thaw_process($pid);
wait_for_outcome($node, 'event', $pid, 'terminated', "action = 'terminate'");
my $about = "FROM session_guard.event WHERE pid = $pid AND action = 'terminate'";
is($node->safe_psql('postgres', "SELECT gone_after BETWEEN '5.3 s' AND clock_timestamp() - acted_at $about"), 't',
	'its end is seen when it goes');
like($node->safe_psql('postgres', "SELECT note $about"),
	qr/^gone after [\d.]+ s; before: still there after \d[^;]*; it waits for /, 'and its note says so');

$node->stop;
done_testing();
