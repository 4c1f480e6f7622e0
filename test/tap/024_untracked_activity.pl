# A session whose activity is not tracked cannot be measured, so it is spared by
# the limits that measure what it does, and bound by session_timeout alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');

$node->safe_psql('postgres',
	'CREATE ROLE untracked LOGIN; ALTER ROLE untracked SET track_activities = off');

my @untracked = map { RawSession->connect($node, user => 'untracked') } 1 .. 3;
my @tracked = map { RawSession->connect($node) } 1 .. 3;
my ($idle, $in_transaction, $running) = @untracked;

for my $sessions (\@untracked, \@tracked)
{
	$sessions->[1]->query('BEGIN');
	$sessions->[2]->send_query('SELECT pg_sleep(600)');
}
wait_for_status($node, $_->pid, "state = 'disabled'") for @untracked;
wait_for_status($node, $running->pid, "wait_event = 'PgSleep'");

set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	statement_timeout => '300ms',
	transaction_timeout => '1s');
wait_for_end($node, $_->pid) for @tracked;
pass('sessions whose activity is tracked go');
wait_for_scan($node, 5);
ok(is_alive($node, $_->pid), 'a session whose activity is not tracked stays') for @untracked;
is($idle->query('SELECT 42'), '42', 'and works');

# They have an age, and where they stand with their transactions is known.
set_limits($node, session_timeout => '1s');
wait_for_end($node, $idle->pid);
pass('past its age it goes');
wait_for_scan($node, 5);
ok(is_alive($node, $in_transaction->pid), 'but not in a transaction');
ok(is_alive($node, $running->pid), 'and not while a statement runs');
$in_transaction->query('COMMIT');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\$running->pid})");
wait_for_end($node, $_->pid) for $in_transaction, $running;
pass('these go afterwards');

my @lines = map { guard_lines($node, qr/(terminating|canceling statement of) session ${\$_->pid} /) }
  @untracked;
is(scalar @lines, 3, 'one line for each');
is((grep { !/: connected for/ } @lines), 0, 'and each for its age');

$_->abandon for @untracked, @tracked;
$node->stop;
done_testing();
