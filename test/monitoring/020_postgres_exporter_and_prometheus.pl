# A real exporter and a real Prometheus: they have what the view has, count the end of a culprit and
# not of the innocent beside it, and each alert and panel can be asked of them.  Alerts are silent on a
# sound server, and speak when the guard is not well.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Monitoring;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	listen_addresses => '127.0.0.1',
	'pg_session_guard.node' => 'a',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.idle_in_transaction_session_timeout' => '300ms');
$node->safe_psql('postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
wait_for_history_writer($node);
my ($exporter, $address) = start_postgres_exporter($node);
my $prometheus = start_prometheus($address);
my $limit = 'idle_in_transaction_session_timeout';

# What Prometheus has of one series.
sub value_of
{
	my ($series) = @_;
	my ($found) = ask_prometheus($prometheus, $series);

	return $found ? $found->[1] : undef;
}

sub wait_for_value
{
	my ($expression, $what) = @_;

	return wait_until(sub { scalar ask_prometheus($prometheus, $expression) }, "$what: $expression");
}

# The names of the alerts whose expressions hold now.
my $alerts;

sub holding
{
	return join ' ', grep { scalar ask_prometheus($prometheus, $alerts->{$_}) } sort keys %$alerts;
}

sub wait_for_alerts
{
	my ($expected, $what) = @_;

	wait_until(sub { holding() eq $expected }, "$what; not " . holding());
	return is(holding(), $expected, $what);
}

# All series of the view, with the view's values.
wait_for_value('pg_session_guard_up == 1', 'the guard is told of');
my ($seen, $shown) = (series_of($prometheus), view_series($node));
is_deeply([ sort keys %$seen ], [ sort keys %$shown ], 'Prometheus has the series of the view');
my @steady = grep { /_actions_|_outcomes_|_in_force|_rules|_horizon_|_connections\{|_requests_/ && !/free/ } sort keys %$shown;
wait_until(sub { my $now = series_of($prometheus); !grep { $now->{$_} != $shown->{$_} } @steady }, 'values agree');
cmp_ok(scalar @steady, '>', 100, 'with its values');

# A culprit and an innocent.
my $count = "pg_session_guard_actions_total{limit=\"$limit\", action=\"terminate\", node=\"main\"}";
my $others = 'sum(pg_session_guard_actions_total) - on () ' . $count;
is(value_of($count), 0, 'nobody was ended');
my $innocent = RawSession->connect($node);
my $culprit = RawSession->connect($node);
$innocent->query('SELECT 1');
$culprit->query('BEGIN');
$culprit->read_to_end;
wait_for_value("$count == 1", 'one was');
is(value_of($others), 0, 'and nothing else is counted');
wait_for_value("pg_session_guard_outcomes_total{limit=\"$limit\", outcome=\"terminated\"} == 1", 'its end is confirmed');
wait_for_value("pg_session_guard_lateness_max_seconds{limit=\"$limit\"} >= 0", 'how late it was is told');
is(value_of('pg_session_guard_history_rows_total') // 0, $node->safe_psql('postgres', 'SELECT history_rows FROM session_guard.stats'),
	'and in the history') if wait_for_value('pg_session_guard_history_rows_total == 1', 'it is in the history');
is($innocent->query('SELECT 42'), '42', 'the innocent lives');

# By a function.
$node->safe_psql('postgres', "SELECT * FROM terminate_session(${\ $innocent->pid })");
wait_for_value('pg_session_guard_requests_total == 1', 'a request is counted');
is(value_of($count), 1, 'as such');

# What is so at the moment.
my $holder = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $waiter = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
$node->safe_psql('postgres', 'CREATE TABLE held ()');
$holder->query($_) for 'BEGIN', 'LOCK held', 'SELECT txid_current()';
let_wait($node, $waiter, 'SELECT FROM held');
$node->safe_psql('postgres', 'SELECT txid_current()') for 1 .. 5;
wait_for_value('pg_session_guard_longest_blocker_seconds > 0', 'a wait for a lock');
wait_for_value('pg_session_guard_oldest_idle_in_transaction_seconds > 0', 'who is idle in transaction');
wait_for_value('pg_session_guard_horizon_age_transactions{kind="session"} >= 5', 'what vacuum waits for');
is(value_of('pg_session_guard_horizon_age_transactions{kind="replication slot"}'), 0, 'by its kind');
$_->quit for $holder, $waiter;
wait_for_value('pg_session_guard_longest_blocker_seconds == 0', 'nobody waits any more');

# Alerts: first of a sound server.
$alerts = alert_expressions($prometheus);
is(scalar keys %$alerts, 15, 'Prometheus has read the alerts');
is(holding(), '', 'on a sound server none holds');
$node->safe_psql('postgres', q{INSERT INTO session_guard.rule (position, name, roles, idle_session_timeout)
	VALUES (1, 'dangling', '{absent}', '1 h')});
wait_for_alerts('PgSessionGuardRuleProblem', 'a rule of a role that does not exist');
$node->safe_psql('postgres', 'DELETE FROM session_guard.rule');
set_limits($node, mode => 'log');
wait_for_alerts('PgSessionGuardNotEnforcing', 'mode log');
$culprit = RawSession->connect($node);
$culprit->query('BEGIN');
wait_for_value("pg_session_guard_actions_total{limit=\"$limit\", action=\"log\"} == 1", 'a line in the log is counted');
is(value_of($count), 1, 'as such');
$culprit->quit;

# By now each panel has something to show.
for my $panel (panels())
{
	my ($title, @expressions) = @$panel;
	my @empty;

	wait_until(
		sub {
			@empty = grep { !ask_prometheus($prometheus, $_) } @expressions;
			return !@empty;
		},
		"panel $title shows something; not @expressions");
	ok(!@empty, "panel \"$title\" shows something");
}
set_limits($node, mode => 'enforce');
wait_for_alerts('', 'all is well again');

# A history writer that hangs, seen in a shorter time than the alert's.
my $stands = $alerts->{PgSessionGuardHistoryStands} =~ s/15m/10s/gr;
my $superuser = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $writer = wait_for_history_writer($node);
freeze_asleep($superuser, $writer);
$superuser->quit;
wait_until(sub { !ask_prometheus($prometheus, 'increase(pg_session_guard_history_rows_total[10s]) > 0') }, 'nothing is written');
$culprit = RawSession->connect($node);
$culprit->query('BEGIN');
$culprit->read_to_end;
wait_for_value($stands, 'a history that stands');
is(value_of('pg_session_guard_history_writer_up'), 1, 'while its writer seems to run');
is(value_of('pg_session_guard_history_failures_total'), 0, 'and has not failed');
thaw_process($writer);
wait_until(sub { !ask_prometheus($prometheus, $stands) }, 'it goes on');
wait_for_alerts('', 'and all is well');

# A guard that hangs.
my $pid = wait_for_guard($node);
freeze_process($pid);
wait_for_value('pg_session_guard_scan_overdue_seconds > 1 and pg_session_guard_heartbeat_age_seconds > 1', 'a guard that hangs');
thaw_process($pid);
wait_for_value('pg_session_guard_scan_overdue_seconds == 0 and pg_session_guard_heartbeat_age_seconds < 2', 'it goes on');

# No guard: the alerts of the modes are not added to that.
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'nowhere'\n");
$node->restart;
wait_for_alerts('PgSessionGuardDown PgSessionGuardHistoryWriterDown', 'no guard and no writer');
ok(!(grep { $_->{lastError} } map { @{ $_->{rules} } } @{ Monitoring::ask_api_get($prometheus, 'rules')->{groups} }),
	'no rule has failed');
my ($down) = grep { $_->{labels}{alertname} eq 'PgSessionGuardDown' } @{ Monitoring::ask_api_get($prometheus, 'alerts')->{alerts} };
like($down->{annotations}{summary}, qr/^No guard runs on \Q$address\E: /, 'the alert says where');
ok(!(grep { /error expanding/ } map { values %{ $_->{annotations} } } @{ Monitoring::ask_api_get($prometheus, 'alerts')->{alerts} }),
	'and all of them can be worded');
is($down->{labels}{node}, 'main', 'with the labels of the scrape');

# Nobody who tells.
stop_program($exporter);
wait_for_alerts('PgSessionGuardMetricsGone', 'no exporter, which is told once');

$node->stop;
done_testing();
