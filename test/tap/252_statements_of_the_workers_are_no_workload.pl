# What the workers run themselves is nobody's workload: it is neither in
# pg_stat_statements nor in the log of auto_explain.  A user's statement is, even
# one of the same text.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $libraries = PostgreSQL::Test::Cluster->new('probe')->config_data('--pkglibdir');
for my $library (qw(auto_explain pg_stat_statements))
{
	plan skip_all => "$library is not installed" unless -e "$libraries/$library.so";
}

# They list whatever they can, and what is set for the workers' database and
# role says so, too.
my %lists = (
	'auto_explain.log_min_duration' => '0',
	'auto_explain.log_nested_statements' => 'on',
	'pg_stat_statements.track' => 'all',
	'pg_stat_statements.track_planning' => 'on');
my $node = guard_node_without_extension(
	'main',
	shared_preload_libraries => 'pg_stat_statements, pg_session_guard, auto_explain',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.history_retention' => '1h',
	%lists);
$node->safe_psql('postgres',
	join ';',
	'CREATE EXTENSION pg_stat_statements',
	'CREATE EXTENSION pg_session_guard',
	map { ("ALTER DATABASE postgres SET $_ = '$lists{$_}'", "ALTER ROLE CURRENT_USER SET $_ = '$lists{$_}'") }
	  sort keys %lists);
my $writers = q{FROM pg_stat_activity WHERE backend_type = 'pg_session_guard history'};
my $old_writer = $node->safe_psql('postgres', "SELECT pid $writers");
replace_guard($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old_writer)");
$node->poll_query_until('postgres', "SELECT true $writers AND pid <> $old_writer AND state = 'idle'");

# How often statements of a text have run.
sub calls_of
{
	my ($pattern) = @_;

	return $node->safe_psql('postgres',
		"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query ~ '$pattern'");
}

# The pids whose plans of such statements are in the log, once for each plan.
sub explained_by
{
	my ($pattern) = @_;
	my $log = slurp_file($node->logfile);

	return map { $_->[0] } grep { $_->[1] =~ /$pattern/ }
	  map { [ /^\N*?\[(\d+)\]/, /^\tQuery Text: (.*?)^\t[^\t ]/ms ? $1 : '' ] }
	  grep { /LOG:  duration: \N* plan:$/m } split /^(?=\d{4}-)/m, $log;
}

# The guard scans; the writer writes and deletes.
set_limits($node, idle_session_timeout => '1h');
$node->safe_psql(
	'postgres', q{
	INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, action, outcome)
	SELECT now(), -1, now() - interval '2 hours', 'guard', 1, 'terminate', 'terminated'});
my $session = open_session($node);
my $pid = pid_of($session);
$node->safe_psql('postgres', "SELECT terminate_session($pid)");
close_sessions($session);
wait_for_outcome($node, 'history', $pid, 'terminated');
$node->reload;
wait_until(
	sub { $node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.history WHERE number = -1') eq '0' },
	'the expired row is deleted');
wait_for_scan($node, 10);

my $scan = 'SELECT pg_catalog.pg_stat_get_backend_pid(id) FROM pg_catalog.pg_stat_get_backend_idset() AS id';
my $scan_pattern = '^SELECT pg_catalog.pg_stat_get_backend_pid';
my $delete_pattern = '^DELETE FROM session_guard.history';
is(calls_of($scan_pattern), '0', 'scans are not counted');
is(calls_of('^INSERT INTO session_guard.history .*ON CONFLICT'), '0', 'writing is not counted');
is(calls_of($delete_pattern), '0', 'deleting is not counted');
my %workers = map { $_ => 1 } split /\n/,
  $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_session_guard%'});
is(scalar keys %workers, 2, 'both workers are there');
my @explained = explained_by('');
cmp_ok(scalar @explained, '>', 5, 'plans of users are in the log');
is(join(' ', grep { $workers{$_} } @explained), '', 'none of them is of a worker');

# The same statements by a user.
$node->safe_psql('postgres', $scan);
$node->safe_psql('postgres', 'DELETE FROM session_guard.history WHERE false');
is(calls_of($scan_pattern), '1', 'a user\'s statement of the same text is counted');
is(calls_of($delete_pattern), '1', 'so is one that deletes');
is(scalar(my @plans = explained_by(quotemeta $scan)), 1, 'the plan of a user\'s statement of the same text is in the log');

# A reload does not bring the workers' statements back.
$node->reload;
wait_for_scan($node, 10);
is(calls_of($scan_pattern), '1', 'scans are not counted after a reload');
$node->stop;

done_testing();
