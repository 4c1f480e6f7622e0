# connection_headroom with mode = log says who would go, once, and ends nobody; max_actions_per_minute
# bounds it; whose client is sending a message is spared, though its status says idle; and a headroom
# that is too large for the server is warned of, and cut.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use FewConnections;
use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(usleep);

my $node = few_connections(
	'main',
	'pg_session_guard.mode' => 'log',
	'pg_session_guard.connection_headroom' => 2);
my $admin = admin_of($node);
my %session;
my @all = map { "s$_" } 1 .. 6;

# Seven are there with the superuser.
for (@all)
{
	connect_all($node, \%session, [$_]);
	wait_until_idle_for($admin, '1ms', $session{$_});
}
wait_until(sub { actions_taken($admin) == 2 }, 'two are named');
like(try_to_connect($node)->error_text, refused_text(), 'with mode = log a newcomer is refused');
set_by($node, $admin, naptime => '100ms');
wait_for_scans_by($admin, 5);
is( $admin->query("SELECT string_agg(concat_ws(' ', pid, action, outcome), ', ' ORDER BY number) FROM session_guard.event WHERE limit_name = 'connection_headroom'"),
	join(', ', map { "$session{$_}->{pid} log dry run" } 's1', 's2'),
	'mode = log names as many as are missing, those idle for longest, once');
is(there($admin, \%session), "@all", 'and ends nobody');

# One of them has to go for each that is missing, but not in this minute.
set_by($node, $admin, mode => 'enforce', max_actions_per_minute => 1);
wait_until_gone($admin, $session{s1}->pid);
wait_for_scans_by($admin, 5);
is(there($admin, \%session), 's2 s3 s4 s5 s6', 'no more go than max_actions_per_minute allows');
is(scalar guard_lines($node, 'LOG:  sessions over a limit wait, oldest first'), 1, 'which is said');
set_by($node, $admin, max_actions_per_minute => 0);
wait_until_gone($admin, $session{s2}->pid);
wait_for_scans_by($admin, 5);
is(there($admin, \%session), 's3 s4 s5 s6', 'the next goes when it may, and no more');

# A long message arrives byte by byte.
set_by($node, $admin, headroom_min_idle => '2s', naptime => '1h');
my $slow = $session{s3};
$slow->send_bytes('Q' . pack('N', 100_000));

sub send_slowly_until
{
	my ($condition, $what) = @_;

	wait_until(sub { $slow->send_bytes('x'); return $admin->query("SELECT $condition"); }, $what);
	return;
}
my $pids = join ', ', map { $session{$_}->pid } qw(s3 s4 s5 s6);
send_slowly_until(
	"nullif(count(*), 0) FROM pg_stat_activity WHERE pid IN ($pids) AND state = 'idle'
	 HAVING bool_and(state_change < clock_timestamp() - interval '2100ms')", 'all are idle');
$admin->query('ALTER SYSTEM SET pg_session_guard.connection_headroom = 3');
$admin->query('SELECT pg_reload_conf()');
send_slowly_until("nullif(count(*) = 0, false) FROM pg_stat_activity WHERE pid = ${\ $session{s4}->pid }", 'one is gone');
is(there($admin, \%session), 's3 s5 s6', 'whose message is arriving stays, and the next goes in its place');

# Half of the connections is the most that can be kept free.
my $offset = log_size($node);
set_by($node, $admin, connection_headroom => 4);
wait_until(sub { guard_lines($node, 'WARNING:  pg_session_guard\.connection_headroom is more than half of the connections', $offset) },
	'a headroom that is too large is warned of');
is(scalar guard_lines($node, 'DETAIL:  Of 7 that are not reserved 3 are kept free\.', $offset), 1, 'the log says what is kept');
wait_until_idle_for($admin, '3s', @session{qw(s5 s6)});
$admin->query('SELECT pg_reload_conf()');
wait_for_scans_by($admin, 1);
is(there($admin, \%session), 's3 s5 s6', 'nobody goes for more');

# Who is slow to end counts as gone, until it has survived.
delete($session{s3})->abandon;
wait_until_gone($admin, $slow->pid);
my $frozen = $session{s5}->pid;
freeze_process($frozen);
my $before = actions_taken($admin);
set_by($node, $admin, naptime => '100ms');
connect_all($node, \%session, [ 's7', 's8' ]);
wait_until(sub { actions_taken($admin) > $before }, 'one is signaled');
wait_for_scans_by($admin, 5);
my $has_survived = "SELECT count(*) FROM session_guard.event WHERE pid = $frozen AND outcome = 'survived'";
ok(actions_taken($admin) == $before + 1 || $admin->query($has_survived), 'nobody goes in the place of one that is still ending');
wait_until_gone($admin, $session{s6}->pid);
is($admin->query($has_survived), 1, 'until it has survived');
wait_for_scans_by($admin, 5);
is(there($admin, \%session), 's5 s7 s8', 'and then only one');
thaw_process($frozen);
wait_until_gone($admin, $frozen);

$_->abandon for values %session;
$admin->quit;
$node->stop;
done_testing();
