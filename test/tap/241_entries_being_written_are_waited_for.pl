# A session whose backend-status entry is being written is left out of nothing:
# views and functions wait until it can be read, and can be interrupted while
# they do.  Only the guard does not wait: it acts on the others, and on this one
# when it can.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $compiler = $ENV{CC} // 'cc';
plan skip_all => 'no C compiler to build a writer that stops in the middle'
  if system("$compiler --version > /dev/null 2>&1") != 0;
my $library = "${PostgreSQL::Test::Utils::tmp_check}/half_written.so";
my ($headers) = run_command([ $ENV{PG_CONFIG} // 'pg_config', '--includedir-server' ]);
system_or_bail(split(' ', $compiler), '-shared', '-fPIC', "-I$headers", '-o', $library,
	"$FindBin::RealBin/../perl/half_written.c");

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $gate = $node->data_dir . '/gate';
$node->safe_psql('postgres',
	"CREATE FUNCTION half_written(path text) RETURNS void STRICT LANGUAGE c AS '$library', 'half_written'");
my %session = map { $_ => RawSession->connect($node) } qw(writer running);
my $observer = RawSession->connect($node, user => $superuser);
my $pid = $session{writer}->pid;
my $backend_start = $observer->query("SELECT backend_start FROM session_guard.session WHERE pid = $pid");
my %query = (
	'session' => "SELECT count(*) FROM session_guard.session WHERE pid = $pid",
	'schedule' => "SELECT count(*) FROM session_guard.schedule WHERE pid = $pid AND limit_name = 'idle_session_timeout'",
	'selection' => "SELECT count(*) FROM cancel_queries(username => 'web', dry_run => true) WHERE pid = $pid",
	'one pid' => "SELECT count(*) FROM cancel_query($pid, '$backend_start', dry_run => true)
		WHERE outcome = 'dry run'",
	'interrupted' => 'SELECT count(*) FROM session_guard.session');
my %reader = map { $_ => RawSession->connect($node, user => $superuser) } keys %query;

# From here on who reads pg_stat_activity would wait, too.
set_limits($node, idle_session_timeout => '1h');
$session{writer}->send_query("SELECT half_written('$gate'), pg_sleep(600)");
wait_until(sub { -e "$gate.begun" }, 'the writer is in the middle of writing');
$reader{$_}->send_query($query{$_}) for keys %query;
my $all = join ', ', map { $_->pid } values %reader;
wait_until(
	sub {
		return $observer->query("SELECT count(DISTINCT pid) FROM pg_locks WHERE pid IN ($all)") eq keys %reader;
	},
	'all readers have begun');

# The guard goes on: it scans, and takes over settings, whatever it was asleep for.
my $scans = $observer->query('SELECT scans FROM session_guard.stats');
$observer->query(q{ALTER SYSTEM SET pg_session_guard.statement_timeout = '100ms'});
$observer->query('SELECT pg_reload_conf()');
$session{running}->send_query('SELECT pg_sleep(600)');
$session{running}->read_until('E');
is($session{running}->sqlstate, '57014', 'the guard acts on whoever can be read');
wait_until(sub { $observer->query('SELECT scans FROM session_guard.stats') > $scans + 5 }, 'the guard has gone on to scan');
is($observer->query("SELECT count(*) FROM session_guard.event WHERE pid = $pid"),
	'0', 'and leaves whoever cannot be read');

is( $observer->query("SELECT count(DISTINCT pid) FROM pg_locks WHERE pid IN ($all)"),
	scalar(keys %reader), 'readers wait for it');
$observer->query("SELECT pg_cancel_backend(${\$reader{interrupted}->pid})");
$reader{interrupted}->read_until('Z');
is($reader{interrupted}->sqlstate, '57014', 'and can be interrupted');

# It is not to be faster than the readers once the entry can be read.
$observer->query('ALTER SYSTEM RESET pg_session_guard.statement_timeout');
$observer->query('SELECT pg_reload_conf()');
wait_until(
	sub { $observer->query(q{SELECT 'statement_timeout' <> ALL (limits) FROM session_guard.stats}) eq 't' },
	'the guard has taken over that there is no limit');
append_to_file($gate, '');
for my $name (grep { $_ ne 'interrupted' } sort keys %query)
{
	is($reader{$name}->read_result, '1', "$name: it is there");
}
set_limits($node, statement_timeout => '100ms');
$session{writer}->read_until('E');
is($session{writer}->sqlstate, '57014', 'the guard comes to act on it, too');

$_->abandon for $observer, values %session, values %reader;
$node->stop;
done_testing();
