# Of several sessions that keep one waiting, one ends at a time, and then the rest is looked at
# again: when the waiter has gone meanwhile, the others stay.  Readers behind a waiting
# exclusive lock are in nobody's way that could go on without it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_blocker_timeout' => '3s',
	'pg_session_guard.naptime' => '500ms',
	deadlock_timeout => '1h');

$node->safe_psql('postgres', 'CREATE TABLE a (id int); CREATE TABLE b (id int); ALTER TABLE a OWNER TO web; ALTER TABLE b OWNER TO web');

my %session = map { $_ => RawSession->connect($node) }
  qw(first second third migration behind one frozen other gives_up);

$session{$_}->query('BEGIN; SELECT count(*) FROM a') for qw(first second third);
$session{migration}->send_query('ALTER TABLE a ADD COLUMN note text');
wait_for_status($node, $session{migration}->pid, "wait_event_type = 'Lock'");
$session{behind}->send_query('BEGIN; SELECT count(*) FROM a');

$session{migration}->read_result;
is($session{migration}->sqlstate, '', 'the migration gets its lock');
$session{behind}->read_result;
is(living($node, \%session), 'behind frozen gives_up migration one other', 'when all have gone that were in its way, and nobody else');
is(scalar guard_lines($node, qr/terminating session/), 3, 'three lines');

# A session that cannot end keeps the others from their turn; meanwhile the waiter goes.
$session{$_}->query('BEGIN; SELECT count(*) FROM b') for qw(one frozen other);
freeze_process($session{$_}->pid) for qw(one frozen other);
$session{gives_up}->send_query('BEGIN; LOCK TABLE b');
wait_until(sub { guard_lines($node, qr/terminating session/) > 3 }, 'one of three is signaled');
my ($signaled) = (guard_lines($node, qr/terminating session/))[3] =~ /terminating session (\d+) /;
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $session{gives_up}->pid })");
$session{gives_up}->read_result;
is($session{gives_up}->sqlstate, '57014', 'the waiter has given up');
thaw_process($session{$_}->pid) for qw(one frozen other);
wait_for_end($node, $signaled);
wait_for_scan($node, 3);
is( scalar(grep { is_alive($node, $session{$_}->pid) } qw(one frozen other)),
	2, 'and the others stay');
is(scalar guard_lines($node, qr/terminating session/), 4, 'without a line about them');

$_->abandon for values %session;
$node->stop;
done_testing();
