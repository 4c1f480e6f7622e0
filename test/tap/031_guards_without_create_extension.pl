# The guard works by its settings alone: CREATE EXTENSION is only for the SQL
# side, and this server has never run it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node_without_extension('main',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;

$culprit->query('BEGIN');
wait_for_end($node, $culprit_pid);
wait_until_unchanged_for($node, '1 s', $idle_pid);
ok(is_alive($node, $idle_pid), 'who is outside a transaction stays');
is( scalar guard_lines($node, qr/LOG:  terminating session $culprit_pid .* is 500 ms \(configuration file\)/),
	1,
	'who stays in one is ended, and the log says why');
is( $node->safe_psql('postgres', "SELECT count(*) FROM pg_extension WHERE extname = 'pg_session_guard'"),
	'0',
	'the extension was not created');

# A change of the settings takes effect as well.
$node->safe_psql('postgres', "ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '500ms'");
$node->reload;
wait_for_end($node, $idle_pid);
is(scalar guard_lines($node, qr/LOG:  terminating session $idle_pid .*: idle for/),
	1, 'a limit set later ends the idle session');

close_sessions($culprit, $idle);
$node->stop;
done_testing();
