# A call that waits for sessions to end may be canceled, or run into a timeout:
# its error says how far it had got, and who has been signaled ends anyway.  A
# call that is to end its own session too does so when the others have gone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE etl LOGIN; CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
my $bystander = open_session($node, user => 'etl');
my $bystander_pid = pid_of($bystander);

# Wait until a process has gone to sleep and woken up some times more.
sub wait_for_naps
{
	my ($pid) = @_;
	my $naps = sub { slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m ? $1 : die };
	my $before = $naps->();

	return wait_until(sub { $naps->() > $before + 3 }, "process $pid has looked again");
}

# Canceled by somebody: one has gone by then, the other cannot go yet.
my $free = open_session($node);
my $stopped = open_session($node);
my $caller = open_session($node, user => $superuser);
my ($free_pid, $stopped_pid, $caller_pid) = map { pid_of($_) } $free, $stopped, $caller;
freeze_process($stopped_pid);
start_query($caller, q{SELECT * FROM terminate_user_sessions('web', timeout => '1 day')});
wait_for_end($node, $free_pid);
wait_for_status($node, $caller_pid, "wait_event_type = 'Extension'");
my $can_tell = -e "/proc/$caller_pid/status";
wait_for_naps($caller_pid) if $can_tell;
$node->safe_psql('postgres', "SELECT pg_cancel_backend($caller_pid)");
is($caller->query('SELECT 42'), '42', 'the session of the caller goes on');
my $confirmed = $can_tell ? 1 : qr/[01]/;
like(
	$caller->{stderr},
	qr/ERROR:  canceling statement due to user request\nCONTEXT:  2 of 2 sessions signaled, $confirmed of them confirmed$/m,
	'its error says how far it had got');
ok(is_alive($node, $stopped_pid), 'who could not go is still there');
thaw_process($stopped_pid);
wait_for_end($node, $stopped_pid);
pass('and goes when it can, though the call has failed');
ok(is_alive($node, $bystander_pid), 'and the session of another role lives');
close_sessions($free, $stopped, $caller);

# By a timeout; one that strikes before anything is done would tell nothing.
$stopped = open_session($node);
$stopped_pid = pid_of($stopped);
freeze_process($stopped_pid);
my $result;
for my $timeout (qw(500ms 5s 50s))
{
	$result = run_function(
		$node,
		"terminate_session($stopped_pid, timeout => '1 day')",
		before => "SET statement_timeout = '$timeout'");
	last if $result->{stderr} =~ /CONTEXT:  1 of/;
}
isnt($result->{status}, 0, 'a call runs into its timeout');
like(
	$result->{stderr},
	qr/ERROR:  canceling statement due to statement timeout\nCONTEXT:  1 of 1 sessions signaled, 0 of them confirmed/,
	'its error says how far it had got');
thaw_process($stopped_pid);
wait_for_end($node, $stopped_pid);
pass('who was signaled goes when it can');
ok(is_alive($node, $bystander_pid), 'the session of another role lives');
close_sessions($stopped);

# The caller's own session goes last, though it is the oldest.
$caller = open_session($node, dbname => 'shop', user => $superuser);
$caller_pid = pid_of($caller);
my @others = map { open_session($node, dbname => 'shop') } 1 .. 2;
my @pids = map { pid_of($_) } @others;
my $offset = log_size($node);
start_query($caller, q{SELECT * FROM terminate_db_sessions('shop', except_self => false, timeout => '1 day')});
wait_for_end($node, $caller_pid);
my @lines = guard_lines(
	$node, qr/LOG:  terminating session $caller_pid |\[($pids[0]|$pids[1])\] .*FATAL:  terminating connection/, $offset);
is(scalar @lines, 3, 'the others end, and the caller');
like($lines[2], qr/terminating session $caller_pid /, 'it ends when the others have ended');
ok(!is_alive($node, $_), "session $_ is gone") for @pids;
close_sessions($caller, @others);

# ... also if somebody cannot go.
$caller = open_session($node, dbname => 'shop', user => $superuser);
$caller_pid = pid_of($caller);
$stopped = open_session($node, dbname => 'shop');
$stopped_pid = pid_of($stopped);
freeze_process($stopped_pid);
$offset = log_size($node);
start_query($caller, q{SELECT * FROM terminate_db_sessions('shop', except_self => false, timeout => '500 ms')});
wait_for_end($node, $caller_pid);
@lines = guard_lines(
	$node, qr/LOG:  terminating session $caller_pid |session $stopped_pid has survived its signal/, $offset);
is(scalar @lines, 2, 'one cannot end, and the caller ends');
like($lines[1], qr/terminating session $caller_pid /, 'after it has waited');
ok(is_alive($node, $stopped_pid), 'for who is still there');
thaw_process($stopped_pid);
wait_for_end($node, $stopped_pid);
ok(is_alive($node, $bystander_pid), 'the session in another database lives');

close_sessions($bystander, $caller, $stopped);
$node->stop;
done_testing();
