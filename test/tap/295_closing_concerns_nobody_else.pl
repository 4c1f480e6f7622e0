# Whom a closing does not concern never notices it.  Who could connect while nothing was closed, whichever
# catalog is locked, can while something else is.  Neither physical replication is refused, nor parallel
# workers of an open session, nor the dump of another database.  A standby closes by itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main', allows_streaming => 'logical', autovacuum => 'off');
my $dba = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(shop wiki);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE operator;
	CREATE ROLE copier LOGIN REPLICATION;
	CREATE ROLE dumper LOGIN;
	ALTER DATABASE shop OWNER TO dumper;
	ALTER DATABASE wiki OWNER TO dumper});

sub refusal
{
	my ($dbname, $user, %params) = @_;

	return RawSession->refusal($node, dbname => $dbname, user => $user, %params) =~ s/\n.*//rs;
}

# --- locked catalogs -----------------------------------------------------------

my $locker = RawSession->connect($node, user => $dba);
my @catalogs = split /\n/, $node->safe_psql('postgres',
	q{SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' ORDER BY 1});

# Does somebody get in while a catalog is locked, or wait for the lock?
sub waits_or_enters
{
	my ($catalog, $dbname, $user) = @_;
	my $session = RawSession->open($node);
	my $what;

	$locker->run('BEGIN', "LOCK TABLE $catalog IN ACCESS EXCLUSIVE MODE");
	$session->start_up(dbname => $dbname, user => $user);
	wait_until(
		sub {
			my $is_over = grep { $_->[0] eq 'Z' } $session->read_what_came;

			$what = $is_over ? 'enters' : $session->is_closed ? $session->error_text : undef;
			$what //= 'waits' if $locker->query(q{
				SELECT count(*) FROM pg_locks, session_guard.stats
				WHERE NOT granted AND pid NOT IN (worker_pid, history_pid)}) ne '0';
			return defined $what;
		},
		"$user gets into $dbname, or waits for $catalog");
	$locker->run('ROLLBACK');
	$session->read_until('Z') if $what eq 'waits';
	die $session->error_text if !defined $session->pid;
	$session->quit;
	return "$user $dbname $catalog $what";
}

sub try_all
{
	return [
		map {
			my $catalog = $_;
			map { waits_or_enters($catalog, @$_) } [ postgres => 'web' ], [ shop => $dba ];
		} @catalogs ];
}

# Nothing is read for the first time, and no writer is yet to come.
refusal(postgres => 'web');
refusal(shop => $dba);
wait_for_history_writer($node);
my $open = try_all();
cmp_ok(scalar(grep { /enters/ } @$open), '>', 10, 'some locks keep nobody from connecting');
cmp_ok(scalar(grep { /waits/ } @$open), '>', 10, 'some do');
set_limits($node, closed_bypass_role => 'operator');
$node->safe_psql('postgres', q{SELECT close_database('shop'), close_role('app')});
is_deeply(try_all(), $open, 'nobody waits more when something else is closed, nor superusers for that');
like(refusal(shop => 'web'), qr/^FATAL 57P03/, 'while it is closed');
$locker->quit;

# --- without the files that keep the descriptions of catalogs ------------------------

sub remove_init_files
{
	unlink glob $node->data_dir . "/$_/pg_internal.init" for 'global', 'base/*';
	return;
}

for my $case ([ shop => 'web', 'database "shop"' ], [ postgres => 'app', 'role "app"' ], [ wiki => 'web', undef ], [ shop => $dba, undef ])
{
	my ($dbname, $user, $closed) = @$case;

	remove_init_files();
	is(refusal($dbname, $user), defined $closed ? "FATAL 57P03: $closed is closed to new connections" : '',
		"$user in $dbname is the first to connect");
}

# --- what open sessions start ---------------------------------------------------------

create_parallel_table($node, 'ROLE web');
my $session = RawSession->connect($node);
$node->safe_psql('postgres', q{SELECT close_database('postgres'), close_role('web')});
like(refusal('postgres', 'web'), qr/^FATAL 57P03/, 'a database and a role are closed');
like(join("\n", $session->query('EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT count(*) FROM big')),
	qr/Workers Launched: 2/, 'an open session gets its parallel workers');
$node->safe_psql('postgres', q{SELECT open_database('postgres'), open_role('web')});

# --- dumps and replication --------------------------------------------------------------

my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-U', 'dumper', '-f', $dump, 'wiki' ], 'another database is dumped');
$node->command_fails_like([ 'pg_dump', '-U', 'dumper', '-f', $dump, 'shop' ],
	qr/FATAL:  database "shop" is closed to new connections/, 'a closed one is not');

$node->safe_psql('postgres',
	q{SELECT close_database(array_agg(datname)), close_role(ARRAY['copier', 'web', 'dumper']) FROM pg_database});
is(refusal('wiki', 'copier', parameters => { replication => 'database' }),
	refusal('wiki', 'copier'), 'logical replication is refused');
like(refusal('wiki', 'copier', parameters => { replication => 'database' }), qr/^FATAL 57P03/, 'as a session is');
is(refusal('', 'copier', parameters => { replication => 'true' }), '', 'physical replication is not');
$node->backup('base', backup_options => [ '-U', 'copier' ]);
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf',
	"primary_conninfo = 'host=" . $node->host . ' port=' . $node->port . " user=copier'\n");
$standby->start;
$node->safe_psql('postgres', 'CREATE TABLE news ()');
ok($standby->poll_query_until('postgres', q{SELECT to_regclass('news') IS NOT NULL}), 'a standby follows');

# --- a standby ----------------------------------------------------------------------------

is(RawSession->refusal($standby, dbname => 'shop'), '', 'what is closed on the primary is open on the standby');
$node->safe_psql('postgres',
	q{SELECT open_database(array_agg(datname)), open_role(ARRAY['copier', 'web', 'dumper']) FROM pg_database});
$standby->safe_psql('postgres', q{SELECT close_database('wiki', 'here only')});
like(RawSession->refusal($standby, dbname => 'wiki'),
	qr/^FATAL 57P03: database "wiki" is closed to new connections\n.*"here only"\.$/m, 'the standby closes it');
is(refusal('wiki', 'web'), '', 'for itself');
is($standby->safe_psql('postgres', 'SELECT datname FROM session_guard.closed'), 'wiki', 'which it shows');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM drain_database('wiki')}), '0', 'it can drain it');
is($standby->safe_psql('postgres', q{SELECT open_database('wiki')}), 't', 'and open it again');
is(RawSession->refusal($standby, dbname => 'wiki'), '', 'which lets in');

$standby->stop;
$node->stop;
done_testing();
