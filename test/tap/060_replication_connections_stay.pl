# Connections of replication are no client sessions: under limits that are all
# shorter than a second, the walsenders of a physical standby and of a logical
# subscription, one that is idle in a transaction of its own, and a
# pg_basebackup that lasts longer than every limit stay.  Their role is no
# superuser, and its ordinary sessions go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guard_node('main', allows_streaming => 'logical', max_connections => 30);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE copier LOGIN REPLICATION;
	CREATE TABLE news (id int PRIMARY KEY);
	GRANT SELECT ON news TO copier;
	CREATE PUBLICATION pub FOR TABLE news;
	SELECT pg_create_logical_replication_slot('sub', 'pgoutput');
	CREATE DATABASE target;
});

my $as_copier = 'host=' . $node->host . ' port=' . $node->port . ' user=copier dbname=postgres';
$node->backup('base', backup_options => [ '-U', 'copier' ]);
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_conninfo = '$as_copier'\n");

# All limits are in force before the first connection of replication comes.
set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	statement_timeout => '500ms',
	transaction_timeout => '700ms',
	session_timeout => '1s');

$standby->start;
# The database on the other side of the subscription is one of the same server.
$node->safe_psql('target', 'CREATE TABLE news (id int PRIMARY KEY)');
$node->safe_psql('target',
	"CREATE SUBSCRIPTION sub CONNECTION '$as_copier' PUBLICATION pub
	 WITH (create_slot = false, slot_name = 'sub', copy_data = false)");

# A walsender obeys SQL too, and may sit in a transaction like anybody else.
my $idle_walsender =
  open_session($node, user => 'copier', replication => 'database');
$idle_walsender->query_until(qr/in transaction/,
	"SET application_name = 'idle walsender'; BEGIN;\n\\echo in transaction\n");

# The backup is slowed down so that it cannot be faster than the limits.
my $target_dir = $node->backup_dir . '/slow';
my ($out, $err) = ('', '');
my $backup = IPC::Run::start(
	[
		'pg_basebackup', '-d', "$as_copier application_name=backup",
		'-D', $target_dir, '--checkpoint=fast', '--no-sync', '--max-rate=8M' ],
	'>', \$out, '2>', \$err);

sub walsenders
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(application_name, ', ' ORDER BY application_name COLLATE \"C\")
		 FROM pg_stat_activity
		 WHERE backend_type = 'walsender' AND usename = 'copier'
		 AND clock_timestamp() - backend_start > '2 s'");
}

sub walsender_pids
{
	return $node->safe_psql('postgres',
		"SELECT string_agg(pid::text, ',' ORDER BY pid) FROM pg_stat_activity
		 WHERE backend_type = 'walsender' AND application_name <> 'backup'");
}

# Each of them is older than twice the longest limit while the backup goes on.
my $everybody = 'backup, backup, idle walsender, standby, sub';
my $seen = '';
wait_until(
	sub {
		$backup->pump_nb;
		$seen = walsenders();
		return $seen eq $everybody || !$backup->pumpable;
	},
	'all connections of replication are older than the limits');
is($seen, $everybody, 'all connections of replication outlast the limits');
my $pids = walsender_pids();

# Beside them ordinary sessions of the same role and of another go.
my $culprit = open_session($node, user => 'copier', wait => 0);
my $running = open_session($node, wait => 0);
my $offset = log_size($node);
$culprit->{stdin} .= "SELECT 'here';\n";
$running->{stdin} .= "SELECT pg_sleep(600);\n";
wait_until(
	sub {
		$_->{run}->pump_nb for $culprit, $running;
		return guard_lines($node, qr/terminating session .*user "copier"/, $offset)
		  && guard_lines($node, qr/(canceling statement of|terminating) session .*user "web"/, $offset);
	},
	'the culprits are found');
wait_until(
	sub {
		return $node->safe_psql('postgres',
			"SELECT count(*) FROM pg_stat_activity
			 WHERE backend_type = 'client backend' AND usename IN ('copier', 'web')") eq '0';
	},
	'the culprits are gone');
pass('an ordinary session of the same role and one that runs too long go');

ok($backup->finish, 'the backup ends well') or diag $err;
ok(-s "$target_dir/backup_manifest", 'and is complete');

# Those that stayed do their work, and are the same as before.
$node->safe_psql('postgres', 'INSERT INTO news VALUES (1)');
ok($standby->poll_query_until('postgres', 'SELECT count(*) = 1 FROM news'), 'the standby follows');
ok($node->poll_query_until('target', 'SELECT count(*) = 1 FROM news'), 'the subscription follows');
is(walsender_pids(), $pids, 'the walsenders are the same as before');
is( scalar(
		grep { my $pid = $_; guard_lines($node, qr/(session|statement of) $pid /) } split /,/, $pids),
	0,
	'the guard says nothing of them');

$node->safe_psql('target', 'DROP SUBSCRIPTION sub');
$_->{run}->kill_kill for $culprit, $running;
$idle_walsender->quit;
$standby->stop;
$node->stop;
done_testing();
