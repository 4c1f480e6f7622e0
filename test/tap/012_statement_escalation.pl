# The escalation of statement_timeout: one cancel, and one terminate for a statement
# that still runs after cancel_grace.  A new statement starts anew, and
# with cancel_grace = 0 the escalation has one step.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '400ms',
	'pg_session_guard.cancel_grace' => '2s',
	'pg_session_guard.naptime' => '100ms');

# How often a session was canceled and terminated.
sub actions_on
{
	my ($session) = @_;
	my $pid = $session->pid;

	return [
		scalar(guard_lines($node, qr/canceling statement of session $pid /)),
		scalar(guard_lines($node, qr/terminating session $pid /))
	];
}

my $trap = RawSession->connect($node);
my $repeater = RawSession->connect($node);
my $repeated = 0;

$trap->send_query(stubborn_statement());
wait_until(
	sub {
		$repeater->query('SELECT pg_sleep(600)');
		$repeated++;
		return $repeated > 1 && !is_alive($node, $trap->pid);
	},
	'the session that traps the cancel is gone');

is_deeply(actions_on($trap), [ 1, 1 ], 'a trapped cancel is followed by one terminate');
like(
	(guard_lines($node, qr/terminating session/))[0],
	qr/statement running for [^,]+, pg_session_guard.statement_timeout is 400 ms \(configuration file\), canceled (?:\d+ min|[2-9]|[1-9]\d)[^,]* ago, pg_session_guard.cancel_grace is 2 s$/,
	'the line tells of the cancel');
$trap->read_to_end;
is($trap->sqlstate, '57P01', 'and the client was told');

is_deeply(actions_on($repeater), [ $repeated, 0 ],
	'of several statements of another session each got its own cancel, and none a terminate');
is($repeater->query('SELECT 42'), '42', 'so its session lives on');

# Without grace there is no second step, however long the statement goes on.
set_limits($node, cancel_grace => '0');
my $endless = RawSession->connect($node);

$endless->send_query(stubborn_statement());
wait_until(sub { actions_on($endless)->[0] > 0 }, 'the statement is canceled');
wait_for_scan($node, 10);
is_deeply(actions_on($endless), [ 1, 0 ], 'with cancel_grace = 0 there is one cancel and no more');
ok(is_alive($node, $endless->pid), 'and the session stays');

# The same session goes as soon as there is a grace again.
set_limits($node, cancel_grace => '500ms');
wait_for_end($node, $endless->pid);
is_deeply(actions_on($endless), [ 1, 1 ], 'the grace was all that kept it');

$repeater->quit;
$node->stop;
done_testing();
