# A user reads pg_class and goes idle in a transaction; behind it waits a
# superuser's VACUUM FULL of it, and behind that everybody else: nobody can
# connect any more.  The guard does not join the queue, it ends that very user.
# The same for REINDEX SYSTEM, and for a superuser's own lock with the caches of
# the guard out of date.  Of many who are due together nobody is late for it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;
use Time::Local;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my ($locker, $admin) = map { RawSession->connect($node, user => $superuser) } 1 .. 2;
my $innocent = RawSession->connect($node);
my $working = RawSession->connect($node);
my $guard = wait_for_guard($node);

sub ends_of
{
	my ($offset, @sessions) = @_;
	my %meant = map { ($_->pid => 1) } @sessions;

	return grep { /\[$guard\] LOG:  terminating session (\d+) / && $meant{$1} } guard_lines($node, qr/LOG:  terminating/, $offset);
}

for my $maintenance ('VACUUM FULL pg_class', 'REINDEX SYSTEM postgres')
{
	my $culprit = RawSession->connect($node);
	my $offset = log_size($node);

	wait_for_scan($node, 2);
	$admin->run('VACUUM pg_authid', 'ALTER ROLE web CONNECTION LIMIT 50');
	$culprit->run('BEGIN', 'SELECT count(*) FROM pg_class');
	$locker->send_query($maintenance);
	# A transaction of many short statements is never idle for long.
	$working->run('BEGIN');
	wait_until(
		sub {
			$working->run('SELECT 1');
			return !process_exists($culprit->pid);
		},
		'the culprit is gone');
	$working->run('COMMIT');
	is(scalar ends_of($offset, $culprit), 1, "the guard ends who is in the way of $maintenance");
	$locker->read_until('Z');
	is($locker->error, undef, 'which goes on');
	ok(process_exists($innocent->pid) && process_exists($working->pid), 'the innocent stay');
	is_deeply([ guard_lines($node, qr/\[$guard\] (ERROR|FATAL|LOG:  could not)/, $offset) ], [], 'no reading has failed');
}

# Many are due together, while different catalogs are locked.
for my $lock ('pg_class', 'pg_proc', 'pg_db_role_setting')
{
	my @culprits = map { RawSession->connect($node) } 1 .. 30;
	my $offset = log_size($node);

	wait_for_scan($node, 2);
	$admin->run('VACUUM pg_authid', 'ALTER ROLE web CONNECTION LIMIT 50', 'CREATE OPERATOR !!! (rightarg = int4, function = int4um)');
	$locker->run('BEGIN', "LOCK TABLE $lock IN ACCESS EXCLUSIVE MODE");
	$_->run('BEGIN') for @culprits;
	wait_until(sub { !grep { process_exists($_->pid) } @culprits }, 'all culprits are gone');
	ok(process_exists($innocent->pid) && process_exists($locker->pid), 'the innocent and the superuser stay');
	$locker->run('COMMIT');
	$admin->run('DROP OPERATOR !!! (NONE, int4)');

	my @ends = ends_of($offset, @culprits);
	my @times = sort { $a <=> $b } map { /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+\.\d+)/ ? timegm(0, $5, $4, $3, $2 - 1, $1) + $6 : () } @ends;
	is(scalar @ends, 30, "all of them end while $lock is locked");
	note(sprintf '%s: the last ends %.0f ms after the first', $lock, 1000 * ($times[-1] - $times[0]));
	# With 100 ms for each, it was three seconds and more.
	cmp_ok($times[-1] - $times[0], '<', 1.5, 'the last soon after the first');
	$_->abandon for @culprits;
}
is(wait_for_guard($node), $guard, 'it is the same guard');

$_->abandon for $locker, $admin, $innocent, $working;
$node->stop;
done_testing();
