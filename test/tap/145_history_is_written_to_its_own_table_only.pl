# The history is written to the table of the extension and to no other one, not
# even one of the same name that somebody has put in its place with a trigger:
# the writer would run that as a superuser.  Without the extension in the
# guard's database events are in memory, for every database that has it, and the
# log says so; they are written when the extension comes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node_without_extension('main',
	'pg_session_guard.idle_in_transaction_session_timeout' => '200ms');

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE postgres TO web');

sub ask_shop
{
	my ($query) = @_;

	return $node->safe_psql('shop', $query);
}

# A culprit of the guard's, until its event is settled.
sub end_culprit
{
	my $culprit = RawSession->connect($node);
	my $pid = $culprit->pid;

	$culprit->query('BEGIN');
	$culprit->read_to_end;
	$node->poll_query_until('shop', "SELECT outcome = 'terminated' FROM session_guard.event WHERE pid = $pid")
	  or die "the end of $pid was not confirmed";
	return $pid;
}

# Have another history writer look for the table: by itself one does so each half minute.
sub replace_writer
{
	my $old = ask_shop('SELECT history_pid FROM session_guard.stats');

	ask_shop("SELECT pg_terminate_backend($old)");
	return $node->poll_query_until('shop', "SELECT history_pid <> $old FROM session_guard.stats");
}

sub complaints
{
	my ($offset) = @_;

	return scalar guard_lines($node,
		qr/LOG:  there is no table "session_guard.history" in database "postgres"$/, $offset);
}

# By one who may create schemas, and knows what the writer writes.
my $web = RawSession->connect($node);
$web->query($_)
  for 'CREATE SCHEMA session_guard',
  'CREATE TABLE session_guard.history (server_start timestamptz, number bigint, acted_at timestamptz,
	actor text, function_name text, filters text, pid integer, backend_start timestamptz, datname text, usename text,
	application_name text, client_addr inet, state text, limit_name text, threshold interval, source text,
	measured interval, action text, outcome text, reason text, note text, late interval,
	gone_after interval, query text, PRIMARY KEY (server_start, number))',
  'CREATE FUNCTION session_guard.take_over() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN ALTER ROLE web SUPERUSER; RETURN NEW; END$$',
  'CREATE TRIGGER take_over BEFORE INSERT OR DELETE ON session_guard.history
	EXECUTE FUNCTION session_guard.take_over()';
is($web->error, undef, 'there is a table that looks like the history');

my @culprits = map { end_culprit() } 1 .. 2;
wait_until(sub { complaints() }, 'the log says that there is no table');
is(complaints(), 1, 'the log says once that there is no table');
is(ask_shop('SELECT string_agg(pid::text, $$ $$ ORDER BY number) FROM session_guard.event'),
	"@culprits", 'the events can be read where the extension is');
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history'), '0', 'what looks like the history is not written to');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'web'}), 'f', 'and its trigger has not run');

# It stands in the way of the extension, and that is all it can do.
isnt($node->psql('postgres', 'CREATE EXTENSION pg_session_guard'), 0, 'the extension does not take over what is there');
$web->query('DROP SCHEMA session_guard CASCADE');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
replace_writer();
wait_for_history($node);
is($node->safe_psql('postgres', 'SELECT string_agg(pid::text, $$ $$ ORDER BY number) FROM session_guard.history'),
	"@culprits", 'when the extension is there, what was in memory is written');

# It can go, and come again.
my $offset = log_size($node);
$node->safe_psql('postgres', 'DROP EXTENSION pg_session_guard');
push @culprits, end_culprit();
wait_until(sub { complaints($offset) }, 'the log says that there is no table');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
replace_writer();
$node->poll_query_until('postgres', 'SELECT count(*) > 0 FROM session_guard.history')
  or die 'the history is not written again';
is($node->safe_psql('postgres', 'SELECT string_agg(pid::text, $$ $$) FROM session_guard.history'),
	$culprits[2], 'after it was dropped and created, what was not in the history yet is');
is(ask_shop('SELECT history_failures, events_lost FROM session_guard.stats'), '0|0', 'none of this is a failure or a loss');
is($web->query('SELECT 42'), '42', 'who was no culprit lives');

$node->stop;
done_testing();
