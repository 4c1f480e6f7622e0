# Anybody can make a temporary table with an index on a function that sleeps:
# maintenance of it is bound by the statement and the transaction limit, however
# the table is named, or is not; the same on a table like others is spared.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'max_connections' => 60,
	'pg_session_guard.naptime' => '1s');

# web may make nothing but temporary tables; "owner" has tables of its own.
$node->safe_psql(
	'postgres', q{
	CREATE ROLE owner LOGIN;
	CREATE SCHEMA owner AUTHORIZATION owner;
	GRANT USAGE ON SCHEMA owner TO web;
	SET ROLE owner;
	CREATE FUNCTION owner.nap(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN IF current_setting('nap.seconds', true) <> '' THEN
			PERFORM pg_catalog.pg_sleep(current_setting('nap.seconds')::float8); END IF; RETURN n; END $$;
	CREATE TABLE owner.t AS SELECT 1 AS n;
	CREATE INDEX t_nap ON owner.t (owner.nap(n));
	CREATE INDEX t_n ON owner.t (n);
	CREATE TABLE owner.plain AS SELECT 1 AS n;
});

sub with_temporary_table
{
	my ($user) = @_;
	my $session = RawSession->connect($node, user => $user);

	$session->query(
		'CREATE TEMP TABLE t AS SELECT 1 AS n; CREATE INDEX t_nap ON t (owner.nap(n));
		 CREATE INDEX t_n ON t (n); CREATE TEMP TABLE other AS SELECT 1 AS n');
	die $session->error_text if $session->error;
	return $session;
}

my %statement = (
	'CREATE INDEX' => 'CREATE INDEX ON t (owner.nap(n))',
	'CREATE INDEX, qualified' => 'CREATE INDEX ON pg_temp.t (owner.nap(n))',
	'ANALYZE' => 'ANALYZE t',
	'ANALYZE, in a list' => 'ANALYZE pg_catalog.pg_class, pg_temp.t',
	'ANALYZE, of all' => 'ANALYZE',
	'VACUUM ANALYZE, of all' => 'VACUUM ANALYZE',
	'VACUUM FULL' => 'VACUUM FULL t',
	'REINDEX' => 'REINDEX TABLE t',
	'REINDEX INDEX' => 'REINDEX INDEX pg_temp.t_nap',
	'CLUSTER' => 'CLUSTER t USING t_n',
	'CLUSTER, of all' => 'CLUSTER',
	'ALTER TABLE' => 'ALTER TABLE t ALTER n TYPE int USING owner.nap(n) + 0',
	'in DO' => "DO 'BEGIN ANALYZE t; END'");
my %sheltered = map { $_ => with_temporary_table('web') } sort keys %statement;

$sheltered{'CLUSTER, of all'}->query('CLUSTER t USING t_n');

# By the name of its schema, which differs from session to session.
for my $name ('by schema', 'of another database')
{
	my $session = $sheltered{$name} = with_temporary_table('web');
	my $schema = $session->query(
		"SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'pg_temp.t'::regclass");

	$statement{$name} = $name eq 'by schema' ? "ANALYZE $schema.t" : "ANALYZE postgres.$schema.t";
}

# Statistics on an expression call functions, too.
$sheltered{'statistics'} = RawSession->connect($node);
$sheltered{'statistics'}->query(
	'CREATE TEMP TABLE t AS SELECT 1 AS n; CREATE STATISTICS pg_temp.of_t ON (owner.nap(n)) FROM t');
$statement{'statistics'} = 'ANALYZE';

my %innocent = map { $_ => RawSession->connect($node, user => 'owner') } 'ordinary', 'of all';
# Nothing is called for a temporary table without an index on an expression.
$innocent{'of all'}->query('CREATE TEMP TABLE harmless AS SELECT 1 AS n; CREATE INDEX ON harmless (n)');

# Nobody reads the warnings about tables that are not the reader's to maintain.
$_->query(q{SET nap.seconds = 600; SET client_min_messages = error})
  for values %sheltered, values %innocent;
set_limits($node, statement_timeout => '1s', transaction_timeout => '1h');
$innocent{ordinary}->send_query('ANALYZE owner.t');
$innocent{'of all'}->send_query('ANALYZE');
$sheltered{$_}->send_query($statement{$_}) for sort keys %sheltered;
for my $name (sort keys %sheltered)
{
	$sheltered{$name}->read_result;
	is($sheltered{$name}->sqlstate, '57014', "maintenance of an own temporary table goes: $name");
}
wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '2 s'") for values %innocent;
is(living($node, \%innocent, "state = 'active'"), 'of all ordinary', 'that of ordinary tables stays');

# The transaction limit does not spare it either.
set_limits($node, statement_timeout => 0, transaction_timeout => '1s');
my @in_transaction = ('CREATE INDEX', 'ANALYZE, of all', 'in DO');
for my $name (@in_transaction)
{
	$sheltered{$name}->query('BEGIN');
	$sheltered{$name}->send_query($statement{$name});
}
for my $name (@in_transaction)
{
	$sheltered{$name}->read_to_end;
	is($sheltered{$name}->sqlstate, '57P01', "nor does the transaction limit spare it: $name");
}
is(living($node, \%innocent, "state = 'active'"), 'of all ordinary', 'ordinary maintenance it does');

$_->abandon for values %sheltered, values %innocent;
$node->stop('immediate');
done_testing();
