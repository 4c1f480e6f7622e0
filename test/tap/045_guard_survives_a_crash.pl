# A process of the server dies by SIGKILL and the server starts over: the guard
# comes back with clean memory, and ends whom it must and nobody else.  The
# same when it is the guard itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node(
	'main',
	'restart_after_crash' => 'on',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

# A culprit goes and an innocent stays.
sub check_guard
{
	my ($what) = @_;
	my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
	my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;

	$culprit->query('BEGIN');
	wait_for_end($node, $culprit_pid);
	wait_until_unchanged_for($node, '600 ms', $idle_pid);
	ok(is_alive($node, $idle_pid), "$what: the culprit goes, the innocent stays");
	is(scalar guard_lines($node, qr/LOG:  terminating session $culprit_pid /), 1, "$what: there is one line");
	close_sessions($culprit, $idle);
	return;
}

# Let a process die, and wait until the server has started over.
sub crash
{
	my ($pid) = @_;
	my $offset = log_size($node);

	kill('KILL', $pid) == 1 or die "cannot kill $pid";
	wait_until(
		sub { guard_lines($node, qr/LOG:  database system is ready to accept connections/, $offset) },
		'the server has started over');
	return;
}

check_guard('before');
my $guard = wait_for_guard($node);
my $session = open_session($node);
crash(pid_of($session));
close_sessions($session);
my $next = wait_for_guard($node);
isnt($next, $guard, 'another guard runs');
is($node->safe_psql('postgres', 'SELECT terminated FROM session_guard.stats'), '0', 'its memory is clean');
check_guard('after a session has crashed');

crash($next);
isnt(wait_for_guard($node), $next, 'another guard runs');
check_guard('after the guard has crashed');

$node->stop;
done_testing();
