# With max_actions_per_minute = 5 the five oldest of twenty culprits are ended
# and nobody else, and the log says once that the others wait.  When the cap is
# raised, the next ones end, oldest first, before one who came to be over the
# limit later; without a cap all of them do.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.max_actions_per_minute' => 5,
	'pg_session_guard.catch_up_rate' => 1000);
my $limit = 'pg_session_guard.idle_session_timeout';
my $waits = qr/LOG:  sessions over a limit wait, oldest first$/;

$node->safe_psql('postgres', 'CREATE ROLE free LOGIN');

# The order in which they went idle is not the order in which they connected.
my $innocent = RawSession->connect($node, user => 'free');
my $late = RawSession->connect($node);
my @sessions = map { RawSession->connect($node) } 1 .. 20;
my @order = map { $sessions[ $_ * 7 % 20 ] } 0 .. 19;
$late->query('BEGIN');
$_->query('SELECT 1') for @order;
wait_until_unchanged_for($node, '600 ms', $innocent->pid, map { $_->pid } @sessions);

# The places in that order of those who were ended, in the order of their ends.
my %place = map { $order[$_]->pid => $_ + 1 } 0 .. $#order;
$place{ $late->pid } = 'late';
$place{ $innocent->pid } = 'innocent';

sub ended
{
	return join ' ', map { /terminating session (\d+)/; $place{$1} } guard_lines($node, qr/LOG:  terminating session/);
}

# Compare what holds until the minute is over by which the guard counts.
my $begun = time;

sub is_so_far
{
	my ($got, $expected, $what) = @_;

  SKIP:
	{
		skip 'this machine takes minutes for it', 1 if time - $begun > 50;
		is($got, $expected, $what);
	}
	return;
}

sub living_count
{
	return $node->safe_psql('postgres',
		'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', map { $_->pid } @sessions) . ')');
}

# Until the budget is spent, those who are ended are gone, and for some scans more, which are to end nobody.
sub wait_until_spent
{
	my ($offset) = @_;

	wait_until(sub { guard_lines($node, $waits, $offset) }, 'the log says that the budget is spent')
	  if defined $offset;
	wait_for_end($node, $_) for map { /terminating session (\d+)/ } guard_lines($node, qr/LOG:  terminating session/);
	wait_for_scan($node, 5);
	return;
}

$node->safe_psql('postgres', "ALTER ROLE web SET $limit = '500ms'");
wait_until_spent(0);
is_so_far(ended(), '1 2 3 4 5', 'the five oldest are ended, oldest first');
is(living_count() + split(/ /, ended()), 20, 'the others are still there');
is_so_far(scalar guard_lines($node, $waits), 1, 'the log says once that they wait');
is_so_far(scalar guard_lines($node, qr/DETAIL:  So many have been acted on within a minute: pg_session_guard.max_actions_per_minute is 5\.$/),
	1, 'and why');

# A guard that was terminated has not forgotten what has been spent.
my $guard = wait_for_guard($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($guard)");
wait_for_guard($node, $guard);
wait_until_spent();
is_so_far(ended(), '1 2 3 4 5', 'a new guard does not begin from nothing');

# One more comes to be over the limit; it is the youngest of them.
$late->query('COMMIT');
wait_until_unchanged_for($node, '600 ms', $late->pid);
wait_until_spent();
is_so_far(ended(), '1 2 3 4 5', 'who comes to be over the limit now waits as well');

# What has been spent counts against a cap that is raised.
set_limits($node, max_actions_per_minute => 12);
wait_until(sub { split(/ /, ended()) >= 12 }, 'more are ended');
wait_until_spent();
is_so_far(ended(), '1 2 3 4 5 6 7 8 9 10 11 12', 'with a cap of twelve seven more are ended, oldest first');
is_so_far(scalar guard_lines($node, $waits), 1, 'the log has not said it again within the minute');

# There is enough for all now, so who came late does not have to wait behind those who catch up.
set_limits($node, max_actions_per_minute => 0);
wait_for_end($node, $_->pid) for @sessions, $late;
is(ended() =~ s/ late//r, join(' ', 1 .. 20), 'without a cap the rest are ended, oldest first');
wait_for_scan($node, 2);
ok(is_alive($node, $innocent->pid), 'who has no limit stays');

$_->abandon for $innocent, $late, @sessions;
$node->stop;
done_testing();
