# Somebody holds a transaction open in which it has locked the catalogs of
# roles, settings or databases, so that nobody can even connect: culprits still
# end, the innocent stay, and the log says once that the catalogs are locked.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

# At each naptime the guard asks the server who is there, which reads catalogs.
my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $locked = qr/LOG:  catalogs of roles and databases are locked$/;

# All must be connected before the catalogs are locked.
my $locker = open_session($node, user => $superuser);
my $idle = open_session($node);
my $working = open_session($node);
my @culprits = map { open_session($node) } 1 .. 6;
my ($locker_pid, $idle_pid, $working_pid) = map { pid_of($_) } $locker, $idle, $working;
my %pids = map { $_ => pid_of($_) } @culprits;

# Let the next culprit go idle in a transaction, and wait until it is ended.
sub is_ended
{
	my ($what) = @_;
	my $culprit = shift @culprits;
	my $pid = $pids{$culprit};

	$culprit->query('BEGIN');
	$working->query('BEGIN');
	wait_until(
		sub {
			# A transaction of many short statements is never idle for long.
			$working->query('SELECT 1');
			return !process_exists($pid);
		},
		"culprit $pid is gone");
	$working->query('COMMIT');
	is(scalar guard_lines($node, qr/LOG:  terminating session $pid \(user "web", database "postgres"/), 1, $what);
	$culprit->{run}->kill_kill;
	return;
}

# The guard must have read of the role "web", which has only just been made.
wait_for_scan($node, 2);

my $offset = log_size($node);
$locker->query_safe('BEGIN; LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
is_ended('the culprit is ended while pg_authid is locked');
wait_until(sub { scalar guard_lines($node, $locked, $offset) }, 'the log says that catalogs are locked');
$locker->query_safe('LOCK TABLE pg_db_role_setting IN ACCESS EXCLUSIVE MODE');
is_ended('and pg_db_role_setting');
$locker->query_safe('LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');
is_ended('and pg_database');
ok(process_exists($idle_pid) && process_exists($working_pid), 'the innocent stay');
ok(process_exists($locker_pid), 'and so does the superuser, though it is idle in transaction');
is(scalar guard_lines($node, $locked, $offset), 1, 'the log says once that catalogs are locked');
$locker->query_safe('COMMIT');
ok(is_alive($node, $locker_pid), 'it can go on');

# What the guard and all others have kept of pg_authid is invalid at the very
# moment when it is locked.
wait_for_scan($node);
$locker->query_safe('ALTER ROLE web CONNECTION LIMIT 50 \; BEGIN \; LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
is_ended('the culprit is ended while pg_authid is locked after a change of its role');
ok(process_exists($locker_pid) && process_exists($idle_pid), 'the superuser and the innocent stay');
$locker->query_safe('COMMIT');

# The table is free, its index is not.
$locker->query_safe('BEGIN; REINDEX INDEX pg_authid_oid_index');
is_ended('the culprit is ended while the index of pg_authid is rebuilt');
ok(process_exists($locker_pid) && process_exists($idle_pid), 'the superuser and the innocent stay');
$locker->query_safe('COMMIT');

# What has locked the catalogs may be the culprit itself.
set_limits($node, exempt_superusers => 'off');
$locker->query('BEGIN; LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
wait_until(sub { !process_exists($locker_pid) }, 'the locker is gone');
is(scalar guard_lines($node, qr/LOG:  terminating session $locker_pid /),
	1, 'the superuser who has locked pg_authid is ended when superusers are not exempt');
ok(is_alive($node, $idle_pid), 'the innocent stays, and others can connect again');

close_sessions($locker, $idle, $working, @culprits);
$node->stop;
done_testing();
