# A client that is ended by a function's call reads in its own error which role has
# called which function, and what it has said of it.  There is no HINT: it could
# not have done anything.  Who is not meant goes on and is told nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE dba LOGIN IN ROLE pg_monitor, pg_signal_backend;
	CREATE ROLE operator LOGIN;
	CREATE ROLE app LOGIN;
	CREATE DATABASE shop});
$node->safe_psql('shop', 'CREATE TABLE goods (); GRANT ALL ON goods TO web, app');

# Open a session and bring it into a state.
sub session_that_is
{
	my ($state, %params) = @_;
	my %sleep = (active => 'SELECT pg_sleep(600)', stubborn => stubborn_statement());
	my $session = RawSession->connect($node, dbname => 'shop', %params);

	if ($sleep{$state})
	{
		$session->send_query($sleep{$state});
		wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
		return $session;
	}
	$session->query('BEGIN') if $state eq 'idle in transaction';
	wait_for_state($node, $state, $session->pid);
	return $session;
}

# Call a function as the DBA, and expect that the session's client is told of it.
sub ok_told_of
{
	my ($session, $call, $expected, $name) = @_;
	my $result = run_function($node, $call, user => 'dba');

	die "$call failed: $result->{stderr}" if $result->{status} != 0;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$session->read_until($expected =~ /^ERROR/ ? 'Z' : 'E');
	is($session->error_text, $expected, $name);
	wait_for_end($node, $session->pid) if $expected =~ /^FATAL/;
	return $result;
}

my $innocent = session_that_is('active', dbname => 'postgres', user => 'app');
my $idle_innocent = session_that_is('idle', dbname => 'postgres', user => 'app');

# Each function with what chooses its victim, and what that is at.
my @calls = (
	[ 'terminate_db_sessions', q{'shop'}, 'idle' ],
	[ 'terminate_user_sessions', q{'web'}, 'active' ],
	[ 'terminate_idle_sessions', q{'0', dbname => 'shop'}, 'idle' ],
	[ 'terminate_idle_in_transaction_sessions', q{'0', dbname => 'shop'}, 'idle in transaction' ],
	[ 'terminate_session', undef, 'idle' ],
	[ 'terminate_sessions', q{username => 'web', state => 'idle'}, 'idle' ],
	[ 'cancel_db_queries', q{'shop'}, 'active' ],
	[ 'cancel_user_queries', q{'web'}, 'active' ],
	[ 'cancel_long_queries', q{'0', dbname => 'shop'}, 'active' ],
	[ 'cancel_query', undef, 'active' ],
	[ 'cancel_queries', q{username => 'web', query => 'sleep'}, 'active' ],
	[ 'stop_query', undef, 'active' ],
	[ 'stop_query', undef, 'stubborn', q{grace => '50 ms'} ]);

for my $call (@calls)
{
	my ($function, $chosen_by, $state, @further) = @$call;
	my $is_canceled = $function =~ /^(?:cancel|stop)_/ && $state ne 'stubborn';
	my $filters = ($chosen_by // '') =~ s/^'0', //r =~ s/^'shop'/dbname => $&/r =~ s/^'web'/username => $&/r;
	my $expected = $is_canceled ? \&canceled_text : \&terminated_text;

	for my $reason (undef, 'makes room, at last')
	{
		my $victim = session_that_is($state);
		my $arguments = join ', ', $chosen_by // $victim->pid, @further, defined $reason ? "reason => '$reason'" : ();
		my $detail = qq(Ordered by role "dba" with $function($filters)) . (defined $reason ? qq(: "$reason".) : '.');

		ok_told_of($victim, "$function($arguments)",
			$expected->($detail), "$function, $state, " . (defined $reason ? 'with a reason' : 'without one'));
		next if !$is_canceled;
		is($victim->query('SELECT 42'), '42', 'only the statement has ended');
		$victim->quit;
		wait_for_end($node, $victim->pid);
	}
}

# Who stands in the way of another, by a sentence that ends as it should.
my $blocker = session_that_is('idle');
my $waiting = session_that_is('idle', user => 'app');
$blocker->query('BEGIN; LOCK goods');
$waiting->send_query('BEGIN; LOCK goods');
wait_for_status($node, $waiting->pid, "wait_event_type = 'Lock'");
ok_told_of($blocker, q{terminate_blocking_sessions(reason => 'Others wait.')},
	terminated_text('Ordered by role "dba" with terminate_blocking_sessions(): "Others wait."'),
	'terminate_blocking_sessions, the full stop is not doubled');
$waiting->read_result;
is($waiting->error, undef, 'who has waited goes on');

# Of several who come before the session can follow, the first is told, but for a
# terminate after a cancel: that is what the client reads of.
sub order_of
{
	my (@calls) = @_;
	my $session = session_that_is('active');

	freeze_process($session->pid);
	$node->safe_psql('postgres', "SELECT $_->[0](${\ $session->pid }$_->[1])") for @calls;
	thaw_process($session->pid);
	$session->read_until('E');
	$session->abandon;
	return $session->error_text;
}

my ($first, $second) = map { ", timeout => '0', reason => '$_'" } 'first', 'second';
is( order_of([ 'cancel_query', $first ], [ 'cancel_query', $second ], [ 'pg_cancel_backend', '' ]),
	canceled_text(qq(Ordered by role "$superuser" with cancel_query(): "first".)),
	'of several cancels the first is told');
is( order_of([ 'terminate_session', $first ], [ 'terminate_session', $second ], [ 'pg_terminate_backend', '' ]),
	terminated_text(qq(Ordered by role "$superuser" with terminate_session(): "first".)),
	'of several terminates the first is told');
is( order_of([ 'cancel_query', $first ], [ 'terminate_session', $second ]),
	terminated_text(qq(Ordered by role "$superuser" with terminate_session(): "second".)),
	'of a terminate after a cancel it is told');
is( order_of([ 'terminate_session', $first ], [ 'cancel_query', $second ]),
	terminated_text(qq(Ordered by role "$superuser" with terminate_session(): "first".)),
	'and so it is if the cancel comes later');

# By a function with the rights of its owner both roles are told.
$node->safe_psql(
	'postgres', q{
	GRANT CREATE ON SCHEMA public TO dba;
	SET ROLE dba;
	CREATE FUNCTION make_room(pid int) RETURNS text LANGUAGE sql SECURITY DEFINER
		RETURN (SELECT outcome FROM terminate_session(pid, reason => 'no room'))});
my $victim = session_that_is('idle');
my $operator = RawSession->connect($node, user => 'operator');
is($operator->query("SELECT make_room(${\ $victim->pid })"), 'terminated', 'an operator may call what the DBA has made for it');
$victim->read_to_end;
is( $victim->error_text,
	terminated_text('Ordered by role "dba" (session user "operator") with terminate_session(): "no room".'),
	'the client is told both who has the rights and who has called');

# A caller that means itself is told it, too.
$operator->query(q{SELECT cancel_query(pg_backend_pid(), reason => 'myself')});
is($operator->error_text, canceled_text('Ordered by role "operator" with cancel_query(): "myself".'), 'one can cancel oneself');
$operator->query(q{SELECT terminate_session(pg_backend_pid(), reason => 'enough')});
is($operator->error_text,
	terminated_text('Ordered by role "operator" with terminate_session(): "enough".'), 'and terminate oneself');

# Nothing of all this was for these two.
is($idle_innocent->query('SELECT 42'), '42', 'an innocent goes on');
is($idle_innocent->error, undef, 'and was told nothing');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $innocent->pid })");
$innocent->read_result;
is($innocent->error_text, canceled_text(), 'one that is canceled by hand at last is told nothing');

# At last all sessions; it is denied for that of a superuser, who is told nothing.
my $spared = RawSession->connect($node, user => $superuser);
my $result = ok_told_of($idle_innocent, q{terminate_all_sessions(reason => 'the end')},
	terminated_text('Ordered by role "dba" with terminate_all_sessions(): "the end".'),
	'terminate_all_sessions');
is($result->{outcome}{ $spared->pid }, 'denied', 'the caller cannot end all');
is($spared->query('SELECT 42'), '42', 'who stays goes on');
is($spared->error, undef, 'and is told nothing');

$_->abandon for $innocent, $idle_innocent, $blocker, $waiting, $victim, $operator, $spared;
$node->stop;
done_testing();
