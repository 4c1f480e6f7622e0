# Sessions that take turns at one row wait most of the time, and run some of it:
# each is canceled when what it ran comes up to the statement limit, and neither
# lives for ever nor ends for what it has waited.  The same when the turns are
# very short, so that none of the waits is seen as a whole.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 2;
my $count = 3;
my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => "${limit}s");

$node->safe_psql(
	'postgres', q{
	CREATE TABLE hot AS SELECT 0 AS n;
	GRANT ALL ON hot TO web;
	-- What a session has run up to the end of its last turn, and what it waited, by its own account.
	CREATE TABLE account (session int PRIMARY KEY, ran interval, waited interval);
	GRANT ALL ON account TO web;
	CREATE PROCEDURE take_turns(pause interval) LANGUAGE plpgsql AS $$
	DECLARE
		began timestamptz := clock_timestamp();
		asked timestamptz;
		all_waits interval := '0';
	BEGIN
		LOOP
			asked := clock_timestamp();
			UPDATE hot SET n = n + 1;
			all_waits := all_waits + (clock_timestamp() - asked);
			PERFORM pg_sleep_for(pause);
			UPDATE account SET ran = clock_timestamp() - began - all_waits, waited = all_waits
				WHERE session = pg_backend_pid();
			COMMIT;
		END LOOP;
	END
	$$;
});

# Who gets how many turns is chance, and so is what the guard sees of them; but at any time one
# session runs, and so the sum over all comes up to the sum of their limits.  Measured with two busy
# loops beside: 6.25 s, standard deviation 0.25 s, where 4 s are asked for; if waits counted as
# running, it would be 2 s.
sub judge
{
	my ($pause, $what) = @_;
	my @sessions = map { RawSession->connect($node) } 1 .. $count;
	my $pids = join ', ', map { $_->pid } @sessions;

	$node->safe_psql('postgres', "INSERT INTO account SELECT unnest(ARRAY[$pids]), '0', '0'");
	$_->send_query("CALL take_turns('$pause')") for @sessions;
	for my $session (@sessions)
	{
		$session->read_result;
		is($session->sqlstate, '57014', "who takes $what turns is canceled");
	}
	note($node->safe_psql('postgres', "SELECT * FROM account WHERE session IN ($pids)"));

	my $ran = $node->safe_psql('postgres',
		"SELECT extract(epoch FROM sum(ran)) FROM account WHERE session IN ($pids)");
	cmp_ok($ran, '>', ($count + 1) / 2 * $limit, 'not before they have run for their limits');
	is( $node->safe_psql(
			'postgres', "SELECT count(*), sum(acted_at - query_start - measured) > interval '$limit s' * $count / 2
			 FROM session_guard.event AS e JOIN pg_stat_activity AS a USING (pid)
			 WHERE pid IN ($pids) AND e.measured >= interval '$limit s'"),
		"$count|t",
		'what they have waited was taken off');
	$_->quit for @sessions;
	return;
}

judge('0.2 s', 'slow');
judge('0.01 s', 'very short');

$node->stop;
done_testing();
