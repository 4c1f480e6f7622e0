# Names with quotes, spaces, backslashes, wildcards and letters that are not
# ASCII: a function takes them as they are, finds exactly that database or role, and
# shows them as they are.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40);

local $ENV{PGCLIENTENCODING} = 'UTF8';

# Each with a neighbor that a careless comparison would take for the same.
my @names = (
	[ q{Frau "Müller"'s shop}, q{frau "müller"'s shop} ],
	[ q{a_b%}, q{acbd} ],
	[ q{back\\slash}, q{backslash} ],
	[ q{ leading and trailing }, q{leading and trailing} ],
	[ q{x; DROP TABLE y --}, q{x} ],
	[ '日本', '日本語' ]);

sub literal
{
	my ($name) = @_;

	$name =~ s/'/''/g;
	return "'$name'";
}

sub identifier
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq{"$name"};
}

# An encoding that has all of these letters, wherever the test runs.
$node->safe_psql('postgres', q{CREATE DATABASE dba TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'});
$node->safe_psql('dba', 'CREATE EXTENSION pg_session_guard');

for my $pair (@names)
{
	my ($name, $neighbour) = @$pair;

	for (@$pair)
	{
		$node->safe_psql('dba', "CREATE ROLE ${\ identifier($_) } LOGIN");
		# As cheap as can be: nobody looks inside.
		$node->safe_psql('dba',
			"CREATE DATABASE ${\ identifier($_) } TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
	}

	my %session = (
		database => RawSession->connect($node, dbname => $name),
		role => RawSession->connect($node, user => $name),
		both => RawSession->connect($node, dbname => $name, user => $name),
		application => RawSession->connect($node, application_name => "app $name"),
		database_neighbour => RawSession->connect($node, dbname => $neighbour),
		role_neighbour => RawSession->connect($node, user => $neighbour),
		application_neighbour => RawSession->connect($node, application_name => "app $neighbour"));
	my $neighbours = 'application_neighbour database_neighbour role_neighbour';
	my $literal = literal($name);
	my $query = "SELECT 1 AS ${\ identifier($name) }";

	$session{both}->query($query);

	is(fates($node, "terminate_sessions(dbname => $literal, username => $literal, dry_run => true)",
			\%session, 'dba'),
		'both dry run', "$name: both filters find it");
	is(
		$node->safe_psql('dba',
			"SELECT datname, usename, query FROM terminate_session(${\ $session{both}->pid })
			 WHERE outcome = 'terminated'"),
		"$name|$name|$query", 'it is shown as it is, and so is a query');
	is(fates($node, "terminate_db_sessions($literal)", \%session, 'dba'), 'database terminated',
		'as a database');
	is(fates($node, "terminate_user_sessions($literal)", \%session, 'dba'), 'role terminated',
		'as a role');
	is(living($node, \%session), "application $neighbours", 'only those are gone');

	# The server itself keeps an application's name in ASCII; what it made of it has to be found.
	my $pattern = $node->safe_psql('dba',
		"SELECT regexp_replace(application_name, '([\\\\%_])', '\\\\\\1', 'g')
		 FROM session_guard.session WHERE pid = ${\ $session{application}->pid }");
	is(fates($node, "terminate_sessions(application_name => ${\ literal($pattern) })", \%session, 'dba'),
		'application terminated', 'as an application');
	is(living($node, \%session), $neighbours, 'the neighbours stay');

	my $quoted = '"' . $name =~ s/"/""/gr . '"';
	is(scalar(grep { index($_, "user $quoted, database $quoted") >= 0 }
			guard_lines($node, qr/terminating session/)), 1, 'the log has the names in quotes');
	$_->abandon for values %session;
}

$node->stop;
done_testing();
