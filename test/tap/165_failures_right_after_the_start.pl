# A worker that fails each time right after its start tries again less and less
# often, though its error is kept out of the log; one that an administrator
# terminates comes back at once, and so does one that fails much later.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

# LOG ranks above ERROR there.
my $node = guard_node(
	'main',
	'log_min_messages' => 'log',
	'pg_session_guard.idle_in_transaction_session_timeout' => '300ms');
my %name = (guard => 'session guard', history => 'history writer');
my %wait_for = (guard => \&wait_for_guard, history => \&wait_for_history_writer);

# The pauses that the log announces for a worker, in seconds.
sub pauses
{
	my ($worker) = @_;

	return join ' ', map { /trying again in (\d+) s$/ }
	  guard_lines($node, qr/LOG:  $name{$worker} failed right after its start/);
}

# A cancel is an error like any other to it.
my %pid = map { $_ => $wait_for{$_}->($node) } sort keys %name;
for (1 .. 3)
{
	$node->safe_psql('postgres', 'SELECT ' . join ', ', map { "pg_cancel_backend($_)" } values %pid);
	%pid = map { $_ => $wait_for{$_}->($node, $pid{$_}) } sort keys %name;
}
is(pauses($_), '1 2 4', "each pause of the $name{$_} is twice the one before") for sort keys %name;
is(scalar guard_lines($node, qr/ERROR:  canceling/), 0, 'though the log does not have the errors');

# It does its work all the same.
my $culprit = RawSession->connect($node);
my $innocent = RawSession->connect($node);
$culprit->query('BEGIN');
wait_for_end($node, $culprit->pid);
ok(is_alive($node, $innocent->pid), 'the guard ends whom it must, and nobody else');

# A terminate by an administrator is no failure, and asks for another try now.
$node->safe_psql('postgres', 'SELECT ' . join ', ', map { "pg_terminate_backend($_)" } values %pid);
%pid = map { $_ => $wait_for{$_}->($node, $pid{$_}) } sort keys %name;
is(pauses($_), '1 2 4', "the $name{$_} comes back at once when it was terminated") for sort keys %name;

# Nor is it when it comes while the worker waits for its next try.
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid{guard})");
wait_until(sub { pauses('guard') eq '1 2 4 1' }, 'it failed once more');
my $waiting = $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard'));
if ($waiting eq '')
{
	# Not connected yet, it is not to be seen: the operating system knows it, among those of this server.
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;

	($waiting) = map { /(\d+)/ } grep { /: pg_session_guard\s*$/ } `ps -o pid,args --ppid $postmaster`;
}
ok($waiting && kill(TERM => $waiting), 'it is terminated while it waits');
$pid{guard} = wait_for_guard($node, $pid{guard});
is(pauses('guard'), '1 2 4 1', 'and comes back at once');

# Whoever has worked for a while has had a good start; a successor's (19) begins two seconds late.
$node->poll_query_until('postgres', q(SELECT worker_start < clock_timestamp() - interval '14 s' FROM session_guard.stats));
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid{guard})");
wait_for_guard($node, $pid{guard});
is(pauses('guard'), '1 2 4 1', 'a failure much later is not held against the start');

$_->abandon for $culprit, $innocent;
$node->stop;
done_testing();
