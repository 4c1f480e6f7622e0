# What ALTER DATABASE and ALTER ROLE ALL make of every new session (another
# role, timeouts, read-only, another search_path, a log that says nothing) does
# not move the guard.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

# They are connected before the settings change, so these are not theirs.
my $locker = open_session($node, user => $node->safe_psql('postgres', 'SELECT current_user'));
my ($idle, @culprits) = map { open_session($node) } 1 .. 3;
my ($idle_pid, @culprit_pids) = map { pid_of($_) } $idle, @culprits;

my $guard = wait_for_guard($node);
my %for_all = (
	statement_timeout => '1ms',
	lock_timeout => '1ms',
	idle_in_transaction_session_timeout => '1ms',
	idle_session_timeout => '1ms',
	default_transaction_read_only => 'on',
	default_transaction_deferrable => 'on',
	default_transaction_isolation => 'serializable',
	search_path => 'nowhere',
	stats_fetch_consistency => 'snapshot',
	row_security => 'off',
	log_min_messages => 'panic');
$for_all{transaction_timeout} = '1ms' if $node->pg_version >= 17;

# The test's own sessions from now on: they must be able to look around.
$ENV{PGOPTIONS} = join ' ', map { "-c $_=0" } grep { /timeout/ } keys %for_all;

$node->safe_psql(
	'postgres', join '; ',
	'CREATE ROLE weak',
	'GRANT pg_monitor TO weak',
	q(ALTER DATABASE postgres SET role = 'weak'),
	q(ALTER DATABASE postgres SET session_authorization = 'weak'),
	map { "ALTER ROLE ALL SET $_ = '$for_all{$_}'" } sort keys %for_all);
is($node->safe_psql('postgres', 'SELECT current_user'), 'weak', 'a new session is weak');

# The guard of before goes on as it was; the next one starts with all of this.
$culprits[0]->query('BEGIN');
wait_for_end($node, $culprit_pids[0]);
$node->safe_psql('template1', "SELECT pg_terminate_backend($guard)");
wait_for_guard($node, $guard);

# A lock that the guard runs into makes its transaction last for longer than any of the timeouts.
my $offset = log_size($node);
$locker->query_safe('BEGIN; REINDEX INDEX pg_authid_oid_index');
$culprits[1]->query('BEGIN');
# Nobody can connect now, so the operating system tells who lives.
wait_until(sub { !process_exists($culprit_pids[1]) }, 'the culprit is gone');
$locker->query_safe('COMMIT');
is(scalar guard_lines($node, qr/LOG:  terminating session $culprit_pids[1] \(user "web", database "postgres"/, $offset),
	1, 'a culprit is ended, and the log says why');
wait_for_scan($node, 2);
ok(is_alive($node, $idle_pid), 'who is outside a transaction stays');
is(scalar guard_lines($node, qr/LOG:  session guard started/), 2, 'the guard was started twice and did not fail');

# The same when the server itself starts with all of this.
$node->restart;
wait_for_guard($node);
is(scalar guard_lines($node, qr/LOG:  session guard started/), 3, 'it comes back with the server');

close_sessions($locker, $idle, @culprits);
$node->stop;
done_testing();
