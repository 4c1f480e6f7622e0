# Rules are what users have written: pg_dump and pg_dumpall take them along, and they come back as they
# were.  Names of roles and databases that are not there yet are warned of.  Triggers and constraints
# are the extension's own, and come with it.  On a standby the rules are the primary's.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

local $ENV{PGCLIENTENCODING} = 'UTF8';

my $node = guard_node('main', allows_streaming => 1);
my $folder = PostgreSQL::Test::Utils::tempdir();

# All that a row can hold, more than ASCII, and names that have to be quoted.
$node->safe_psql(
	'postgres', q{
	CREATE DATABASE "shop, ""é""";
	CREATE ROLE "Ö, {""d""}" LOGIN;
	INSERT INTO session_guard.rule VALUES
		(10, 'all columns', true, '{postgres,"shop, \"é\""}', '{web,"Ö, {\"d\"}"}', '{pg_monitor}', E'pg\\\\_%\te', '%\\\\\\%',
			'{10.0.0.0/8,::1}', E'(?i)\\\\m(insert|löschen)\\\\s+''', '5 min', '1 min', '1 mon 2 days 03:04:05.000006', '2 h', '1 day',
			'1 year', '10 s', '100 ms', 1000000, pg_size_bytes('2GB'), true, 'enforce', E'a\tb\nc\\\\d é'),
		(-3, 'Nächtens: {"x"}', false, '[5:6]={postgres,template1}', NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, '1 mon -30 days 1 s',
			NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'log', ''),
		(7, 'somebody', true, '{"shop, \"é\""}', NULL, '{web}', NULL, NULL, NULL, NULL, NULL, NULL, '0', NULL, NULL, NULL, NULL, NULL,
			NULL, NULL, NULL, 'enforce', NULL);
	INSERT INTO session_guard.rule (position, name, query, max_memory)
		VALUES (8, repeat('é', 31), left(repeat('é', 1000), 1000), pg_size_bytes('16MB'))});

# What is in a table of rules, and what it is like.
sub rules
{
	my ($node, $dbname) = @_;

	return $node->safe_psql($dbname // 'postgres', 'SELECT r::text FROM session_guard.rule AS r ORDER BY position');
}

sub definition
{
	my ($node, $dbname) = @_;

	return $node->safe_psql(
		$dbname // 'postgres', q{
		SELECT tgname, tgenabled FROM pg_trigger
		WHERE tgrelid = 'session_guard.rule'::regclass AND NOT tgisinternal ORDER BY 1;
		SELECT conname, condeferrable, convalidated, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE conrelid = 'session_guard.rule'::regclass AND contype <> 'n' ORDER BY 1});
}

my $rules = rules($node);
my $definition = definition($node);
is(scalar(() = $rules =~ /^\(-?\d+,/gm), 4, 'there are rules');
like($definition, qr/^change\|A\ntruncate\|A\nunknown_names\|A$/m, 'and triggers, which fire in replicas, too');

# Restore a dump into a database by a command; returns the warnings, each with its DETAIL, but for
# those that the guard does not read the rules there.
sub restore
{
	my ($what, $node, $dbname, @command) = @_;
	my ($out, $err);
	my $program = shift @command;

	ok( run_log(
			[ $program, '-h', $node->host, '-p', $node->port, '-d', $dbname, @command ],
			'>' => \$out,
			'2>' => \$err),
		"$what is restored");
	$err =~ s/^.*WARNING:  rules in database "\Q$dbname\E" bind nobody\nDETAIL: .*\n//gm unless $dbname eq 'postgres';
	return join "\n", $err =~ /((?:WARNING|ERROR): .*\nDETAIL: .*)$/gm;
}

# Of any format, into another database of the server.
my %restore = (
	plain => [ [], 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f' ],
	inserts => [ ['--inserts'], 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-1', '-f' ],
	custom => [ ['-Fc'], 'pg_restore', '-e' ],
	transaction => [ [ '-Fc', '--column-inserts' ], 'pg_restore', '-1' ]);
for my $what (sort keys %restore)
{
	my ($format, @command) = @{ $restore{$what} };

	command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', "$folder/$what", @$format, 'postgres' ], "$what: pg_dump");
	$node->safe_psql('postgres', "CREATE DATABASE copy_of_$what");
	is(restore($what, $node, "copy_of_$what", @command, "$folder/$what"), '', 'nobody is warned of names that exist');
	is(rules($node, "copy_of_$what"), $rules, 'the rules are as they were');
	is(definition($node, "copy_of_$what"), $definition, 'and so is their table');
}

# Who writes rules where the guard does not read them is told, once for a statement.
my $insert = q(INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (1001, 'a', '1 h'), (1002, 'b', '1 h'));
is( ($node->psql('copy_of_plain', "BEGIN; $insert; ROLLBACK"))[2] =~ s/^psql:.*?: //gmr,
	qq{WARNING:  rules in database "copy_of_plain" bind nobody\nDETAIL:  The session guard reads those in database "postgres".},
	'rules of another database are warned of');
is(($node->psql('postgres', "BEGIN; $insert; ROLLBACK"))[2], '', 'and those of its own are not');

# The data alone, into a database that has the extension.
for my $option ('', '--disable-triggers')
{
	my $dbname = "data_only$option";
	my @options = ('--data-only', $option eq '' ? () : $option);

	$node->safe_psql('postgres', qq{CREATE DATABASE "$dbname"});
	$node->safe_psql($dbname, 'CREATE EXTENSION pg_session_guard');
	is(restore($dbname, $node, $dbname, 'pg_restore', '-e', @options, "$folder/custom"), '', 'nobody is warned');
	is(rules($node, $dbname), $rules, 'the rules are as they were');
	# Who enables all triggers has them fire as triggers do by default.
	like(definition($node, $dbname), qr/^change\|[AO]\ntruncate\|[AO]\nunknown_names\|[AO]$/m, 'and the triggers fire');
}

# Into a server that has none of those names.
my $new = guard_node_without_extension('new');
my $missing = qq{WARNING:  database "shop, "é"" does not exist
DETAIL:  Rule "all columns" selects nobody by it.
WARNING:  role "Ö, {"d"}" does not exist
DETAIL:  Rule "all columns" selects nobody by it.
WARNING:  database "shop, "é"" does not exist
DETAIL:  Rule "somebody" selects nobody by it.};
my $missing_web = qq{WARNING:  role "web" does not exist
DETAIL:  Rule "somebody" spares everybody until that role exists: whom the exception was meant for is not known.};
$new->safe_psql('postgres', 'CREATE DATABASE early');
is(restore('what names others', $new, 'early', 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain"), $missing, 'all that do not exist are warned of');
is(rules($new, 'early'), $rules, 'the rules are as they were');
$new->safe_psql('postgres', 'DROP ROLE web');
$new->safe_psql('postgres', 'CREATE DATABASE earlier');
like(restore('what excepts others', $new, 'earlier', 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain"), qr/\Q$missing_web\E$/,
	'an exception for nobody is warned of');
is(rules($new, 'earlier'), $rules, 'the rules are as they were');

# A whole server, whose rules come before its other databases.
my $superuser = $node->safe_psql('postgres', 'SELECT user');
command_ok([ 'pg_dumpall', '-h', $node->host, '-p', $node->port, '-f', "$folder/all" ], 'pg_dumpall');
my $all = slurp_file("$folder/all");
like($all, qr/^CREATE ROLE web;.*^COPY session_guard\.rule .*^CREATE DATABASE "shop, ""é"""/ms,
	'it has the rules after the roles, and before a database that they name');
# That role is there already.
$all =~ s/^CREATE ROLE "?\Q$superuser\E"?;$//m;
append_to_file("$folder/all_others", $all);
my $warnings = restore('a server', $new, 'template1', 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/all_others");
like($warnings, qr/WARNING:  database "shop, "é"" does not exist/, 'that database is warned of');
unlike($warnings, qr/role/, 'and no role');
is(rules($new), $rules, 'the rules are as they were');
is(definition($new), $definition, 'and so is their table');

# A standby has the primary's rules, and takes no others.
my $standby = standby_of($node);
is(rules($standby), $rules, 'a standby has the rules');
my ($status, $out, $err) = $standby->psql('postgres', "\\i $folder/plain", on_error_stop => 0);
like($err, qr/ERROR:  cannot execute COPY (FROM )?during recovery/, 'and takes none in');
$node->safe_psql('postgres', 'DELETE FROM session_guard.rule WHERE position > 7');
$node->wait_for_catchup($standby);
is(rules($standby), rules($node), 'but from the primary');

$_->stop for $standby, $node, $new;
done_testing();
