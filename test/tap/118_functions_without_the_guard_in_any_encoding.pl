# The functions and the view need no guard and no particular database: where the
# library is not preloaded they work in each database that has the extension,
# whatever its encoding.  Queries that are not valid in the encoding of the
# reader are no error, they are shown escaped and can be searched.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');
$node->safe_psql('postgres', 'CREATE ROLE web LOGIN');
my %encoding = (utf => 'UTF8', latin => 'LATIN1', ascii => 'SQL_ASCII');
for my $dbname (sort keys %encoding)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname ENCODING '$encoding{$dbname}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql($dbname, 'CREATE EXTENSION pg_session_guard');
}

# An idle session in each, whose last query has a letter in the database's own bytes.
my %bytes = (utf => "\xc3\xa9", latin => "\xe9", ascii => "\xe9\xff");
my %session;
my %pid;

sub open_missing_sessions
{
	for my $dbname (sort keys %encoding)
	{
		next if $pid{$dbname} && is_alive($node, $pid{$dbname});
		close_sessions($session{$dbname}) if $session{$dbname};
		{
			local $ENV{PGCLIENTENCODING} = $encoding{$dbname};
			$session{$dbname} = open_session($node, dbname => $dbname);
		}
		$pid{$dbname} = pid_of($session{$dbname});
		$session{$dbname}->query("SET application_name = 'caf$bytes{$dbname}'");
		$session{$dbname}->query("SELECT 'caf$bytes{$dbname}'");
	}
	wait_for_state($node, 'idle', values %pid);
	return;
}

sub who_lives
{
	return join ' ', grep { is_alive($node, $pid{$_}) } sort keys %pid;
}

for my $reader (sort keys %encoding)
{
	open_missing_sessions();
	my $list = join ', ', values %pid;
	my ($status, $out, $err);
	{
		local $ENV{PGCLIENTENCODING} = $encoding{$reader};
		($status, $out, $err) = $node->psql($reader,
			"SELECT count(*), count(*) FILTER (WHERE query ~ 'caf') FROM session_guard.session WHERE pid IN ($list)");
	}
	is($out, '3|3', "$reader: the view shows all sessions and their queries");
	is($err, '', "$reader: without an error");

	# All are looked at, one is the one.
	my ($other) = grep { $_ ne $reader } reverse sort keys %encoding;
	my $result = run_function(
		$node,
		"terminate_sessions(dbname => '$other', query => 'SELECT .caf', application_name => 'caf%', state => 'idle')",
		dbname => $reader);
	is($result->{outcome}{ $pid{$other} }, 'terminated', "$reader: a session in $other is found by its query");
	is($result->{stderr}, '', "$reader: without an error");
	is(who_lives(), join(' ', grep { $_ ne $other } sort keys %encoding), "$reader: and the others live");

	open_missing_sessions();
	$result = run_function($node, "terminate_sessions(username => 'web', query => 'nothing like that')", dbname => $reader);
	is_deeply($result->{outcome}, {}, "$reader: a query that nobody has finds nobody");
	is($result->{status}, 0, "$reader: and is no error");
	is(who_lives(), 'ascii latin utf', "$reader: all live");

	$result = run_function($node, "terminate_db_sessions('$reader')", dbname => $reader);
	is($result->{outcome}{ $pid{$reader} }, 'terminated', "$reader: a session of the own database is terminated");
	is(who_lives(), join(' ', grep { $_ ne $reader } sort keys %encoding), "$reader: and the others live");
}

# What is not valid for the reader is shown escaped, what is valid as it is.
open_missing_sessions();
is( $node->safe_psql('utf', "SELECT query ~ 'caf\\\\xe9' FROM session_guard.session WHERE pid = $pid{latin}"),
	't', 'a byte that is no UTF-8 is shown escaped');
is( $node->safe_psql('utf', "SELECT query ~ 'caf\x{c3}\x{a9}' FROM session_guard.session WHERE pid = $pid{utf}"),
	't', 'a letter that is UTF-8 is shown as it is');

close_sessions(values %session);
$node->stop;
done_testing();
