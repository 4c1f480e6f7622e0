# The other exporter, with the lines for Prometheus that its configuration file names: series have the
# same names, labels and values as in the view.  That it tells old values when the server is down is
# noticed.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Monitoring;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	listen_addresses => '127.0.0.1',
	'pg_session_guard.node' => 'a',
	'pg_session_guard.idle_in_transaction_session_timeout' => '300ms');
$node->safe_psql('postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
wait_for_history_writer($node);
my ($exporter, $address) = start_sql_exporter($node);

# The lines that the file asks for, as they stand there.
my ($lines) = slurp_file(monitoring_file('sql_exporter.yml')) =~ /^(#   metric_relabel_configs:\n(?:#     .*\n)+)/m
  or die 'the file names no lines';
my $prometheus = start_prometheus($address, $lines =~ s/^#/ /mgr);

my $up = 'pg_session_guard_up == 1';
wait_until(sub { scalar ask_prometheus($prometheus, $up) }, 'the guard is told of');
is_deeply([ sort keys %{ series_of($prometheus) } ], [ sort keys %{ view_series($node) } ], 'Prometheus has the series of the view');
is(scalar ask_prometheus($prometheus, '{__name__=~"sql_pg.*"}'), 0, 'under no other name');

my $limit = 'limit="idle_in_transaction_session_timeout"';
my $innocent = RawSession->connect($node);
my $culprit = RawSession->connect($node);
$innocent->query('SELECT 1');
$culprit->query('BEGIN');
$culprit->read_to_end;
wait_until(sub { scalar ask_prometheus($prometheus, "pg_session_guard_outcomes_total{$limit, outcome=\"terminated\"} == 1") },
	'the end of the culprit is counted');
my ($all) = ask_prometheus($prometheus, 'sum(pg_session_guard_outcomes_total)');
is($all->[1], 1, 'and nothing else');
is($innocent->query('SELECT 42'), '42', 'the innocent lives');

# Alerts can be asked for all the same.
my $alerts = alert_expressions($prometheus);
wait_until(sub { scalar ask_prometheus($prometheus, 'pg_session_guard_history_rows_total == 1') }, 'it is in the history');
is(join(' ', grep { scalar ask_prometheus($prometheus, $alerts->{$_}) } sort keys %$alerts), '', 'on a sound server none holds');
set_limits($node, mode => 'off');
wait_until(sub { scalar ask_prometheus($prometheus, $alerts->{PgSessionGuardNotEnforcing}) }, 'mode off is noticed');

# This exporter tells what it has seen last.
my $stale = $alerts->{PgSessionGuardMetricsStale};
ok(!ask_prometheus($prometheus, $stale), 'what it tells is so');
$node->stop;
wait_until(sub { scalar ask_prometheus($prometheus, $stale) }, 'that it is not any more is noticed');
is(scalar ask_prometheus($prometheus, $up), 1, 'while it goes on telling it');

done_testing();
