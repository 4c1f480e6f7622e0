# Limits that are stored for the role of a backup and for its databases do not
# reach connections of replication: a pg_basebackup that nobody reads and
# the first copy of a logical subscription outlast them, on the side that sends
# and on the side that receives; ordinary sessions of that role go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	allows_streaming => 'logical',
	'max_connections' => 30,
	'pg_session_guard.naptime' => '100ms');

# The table's only row cannot be copied before the gate is open.
my $keeper = create_gate($node);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE copier LOGIN REPLICATION;
	CREATE TABLE news (id int PRIMARY KEY);
	INSERT INTO news VALUES (4711);
	ALTER TABLE news ENABLE ROW LEVEL SECURITY;
	CREATE POLICY slowly ON news USING (public.hold(id) = id);
	GRANT SELECT ON news TO copier;
	CREATE PUBLICATION pub FOR TABLE news;
	CREATE DATABASE target;
});
# A subscription to its own server cannot make the slot itself.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('sub', 'pgoutput')});
$node->safe_psql('target', 'CREATE TABLE news (id int PRIMARY KEY)');
$keeper->query('SELECT pg_advisory_lock(7)');

for my $limit ('idle_session', 'idle_in_transaction_session', 'statement', 'transaction')
{
	$node->safe_psql('postgres',
		"ALTER $_ SET pg_session_guard.${limit}_timeout = '300ms'")
	  for 'ROLE copier', 'ROLE copier IN DATABASE postgres', 'DATABASE target', 'ROLE ALL';
}
$node->safe_psql('postgres', q{ALTER ROLE copier SET pg_session_guard.session_timeout = '1s'});

my $as_copier = 'host=' . $node->host . ' port=' . $node->port . ' user=copier dbname=postgres';
$node->safe_psql('target',
	"CREATE SUBSCRIPTION sub CONNECTION '$as_copier' PUBLICATION pub
	 WITH (create_slot = false, slot_name = 'sub')");

# Nobody reads what the backup's client writes until the test does, so it is as slow as the test wants.
my ($out, $err) = ('', '');
my $backup = IPC::Run::start(
	[
		'pg_basebackup', '-d', "$as_copier application_name=backup",
		'-D', '-', '-Ft', '--wal-method=fetch', '--checkpoint=fast' ],
	'>', \$out, '2>', \$err);

# Its walsender, those of the subscription and its first copy, and on the
# other side the two workers that receive.
sub outlasting
{
	return $node->safe_psql('postgres', q{
		SELECT string_agg(kind, ', ' ORDER BY kind COLLATE "C") FROM (
			SELECT CASE WHEN application_name LIKE 'pg\_%\_sync\_%' THEN 'copy sender'
				WHEN backend_type = 'walsender' THEN application_name
				ELSE 'receiver' END AS kind
			FROM pg_stat_activity
			WHERE (backend_type = 'walsender' OR (backend_type LIKE 'logical replication%' AND datname = 'target'))
				AND clock_timestamp() - backend_start > '2 s') AS s});
}

my $everybody = 'backup, copy sender, receiver, receiver, sub';
wait_until(sub { outlasting() eq $everybody }, 'all of them are older than the limits');
is(outlasting(), $everybody, 'all connections of replication outlast the limits');

# Beside them ordinary sessions of the same role go, in both databases.
for my $dbname ('postgres', 'target')
{
	my $idle = RawSession->connect($node, user => 'copier', dbname => $dbname);

	wait_for_end($node, $idle->pid);
	pass("an ordinary session of the role goes in database $dbname");
	$idle->abandon;
}
wait_for_scan($node, 3);
is(outlasting(), $everybody, 'the connections of replication are still there');

ok($backup->finish, 'the backup ends well') or diag $err;
like($out, qr/backup_manifest/, 'and is complete');
$keeper->query('SELECT pg_advisory_unlock(7)');
ok($node->poll_query_until('target', 'SELECT count(*) = 1 FROM news'), 'the first copy is complete');
$node->safe_psql('postgres', 'INSERT INTO news VALUES (4712)');
ok($node->poll_query_until('target', 'SELECT count(*) = 2 FROM news'), 'and the subscription follows');
is(scalar guard_lines($node, qr/ERROR:  could not (start initial|receive data)|terminating walsender/),
	0, 'at the first attempt');

$node->safe_psql('target', 'DROP SUBSCRIPTION sub');
$keeper->quit;
$node->stop;
done_testing();
