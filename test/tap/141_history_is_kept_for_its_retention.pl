# Rows of the history that are older than history_retention are deleted, however
# many they are, as soon as a reload says so; younger ones stay, and a retention
# of 0 keeps them all.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');

# Rows of some age, as an earlier server may have left them.
sub add_rows
{
	my ($count, $age) = @_;

	$node->safe_psql('postgres',
		"INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, action, outcome, note)
		 SELECT clock_timestamp(), n, now() - interval '$age', 'guard', n, 'terminate', 'terminated', '$age'
		 FROM generate_series(1, $count) AS n");
	return;
}

# How many rows there are of each age.
sub rows
{
	return $node->safe_psql('postgres',
		q{SELECT coalesce(string_agg(note || ': ' || n, ', ' ORDER BY note), '')
		  FROM (SELECT note, count(*) AS n FROM session_guard.history WHERE note <> '' GROUP BY note) AS ages});
}

# Have the history writer write an event, and with it whatever else it has to do.
sub make_event
{
	my $session = RawSession->connect($node);

	$node->safe_psql('postgres', "SELECT terminate_session(${\ $session->pid })");
	wait_for_history($node);
	return;
}

add_rows(2500, '25 hours');
add_rows(3, '23 hours');
add_rows(1, '31 days');
my $all = '23 hours: 3, 25 hours: 2500, 31 days: 1';
is(rows(), $all, 'rows of all ages are there');
$node->reload;
$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM session_guard.history WHERE note = '31 days')})
  or die 'the oldest row stays';
make_event();
is(rows(), '23 hours: 3, 25 hours: 2500', 'by default rows are kept for 30 days');

set_limits($node, history_retention => '1d');
$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM session_guard.history WHERE note = '25 hours')})
  or die 'rows stay beyond their time';
make_event();
is(rows(), '23 hours: 3', 'with a retention of a day only younger rows stay');

# What is written after the reload has been done by it.
set_limits($node, history_retention => '0');
make_event();
add_rows(1500, '10 years');
$node->reload;
make_event();
make_event();
is(rows(), '10 years: 1500, 23 hours: 3', 'a retention of 0 keeps them all');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FILTER (WHERE note IS NULL), (SELECT history_failures FROM session_guard.stats) FROM session_guard.history}),
	'5|0', 'and what was written meanwhile, without a failure');

set_limits($node, history_retention => '1d');
$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM session_guard.history WHERE note = '10 years')})
  or die 'rows stay beyond their time';
is(rows(), '23 hours: 3', 'until there is a retention again');

$node->stop;
done_testing();
