# A guard that is loaded with no limit set ends nobody and does not even scan;
# one limit then set binds the sessions it speaks of and no others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $scans = 'SELECT scans FROM session_guard.stats';
my $ended = qr/LOG:  (terminating|canceling|would end)/;

my ($idle, $in_transaction, $running) = map { open_session($node) } 1 .. 3;
my @pids = map { pid_of($_) } $idle, $in_transaction, $running;
my ($idle_pid, $in_transaction_pid, $running_pid) = @pids;

$in_transaction->query('BEGIN');
start_query($running, 'SELECT pg_sleep(600)');
wait_for_state($node, 'idle in transaction', $in_transaction_pid);
wait_for_state($node, 'active', $running_pid);

# Ten times the shortest pause between scans, and the shortest limit there can be.
wait_until_unchanged_for($node, '1 s', @pids);
$node->reload;
wait_until_unchanged_for($node, '1500 ms', @pids);

ok(is_alive($node, $idle_pid), 'an idle session stays');
ok(is_alive($node, $in_transaction_pid), 'a session idle in transaction stays');
ok(is_alive($node, $running_pid), 'a running statement stays');
is($node->safe_psql('postgres', $scans), '0', 'nothing was scanned');
is(scalar guard_lines($node, $ended), 0, 'the log speaks of no action');
is(scalar guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/), 0, 'and of no limit');

set_limits($node, idle_session_timeout => '300ms');
wait_for_end($node, $idle_pid);
wait_for_scan($node, 3);
ok(is_alive($node, $in_transaction_pid), 'a limit for idle sessions leaves the transaction alone');
ok(is_alive($node, $running_pid), 'and the statement');
is(scalar guard_lines($node, $ended), 1, 'one session was ended');

close_sessions($idle, $in_transaction, $running);
$node->stop;
done_testing();
