# A shutdown loses nothing of what was done last: a statement that the guard has
# canceled this moment, and signals whose effect nobody has waited for.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use POSIX ();
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 80);

$node->safe_psql(
	'postgres', q{
	CREATE ROLE slow LOGIN; ALTER ROLE slow SET pg_session_guard.statement_timeout = '100ms'});

# What the history has of a role's sessions, and forget it.
sub history_of
{
	my ($role) = @_;

	return $node->safe_psql('postgres',
		"WITH done AS (DELETE FROM session_guard.history WHERE usename = '$role' RETURNING *)
		 SELECT action, outcome, count(*), count(DISTINCT pid), count(gone_after) FROM done GROUP BY 1, 2 ORDER BY 1, 2");
}

for my $mode (qw(fast smart fast))
{
	my $slow = RawSession->connect($node, user => 'slow');
	my @crowd = map { RawSession->connect($node) } 1 .. 40;

	$node->safe_psql('postgres', q{SELECT FROM terminate_user_sessions('web', "timeout" => '0')});
	$slow->query('SELECT pg_sleep(600)');
	is($slow->sqlstate, '57014', "$mode: the guard has canceled a statement");
	# A smart shutdown waits for clients.
	$slow->quit;
	$node->stop($mode);
	$node->start;
	wait_for_guard($node);
	like(history_of('slow'), qr/^cancel\|(signaled\|1\|1\|0|canceled\|1\|1\|1)$/, "$mode: which is in the history");
	is(history_of('web'), 'terminate|terminated|40|40|40', "$mode: all are in the history, with their end");
}

# One session cannot end before the guard has: a child lets it go on then.
my $slow_to_end = RawSession->connect($node);
my $guard = wait_for_guard($node);
freeze_process($slow_to_end->pid);
$node->safe_psql('postgres', q{SELECT FROM terminate_user_sessions('web', "timeout" => '0')});
my $child = fork() // die "could not fork: $!";
if ($child == 0)
{
	wait_until(sub { !process_exists($guard) }, 'the guard has ended');
	kill CONT => $slow_to_end->pid;
	POSIX::_exit(0);
}
$node->stop('fast');
waitpid $child, 0;
$node->start;
wait_for_guard($node);
is(history_of('web'), 'terminate|terminated|1|1|1', 'the end of who takes longer than the guard is in the history');

# Nobody waits for a server that goes on.
my ($writer, $session) = ($node->safe_psql('postgres', 'SELECT history_pid FROM session_guard.stats'), RawSession->connect($node));
$node->safe_psql('postgres', "SELECT pg_terminate_backend($writer, 5000)");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $writer"),
	'0', 'terminated by hand, the writer ends though others are there');
is($session->query('SELECT 42'), '42', 'and they stay');

$node->stop;
done_testing();
