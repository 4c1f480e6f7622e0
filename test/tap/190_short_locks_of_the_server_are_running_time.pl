# The server's own short locks, as for extending a table, are no waits for
# somebody else: six sessions that fill one table all end by the statement limit.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => '3s');

$node->safe_psql('postgres',
	'CREATE UNLOGGED TABLE hot (g int, filler text); GRANT INSERT ON hot TO web');

my @sessions = map { RawSession->connect($node) } 1 .. 6;
$_->send_query(
	q{INSERT INTO hot SELECT g, repeat('x', 900) FROM generate_series(1, 2500000) AS g})
  for @sessions;

# What they wait for is seen while they run, lest the test prove nothing.
my $pids = join ', ', map { $_->pid } @sessions;
my $extends = 0;
wait_until(
	sub {
		my ($running, $extending) = split /\|/,
		  $node->safe_psql('postgres',
			"SELECT count(*), count(*) FILTER (WHERE wait_event = 'extend')
			 FROM pg_stat_activity WHERE pid IN ($pids) AND state = 'active'");

		$extends += $extending;
		return $running == 0;
	},
	'all have ended');
cmp_ok($extends, '>', 0, 'they have waited for each other to extend the table');

for my $session (@sessions)
{
	$session->read_result;
	is($session->sqlstate, '57014', 'each is canceled');
}

# None of it is taken off: what was measured is the time that has passed.
is( $node->safe_psql(
		'postgres',
		"SELECT count(*) FILTER (WHERE e.limit_name = 'statement_timeout' AND e.action = 'cancel'
				AND e.acted_at - a.query_start - e.measured < interval '300 ms')
		 FROM session_guard.event AS e JOIN pg_stat_activity AS a USING (pid)
		 WHERE pid IN ($pids)"),
	'6',
	'for all the time that it has run');

$_->quit for @sessions;
$node->stop;
done_testing();
