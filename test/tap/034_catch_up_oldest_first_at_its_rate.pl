# Twelve sessions are over a limit when it comes into force: they end oldest
# first at catch_up_rate, while one that meets its deadline later is not made
# to wait behind them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.catch_up_rate' => 2);

# The order in which they went idle is not the order in which they connected.
my @sessions = map { open_session($node) } 1 .. 12;
my @pids = map { pid_of($_) } @sessions;
my @order = (5, 0, 11, 3, 8, 1, 10, 2, 7, 4, 9, 6);
$sessions[$_]->query('SELECT 1') for @order;

# A session in a transaction is not idle, whatever its limit.
my $late = open_session($node);
my $late_pid = pid_of($late);
$late->query('BEGIN');
wait_until_unchanged_for($node, '600 ms', @pids);

set_limits($node, idle_session_timeout => '500ms');
wait_until(sub { guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/) }, 'the limit is in force');
$late->query('COMMIT');
wait_until(sub { guard_lines($node, qr/LOG:  terminating session/) == 13 }, 'all thirteen are ended');

is( (guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/))[0] =~ s/^.*LOG:  |; \d+ (is|are) spared .*//gr,
	'pg_session_guard.idle_session_timeout is in force at 500 ms, 12 sessions are over it now, ending 2 per second',
	'the log says how many are over the limit');

# The time of day in milliseconds, and the pid, of each line.
my (@ended, %at);
for my $line (guard_lines($node, qr/LOG:  terminating session/))
{
	$line =~ /^\S+ (\d+):(\d+):(\d+)\.(\d+) .*terminating session (\d+) /
	  or die "cannot read: $line";
	push @ended, $5;
	$at{$5} = (($1 * 60 + $2) * 60 + $3) * 1000 + $4;
}

my @backlog = grep { $_ != $late_pid } @ended;
is_deeply(\@backlog, [ map { $pids[$_] } @order ], 'they end oldest first');

# A line may be written late, but of three lines the last two cannot come in one interval.
my @times = map { $at{$_} } @backlog;
my $day = 24 * 60 * 60 * 1000;
my @too_close = grep { ($times[ $_ + 2 ] - $times[$_]) % $day < 500 } 0 .. $#times - 2;
is_deeply(\@too_close, [], 'no two follow each other faster than the rate');
cmp_ok(($times[-1] - $times[0]) % $day, '>=', 5_000, 'and all of them take their time');

my ($place) = grep { $ended[$_] == $late_pid } 0 .. $#ended;
cmp_ok($place, '<', 11, 'who meets his deadline later does not wait for the backlog');

close_sessions(@sessions, $late);
$node->stop;
done_testing();
