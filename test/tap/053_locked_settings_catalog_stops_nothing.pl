# Somebody holds the catalog of stored settings locked, so that nobody can
# connect or read it: the guard goes on with what it has read, and says so
# once.  Its locker may be the culprit itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.exempt_superusers' => 'off');
my $limit = 'pg_session_guard.idle_in_transaction_session_timeout';
my $locked = qr/LOG:  catalog of settings for roles and databases is locked$/;

$node->safe_psql('postgres', <<"SQL");
CREATE ROLE bound LOGIN;
CREATE ROLE free LOGIN;
CREATE ROLE keeper LOGIN SUPERUSER;
CREATE ROLE locker LOGIN SUPERUSER;
ALTER ROLE bound SET $limit = '500ms';
ALTER ROLE locker SET $limit = '500ms';
SQL

# All must be connected before the catalog is locked.
my ($keeper, $locker, $free) = map { RawSession->connect($node, user => $_) } 'keeper', 'locker', 'free';
my $admin = RawSession->connect($node, user => 'keeper');
my @culprits = map { RawSession->connect($node, user => 'bound') } 1 .. 3;
wait_for_scan($node, 2);

sub scans
{
	return $admin->query('SELECT scans FROM session_guard.stats');
}

# Let the next culprit go idle in transaction, and wait until it is ended.
sub check_culprit
{
	my ($what) = @_;
	my $culprit = shift @culprits;

	$culprit->run('BEGIN');
	wait_until(sub { !process_exists($culprit->pid) }, 'the culprit is gone');
	is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $culprit->pid } .*timeout is 500 ms \(role "bound"\)$/), 1, $what);
	my $scans = scans();
	wait_until(sub { scans() >= $scans + 2 }, 'the guard scans');
	ok(process_exists($free->pid) && process_exists($keeper->pid), 'the innocent stay');
	$culprit->abandon;
	return;
}

my $offset = log_size($node);
$free->run('BEGIN');
$keeper->run('BEGIN', 'LOCK TABLE pg_db_role_setting IN ACCESS EXCLUSIVE MODE');
# A change of some catalog makes the guard want to read this one again.
$admin->run('CREATE TABLE one ()');
check_culprit('a culprit is ended while the catalog is locked');
$admin->run('CREATE TABLE two ()');

# What the lock's holder has changed and not committed does not count.
$keeper->run("ALTER ROLE free SET $limit = '300ms'", "ALTER ROLE bound RESET $limit");
check_culprit('another is ended though its limit is being changed');
is(scalar guard_lines($node, $locked, $offset), 1, 'the log says once that the catalog is locked');
ok((grep { /goes on with what it read/ } guard_lines($node, qr/DETAIL:/, $offset)) == 1, 'and what that means');

# Now it does, both ways.
$keeper->run('COMMIT');
$culprits[0]->run('BEGIN');
wait_until(sub { !process_exists($free->pid) }, 'the one whose limit was changed is gone');
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $free->pid } .*timeout is 300 ms \(role "free"\)$/),
	1, 'what was changed counts as soon as it is committed');
wait_until_unchanged_for($node, '800 ms', $culprits[0]->pid);
wait_for_scan($node, 2);
ok(is_alive($node, $culprits[0]->pid), 'who has no limit any more stays');

# The culprit has locked it itself.
$locker->run('BEGIN; LOCK TABLE pg_db_role_setting IN ACCESS EXCLUSIVE MODE');
$admin->run('CREATE TABLE three ()');
wait_until(sub { !process_exists($locker->pid) }, 'the locker is gone');
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $locker->pid } .*timeout is 500 ms \(role "locker"\)$/),
	1, 'who has locked the catalog and does nothing is ended');
ok(is_alive($node, $keeper->pid) && is_alive($node, $culprits[0]->pid), 'nobody else, and others can connect again');

$_->abandon for $keeper, $locker, $free, $admin, @culprits;
$node->stop;
done_testing();
