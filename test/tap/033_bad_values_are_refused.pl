# A bad value in the configuration file is refused with a line in the log, and
# the limit that was in force before goes on to bind; ALTER SYSTEM does not
# even write one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

# What ALTER SYSTEM says to a value: its SQLSTATE and its message.
sub refusal
{
	my ($setting, $value) = @_;
	my ($result, $stdout, $stderr) = $node->psql('postgres',
		"\\set VERBOSITY verbose\nALTER SYSTEM SET pg_session_guard.$setting = '$value'");

	return $stderr;
}

my $name = 'pg_session_guard.idle_session_timeout';
like(refusal('idle_session_timeout', '-1'), qr/ERROR:  22023: -1 .*is outside the valid range/, 'negative');
like(
	refusal('idle_session_timeout', '50ms'),
	qr/ERROR:  22023: invalid value for parameter "$name": 50\nDETAIL:  The value must be 0 or at least 100 ms\./,
	'too short to be kept');
like(
	refusal('idle_session_timeout', 'soon'),
	qr/ERROR:  22023: invalid value for parameter "$name": "soon"/,
	'no number');
like(
	refusal('database', 'template1'),
	qr/ERROR:  22023: invalid value for parameter "pg_session_guard.database": "template1"\nDETAIL:  .*keep others from copying it/,
	'a database that everybody copies');
like(refusal('node', $_), qr/ERROR:  22023: invalid value for parameter "pg_session_guard.node": .*\nDETAIL:  .*printable ASCII/, "no name of a node: $_")
  for 'kn\xc3\xbcpfel', 'a"b', 'a\\b', 'x' x 64;
like(refusal('mode', 'kill'), qr/ERROR:  22023: .*\n.*HINT:  Available values: enforce, log, off\./, 'no such mode');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%postgresql.auto.conf'"),
	'0',
	'nothing was written');

# The file may hold what ALTER SYSTEM refuses.  The last line of a setting
# counts, and a good one beside it is taken over.
my $offset = log_size($node);
$node->append_conf(
	'postgresql.conf', q(
pg_session_guard.idle_in_transaction_session_timeout = '50ms'
pg_session_guard.idle_session_timeout = 'never'
pg_session_guard.cancel_grace = '7s'
));
$node->reload;
$node->poll_query_until('postgres',
	"SELECT setting = '7000' FROM pg_settings WHERE name = 'pg_session_guard.cancel_grace'")
  or die 'the reload did not come through';

is( scalar guard_lines($node, qr/LOG:  invalid value for parameter "pg_session_guard.idle_in_transaction_session_timeout": 50$/, $offset),
	1,
	'the log says which value is refused');
is(scalar guard_lines($node, qr/LOG:  invalid value for parameter "$name": "never"/, $offset),
	1, 'and names the other as well');

my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;
$culprit->query('BEGIN');
wait_for_end($node, $culprit_pid);
is( scalar guard_lines($node, qr/LOG:  terminating session $culprit_pid .*idle_in_transaction_session_timeout is 500 ms/),
	1,
	'the old limit stays in force');
ok(is_alive($node, $idle_pid), 'and the limit that was never good binds nobody');

close_sessions($culprit, $idle);
$node->stop;
done_testing();
