# The guard connects as a role and to a database, and both may have limits of
# their own: these do not become everybody's, nor do they keep a later reload
# from taking effect for the others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '300ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
my $limit = "pg_session_guard.idle_session_timeout = '300ms'";

# Change the limit by ALTER SYSTEM and a reload.
sub set_server_limit
{
	my ($value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET pg_session_guard.idle_session_timeout = $value");
	$node->reload;
	return;
}

# The guard that runs now was started with these settings: they bind nobody of
# another role in another database, the server's own limits bind, and so does
# the next of them.
sub check_guard
{
	my ($what) = @_;
	my ($idle, $culprit) = map { open_session($node, dbname => 'shop') } 1 .. 2;
	my ($idle_pid, $culprit_pid) = map { pid_of($_) } $idle, $culprit;

	$culprit->query('BEGIN');
	wait_for_end($node, $culprit_pid);
	wait_until_unchanged_for($node, '600 ms', $idle_pid);
	wait_for_scan($node, 2);
	ok(is_alive($node, $idle_pid), "$what: who is idle stays, who is idle in transaction goes");

	# What this session itself would show is its role's own value.
	set_server_limit("'400ms'");
	wait_for_end($node, $idle_pid);
	is( scalar guard_lines($node, qr/LOG:  terminating session $idle_pid .*idle_session_timeout is 400 ms \(configuration file\)/),
		1,
		"$what: a reload still takes effect");
	set_server_limit(0);
	close_sessions($idle, $culprit);
	return;
}

for my $whose ("ROLE $superuser", 'DATABASE postgres')
{
	$node->safe_psql('postgres', "ALTER $whose SET $limit");
	replace_guard($node);
	check_guard("set on $whose");
	$node->safe_psql('postgres', "ALTER $whose RESET pg_session_guard.idle_session_timeout");
}

$node->safe_psql('postgres',
	"ALTER ROLE $superuser SET $limit; ALTER DATABASE postgres SET $limit");
$node->restart;
wait_for_guard($node);
check_guard('set on both before the server starts');
is(scalar guard_lines($node, qr/WARNING:/), 0, 'there is no warning in the log');

$node->stop;
done_testing();
