# What DBAs are taught, done in a shell with psql -c: put load on a database,
# list its sessions, cancel a statement, terminate a session, see that the one
# is still connected and the other gone.  Commands that fail say so by their
# exit status.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40);

$node->safe_psql('postgres', 'CREATE DATABASE apps');

# The environment that a DBA has.
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
local $ENV{PGDATABASE} = 'postgres';
delete local $ENV{PGAPPNAME};

# Run a command line; its exit status, output and errors.
sub shell
{
	my ($command) = @_;
	my ($output, $error) = ('', '');

	note $command;
	IPC::Run::run([ 'sh', '-c', $command ], '<', \undef, '>', \$output, '2>', \$error);
	my $status = $? >> 8;
	chomp $output;
	note "status $status, output: $output", $error eq '' ? '' : ", errors: $error";
	return ($status, $output, $error);
}

# Run a command that must succeed; its output.
sub done
{
	my ($command) = @_;
	my ($status, $output, $error) = shell($command);

	is($status, 0, $command);
	return $output;
}

done('pgbench -i -q -s 1 apps');

my ($load_output, $load_error) = ('', '');
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 10, '-T', 600, 'apps' ],
	'<', \undef, '>', \$load_output, '2>', \$load_error);
my $report = RawSession->connect($node,
	dbname => 'apps', user => $ENV{PGUSER}, application_name => 'report');
$report->send_query('SELECT count(*), pg_sleep(600) FROM pgbench_accounts');
$node->poll_query_until('postgres',
	q{SELECT count(*) FILTER (WHERE application_name = 'pgbench') = 10
	    AND count(*) FILTER (WHERE application_name = 'report' AND wait_event = 'PgSleep') = 1
	  FROM session_guard.session WHERE datname = 'apps'})
  or die 'not all sessions have come';

# List.
is(
	done(q{psql -Atc "SELECT application_name, count(*), count(query), count(backend_start),
	                   bool_or(is_self) FROM session_guard.session
	                  WHERE datname = 'apps' GROUP BY 1 ORDER BY 1"}),
	"pgbench|10|10|10|f\nreport|1|1|1|f", 'all sessions of the database are listed');
my ($culprit) = split /\n/,
  done(q{psql -Atc "SELECT pid FROM session_guard.session WHERE datname = 'apps'
                    AND query LIKE '%pg_sleep%'"});
is($culprit, $report->pid, 'and the long statement is found by its text');

# Cancel one.
is(done(qq{psql -Atc "SELECT pid, outcome FROM cancel_query($culprit)"}), "$culprit|canceled",
	'it is canceled');
$report->read_result;
is($report->sqlstate, '57014', 'its client is told');

# Terminate another.
my ($victim, @others) = split /\n/,
  done(q{psql -Atc "SELECT pid FROM session_guard.session WHERE application_name = 'pgbench'"});
is(done(qq{psql -Atc "SELECT pid, outcome FROM terminate_session($victim)"}), "$victim|terminated",
	'another session is terminated');

# The one is still connected, the other is gone, and so is nobody else.
is(
	done(qq{psql -Atc "SELECT pid, state FROM pg_stat_activity WHERE pid IN ($culprit, $victim)"}),
	"$culprit|idle", 'the one is still connected and idle, the other is gone');
is($report->query('SELECT 42'), '42', 'and it works');
is(done(q{psql -Atc "SELECT count(*) FROM session_guard.session WHERE application_name = 'pgbench'"}),
	9, 'nine of ten clients go on');
wait_until(
	sub {
		$load->pump_nb;
		return $load_error =~ /abort/;
	},
	'pgbench notices');
is(scalar(() = $load_error =~ /terminating connection due to administrator command/g), 1,
	'one client was told');

# Scripts see by the exit status that something was wrong.
my ($status, $output, $error) = shell(q{psql -Atc "SELECT * FROM terminate_db_sessions('app')"});
is($status, 1, 'a name that does not exist makes the command fail');
like($error, qr/database "app" does not exist/, 'and is named');
($status, $output, $error) = shell(
	q{DB=; psql -Atc "SELECT * FROM terminate_sessions(dbname => nullif('$DB', ''), username => '$PGUSER')"});
is($status, 1, 'so does a variable that is not set');
like($error, qr/argument "dbname" must not be null/, 'and is named');
is(done(q{psql -Atc "SELECT count(*) FROM session_guard.session WHERE datname = 'apps'"}), 10,
	'which has ended nobody');

# The clean-up: several statements in one command line, and all of it at the end.
is(
	done(q{psql -At -v ON_ERROR_STOP=1 -v db=apps -f - <<'EOF'
		SELECT outcome, count(*) FROM terminate_db_sessions(:'db', true) GROUP BY 1;
		DROP DATABASE :"db";
EOF}),
	"terminated|10\nDROP DATABASE", 'the database is emptied and dropped by a script');
$load->finish;
$report->abandon;
($status) = shell(q{psql -Atc "SELECT * FROM terminate_all_sessions(except_self => false)"});
is($status, 2, 'a caller that ends itself too has lost its connection');

$node->stop;
done_testing();
