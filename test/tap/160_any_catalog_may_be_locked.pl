# A superuser has locked a catalog that the server itself reads whenever it
# opens another: nobody can connect, and whatever the guard had kept of the
# catalogs is invalid.  It goes on with what it read last, under the same pid,
# never waits, and ends who is idle in transaction; the innocent stay.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my @locks = (
	(map { "LOCK TABLE $_ IN ACCESS EXCLUSIVE MODE" }
		  qw(pg_class pg_attribute pg_index pg_am pg_opclass pg_amproc pg_proc pg_type pg_namespace
		  pg_authid pg_database pg_db_role_setting)),
	map { "REINDEX INDEX $_" }
	  qw(pg_class_oid_index pg_attribute_relid_attnum_index pg_proc_oid_index pg_type_oid_index pg_authid_oid_index));

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.idle_in_transaction_session_timeout' => '300ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my ($locker, $admin) = map { RawSession->connect($node, user => $superuser) } 1 .. 2;
my $innocent = RawSession->connect($node);
my @culprits = map { RawSession->connect($node) } @locks;
my $guard = wait_for_guard($node);

# More changes than the server keeps for who does not listen: who was held up forgets everything.
my $many_changes = q{DO $$ BEGIN
	FOR i IN 1 .. 500 LOOP
		CREATE TEMP TABLE t (a int);
		DROP TABLE t;
	END LOOP;
END $$};

$admin->run('SET client_min_messages = error', $many_changes);
wait_for_scan($node, 2);
for my $lock (@locks)
{
	my $culprit = shift @culprits;
	my $offset = log_size($node);

	freeze_asleep($admin, $guard);
	$admin->run($many_changes, 'ALTER ROLE web CONNECTION LIMIT 50');
	$locker->run('BEGIN', $lock);
	thaw_process($guard);
	$culprit->run('BEGIN');
	wait_until(sub { !process_exists($culprit->pid) || !process_exists($guard) }, 'the culprit or the guard is gone');
	is( scalar guard_lines($node, qr/\[$guard\] LOG:  terminating session ${\ $culprit->pid } \(user "web", database "postgres"/, $offset),
		1,
		"the culprit is ended during $lock");
	ok(process_exists($innocent->pid) && process_exists($locker->pid), 'the innocent and the superuser stay');
	# What cannot be read is known before it is tried.
	is_deeply([ guard_lines($node, qr/\[$guard\] (ERROR|FATAL|LOG:  could not)/, $offset) ], [], 'no reading has failed');
	cmp_ok(scalar guard_lines($node, qr/LOG:  catalog.* locked$/, $offset), '<=', 1, 'that catalogs are locked is said once at most');
	$locker->run('COMMIT');
}
is(wait_for_guard($node), $guard, 'it is the same guard');
ok(is_alive($node, $innocent->pid), 'who does nothing stays');

# Afterwards it reads again: an exemption counts.
my $spared = RawSession->connect($node);
$node->safe_psql('postgres', 'ALTER ROLE web SUPERUSER');
$spared->run('BEGIN');
wait_until_unchanged_for($node, '500 ms', $spared->pid);
wait_for_scan($node, 2);
ok(is_alive($node, $spared->pid), 'what is changed later is read');

$_->abandon for $locker, $admin, $innocent, $spared, @culprits;
$node->stop;
done_testing();
