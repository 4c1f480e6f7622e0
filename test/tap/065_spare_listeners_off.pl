# spare_listeners = off: a listener goes like any other idle session, from the
# reload on, and comes under the limit's catching up; on again, it stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_session_timeout' => '500ms',
	'pg_session_guard.naptime' => '100ms');

# A listener that is over the limit while a plain session went for it; and
# who is in a transaction is not idle.
sub open_listener
{
	my $listener = RawSession->connect($node);

	$listener->query('LISTEN news');
	my $plain = RawSession->connect($node);
	wait_for_end($node, $plain->pid);
	wait_until_unchanged_for($node, '1 s', $listener->pid);
	wait_for_scan($node, 3);
	$plain->abandon;
	return $listener;
}

my $first = open_listener();
ok(is_alive($node, $first->pid), 'with spare_listeners = on a listener stays');

my $working = RawSession->connect($node);
$working->query('BEGIN; LISTEN news');
my $offset = log_size($node);
set_limits($node, spare_listeners => 'off');
wait_for_end($node, $first->pid);
like(
	(guard_lines($node, qr/LOG:  terminating session ${\$first->pid} /))[0],
	qr/: idle for [^,]+, pg_session_guard.idle_session_timeout is 500 ms \(configuration file\)$/,
	'with off it goes');
is((guard_lines($node, qr/is in force/, $offset))[0] =~ s/^.*LOG:  |; \d+ (is|are) spared .*//gr,
	'pg_session_guard.idle_session_timeout is in force at 500 ms, 1 session is over it now, ending 10 per second',
	'the log says that the limit concerns one more now');
ok(is_alive($node, $working->pid), 'who listens in a transaction is not idle');

set_limits($node, spare_listeners => 'on');
my $second = open_listener();
ok(is_alive($node, $second->pid), 'on again, the next one stays');

$_->abandon for $first, $working, $second;
$node->stop;
done_testing();
