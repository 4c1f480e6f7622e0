# session_guard.schedule needs no guard: it says the same with mode = off, but
# for the mode, and with a guard that cannot start; it can be read in any
# database, whatever is stored for its reader; and it hides from an ordinary
# reader what pg_stat_activity hides from it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.mode' => 'off',
	'pg_session_guard.idle_session_timeout' => '200ms');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
	CREATE DATABASE elsewhere;
	ALTER ROLE app SET pg_session_guard.idle_session_timeout = '300ms';
	ALTER ROLE watcher SET pg_session_guard.idle_session_timeout = '1h';
	ALTER ROLE watcher SET pg_session_guard.transaction_timeout = '1h';
	ALTER DATABASE elsewhere SET pg_session_guard.idle_session_timeout = '1h';
	ALTER DATABASE elsewhere SET pg_session_guard.exempt = on});
$node->safe_psql('elsewhere', 'CREATE EXTENSION pg_session_guard');

# Read from the schedule as a role, in a database.
sub schedule
{
	my ($what, $condition, $role, $dbname) = @_;

	return $node->safe_psql(
		$dbname // 'elsewhere',
		"SELECT concat_ws('|', $what) FROM session_guard.schedule WHERE $condition",
		extra_params => [ '-U', $role // 'watcher' ]);
}

my $columns = 'limit_name, threshold, source, state, '
  . "CASE since + threshold WHEN due_at THEN 'due' ELSE coalesce(due_at::text, 'not due') END, action, "
  . "coalesce(spared, 'not spared')";
my ($web, $app) = map { RawSession->connect($node, user => $_) } 'web', 'app';
$_->query('SELECT 1') for $web, $app;
my ($web_pid, $app_pid) = map { $_->pid } $web, $app;

# They are over their limits while nobody is there to end them.
my %said = (
	$web_pid => 'idle_session_timeout|00:00:00.2|configuration file|idle|%s|terminate|',
	$app_pid => 'idle_session_timeout|00:00:00.3|role "app"|idle|%s|terminate|');
wait_until_unchanged_for($node, '600 ms', $web_pid, $app_pid);
is(schedule($columns, "pid = $_"), sprintf($said{$_}, 'not due') . 'mode is off', 'with mode = off') for $web_pid, $app_pid;
is(schedule('measured > threshold', "pid = $_"), 't', 'what is measured is over the limit') for $web_pid, $app_pid;
is(schedule($columns, "pid = $_", 'watcher', 'postgres'), sprintf($said{$_}, 'not due') . 'mode is off', 'the same in the database of the guard')
  for $web_pid, $app_pid;
ok(is_alive($node, $web_pid) && is_alive($node, $app_pid), 'both are alive');

# An ordinary reader sees that there is a session, and what binds it; and nobody is due.
my $all = q{datname, usename, limit_name, threshold, source,
	num_nulls(backend_start, state, since, measured, due_at, action, spared)};
is(schedule($all, "pid = $web_pid", 'app'),
	'postgres|web|idle_session_timeout|00:00:00.2|configuration file|7',
	'of others an ordinary reader sees what binds them, and no more');
is(schedule($all, "pid = $app_pid", 'app'),
	'postgres|app|idle_session_timeout|00:00:00.3|role "app"|1',
	'of sessions of its own it sees all');
is(schedule($all, "pid = $web_pid"),
	'postgres|web|idle_session_timeout|00:00:00.2|configuration file|1',
	'a member of pg_monitor sees all of everybody');
$node->safe_psql('postgres', 'GRANT web TO app');
is(schedule($all, "pid = $web_pid", 'app'),
	'postgres|web|idle_session_timeout|00:00:00.2|configuration file|1',
	'and so does a member of the role');

# No guard can connect: what is configured and stored counts all the same.
$_->abandon for $web, $app;
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'nope'\npg_session_guard.mode = 'enforce'\n");
$node->restart;
wait_until(sub { guard_lines($node, qr/could not start the session guard in database "nope"/) },
	'the guard could not start');
($web, $app) = map { RawSession->connect($node, user => $_) } 'web', 'app';
$_->query('SELECT 1') for $web, $app;
my %who = (web => $web->pid, app => $app->pid);
%said = ($who{web} => $said{$web_pid}, $who{app} => $said{$app_pid});
wait_until_unchanged_for($node, '600 ms', values %who);
is(schedule($columns, "pid = $who{$_}"), sprintf($said{$who{$_}}, 'due') . 'not spared', "without a guard: role $_") for 'web', 'app';
$node->safe_psql('elsewhere', q{ALTER ROLE app IN DATABASE postgres SET pg_session_guard.exempt = on});
is(schedule($columns, "pid = $who{app}"),
	sprintf($said{$who{app}}, 'not due') . 'exempt by role "app" in database "postgres"',
	'what is stored then counts at once');
ok(is_alive($node, $_), 'nobody is ended') for values %who;

$_->abandon for $web, $app;
$node->stop;
done_testing();
