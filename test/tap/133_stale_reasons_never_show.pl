# A reason is told for the signal that it was written for, and for no other: not
# for what somebody does by hand afterwards to the next statement, to one that
# has outlived its cancel, to the session, or to the next one in its place; and
# not when the server is shut down.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# The few connections make the server reuse its places soon.
my $node = guard_node('main', 'max_connections' => 12, 'max_wal_senders' => 0);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE ROLE quiet LOGIN;
	ALTER ROLE quiet SET log_min_messages = panic});

# Let a session begin a statement, and end that or the session by the server's own function.
sub words_when
{
	my ($function, $session, $sql) = @_;

	$session->{error} = undef;
	$session->send_query($sql // 'SELECT pg_sleep(600)');
	wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	return words_now($function, $session);
}

# The same when it has begun already.
sub words_now
{
	my ($function, $session) = @_;

	$node->safe_psql('postgres', "SELECT $function(${\ $session->pid })");
	$session->read_until($function =~ /cancel/ ? 'Z' : 'E');
	wait_for_end($node, $session->pid) if $function !~ /cancel/;
	return $session->error_text;
}

# Request the end of what a session is at; what became of it.
sub request
{
	my ($function, $session, $reason) = @_;

	$reason //= 'ours';
	my $result = run_function($node, "$function(${\ $session->pid }, reason => '$reason', timeout => '0')", user => 'janitor');

	return $result->{outcome}{ $session->pid };
}

# Let a session be canceled when its statement has nothing more to do than to
# send a row that nobody reads yet: the statement ends as if nothing had happened.
sub cancel_too_late
{
	my ($session) = @_;

	$session->query(q{DO 'BEGIN PERFORM set_config(''test.long'', repeat(''x'', 5000000), false); END'});
	$session->send_query('SHOW test.long');
	wait_for_status($node, $session->pid, "state = 'active' AND wait_event = 'ClientWrite'");
	is(request('cancel_query', $session), 'signaled', 'a cancel was sent');
	is(length $session->read_result, 5000000, 'too late for the statement');
	is($session->error, undef, 'and nothing is told of it');
	return;
}

my $canceled = canceled_text();
my $terminated = terminated_text();
my $ours = canceled_text('Ordered by role "janitor" with cancel_query(): "ours".');

# What comes to an idle session.
my $session = RawSession->connect($node);
is(words_when('pg_cancel_backend', $session), $canceled, 'who came before us is none of ours');
wait_for_state($node, 'idle', $session->pid);
is(request('cancel_query', $session), 'raced', 'there is nothing to cancel in an idle session');
is(words_when('pg_cancel_backend', $session), $canceled, 'the next statement shows no reason of ours');

# What comes too late.
cancel_too_late($session);
is(words_when('pg_cancel_backend', $session), $canceled, 'the next statement shows no reason of ours');
cancel_too_late($session);
is(words_when('pg_terminate_backend', $session), $terminated, 'nor does the end of the session');

# What has had its effect.
$session = RawSession->connect($node);
$session->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
request('cancel_query', $session);
$session->read_result;
is($session->error_text, $ours, 'our cancel is told');
is(words_when('pg_cancel_backend', $session), $canceled, 'the next statement, canceled by hand, shows nothing');
wait_for_state($node, 'idle', $session->pid);
is(words_now('pg_terminate_backend', $session), $terminated, 'nor does the end of the session, by hand');

# What a statement has caught; it has gone on for long when it gets the next one.
sub session_that_has_caught_ours
{
	my $session = RawSession->connect($node);

	$session->send_query(
		q{DO $$
		BEGIN
			BEGIN
				PERFORM pg_sleep(600);
			EXCEPTION WHEN query_canceled THEN
				NULL;
			END;
			PERFORM pg_advisory_lock(9);
			PERFORM pg_sleep(600);
		END $$});
	wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	is(request('cancel_query', $session), 'signaled', 'a cancel was sent');
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_locks WHERE pid = ${\ $session->pid } AND locktype = 'advisory'")
	  or die 'the statement does not go on';
	my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	$node->poll_query_until('postgres', "SELECT clock_timestamp() > timestamptz '$now' + interval '600 ms'") or die;
	wait_for_status($node, $session->pid, "state = 'active' AND wait_event = 'PgSleep'");
	return $session;
}

$session = session_that_has_caught_ours();
is(words_now('pg_cancel_backend', $session), $canceled, 'a statement that has caught ours shows nothing when it is canceled by hand');
$session->quit;
$session = session_that_has_caught_ours();
request('cancel_query', $session, 'again');
$session->read_result;
is( $session->error_text,
	canceled_text('Ordered by role "janitor" with cancel_query(): "again".'),
	'but when it is canceled by us again, that reason');

# In the place of one that has ended with a reason untold.
cancel_too_late($session);
my $place = place_of($session);
$session->quit;
wait_for_end($node, $session->pid);
$session = connect_to_place($node, $place);
is(words_when('pg_cancel_backend', $session), $canceled, 'the next one in its place shows nothing when it is canceled');
cancel_too_late($session);
$session->quit;
wait_for_end($node, $session->pid);
$session = connect_to_place($node, $place);
is(words_when('pg_terminate_backend', $session), $terminated, 'nor when it is terminated');

# The same after a terminate.  Where the log does not have it, nothing is told.
my $quiet = RawSession->connect($node, user => 'quiet');
$place = place_of($quiet);
is(request('terminate_session', $quiet), 'signaled', 'a session of which the log has nothing is terminated');
$quiet->read_to_end;
is($quiet->error_text, $terminated, 'and told nothing');
wait_for_end($node, $quiet->pid);
$session = connect_to_place($node, $place);
is(words_when('pg_terminate_backend', $session), $terminated, 'nor is the next one in its place');

# A shutdown is no end of ours.
my %left = map { ($_ => RawSession->connect($node)) } qw(idle running late);
cancel_too_late($left{late});
$left{running}->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $left{running}->pid, "wait_event = 'PgSleep'");
$node->stop('fast');
for my $name (sort keys %left)
{
	$left{$name}->read_to_end;
	is($left{$name}->error_text, $terminated, "$name: a shutdown shows no reason of ours");
}

done_testing();
