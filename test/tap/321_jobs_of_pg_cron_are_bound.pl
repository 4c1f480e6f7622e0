# background_workers: a job that pg_cron runs in a background worker is left alone by
# the limits of its role unless its type is listed.  Then its statement is canceled,
# and what swallows that is terminated; jobs without a limit, a superuser's, and
# all other workers stay.
#
# The jobs are of the kind that runs when the server has started, since others begin
# with a minute.

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

my $node = guard_node(
	'cron',
	shared_preload_libraries => 'pg_session_guard, pg_cron',
	max_worker_processes => 16,
	'cron.database_name' => 'postgres',
	'cron.use_background_workers' => 'on',
	'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_cron;
	CREATE ROLE limited LOGIN;
	CREATE ROLE stubborn LOGIN;
	CREATE ROLE free LOGIN;
	ALTER ROLE stubborn SET pg_session_guard.cancel_grace = '500ms'});
create_parallel_table($node, 'ROLE web');
create_parallel_functions($node);

my $sleep = 'SELECT pg_sleep(3600)';
my %job = (limited => $sleep, free => $sleep, $superuser => $sleep, stubborn => stubborn_statement());
$node->safe_psql('postgres', "SELECT cron.schedule_in_database('$_', '\@reboot', \$cron\$$job{$_}\$cron\$, 'postgres', '$_')")
  for sort keys %job;
$node->restart;
wait_for_guard($node);

# The pids of the jobs by role.
my %pid;
wait_until(
	sub {
		%pid = map { split /\|/ } split /\n/, $node->safe_psql('postgres',
			q{SELECT usename, pid FROM pg_stat_activity WHERE backend_type = 'pg_cron' AND wait_event = 'PgSleep'});
		return keys %pid == 4;
	},
	'all jobs run');
my $launcher = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_cron launcher'});

# A session of a client, with parallel workers, which are workers in the background as well.
my $client = RawSession->connect($node);
$client->send_query('SELECT count(hang()) FROM big');
my @parallel = wait_for_parallel_workers($node, $client, 2, "wait_event = 'PgSleep'");

# What is there still, of jobs, launcher and parallel workers.
sub still_there
{
	my %name = (reverse(%pid), $launcher => 'launcher', map { $_ => 'parallel' } @parallel);
	my @there = split /\n/, $node->safe_psql('postgres',
		'SELECT pid FROM pg_stat_activity WHERE pid IN (' . join(', ', keys %name) . ')');

	return join ' ', sort map { $name{$_} eq $superuser ? 'superuser' : $name{$_} } @there;
}

# The kinds of processes that the view has; the schedule goes by the same.
sub kinds_in
{
	my ($view) = @_;

	return $node->safe_psql('postgres',
		qq{SELECT string_agg(DISTINCT backend_type, ', ' ORDER BY backend_type)
		 FROM session_guard.$view JOIN pg_stat_activity USING (pid)});
}

# Only who is listed is bound.  The limits are far exceeded before.
wait_for_status($node, $pid{$_}, "clock_timestamp() - query_start > '1 s'") for 'limited', 'stubborn', $superuser;
$node->safe_psql('postgres', "ALTER ROLE $_ SET pg_session_guard.statement_timeout = '1s'")
  for 'limited', 'stubborn', $superuser;
$node->safe_psql('postgres', "ALTER ROLE free SET pg_session_guard.$_ = '1s'")
  for 'idle_session_timeout', 'session_timeout', 'idle_in_transaction_session_timeout';
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.statement_timeout = '1h'});
set_limits($node, background_workers => 'pg_cro, "pg_cron job", cron');
wait_for_scan($node, 5);
is(still_there(), 'free launcher limited parallel parallel stubborn superuser', 'nobody is ended whose type is not listed');
is(kinds_in('session'), 'client backend', 'nor is it a session');
is(kinds_in('schedule'), 'client backend', 'nor in the schedule');

# From now on pg_cron's jobs are.  The guard is held still until the schedule was read.
my $guard = wait_for_guard($node);
my $root = RawSession->connect($node, user => $superuser);
freeze_asleep($root, $guard);
set_limits($node, background_workers => 'pg_cron, "pg_cron launcher"');
is(kinds_in('session'), 'client backend, pg_cron', 'jobs are sessions, and no other worker is, a launcher not even if it is listed');
is(kinds_in('schedule'), 'client backend, pg_cron', 'and so they are in the schedule');
is( $node->safe_psql(
		'postgres', q{SELECT string_agg(concat_ws(' ', usename, limit_name, action, spared), ', ' ORDER BY usename, limit_name)
		FROM session_guard.schedule WHERE usename IN ('limited', 'free')}),
	'free idle_in_transaction_session_timeout terminate background worker, '
	  . 'free idle_session_timeout terminate background worker, '
	  . 'free session_timeout terminate background worker, limited statement_timeout cancel',
	'limits on clients spare them');
thaw_process($guard);
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ($pid{limited}, $pid{stubborn})")
  or die 'the jobs go on';
pass('jobs over the limit of their role end');
wait_for_scan($node, 5);
is(still_there(), 'free launcher parallel parallel superuser', 'and all others stay');
wait_for_outcome($node, 'event', $pid{limited}, 'canceled', q{limit_name = 'statement_timeout' AND action = 'cancel'});
wait_for_outcome($node, 'event', $pid{stubborn}, 'terminated', q{limit_name = 'statement_timeout' AND action = 'terminate'});
my $in_force = 'pg_session_guard.statement_timeout is in force for some roles or databases, 2 sessions are over it now';
ok(guard_lines($node, qr/LOG:  \Q$in_force\E, ending 10 per second; 2 are spared \(2 superusers\)/),
	'the log says how many are over a limit that binds them now');
like(
	(guard_lines($node, qr/canceling statement of session $pid{limited}/))[0],
	qr/\(user "limited", database "postgres", application "", background worker "pg_cron"\): statement running for \S+ m?s(?: \S+ m?s)?, pg_session_guard.statement_timeout is 1 s \(role "limited"\)$/,
	'and what kind of session it was');

# pg_cron is told why, and keeps it.
for my $job ('limited', 'stubborn')
{
	$node->poll_query_until('postgres', "SELECT status = 'failed' FROM cron.job_run_details WHERE username = '$job'")
	  or die "job $job does not fail";
	like(
		$node->safe_psql('postgres', "SELECT return_message FROM cron.job_run_details WHERE username = '$job'"),
		qr/DETAIL: Statement running for .*; pg_session_guard.statement_timeout is 1 s \(role "$job"\)/,
		"$job: pg_cron says why");
}

# What is not listed any more is not bound any more.
set_limits($node, background_workers => '');
wait_for_scan($node, 1);
$node->safe_psql('postgres', q{ALTER ROLE free SET pg_session_guard.statement_timeout = '1s'});
wait_for_scan($node, 5);
is(still_there(), 'free launcher parallel parallel superuser', 'whose type is listed no more stays');

$_->abandon for $client, $root;
$node->stop;
done_testing();
