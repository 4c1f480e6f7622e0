# A session that cannot end for a while after a function has terminated it: the function
# says so when its timeout is over, or says that the signal was sent, or is
# interrupted; whichever it is, the guard confirms the end when it comes, and if
# the function has not waited the guard says after 5 s that the session survives.  It
# does so with no limit set, when nothing else wakes it, and with mode = off.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE etl LOGIN; CREATE ROLE slow LOGIN; CREATE ROLE late LOGIN');
my $bystander = RawSession->connect($node, user => 'etl');

# What a relation says of a session, or nothing.
sub row_of
{
	my ($relation, $pid) = @_;

	return $node->safe_psql('postgres',
		"SELECT function_name, action, outcome, coalesce(note, ''), gone_after > interval '0' FROM session_guard.$relation WHERE pid = $pid");
}

# A session, of role web unless another is given, that no signal can reach until it is thawed.
sub frozen_session
{
	my $session = RawSession->connect($node, @_);

	wait_for_status($node, $session->pid, "wait_event = 'ClientRead'");
	freeze_process($session->pid);
	return $session;
}

# Let it go on; the guard is to find out that it ends.
sub check_end
{
	my ($session, $note, $what) = @_;
	my $pid = $session->pid;

	ok(is_alive($node, $pid), "$what: it is still there");
	thaw_process($pid);
	wait_for_outcome($node, 'event', $pid, 'terminated');
	like(row_of('event', $pid),
		qr/^terminate_user_sessions\|terminate\|terminated\|(gone after [\d.]+ s; before: $note)?\|t$/, "$what: the guard confirms its end");
	ok(!is_alive($node, $pid), 'rightly');
	wait_for_outcome($node, 'history', $pid, 'terminated');
	is(row_of('history', $pid), row_of('event', $pid), 'and the history says the same');
	return;
}

# On a slow machine 5 s may go by before it can.
my $perhaps_late = qr/still there after [\d.]+ s; it waits for Client: ClientRead/;

# The function waits in vain.
sub check_timeout
{
	my ($what) = @_;
	my $session = frozen_session();
	my $pid = $session->pid;
	my $offset = log_size($node);
	my $result = run_function($node, "terminate_user_sessions('web', timeout => '500 ms')");
	my $note = $result->{note}{$pid};

	is($result->{outcome}{$pid}, 'survived', "$what: the row says that it has survived");
	like($note, qr/^still there after \d+ ms; it waits for Client: ClientRead$/, 'and what it waits for');
	is(row_of('event', $pid), "terminate_user_sessions|terminate|survived|$note|", 'the event too');
	wait_for_outcome($node, 'history', $pid, 'survived');
	is(row_of('history', $pid), row_of('event', $pid), 'and the history');
	check_end($session, $note, $what);
	my @lines = guard_lines($node, qr/WARNING:  session $pid has survived/, $offset);
	is(scalar @lines, 1, 'there is one line about it in the log');
	like($lines[0], qr/WARNING:  session $pid has survived its signal: $note$/, 'with the words of the row');
	return;
}

# The function does not wait.
sub check_no_timeout
{
	my ($what) = @_;
	my $session = frozen_session();
	my $pid = $session->pid;
	my $result = run_function($node, "terminate_user_sessions('web', timeout => '0')");

	is($result->{outcome}{$pid}, 'signaled', "$what: the row says that a signal was sent");
	like(row_of('event', $pid), qr/^terminate_user_sessions\|terminate\|(signaled\||survived\|.+)\|$/, 'the event does not say more');
	check_end($session, $perhaps_late, $what);
	return;
}

# Let a function about a role's sessions be canceled while it waits.
sub interrupt_verb
{
	my ($user, $what) = @_;
	my $caller = RawSession->connect($node, user => $superuser);

	$caller->send_query("SELECT * FROM terminate_user_sessions('$user', timeout => '1 day')");
	wait_for_status($node, $caller->pid, "wait_event_type = 'Extension'");
	$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $caller->pid })");
	$caller->read_until('Z');
	is($caller->sqlstate, '57014', "$what: the function has failed");
	return $caller;
}

sub check_interruption
{
	my ($what) = @_;
	my $session = frozen_session();
	my $caller = interrupt_verb('web', $what);

	like(row_of('event', $session->pid), qr/^terminate_user_sessions\|terminate\|(signaled\||survived\|.+)\|$/, 'the event says that a signal was sent');
	check_end($session, $perhaps_late, $what);
	$caller->quit;
	return;
}

# With nothing to watch, the guard sleeps until somebody wakes it.
$node->poll_query_until('postgres',
	"SELECT query = 'no limit is set' FROM pg_stat_activity WHERE backend_type = 'pg_session_guard'")
  or die 'the guard does not know that there is no limit';
my @abandoned = map { frozen_session(user => $_) } qw(slow late);
my $wake_ups = $node->safe_psql('postgres', 'SELECT wake_ups FROM session_guard.stats');
run_function($node, "terminate_user_sessions('slow', timeout => '0')");
my $interrupted = interrupt_verb('late', 'a long wait');
check_timeout('no limit, timeout');
cmp_ok($node->safe_psql('postgres', 'SELECT wake_ups FROM session_guard.stats'), '>', $wake_ups, 'the guard was woken up for it');
check_no_timeout('no limit, no timeout');
check_interruption('no limit, interrupted');

set_limits($node, mode => 'off', idle_session_timeout => '1s');
check_no_timeout('mode is off, no timeout');
check_timeout('mode is off, timeout');

# Nobody has waited for these.
for my $session (@abandoned)
{
	my $pid = $session->pid;

	wait_for_outcome($node, 'event', $pid, 'survived');
	is(scalar guard_lines($node, qr/WARNING:  session $pid has survived its signal: still there after [\d.]+ s; it waits for Client: ClientRead$/),
		1, 'the guard says of a session for which no function waits that it survives');
	check_end($session, qr/still there after [\d.]+ s; it waits for Client: ClientRead/, 'not waited for');
}
$interrupted->quit;

is($node->safe_psql('postgres', 'SELECT ordered, terminates_sent, terminated, survived FROM session_guard.stats'),
	'7|0|0|0', 'all were requested, and none of them counts as of the guard');
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.event'), '7', 'there was nothing else');
is($bystander->query('SELECT 42'), '42', 'the session of another role lives');
$node->stop;
done_testing();
