# Where no history is written nobody waits for one, and what the guard and others did
# stays in memory whatever a role does to itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node_without_extension('main', 'pg_session_guard.history_buffer' => 32);

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql(
	'other', q{
	CREATE EXTENSION pg_session_guard; CREATE ROLE idler LOGIN; CREATE ROLE crowd LOGIN;
	ALTER ROLE idler SET pg_session_guard.idle_session_timeout = '100ms'});
wait_until(
	sub { $node->safe_psql('other', 'SELECT worker_pid IS NOT NULL AND history_pid IS NOT NULL FROM session_guard.stats') eq 't' },
	'the workers are there');

my ($ended, $idle, $own) = map { RawSession->connect($node, user => $_) } qw(web idler web);
$idle->read_to_end;
$node->safe_psql('other', "SELECT FROM terminate_session(${\ $ended->pid })");
$own->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $own->pid, "wait_event = 'PgSleep'");
wait_until(sub { guard_lines($node, qr/LOG:  there is no table "session_guard.history"/) }, 'there is no history');

freeze_process($own->pid);
$node->safe_psql(
	'other', qq{
	SET SESSION AUTHORIZATION web;
	DO \$\$ BEGIN
		FOR i IN 1 .. 100 LOOP
			PERFORM cancel_query(${\ $own->pid }, "timeout" => '0', reason => i::text);
		END LOOP;
	END \$\$});
is($node->safe_psql('other',
		"SELECT string_agg(format('%s %s %s', usename, action, outcome), ', ' ORDER BY number) FROM session_guard.event
		 WHERE reason IS NULL"),
	'idler terminate terminated, web terminate terminated', 'what others did is still there');
is($node->safe_psql('other', 'SELECT count(*) FROM session_guard.event'), '17', 'beside what there is room for');
is($node->safe_psql('other', 'SELECT max(reason::int) FROM session_guard.event'), '100', 'which is the latest');
is($node->safe_psql('other', 'SELECT events_lost + (SELECT count(*) FROM session_guard.event) = ordered + terminates_sent FROM session_guard.stats'),
	't', 'what the memory had no room for was counted');

thaw_process($own->pid);

# Nobody has so long a time to wait.
my @crowd = map { RawSession->connect($node, user => 'crowd') } 1 .. 30;
is($node->safe_psql('other', q{
		SET statement_timeout = '60s';
		SELECT outcome, count(*) FROM terminate_user_sessions('crowd', "timeout" => '1 h') GROUP BY outcome}),
	'terminated|30', 'a request for more than there is room for does not wait for a history');
is($node->safe_psql('other', q{SELECT count(*) FROM session_guard.event WHERE usename = 'idler'}), '1',
	'and the guard has its share yet');

# Nor for a writer whose database has been dropped, so that it never comes back.
my $offset = log_size($node);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
$node->safe_psql('other', 'SELECT pg_terminate_backend(history_pid) FROM session_guard.stats');
wait_until(sub { guard_lines($node, qr/LOG:  history writer started/, $offset) }, 'the writer has found its table');
$offset = log_size($node);
$node->safe_psql('other', 'DROP DATABASE postgres WITH (FORCE)');
wait_until(sub { guard_lines($node, qr/LOG:  could not start the history writer/, $offset) }, 'the writer cannot come back');
@crowd = map { RawSession->connect($node, user => 'crowd', dbname => 'other') } 1 .. 30;
is($node->safe_psql('other', q{
		SET statement_timeout = '60s';
		SELECT outcome, count(*) FROM terminate_user_sessions('crowd', "timeout" => '1 h') GROUP BY outcome}),
	'terminated|30', 'nobody waits for a writer that does not come back');
$node->stop;
done_testing();
