# Every outcome of a function, produced for real, and next to each the session that
# it is not about: raced, signaled, survived, gone, dry run.  Nothing but the
# rows tells of a session that has gone: no warning reaches client or log.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

# Checkpoints and autovacuum would wait for the lock on pg_database below.
my $node = guard_node('main', autovacuum => 'off');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $talkative = 'SET client_min_messages = debug1';
my $no_such_pid = 2147483647;
$node->safe_psql('postgres', 'CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

my $bystander = open_session($node);
my $bystander_pid = pid_of($bystander);

# A session of web, running for as long as nobody ends it.
sub open_running
{
	my $session = open_session($node);
	my $pid = pid_of($session);

	start_query($session, 'SELECT pg_sleep(3600)');
	wait_for_status($node, $pid, "wait_event = 'PgSleep'");
	return ($session, $pid);
}

# dry run: what would be done, and what would not.
my ($running, $running_pid) = open_running();
my $root = open_session($node, user => $superuser);
my $root_pid = pid_of($root);
my $result = run_function($node, 'terminate_all_sessions(dry_run => true)', user => 'janitor', before => $talkative);
is(join(', ', @{ $result->{outcome} }{ $running_pid, $bystander_pid, $root_pid }),
	'dry run, dry run, denied', 'dry run: who would be ended, and who not');
$result = run_function($node, 'cancel_queries(username => \'web\', dry_run => true)');
is_deeply($result->{outcome}, { $running_pid => 'dry run' }, 'dry run: whose statement would be canceled');
is(run_function($node, "stop_query($running_pid, dry_run => true)")->{outcome}{$running_pid},
	'dry run', 'dry run of stop_query');
wait_for_status($node, $running_pid, "wait_event = 'PgSleep'");
ok(is_alive($node, $_), "session $_ lives after the dry runs") for $bystander_pid, $root_pid;
is(scalar guard_lines($node, qr/ordered by/), 0, 'nor is there a line in the log');

# raced: there is no statement to cancel.
$result = run_function($node, "cancel_query($bystander_pid)", before => $talkative);
is($result->{outcome}{$bystander_pid}, 'raced', 'raced: an idle session has no statement');
is($result->{note}{$bystander_pid}, 'no statement is running', 'raced: and the note says so');
ok(is_alive($node, $bystander_pid), 'raced: the idle session lives');
$result = run_function($node, "cancel_query($running_pid)", before => $talkative);
is($result->{outcome}{$running_pid}, 'canceled', 'while that of another is canceled');
wait_for_state($node, 'idle', $running_pid);
ok(is_alive($node, $running_pid), 'whose session lives');
close_sessions($running, $root);
wait_for_end($node, $_) for $running_pid, $root_pid;

# gone: there is nobody, or somebody else.
$result = run_function($node, "$_($no_such_pid)", before => $talkative),
  is_deeply($result->{outcome}, { $no_such_pid => 'gone' }, "gone: $_ of nobody"),
  is($result->{note}{$no_such_pid}, 'no session has this process ID', 'gone: the note says so'),
  unlike($result->{stderr}, qr/WARNING/, 'gone: the server does not warn')
  for qw(terminate_session cancel_query stop_query);
my $ago = "(SELECT backend_start - interval '1 us' FROM pg_stat_activity WHERE pid = $bystander_pid)";
for my $function (qw(terminate_session cancel_query))
{
	$result = run_function($node, "$function($bystander_pid, $ago)", before => $talkative);
	is($result->{outcome}{$bystander_pid}, 'gone', "gone: $function of an earlier session with that process ID");
	is($result->{note}{$bystander_pid}, 'the process ID belongs to another session now', 'gone: the note says so');
}
ok(is_alive($node, $bystander_pid), 'gone: the later session lives');
my ($known, $known_pid) = open_running();
my $since = "(SELECT backend_start FROM pg_stat_activity WHERE pid = $known_pid)";
is(run_function($node, "cancel_query($known_pid, $since)")->{outcome}{$known_pid},
	'canceled', 'with its own start the statement is canceled');
is(run_function($node, "terminate_session($known_pid, $since)")->{outcome}{$known_pid},
	'terminated', 'and the session is terminated');
ok(!is_alive($node, $known_pid), 'and is gone');
close_sessions($known);

# signaled, survived: who is stopped cannot go.
for my $case (
	[ 'signaled', '0', undef ],
	[ 'survived', '500 ms', qr/^still there after \d+ ms; it waits for Timeout: PgSleep$/ ])
{
	my ($outcome, $timeout, $note) = @$case;
	my ($stopped, $pid) = open_running();

	freeze_process($pid);
	$result = run_function($node, "terminate_session($pid, timeout => '$timeout')", before => $talkative);
	is($result->{outcome}{$pid}, $outcome, "$outcome: a stopped session, with timeout $timeout");
	like($result->{note}{$pid}, $note // qr/^$/, "$outcome: the note");
	ok(is_alive($node, $pid), "$outcome: it is still there");
	thaw_process($pid);
	wait_for_end($node, $pid);
	pass("$outcome: and goes when it can");
	close_sessions($stopped);

	($stopped, $pid) = open_running();
	freeze_process($pid);
	$result = run_function($node, "cancel_query($pid, timeout => '$timeout')", before => $talkative);
	is($result->{outcome}{$pid}, $outcome, "$outcome: a stopped session is canceled, with timeout $timeout");
	thaw_process($pid);
	wait_for_state($node, 'idle', $pid);
	pass("$outcome: and its statement ends when it can");
	close_sessions($stopped);
	wait_for_end($node, $pid);
}
is(scalar guard_lines($node, qr/WARNING:  session \d+ has survived its signal: still there after \d+ ms; it waits for Timeout: PgSleep$/),
	2, 'the log names those that survived');
ok(is_alive($node, $bystander_pid), 'the session that nothing was about lives');

# raced and gone on the way: a caller is held up after it has selected its
# sessions, by a lock on the catalog in which it looks up the name of their
# database, and they move on meanwhile.  All must be connected before.
my $holder = open_session($node, user => $superuser);
my $caller = open_session($node, user => $superuser);
my $caller_pid = pid_of($caller);
$holder->query_safe('SELECT pg_advisory_lock(1)');

# What the server knows of a session, asked by somebody in a transaction who may not read pg_database.
sub ask_holder
{
	my ($column, $pid) = @_;

	$holder->query_safe('SELECT pg_stat_clear_snapshot()');
	return $holder->query_safe("SELECT coalesce((SELECT $column FROM pg_stat_get_activity($pid)), 'none')");
}

# Begin a call in the caller's session, and wait until it is held up.  Nobody can connect now.
sub hold_up
{
	my ($call) = @_;

	$caller->{stderr} = '';
	$holder->query_safe('BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');
	start_query($caller, "SELECT pid || ' ' || outcome || coalesce(' ' || note, '') FROM $call");
	wait_until(sub { ask_holder('wait_event', $caller_pid) eq 'relation' }, "$call is held up");
	return;
}

# Let it go on; what it says.
sub let_go_on
{
	$holder->query_safe('COMMIT');
	my $said = $caller->query('SELECT 1');
	# The server's lines about statements are sent too to who asks for all messages.
	my @messages = grep { /[A-Z]+\d?:  / && !/LOG:  statement: / } split /\n/, $caller->{stderr};
	is_deeply(\@messages, [], 'the caller hears of it by the rows only');
	return join ', ', grep { / / } split /\n/, $said;
}

my $offset = log_size($node);
my $short = open_session($node, dbname => 'shop', user => 'web');
my $short_pid = pid_of($short);
$caller->query_safe('SET client_min_messages = debug1');
start_query($short, 'SELECT pg_sleep(3600)');
wait_for_status($node, $short_pid, "wait_event = 'PgSleep'");
hold_up("cancel_query($short_pid)");
kill INT => $short_pid;
wait_until(sub { ask_holder('state', $short_pid) eq 'idle' }, 'it has moved on');
is(let_go_on(), "$short_pid raced no statement is running", 'raced: a statement that ended on the way');
ok(is_alive($node, $short_pid), 'raced: its session lives');
is(scalar guard_lines($node, qr/LOG:  left session $short_pid alone, no statement is running/, $offset),
	1, 'raced: the log takes back what it said');

$caller->quit;
$caller = open_session($node, user => $superuser);
$caller_pid = pid_of($caller);
$caller->query_safe('SET client_min_messages = debug1');
my $idle = open_session($node, dbname => 'shop', user => 'web');
my $idle_pid = pid_of($idle);
wait_for_state($node, 'idle', $short_pid, $idle_pid);
hold_up("terminate_sessions(username => 'web', state => 'idle', application_name => '%') WHERE pid IN ($short_pid, $idle_pid)");
start_query($short, 'SELECT pg_sleep(3600)');
wait_until(sub { ask_holder('state', $short_pid) eq 'active' }, 'it has moved on');
kill TERM => $idle_pid;
wait_until(sub { ask_holder('state', $idle_pid) eq 'none' }, 'it has moved on');
my $said = let_go_on();
like($said, qr/\b$short_pid raced it has moved on/, 'raced: who has begun to work on the way');
like($said, qr/\b$idle_pid gone/, 'gone: who has left on the way');
wait_for_status($node, $short_pid, "wait_event = 'PgSleep'");
pass('raced: who works goes on with it');

is(scalar guard_lines($node, qr/WARNING:  (?!session \d+ has survived)/), 0, 'no other warning is in the log');
close_sessions($bystander, $short, $idle, $caller, $holder);
$node->stop;
done_testing();
