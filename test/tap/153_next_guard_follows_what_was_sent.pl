# A guard that ends between a signal and its effect leaves nothing behind: the
# next one follows the same event, and says that the session survives if the
# one before has not said so.  It is said once, however many guards there are.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 'idle_in_transaction_session_timeout';
my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my ($first, $second, $idle) = map { RawSession->connect($node) } 1 .. 3;

# What the counters say, and how often the log has a session as a survivor.
sub account
{
	return $node->safe_psql('postgres', qq{
		SELECT format('%s of %s terminated, %s survived', terminated, terminates_sent, survived)
		FROM session_guard.limit_stats WHERE limit_name = '$limit'});
}

sub reports
{
	my ($pid) = @_;

	return scalar guard_lines($node, qr/WARNING:  session $pid has survived/);
}

for my $session ($first, $second)
{
	$session->query('BEGIN');
	wait_for_status($node, $session->pid, "wait_event = 'ClientRead'");
	freeze_process($session->pid);
}
set_limits($node, $limit => '200ms');
$node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM session_guard.event')
  or die 'not both were signaled';

# Another guard comes; one session ends under it, and the other does not.
replace_guard($node);
thaw_process($first->pid);
wait_for_outcome($node, 'event', $first->pid, 'terminated');
wait_for_outcome($node, 'event', $second->pid, 'survived');
is(reports($second->pid), 1, 'who is still there after 5 s is reported');

# On a slow machine the first may have been reported, too.
my $survived = 1 + reports($first->pid);
is(account(), "1 of 2 terminated, $survived survived", 'the next guard confirms what the one before has sent');

# Another has nothing to add, until the session goes.
replace_guard($node);
wait_for_scan($node, 5);
is(account(), "1 of 2 terminated, $survived survived", 'nothing is counted twice');
thaw_process($second->pid);
wait_for_outcome($node, 'event', $second->pid, 'terminated');
is(account(), "2 of 2 terminated, $survived survived", 'a later guard confirms the end');
is(reports($second->pid), 1, 'and nobody has said again that it survives');
cmp_ok(reports($first->pid), '<=', 1, 'nor has anybody of the other');
is(scalar guard_lines($node, qr/LOG:  terminating session \d+ /), 2, 'no further signal was sent');
is($node->safe_psql('postgres', "SELECT gone_after > interval '5 s' FROM session_guard.event WHERE pid = ${\ $second->pid }"),
	't', 'the time until the end counts from the signal, not from the last guard');

wait_for_history($node);
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history'), '2', 'the history has one row for each');
is($idle->query('SELECT 42'), '42', 'who did nothing stays');
$node->stop;
done_testing();
