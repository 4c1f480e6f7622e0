# The history has texts from databases of any encoding: what is text where the
# guard is stays as it is, everything else is escaped and none of it is dropped,
# but for the part of a character that a cut has left of it.  It keeps its names
# when roles and databases are renamed or dropped.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

# Whatever the tests' own locale is, the guard's database is in UTF8.
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_session_guard'\ntrack_activity_query_size = 100\n");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE web LOGIN; CREATE EXTENSION pg_session_guard');
wait_for_guard($node);

my %encoding = (utf => 'UTF8', latin => 'LATIN1', ascii => 'SQL_ASCII');
$node->safe_psql('postgres',
	"CREATE DATABASE $_ ENCODING '$encoding{$_}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
  for sort keys %encoding;
$node->safe_psql($_, 'CREATE EXTENSION pg_session_guard') for sort keys %encoding;
is($node->safe_psql('postgres', 'SHOW server_encoding'), 'UTF8', 'the history is in UTF8');

# Bytes as this file has them; nobody is to convert them.
local $ENV{PGCLIENTENCODING} = 'SQL_ASCII';

# A session ends by itself after a query; what the history has of it.
sub history_of
{
	my ($dbname, $query, %params) = @_;
	my $session = RawSession->connect($node, dbname => $dbname, %params);
	my $pid = $session->pid;

	$session->query($query) if defined $query;
	$node->safe_psql('postgres', "SELECT terminate_session($pid)");
	wait_for_history($node);
	my $where = "pid = $pid AND server_start = (SELECT max(server_start) FROM session_guard.event)";
	my $row = $node->safe_psql('postgres', "SELECT usename, datname, application_name, query FROM session_guard.history WHERE $where");
	is($node->safe_psql('postgres', "SELECT usename, datname, application_name, query FROM session_guard.event WHERE $where"),
		$row, 'event and history agree');
	my %columns;
	@columns{qw(usename datname application_name query)} = split /\|/, $row;
	return \%columns;
}

is(history_of('utf', "SELECT 'caf\xc3\xa9'")->{query}, "SELECT 'caf\xc3\xa9'", 'what is valid stays');
is(history_of('latin', "SET client_encoding = 'LATIN1'; SELECT 'caf\xe9'")->{query},
	"SET client_encoding = 'LATIN1'; SELECT 'caf\\xe9'", 'what is not, is escaped');
is(history_of('ascii', "SELECT 'caf\xe9\xff'")->{query}, "SELECT 'caf\\xe9\\xff'", 'the same from SQL_ASCII');

# Names: long ones, and ones of another encoding.
my $long = "\xc3\xa9" x 31;
$node->safe_psql('utf', qq{CREATE ROLE "$long" LOGIN});
$node->safe_psql('latin', qq{SET client_encoding = 'LATIN1'; CREATE ROLE "jos\xe9" LOGIN; CREATE ROLE "\xe9milie" LOGIN});
is(history_of('utf', undef, user => $long)->{usename}, $long, 'a name as long as a name can be');
is(history_of('latin', undef, user => "\xe9milie")->{usename}, '\xe9milie', 'a name of another encoding');
is(history_of('latin', undef, user => "jos\xe9")->{usename}, 'jos\xe9', 'also if it ends in what could be the beginning of a character');
my $caller = RawSession->connect($node, dbname => 'latin', user => $node->safe_psql('postgres', 'SELECT user'));
my $victim = RawSession->connect($node, dbname => 'utf');
$caller->query("SET client_encoding = 'LATIN1'");
$caller->query("SELECT terminate_session(${\ $victim->pid }, reason => 'ferm\xe9')");
wait_for_history($node);
is($node->safe_psql('postgres', "SELECT reason FROM session_guard.history WHERE pid = ${\ $victim->pid }"),
	'ferm\xe9', 'what a caller says there is treated like it');

# Names in the history are those of that moment.
my $before = $node->safe_psql('postgres', 'SELECT * FROM session_guard.history ORDER BY number');
$node->safe_psql('postgres', qq{DROP ROLE "$long"; ALTER ROLE web RENAME TO site});
$caller->quit;
wait_for_end($node, $caller->pid);
$node->safe_psql('postgres', 'DROP DATABASE latin; ALTER DATABASE utf RENAME TO utf8');
is($node->safe_psql('postgres', 'SELECT * FROM session_guard.history ORDER BY number'), $before,
	'what was renamed or dropped is in the history as it was');
is($node->safe_psql('postgres', 'SELECT * FROM session_guard.event ORDER BY number'), $before, 'and in memory');
$node->safe_psql('postgres', 'ALTER ROLE site RENAME TO web; ALTER DATABASE utf8 RENAME TO utf');

# Queries that are cut, by the server or since an event has place for 1023 bytes,
# at every place that a character can be cut at.
sub check_cuts
{
	my ($limit) = @_;

	for my $shift (0 .. 2)
	{
		my $query = 'SELECT ' . '0' x $shift . "'" . "\xe2\x82\xac" x 800 . "'";
		my $whole = $limit - ($limit - length('SELECT \'') - $shift) % 3;

		is(history_of('utf', $query)->{query}, substr($query, 0, $whole),
			"a query is cut to whole characters within $limit bytes");
	}
	return;
}
check_cuts(99);
$node->append_conf('postgresql.conf', 'track_activity_query_size = 4096');
$node->restart;
wait_for_guard($node);
check_cuts(1023);
is($node->safe_psql('postgres', 'SELECT history_failures FROM session_guard.stats'), '0', 'the writer has not failed');

$node->stop;
done_testing();
