# idle_session_timeout: who is connected and does nothing goes; who runs a
# statement, what is in a transaction, and what only pauses between its queries
# stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_session_timeout' => '2s');

my $active = RawSession->connect($node);
my $in_transaction = RawSession->connect($node);
my $busy = RawSession->connect($node);
my $idle = RawSession->connect($node, application_name => 'sleeper');

$active->send_query('SELECT pg_sleep(600)');
$in_transaction->query('BEGIN');
wait_until(
	sub {
		$busy->query('SELECT 1');
		return !is_alive($node, $idle->pid);
	},
	'the idle session is gone');

ok(is_alive($node, $active->pid), 'a session that runs a statement stays');
ok(is_alive($node, $in_transaction->pid), 'a session in a transaction stays');
ok(is_alive($node, $busy->pid), 'a session with short pauses between its queries stays');

$idle->read_to_end;
is($idle->sqlstate, '57P01', 'the idle session was told that it was terminated');

my @lines = guard_lines($node, qr/LOG:  (terminating|canceling)/);
is(scalar @lines, 1, 'one line for one action');
like(
	$lines[0],
	qr/terminating session ${\$idle->pid} \(user "web", database "postgres", application "sleeper", client \[local\]\): idle for \d[^,]*, pg_session_guard.idle_session_timeout is 2 s \(configuration file\)/,
	'it says who and why');

# Out of its transaction, the clock of the same session begins to run.
$in_transaction->query('COMMIT');
ok(wait_for_end($node, $in_transaction->pid), 'idle after a transaction goes too');

$_->abandon for $active, $busy;
$node->stop;
done_testing();
