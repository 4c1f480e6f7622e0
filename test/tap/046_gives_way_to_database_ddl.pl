# The guard is connected to a database, and as any session it keeps that one
# from being dropped or renamed: the server says so clearly.  From 19 on it
# gives way, and comes back.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node_without_extension('main',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');
$node->safe_psql('postgres', 'CREATE DATABASE home');
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'home'\n");
$node->restart;
wait_until(sub { guard_lines($node, qr/LOG:  session guard started in database "home"/) == 1 },
	'the guard is connected');

my ($status, undef, $error) = $node->psql('postgres', 'DROP DATABASE home');
if ($node->safe_psql('postgres', 'SHOW server_version_num') >= 190000)
{
	is($status, 0, 'its database can be dropped');
	wait_until(sub { guard_lines($node, qr/FATAL:  database "home" does not exist/) >= 1 },
		'it misses its database');
	$node->safe_psql('postgres', 'CREATE DATABASE home');
}
else
{
	isnt($status, 0, 'its database cannot be dropped');
	like($error, qr/database "home" is being accessed by other users/, 'and the server says why');
}

# Whether it had to come back or never went: it is at work.
my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;
$culprit->query('BEGIN');
wait_for_end($node, $culprit_pid);
ok(is_alive($node, $idle_pid), 'the culprit goes, and the innocent stays');

# A database that is not its own is nobody's concern.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('postgres', 'ALTER DATABASE other RENAME TO another');
$node->safe_psql('postgres', 'DROP DATABASE another');
pass('other databases can be made, renamed and dropped');

close_sessions($culprit, $idle);
$node->stop;
done_testing();
