# session_guard.schedule says of each session that is spared why, in the order
# of the reasons; and for as long as it says so, the session stays while those
# go of which it says nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 40,
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.idle_session_timeout' => '1h',
	'pg_session_guard.idle_in_transaction_session_timeout' => '1h',
	'pg_session_guard.statement_timeout' => '1h',
	'pg_session_guard.transaction_timeout' => '1h');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE backup LOGIN;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
	CREATE ROLE untracked LOGIN;
	ALTER ROLE untracked SET track_activities = off;
	CREATE DATABASE archive;
	ALTER DATABASE archive SET pg_session_guard.exempt = on;
	ALTER ROLE web IN DATABASE archive SET pg_session_guard.exempt = off;
	CREATE ROLE archivist LOGIN;
	CREATE ROLE clerk LOGIN;
	ALTER ROLE clerk IN DATABASE archive SET pg_session_guard.exempt = on;
	CREATE SCHEMA web AUTHORIZATION web;
	SET ROLE web;
	CREATE TABLE web.locked ();
	CREATE FUNCTION web.hang(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN n; END';
	CREATE TABLE web.built AS SELECT 1 AS n;
});

my $keeper = RawSession->connect($node, user => $superuser);
$keeper->query('BEGIN; LOCK TABLE web.locked');

# Role, database, last statement, whether it goes on; the limit, and what is said of it.
my %case = (
	'superuser' => [ $superuser, 'postgres', 'SELECT 1', 0, 'idle_session_timeout', 'superuser' ],
	'exempt superuser' =>
	  [ $superuser, 'archive', 'LISTEN a', 0, 'idle_session_timeout', 'exempt by database "archive"' ],
	'exempt role' => [ 'backup', 'postgres', 'BEGIN', 0, 'transaction_timeout', 'exempt by role "backup"' ],
	'exempt role in exempt database' =>
	  [ 'backup', 'archive', 'BEGIN', 0, 'transaction_timeout', 'exempt by role "backup"' ],
	'exempt database' =>
	  [ 'archivist', 'archive', 'SELECT 1', 0, 'idle_session_timeout', 'exempt by database "archive"' ],
	'exempt role in database' => [
		'clerk', 'archive', 'SELECT 1', 0, 'idle_session_timeout',
		'exempt by role "clerk" in database "archive"'
	],
	'listener' => [ 'web', 'postgres', 'LISTEN a', 0, 'idle_session_timeout', 'listens on a channel' ],
	'waiting' =>
	  [ 'web', 'postgres', 'SELECT FROM web.locked', 1, 'statement_timeout', 'waits for a lock' ],
	'maintenance' =>
	  [ 'web', 'postgres', 'CREATE INDEX ON web.built (web.hang(n))', 1, 'statement_timeout', 'CREATE INDEX' ],
	'untracked' => [
		'untracked', 'postgres', 'BEGIN', 0, 'transaction_timeout',
		'not measurable: track_activities is off'
	],
	'idle' => [ 'web', 'postgres', 'SELECT 1', 0, 'idle_session_timeout', '-' ],
	'not exempt in exempt database' => [ 'web', 'archive', 'SELECT 1', 0, 'idle_session_timeout', '-' ],
	'listener in transaction' =>
	  [ 'web', 'postgres', 'LISTEN a; BEGIN', 0, 'idle_in_transaction_session_timeout', '-' ],
	'running' => [ 'clerk', 'postgres', 'SELECT pg_sleep(600)', 1, 'statement_timeout', '-' ]);

# The oldest first: whoever is spared would be the first to end.
my %session;
for my $name (sort { ($case{$a}[5] eq '-') <=> ($case{$b}[5] eq '-') || $a cmp $b } keys %case)
{
	my ($role, $dbname, $statement, $goes_on) = @{ $case{$name} };
	my $session = RawSession->connect($node, user => $role, dbname => $dbname);

	$goes_on ? $session->send_query($statement) : $session->query($statement);
	$session{$name} = $session;
}
wait_for_status($node, $session{waiting}->pid, "wait_event_type = 'Lock'");
wait_for_status($node, $session{running}->pid, "wait_event = 'PgSleep'");
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_progress_create_index')
  or die 'the index is not being built';

# What is said of a session and its limit.
sub spared_by
{
	my ($name) = @_;

	return $node->safe_psql('postgres',
		"SELECT coalesce(spared, '-') FROM session_guard.schedule
		 WHERE pid = ${\$session{$name}->pid} AND limit_name = '$case{$name}[4]'");
}

is(spared_by($_), $case{$_}[5], "$_: why") for sort keys %case;

# Of the same session every limit has its word.
is( $node->safe_psql('postgres',
		"SELECT string_agg(concat_ws(' ', limit_name, spared), ', ' ORDER BY limit_name COLLATE \"C\")
		 FROM session_guard.schedule WHERE pid = ${\$session{waiting}->pid} AND since IS NOT NULL"),
	'statement_timeout waits for a lock, transaction_timeout waits for a lock',
	'who waits for a lock is spared from the transaction limit as well');

my %stays = map { $_ => $session{$_} } grep { $case{$_}[5] ne '-' } keys %case;
my %goes = map { $_ => $session{$_} } grep { $case{$_}[5] eq '-' } keys %case;
set_limits(
	$node,
	idle_session_timeout => '500ms',
	idle_in_transaction_session_timeout => '500ms',
	statement_timeout => '500ms');
$goes{running}->read_until('E');
wait_for_end($node, $_->pid) for values %goes;
wait_for_scan($node, 5);
is(living($node, \%stays), join(' ', sort keys %stays), 'who was said to be spared stays, and the others go');
is(spared_by($_), $case{$_}[5], "$_: and is still said to be") for sort keys %stays;
# Nobody is said to be ended at a moment that has passed, or that will never come.
is( $node->safe_psql('postgres',
		"SELECT string_agg(concat_ws(' ', usename, limit_name, spared, due_at - now()), ', ')
		 FROM session_guard.schedule WHERE spared IS NOT NULL AND (due_at <= now()
			OR due_at IS NOT NULL AND spared NOT IN ('waits for a lock', 'CREATE INDEX', 'in a transaction'))"),
	'', 'and not at any time');
is( $node->safe_psql('postgres',
		"SELECT bool_and(measured > threshold), count(*) FROM session_guard.schedule
		 WHERE pid = ${\$session{superuser}->pid} AND limit_name = 'idle_session_timeout'"),
	't|1', 'though it is measured');

$_->abandon for $keeper, values %session;
$node->stop('immediate');
done_testing();
