# A guard that an administrator terminates comes back under another pid and
# goes on: it enforces, and of an escalation half done it repeats no step.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms',
	'pg_session_guard.statement_timeout' => '500ms',
	'pg_session_guard.cancel_grace' => '4s');

my ($culprit, $idle, $stubborn, $obedient) = map { open_session($node) } 1 .. 4;
my ($culprit_pid, $idle_pid, $stubborn_pid, $obedient_pid) =
  map { pid_of($_) } $culprit, $idle, $stubborn, $obedient;

my ($old, $new) = replace_guard($node);
isnt($new, $old, 'the guard comes back under another pid');
$culprit->query('BEGIN');
wait_for_end($node, $culprit_pid);
ok(is_alive($node, $idle_pid), 'it enforces its limits, and nothing else');

# One statement swallows its cancel, the other gives in.
start_query($stubborn, stubborn_statement());
start_query($obedient, 'SELECT pg_sleep(600)');
for my $pid ($stubborn_pid, $obedient_pid)
{
	wait_until(sub { guard_lines($node, qr/LOG:  canceling statement of session $pid /) }, "$pid is canceled");
}
is(scalar guard_lines($node, qr/LOG:  terminating session $stubborn_pid /),
	0, 'the statement that swallowed its cancel has its grace');

replace_guard($node);
wait_for_end($node, $stubborn_pid);
wait_for_scan($node, 2);
is(scalar guard_lines($node, qr/LOG:  canceling statement of session $stubborn_pid /), 1, 'one cancel');
my @terminated = guard_lines($node, qr/LOG:  terminating session $stubborn_pid /);
is(scalar @terminated, 1, 'one terminate');
like(
	$terminated[0],
	qr/: statement running for [\d.]+ s, pg_session_guard.statement_timeout is 500 ms \(configuration file\), canceled [\d.]+ s ago, pg_session_guard.cancel_grace is 4 s$/,
	'which names the cancel before it');

ok(is_alive($node, $obedient_pid), 'the session of the canceled statement stays');
is(scalar guard_lines($node, qr/LOG:  (canceling|terminating) .*session $obedient_pid /), 1, 'and got one cancel');
ok(is_alive($node, $idle_pid), 'who did nothing stays');

close_sessions($culprit, $idle, $stubborn, $obedient);
$node->stop;
done_testing();
