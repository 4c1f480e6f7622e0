# Exporters and a Prometheus for the tests of monitoring/: programs of the distribution, on ports of
# the test's own, that end with it.
package Monitoring;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use FindBin;
use GuardTest;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  monitoring_file start_postgres_exporter start_sql_exporter start_prometheus stop_program
  ask_prometheus ask_api series_of view_series own_labels
  alert_expressions panels);

my $http = HTTP::Tiny->new(timeout => 10);
my @programs;

# What is in monitoring/, and where.
sub monitoring_file
{
	my ($name) = @_;

	return "$FindBin::RealBin/../../monitoring/$name";
}

# Start a program, and wait until it answers at an address.
sub start_program
{
	my ($address, @command) = @_;
	my $log = PostgreSQL::Test::Utils::tempdir() . '/program' . @programs . '.log';
	my $program = IPC::Run::start(\@command, '<', \undef, '>', $log, '2>&1');

	push @programs, $program;
	eval { wait_until(sub { $http->get("http://$address")->{success} }, "$command[0] answers"); 1 }
	  or die $@ . slurp_file($log);
	return $program;
}

sub stop_program
{
	my ($program) = @_;

	$program->kill_kill(grace => 5);
	@programs = grep { $_ != $program } @programs;
	return;
}

END
{
	local $? = $?;
	$_->kill_kill for @programs;
}

# Start prometheus-postgres-exporter with the queries that are shipped; the program, and where it
# tells its metrics.
sub start_postgres_exporter
{
	my ($node) = @_;
	my $address = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();

	local $ENV{DATA_SOURCE_NAME} =
	  "host=127.0.0.1 port=${\ $node->port } user=monitor dbname=postgres sslmode=disable";
	my $program = start_program("$address/metrics", 'prometheus-postgres-exporter',
		'--extend.query-path=' . monitoring_file('postgres_exporter.yaml'),
		"--web.listen-address=$address");
	return ($program, $address);
}

# The same of prometheus-sql-exporter, with the configuration that is shipped, for this server.
sub start_sql_exporter
{
	my ($node) = @_;
	my $address = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
	my $file = PostgreSQL::Test::Utils::tempdir() . '/sql_exporter.yml';
	my $configuration = slurp_file(monitoring_file('sql_exporter.yml'));

	$configuration =~ s/127\.0\.0\.1:5432/127.0.0.1:${\ $node->port }/ or die 'no address';
	$configuration =~ s/interval: 15s/interval: 1s/ or die 'no interval';
	append_to_file($file, $configuration);
	my $program = start_program("$address/metrics", 'prometheus-sql-exporter', "-config.file=$file",
		"-web.listen-address=$address");
	return ($program, $address);
}

# Start a Prometheus that asks an exporter often, with the rules that are shipped and further lines
# for its scrape configuration; returns its address.
sub start_prometheus
{
	my ($exporter, $lines) = @_;
	my $address = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
	my $folder = PostgreSQL::Test::Utils::tempdir();

	append_to_file("$folder/prometheus.yml", <<"YAML" . ($lines // ''));
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
rule_files:
  - ${\ monitoring_file('alerts.yml') }
scrape_configs:
  - job_name: postgres
    static_configs:
      - targets: ['$exporter']
        labels:
          node: main
YAML
	start_program("$address/-/ready", 'prometheus', "--config.file=$folder/prometheus.yml",
		"--storage.tsdb.path=$folder/data", "--web.listen-address=$address", '--log.level=warn');
	return $address;
}

# What the API of a Prometheus answers; dies if it does not succeed.
sub ask_api
{
	my ($prometheus, $path, %form) = @_;
	my $answer = $http->post_form("http://$prometheus/api/v1/$path", \%form);
	my $decoded = eval { decode_json($answer->{content}) } // {};

	die "$path " . join(' ', %form) . ": $answer->{content}" if ($decoded->{status} // '') ne 'success';
	return $decoded->{data};
}

# The present value of an expression: a list of [labels, value].
sub ask_prometheus
{
	my ($prometheus, $expression) = @_;

	return map { [ $_->{metric}, $_->{value}[1] ] }
	  @{ ask_api($prometheus, 'query', query => $expression)->{result} };
}

# Labels that are not of the view: the exporters', and those of the scrape.
sub own_labels
{
	my (%labels) = @_;

	delete @labels{qw(__name__ job instance node server database host user)};
	return join ',', map { "$_=$labels{$_}" } sort keys %labels;
}

# What Prometheus has of the guard, by name and labels.
sub series_of
{
	my ($prometheus) = @_;

	return {
		map { ("$_->[0]{__name__}\{" . own_labels(%{ $_->[0] }) . '}' => $_->[1]) }
		  ask_prometheus($prometheus, '{__name__=~"pg_session_guard_.+"}')
	};
}

# The same of the view itself.
sub view_series
{
	my ($node) = @_;

	return {
		map { my ($series, $value) = split /\t/; ($series => $value) } split /\n/,
		$node->safe_psql(
			'postgres', q{
			SELECT name || '{' || coalesce((SELECT string_agg(key || '=' || value, ',' ORDER BY key COLLATE "C")
				FROM jsonb_each_text(labels)), '') || E'}\t' || value
			FROM session_guard.metrics})
	};
}

# The expressions of the alerts, by name, as Prometheus has read them.
sub alert_expressions
{
	my ($prometheus) = @_;
	my $rules = ask_api_get($prometheus, 'rules');

	return { map { ($_->{name} => $_->{query}) } map { @{ $_->{rules} } } @{ $rules->{groups} } };
}

sub ask_api_get
{
	my ($prometheus, $path) = @_;

	return decode_json($http->get("http://$prometheus/api/v1/$path")->{content})->{data};
}

# The panels of the dashboard that show something: [title, expressions], its variables filled in.
sub panels
{
	my $dashboard = decode_json(slurp_file(monitoring_file('dashboard.json')));

	return map {
		my $panel = $_;
		[ $panel->{title},
			map { $_->{expr} =~ s/\$__rate_interval/1m/gr =~ s/"\$(?:job|instance)"/".*"/gr } @{ $panel->{targets} } ]
	} grep { $_->{type} ne 'row' } @{ $dashboard->{panels} };
}

1;
