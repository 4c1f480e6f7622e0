# idle_in_transaction_session_timeout: who holds a transaction open and does
# nothing goes; who works, and who is idle outside a transaction, stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '1s');

my $culprit = open_session($node);
my $idle = open_session($node);
my $working = open_session($node);
my ($culprit_pid, $idle_pid, $working_pid) = map { pid_of($_) } $culprit, $idle, $working;

$culprit->query('BEGIN');
$working->query('BEGIN');
# A transaction of many short statements is never idle for long.
wait_until(
	sub {
		$working->query('SELECT 1');
		return !is_alive($node, $culprit_pid);
	},
	'the culprit is gone');

ok(is_alive($node, $idle_pid), 'idle outside a transaction stays');
ok(is_alive($node, $working_pid), 'a transaction of many short statements stays');
is($working->query('SELECT 42'), '42', 'and its transaction goes on');

my @lines = guard_lines($node, qr/terminating session/);
is(scalar @lines, 1, 'one line for one action');
like(
	$lines[0],
	qr/LOG:  terminating session $culprit_pid \(user "web", database "postgres", application "\S+", client \[local\]\): idle in transaction for 1(\.\d+)? s, pg_session_guard.idle_in_transaction_session_timeout is 1 s \(configuration file\)/,
	'it says who and why');

$working->query('COMMIT');

# A transaction that has failed is idle all the same.
my $aborted = open_session($node);
my $aborted_pid = pid_of($aborted);
$aborted->query('BEGIN');
$aborted->query('SELECT 1/0');
wait_for_end($node, $aborted_pid);
like((guard_lines($node, qr/terminating session $aborted_pid /))[0],
	qr/idle in transaction for/, 'idle in transaction (aborted) goes too');

$_->{run}->kill_kill for $culprit, $aborted;
$_->quit for $idle, $working;
$node->stop;
done_testing();
