# session_guard.stats says of a guard of any configuration what it goes by, when
# it scans next and whether it is alive: one with nothing to do is, and one that
# hangs is not.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Manual;
use PostgreSQL::Test::Utils;
use Test::More;

# The manual's question; of a guard that is stopped with less patience.
page_text('doc/views.md') =~
  /is all well with the guard itself\?\n(SELECT .*?;)/s or die 'the manual does not ask';
my $is_alive = $1;
my $is_alive_now = $is_alive =~ s/interval '10 s'/interval '1 s'/r;

my $node = guard_node('main');
my $plans = "SELECT concat_ws(' ', mode, limits, CASE WHEN next_scan = 'infinity' THEN 'never'
		WHEN next_scan > last_scan AND next_scan <= clock_timestamp() + '1 h' THEN 'soon' ELSE next_scan::text END)
	FROM session_guard.stats";

# Wait for the next sign of life.
sub wait_for_heartbeat
{
	my $seen = $node->safe_psql('postgres', 'SELECT last_heartbeat FROM session_guard.stats');

	return $node->poll_query_until('postgres', "SELECT last_heartbeat > '$seen' FROM session_guard.stats")
	  || die 'the heart does not beat';
}

# Wait until the guard goes by what it was told, and see that it is alive.
sub check_plans
{
	my ($expected, $what) = @_;

	is($node->poll_query_until('postgres', $plans, $expected), 1, $what);
	like($node->safe_psql('postgres', $is_alive), qr/^t\|/, "$what: alive");
	return;
}

check_plans('enforce {} never', 'no limit');
wait_for_heartbeat() for 1 .. 2;
is($node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats'), '0', 'which takes no scan');
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.session_timeout = '10 d'});
check_plans('enforce {session_timeout} soon', 'a limit of a role');
set_limits($node, statement_timeout => '2h', naptime => '1h');
check_plans('enforce {statement_timeout,session_timeout} soon', 'and one of the server, scans far apart');
set_limits($node, mode => 'log');
check_plans('log {statement_timeout,session_timeout} soon', 'mode log');
set_limits($node, mode => 'off');
check_plans('off {} never', 'mode off');

# The next guard goes on where its forerunner was.
replace_guard($node);
check_plans('off {} never', 'the next guard');

# With nothing to do, too, a guard that is stopped is noticed.
my $pid = wait_for_guard($node);
freeze_process($pid);
$node->poll_query_until('postgres', $is_alive_now =~ s/^SELECT (.*?) AS is_alive.*/SELECT NOT ($1) FROM session_guard.stats/sr)
  or die 'nobody notices';
like($node->safe_psql('postgres', $is_alive_now), qr/^f\|/, 'a guard that hangs is not alive');
thaw_process($pid);
wait_for_heartbeat();
check_plans('off {} never', 'it goes on');

# Without a guard nothing is in force.
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'nowhere'\n");
$node->restart;
is( $node->safe_psql('postgres',
		'SELECT num_nulls(worker_pid, mode, limits, next_scan) FROM session_guard.stats'),
	'4', 'what no guard goes by is null');
like($node->safe_psql('postgres', $is_alive), qr/^f\|/, 'and none is alive');

$node->stop;
done_testing();
