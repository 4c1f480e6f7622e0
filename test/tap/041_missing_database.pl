# pg_session_guard.database names a database that does not exist: the server
# runs, the log says what is wrong, the guard tries again less and less often,
# and it works as soon as the database is there.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node_without_extension(
	'main',
	'pg_session_guard.database' => 'nope',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

# The pauses that the log announces for a worker, in seconds.
sub pauses
{
	my ($worker) = @_;

	return map { /could not start the $worker in database "nope", trying again in (\d+) s$/ }
	  guard_lines($node, qr/LOG:  could not start the $worker/);
}

my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;
$culprit->query('BEGIN');

for my $worker ('session guard', 'history writer')
{
	wait_until(sub { pauses($worker) >= 3 }, "the $worker has tried three times");
	my @pauses = pauses($worker);
	is("@pauses", join(' ', map { 2**$_ } 0 .. $#pauses), "each pause of the $worker is twice the one before");
}
ok(is_alive($node, $culprit_pid), 'without a guard nobody is ended');

$node->safe_psql('postgres', 'CREATE DATABASE nope');
my $failures = pauses('session guard');
wait_for_end($node, $culprit_pid);
ok(is_alive($node, $idle_pid), 'with the database the guard works, and ends whom it must');
is(scalar pauses('session guard'), $failures, 'at the next attempt');
is(scalar guard_lines($node, qr/LOG:  session guard started in database "nope"$/), 1, 'it says that it has started');
wait_until(sub { guard_lines($node, qr/LOG:  history writer started in database "nope"$/) },
	'the history writer has started, too');
$failures += pauses('history writer');
is(scalar guard_lines($node, qr/FATAL:  database "nope" does not exist$/), $failures, 'each attempt was one line');
is( scalar guard_lines($node, qr/HINT:  The setting is pg_session_guard\.database\.$/),
	$failures,
	'and the log said where to look');

# The next failure is a first one again.
my $guard = $node->safe_psql('postgres',
	q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_session_guard'));
my $offset = log_size($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($guard)");
wait_until(sub { guard_lines($node, qr/LOG:  session guard started/, $offset) }, 'the guard is back');
is(scalar guard_lines($node, qr/could not start/, $offset), 0, 'after a good start nothing is held against it');

close_sessions($culprit, $idle);
$node->stop;
done_testing();
