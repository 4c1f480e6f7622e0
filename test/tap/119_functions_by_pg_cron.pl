# A job of pg_cron that terminates idle sessions, as a role that may do no more
# than that: who is idle in the job's database goes, who works there stays, and
# so does who is idle elsewhere or is a superuser.
#
# The job is of the kind that runs when the server has started, since others
# begin with a minute; it tries until it has found somebody.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $probe = PostgreSQL::Test::Cluster->new('main');
my $library = $probe->config_data('--pkglibdir') . '/pg_cron.so';
plan skip_all => "pg_cron is not installed ($library)" unless -e $library;

my $node = guard_node('cron',
	shared_preload_libraries => 'pg_session_guard, pg_cron',
	'cron.database_name' => 'postgres',
	'cron.use_background_workers' => 'on');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_cron;
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE DATABASE shop;
});
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
my $command = q{
DO $$
BEGIN
	WHILE NOT EXISTS (SELECT FROM terminate_idle_sessions('1 s', 'shop', reason => 'nightly') WHERE outcome = 'terminated')
	LOOP
		PERFORM pg_sleep(0.1);
	END LOOP;
END $$};
$node->safe_psql('postgres',
	"SELECT cron.schedule_in_database('idle', '\@reboot', \$cron\$$command\$cron\$, 'shop', 'janitor')");
$node->restart;
$node->poll_query_until('postgres', "SELECT status = 'running' FROM cron.job_run_details")
  or die 'the job does not run';

# The innocent are there before the culprit, so that the job meets them first.
my $working = open_session($node, dbname => 'shop');
my $working_pid = pid_of($working);
start_query($working, 'SELECT pg_sleep(3600)');
wait_for_status($node, $working_pid, "wait_event = 'PgSleep'");
my $elsewhere = open_session($node);
my $root = open_session($node, dbname => 'shop', user => $superuser);
my ($elsewhere_pid, $root_pid) = map { pid_of($_) } $elsewhere, $root;
wait_until_unchanged_for($node, '1 s', $elsewhere_pid, $root_pid);
my $culprit = open_session($node, dbname => 'shop');
my $culprit_pid = pid_of($culprit);

$node->poll_query_until('postgres',
	"SELECT count(*) < 4 FROM pg_stat_activity
	 WHERE pid IN ($culprit_pid, $working_pid, $elsewhere_pid, $root_pid)")
  or die 'the job ends nobody';
ok(!is_alive($node, $culprit_pid), 'who is idle in the database goes');
ok(is_alive($node, $working_pid), 'who works there stays');
ok(is_alive($node, $elsewhere_pid), 'who is idle elsewhere stays');
ok(is_alive($node, $root_pid), 'a superuser, whom the job may not end, stays');
$node->poll_query_until('postgres', "SELECT status = 'succeeded' FROM cron.job_run_details")
  or die 'the job does not succeed';
pass('the job says that it has succeeded');
my @lines = guard_lines($node, qr/LOG:  terminating session/);
is(scalar @lines, 1, 'the log has a line of one session');
like(
	$lines[0],
	qr/terminating session $culprit_pid \(.*\): requested by role "janitor" with terminate_idle_sessions\(idle_for => '1 s', dbname => 'shop'\): "nightly"$/,
	'which says who has requested it, by which filters and why');

close_sessions($culprit, $working, $elsewhere, $root);
$node->stop;
done_testing();
