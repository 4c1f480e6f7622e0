# What is shipped for monitoring is whole: the rules are valid, each alert fires where it should and
# not beside it, the dashboard can be imported, and all of them, and the manual, know the metrics that
# the view has, and no others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use JSON::PP;
use Monitoring;
use PostgreSQL::Test::Utils;
use Test::More;

for my $check ([ 'check', 'rules', monitoring_file('alerts.yml') ],
	[ 'test', 'rules', monitoring_file('alerts_test.yml') ])
{
	my $result = run_log([ 'promtool', @$check ]);
	ok($result, "promtool $check->[0] $check->[1]");
}

# Every alert has a test of its own.
my $alerts = slurp_file(monitoring_file('alerts.yml'));
my $tests = slurp_file(monitoring_file('alerts_test.yml'));
my $manual = slurp_file("$FindBin::RealBin/../../doc/monitoring.md");
my @alerts = $alerts =~ /- alert: (\w+)/g;
is(join(' ', grep { $tests !~ /labels: 'ALERTS\{alertname="$_", alertstate="firing"/ } @alerts), '', 'each alert is tested to fire');
is(join(' ', grep { $tests !~ /- alertname: $_\n.*?exp_annotations:\n +summary: "[^\n]+\n +description: /s } @alerts), '', 'and what it says then');
is(join(' ', grep { $manual !~ /\| `$_` \|/ } @alerts), '', 'the manual says what to do about each');
is(scalar(() = $alerts =~ /severity: (?:critical|warning)$/mg), scalar @alerts, 'each has a severity');

# The dashboard.
my $dashboard = decode_json(slurp_file(monitoring_file('dashboard.json')));
my @panels = @{ $dashboard->{panels} };
my %ids = map { $_->{id} => 1 } @panels;
is(scalar keys %ids, scalar @panels, 'each panel has an ID of its own');
is($dashboard->{__inputs}[0]{name}, 'DS_PROMETHEUS', 'the import asks for the data source');
is($dashboard->{id}, undef, 'no dashboard is overwritten');
my %sources = map { $_ => 1 } slurp_file(monitoring_file('dashboard.json')) =~ /"uid": "(.*?)"/g;
is(join(' ', sort keys %sources), '${DS_PROMETHEUS} -- Grafana -- pg-session-guard', 'and all is asked of that one');
my @required = map { "$_->{type} $_->{id}" } @{ $dashboard->{__requires} };
my %types = map { ("panel $_->{type}" => 1) } grep { $_->{type} ne 'row' } @panels;
is(join(', ', grep { /^panel/ } sort @required), join(', ', sort keys %types), 'it says which panels it needs');
my %taken;
for my $panel (@panels)
{
	my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};

	fail("$panel->{title} is too wide") if $x + $w > 24;
	for my $place (map { my $row = $_; map { "$row $_" } $x .. $x + $w - 1 } $y .. $y + $h - 1)
	{
		fail("$panel->{title} is over $taken{$place}") if $taken{$place};
		$taken{$place} = $panel->{title};
	}
	ok($panel->{type} eq 'row' || $panel->{description}, "$panel->{title} says what it is");
}

# Names.  What is known only once somebody was acted on is in the view then.
my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '200ms');
my $culprit = open_session($node);
my $pid = pid_of($culprit);
$culprit->query('BEGIN');
wait_for_outcome($node, 'event', $pid, 'terminated');
close_sessions($culprit);
my @names = split /\n/, $node->safe_psql('postgres', 'SELECT DISTINCT name FROM session_guard.metrics ORDER BY 1');
my %names = map { $_ => 1 } @names;

sub unknown
{
	my ($text) = @_;
	my %unknown = map { $_ => 1 } grep { !$names{$_} } $text =~ /\b(pg_session_guard_\w+)/g;

	return join ' ', sort keys %unknown;
}

is(unknown($alerts), '', 'the alerts ask for what there is');
is(unknown(join ' ', map { @$_ } panels()), '', 'so does the dashboard');
is(join(' ', grep { my $name = $_; !grep { "@$_" =~ /\b$name\b/ } panels() } grep { !/connections$|stats_reset|prepared_named|_rules$|_info$/ } @names),
	'', 'which shows nearly all');
my %documented = map { $_ => 1 } $manual =~ /^\| `(pg_session_guard_\w+)/mg;
is(join(' ', sort keys %documented), join(' ', @names), 'the manual has each metric');
my %types_of = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT DISTINCT name, type FROM session_guard.metrics');
is(join(' ', grep { $tests !~ /- alertname: $_\n.*?exp_annotations:\n +summary: "[^\n]+\n +description: /s } @alerts), '', 'and what it says then');
is(join(' ', grep { $manual !~ /^\| `$_`.* \| $types_of{$_} \|/m } @names), '', 'and its type');

$node->stop;
done_testing();
