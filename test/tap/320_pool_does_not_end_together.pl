# session_timeout_jitter: the sessions of a pool that were born together end spread
# over the jitter, none before its limit, and each when the schedule has said so
# beforehand; a session without the limit stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 120,
	'pg_session_guard.naptime' => '1h',
	'pg_session_guard.catch_up_rate' => 10000,
	'pg_session_guard.session_timeout_jitter' => 100);
$node->safe_psql('postgres', 'CREATE ROLE guest LOGIN');

my $innocent = RawSession->connect($node, user => 'guest');
my @pool = map { RawSession->connect($node) } 1 .. 80;
my $pids = join ', ', map { $_->pid } @pool;

# The guard is held still, lest it end somebody before the schedule was read.
my $guard = wait_for_guard($node);
wait_for_status($node, $guard, "wait_event_type = 'Extension'");
freeze_process($guard);
$node->safe_psql('postgres', "ALTER ROLE web SET pg_session_guard.session_timeout = '3s'");

# By pid, in microseconds: how much later than its limit a session is to end.
my %jitter = map { split /\|/ } split /\n/, $node->safe_psql(
	'postgres', qq{
	SELECT pid, (extract(epoch FROM due_at - since - threshold) * 1000000)::bigint
	FROM session_guard.schedule WHERE pid IN ($pids) AND limit_name = 'session_timeout'
		AND threshold = '3 s' AND since = backend_start AND spared IS NULL});
is(scalar keys %jitter, 80, 'the schedule says of each when it will end');
is((grep { $_ < 0 || $_ >= 3_000_000 } values %jitter), 0, 'after its limit, and within the jitter');

# Of each quarter 20 are to be expected, and fewer than 3 not once in a million times.
my @quarters = (0) x 4;
$quarters[ $_ / 750_000 ]++ for values %jitter;
is((grep { $_ < 3 } @quarters), 0, "spread over all of it: @quarters in its quarters");

thaw_process($guard);
wait_until(
	sub {
		return $node->safe_psql('postgres',
			"SELECT count(*) FROM session_guard.event WHERE pid IN ($pids) AND outcome = 'terminated'") eq '80';
	},
	'all of the pool have ended');

is( $node->safe_psql(
		'postgres', "SELECT count(*) FILTER (WHERE measured <= '3 s'), count(*) FILTER (WHERE threshold = '3 s')
		FROM session_guard.event WHERE pid IN ($pids)"),
	'0|80', 'none before its limit, which is shown as it was set');
my %ended = map { split /\|/ } split /\n/, $node->safe_psql('postgres',
	"SELECT pid, (extract(epoch FROM measured - threshold) * 1000000)::bigint
	 FROM session_guard.event WHERE pid IN ($pids)");
is((grep { $ended{$_} <= $jitter{$_} } keys %jitter), 0, 'and none before it was said to');

# What the log says of it, in milliseconds.
my %logged;
for (guard_lines($node, qr/LOG:  terminating session/))
{
	my ($pid, $jitter, $unit) =
	  /session (\d+) .*: connected for [^,]*, pg_session_guard\.session_timeout is 3 s \(role "web"\) plus ([\d.]+) (m?s) of jitter$/
	  or die "cannot read: $_";

	$logged{$pid} = $unit eq 's' ? $jitter * 1000 : $jitter;
}
is(join(' ', sort keys %logged), join(' ', sort keys %jitter), 'the log names the jitter of each, and nobody else');
is((grep { abs($logged{$_} - $jitter{$_} / 1000) > 1 } keys %jitter), 0, 'and it is that of the schedule');
ok(is_alive($node, $innocent->pid), 'a session without the limit stays');

# Less jitter comes into force like a lower limit.
$node->safe_psql('postgres', "ALTER ROLE guest SET pg_session_guard.session_timeout = '1h'");
my $offset = log_size($node);
set_limits($node, session_timeout_jitter => 0);
wait_until(sub { guard_lines($node, qr/session_timeout is in force for some roles or databases, 0 sessions/, $offset) },
	'less jitter is in force');
is( $node->safe_psql(
		'postgres', "SELECT due_at = since + threshold FROM session_guard.schedule
		WHERE pid = ${\ $innocent->pid } AND limit_name = 'session_timeout'"),
	't', 'and without any a session ends at its limit');
ok(is_alive($node, $innocent->pid), 'who is not over that stays');

$_->abandon for $innocent, @pool;
$node->stop;
done_testing();
