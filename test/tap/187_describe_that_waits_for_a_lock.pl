# A client that has a statement Described is not idle, though its session is shown
# as before: idle, or idle in transaction.  While it waits there for a lock of
# somebody else's it stays, under each limit; who has the lock goes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms');
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$node->safe_psql('postgres', 'CREATE TABLE t (x int); CREATE TABLE u (x int); GRANT ALL ON t, u TO web');

my %described = map { $_ => RawSession->connect($node) } 'idle', 'idle in transaction';
for my $session (values %described)
{
	$session->parse('s', 'SELECT x FROM t');
	$session->sync;
	$session->read_result;
}
$described{'idle in transaction'}->query('BEGIN');

my $blocker = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $culprit = RawSession->connect($node);
$root->query('ALTER TABLE t ADD y int');
$blocker->query('BEGIN');
$blocker->query('LOCK t');
for my $state (sort keys %described)
{
	$described{$state}->send_message('D', "Ss\0");
	$described{$state}->sync;
	wait_until(
		sub {
			$root->query("SELECT count(*) FROM pg_stat_activity WHERE state = '$state' AND wait_event_type = 'Lock' AND pid = "
				  . $described{$state}->pid);
		},
		"the session that is $state waits for a lock");
}
$culprit->query('BEGIN');

set_limits($node,
	idle_session_timeout => '2s',
	idle_in_transaction_session_timeout => '2s',
	transaction_timeout => '2s',
	statement_timeout => '2s');
wait_for_end($node, $culprit->pid);
pass('who is idle in transaction goes');
my $pids = join ', ', map { $_->pid } values %described;
my $scans = $root->query('SELECT scans FROM session_guard.stats');
wait_until(
	sub {
		return $root->query("SELECT count(*) < 2 OR min(clock_timestamp() - state_change) > '6 s' FROM pg_stat_activity WHERE pid IN ($pids)") eq 't'
		  && $root->query('SELECT scans FROM session_guard.stats') > $scans + 10;
	},
	'the waits are long');
for my $state (sort keys %described)
{
	ok(is_alive($node, $described{$state}->pid), "who is shown as $state and waits for a lock stays");
}
note(guard_lines($node, qr/LOG:  terminating/));
$blocker->query('COMMIT');
for my $state (sort keys %described)
{
	$described{$state}->read_result;
	is($described{$state}->sqlstate, '', "$state: the answer comes when the lock is free");
	is($described{$state}->query('SELECT 42'), '42', 'and the session goes on');
}

$_->abandon for $root, $blocker, $culprit, values %described;
$node->stop;
done_testing();
