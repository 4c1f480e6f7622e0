# Members of pg_monitor read events, history and statistics, and other roles do
# not; nobody but superusers changes them, and a row that a superuser has deleted
# stays deleted.  Nobody has the history writer, which is a superuser, do what it
# likes, not even where tables are granted to it by default.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	GRANT ALL ON SCHEMA public TO web});
my $victim = RawSession->connect($node);
$node->safe_psql('postgres', "SELECT terminate_session(${\ $victim->pid })");
wait_for_history($node);

my %session = map { $_ => RawSession->connect($node, user => $_) } qw(monitor janitor web), $superuser;

# Does a role get an answer, or what error?
sub answer
{
	my ($user, $sql) = @_;

	$session{$user}->query($sql);
	return $session{$user}->sqlstate eq '' ? 'done' : $session{$user}->sqlstate;
}

my @relations = map { "session_guard.$_" } qw(event history stats limit_stats);
my @functions = map { "session_guard.$_()" } qw(get_events get_stats get_limit_stats);
for my $source (@relations, @functions)
{
	is(answer('monitor', "SELECT * FROM $source"), 'done', "monitor reads $source");
	is(answer($_, "SELECT * FROM $source"), '42501', "$_ does not read $source") for qw(janitor web);
}
my @changes = (
	q{INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, action, outcome)
		VALUES (now(), 1, now(), 'web', 1, 'log', 'gone')},
	'DELETE FROM session_guard.history',
	'UPDATE session_guard.history SET outcome = outcome',
	'TRUNCATE session_guard.history',
	'CREATE TRIGGER mine BEFORE INSERT ON session_guard.history EXECUTE FUNCTION suppress_redundant_updates_trigger()',
	'SELECT session_guard.reset_stats()');
for my $change (@changes)
{
	is(answer($_, $change), '42501', "$_ may not: $change") for qw(monitor janitor web);
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history'), '1', 'the row is there');

# A superuser may.
is(answer($superuser, 'DELETE FROM session_guard.history'), 'done', 'a superuser deletes a row');
my $next = RawSession->connect($node);
$node->safe_psql('postgres', "SELECT terminate_session(${\ $next->pid })");
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM session_guard.history WHERE pid = ${\ $next->pid }")
  or die 'the next row is not written';
is($node->safe_psql('postgres', 'SELECT number FROM session_guard.history'), '2', 'and it stays deleted');
is($node->safe_psql('postgres', 'SELECT ordered FROM session_guard.stats'), '2', 'the signals are counted');
is(answer($superuser, 'SELECT session_guard.reset_stats()'), 'done', 'a superuser begins to count anew');
is($node->safe_psql('postgres', 'SELECT ordered FROM session_guard.stats'), '0', 'and it is so');

# Who is given rights to all tables to come has none to the table of the writer.
$node->safe_psql(
	'postgres', q{
	DROP EXTENSION pg_session_guard;
	ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO web;
	CREATE EXTENSION pg_session_guard});
$session{web}->query(
	q{CREATE FUNCTION public.take_over() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN ALTER ROLE web SUPERUSER; RETURN NEW; END$$});
is($session{web}->error, undef, 'somebody has a function that a superuser should not run');
$session{web}->query(
	'CREATE TRIGGER take_over BEFORE INSERT ON session_guard.history EXECUTE FUNCTION public.take_over()');
my $tries = 'history_rows + history_failures';
my $before = $node->safe_psql('postgres', "SELECT $tries FROM session_guard.stats");
my $last = RawSession->connect($node);
$node->safe_psql('postgres', "SELECT terminate_session(${\ $last->pid })");
$node->poll_query_until('postgres', "SELECT $tries > $before FROM session_guard.stats")
  or die 'the writer has not tried';
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'web'}), 'f',
	'and the writer has not run it');

$node->stop;
done_testing();
