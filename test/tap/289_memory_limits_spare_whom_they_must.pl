# max_memory counts the workers of a parallel query with it, and lets twenty sessions at 80 % of it be
# while others run into it.  What cannot be read ends nobody, and the log says so once; the same is
# true of min_available_memory.  With mode = log that says who would go, and nobody does.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use MemoryShim;
use RawSession;
use Test::More;

require_memory_shim();

my $megabyte = 1024 * 1024;
my $limit = 32 * $megabyte;
my $node = node_with_memory(
	'main',
	'pg_session_guard.max_memory' => '32MB',
	'pg_session_guard.naptime' => '200ms',
	shared_buffers => '32MB',
	max_connections => 50,
	max_worker_processes => 12,
	autovacuum => 'off',
	jit => 'off');

create_parallel_table($node, 'ROLE web');
create_memory_holder($node);

my %session;

sub begin_to_hold
{
	my ($name, $sql) = @_;

	$session{$name} = RawSession->connect($node);
	$session{$name}->send_query($sql);
	return;
}

# How many of these sessions use memory that meets a condition.
sub number_using
{
	my ($condition, @names) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM session_guard.session WHERE memory $condition AND pid IN ("
		  . join(', ', map { $session{$_}->pid } @names) . ')');
}

# What each uses at first differs among servers: the rest up to 80 % is to be held.
begin_to_hold('probe', 'SELECT hold(1)');
wait_for_status($node, $session{probe}->pid, "wait_event = 'PgSleep'");
my $used = $node->safe_psql('postgres', "SELECT memory FROM session_guard.session WHERE pid = ${\ $session{probe}->pid }");
my $rest = int(0.8 * $limit / $megabyte - $used / $megabyte) + 1;
my @neighbors = map { "neighbor$_" } 1 .. 20;
begin_to_hold($_, "SELECT hold($rest)") for @neighbors;
wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for @neighbors;
is(number_using("BETWEEN 0.7 * $limit AND $limit", @neighbors), 20, 'twenty use about 80 % of what they may');

begin_to_hold('greedy', 'SELECT hold(5000)');
begin_to_hold('parallel', "SELECT sum(hold($rest)) FROM big");
begin_to_hold('modest', 'SELECT sum(hold(1)) FROM big');
for my $name ('greedy', 'parallel')
{
	$session{$name}->read_result;
	is($session{$name}->sqlstate, '57014', "$name is canceled");
	like($session{$name}->error_text, qr/DETAIL: Using \d+(\.\d)? [MG]B of memory; pg_session_guard\.max_memory is 32 MB/, 'and told why');
}
wait_for_parallel_workers($node, $session{modest}, 2, "wait_event = 'PgSleep'");
wait_for_scan($node, 3);
is(living($node, \%session, "state = 'active'"), join(' ', sort 'modest', 'probe', @neighbors), 'all others go on');
is( $node->safe_psql(
		'postgres', "SELECT bool_and(measured_amount > $limit) FROM session_guard.event WHERE limit_name = 'max_memory'"),
	't', 'the events say how much it was');

# /proc is hidden.
my $offset = log_size($node);
my $spared = "SELECT spared FROM session_guard.schedule WHERE limit_name = 'max_memory' AND pid = ";
hide_memory();
begin_to_hold('hidden', 'SELECT hold(40)');
wait_for_status($node, $session{hidden}->pid, "wait_event = 'PgSleep'");
is($node->safe_psql('postgres', $spared . $session{hidden}->pid), 'not measurable: its memory cannot be read in /proc',
	'whose memory cannot be read is spared');
wait_for_scan($node, 3);
is(scalar guard_lines($node, 'LOG:  the memory of sessions cannot be read', $offset), 1, 'that is said once');

set_limits($node, max_memory => 0, min_available_memory => '250MB', mode => 'log');
set_memory_beside_sessions($node, 100 * $megabyte);
wait_until(sub { guard_lines($node, 'LOG:  the server has \d+(\.\d)? MB left, and no session is ended for it', $offset) },
	'a shortage is told');
wait_for_scan($node, 3);
is(scalar guard_lines($node, 'no session is known to use as much as 25 MB of memory', $offset), 1, 'once, and why');
is(scalar guard_lines($node, 'would have been|would be', $offset), 0, 'and nobody is chosen');

# With mode = log the same one stays the greatest.
show_memory();
my $line = "session ${\ $session{hidden}->pid } .*using \\d\\d(\\.\\d)? MB of memory, more than any other .* while the server has";
wait_until(sub { guard_lines($node, $line, $offset) }, 'the log says who would go');
wait_for_scan($node, 5);
is(scalar guard_lines($node, $line, $offset), 1, 'once in a shortage');
is( $node->safe_psql('postgres', "SELECT string_agg(action || ' ' || outcome, ', ') FROM session_guard.event WHERE limit_name = 'min_available_memory'"),
	'log dry run', 'it is an event');
is(living($node, \%session, "state = 'active'"), join(' ', sort 'hidden', 'modest', 'probe', @neighbors), 'nobody goes');

set_limits($node, min_available_memory => '400MB', mode => 'enforce');
$session{hidden}->read_result;
is($session{hidden}->sqlstate, '57014', 'when it is enforced, that session does');
like($session{hidden}->error_text, qr/DETAIL: .*while the server has \d+(\.\d)? MB left/, 'and is told why');
# A session is worth ending from 40 MB on.
wait_for_scan($node, 10);
is(living($node, \%session, "state = 'active'"), join(' ', sort 'modest', 'probe', @neighbors),
	'who uses little stays, though there is too little left');

$_->abandon for values %session;
$node->stop;
done_testing();
