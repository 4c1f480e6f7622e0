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

use List::Util qw(max min);

my $limit = 2;
my $turn = 0.2;
my $count = 3;
my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => "${limit}s");

$node->safe_psql(
	'postgres', qq{
	CREATE TABLE hot AS SELECT 1 AS id, 0 AS n;
	GRANT ALL ON hot TO web;
	CREATE TABLE sample (pid int, ran interval, waited interval);
	CREATE PROCEDURE take_turns(pause float8, counter regclass) LANGUAGE plpgsql AS \$\$
	BEGIN
		LOOP
			UPDATE hot SET n = n + 1;
			PERFORM pg_sleep(pause), nextval(counter);
			COMMIT;
		END LOOP;
	END
	\$\$;
});
for my $i (1 .. 2 * $count)
{
	$node->safe_psql('postgres', "CREATE SEQUENCE turns_$i CACHE 1; GRANT ALL ON turns_$i TO web");
}

# Slow turns: what a session has run are its turns, counted by itself.
my @slow = map { RawSession->connect($node) } 1 .. $count;
$slow[ $_ - 1 ]->send_query("CALL take_turns($turn, 'turns_$_')") for 1 .. $count;
for my $i (1 .. $count)
{
	my $session = $slow[ $i - 1 ];

	$session->read_result;
	is($session->sqlstate, '57014', 'who takes turns is canceled');

	my $turns = $node->safe_psql('postgres', "SELECT last_value FROM turns_$i");
	# The last turn is under way.
	cmp_ok($turns * $turn, '>=', 0.75 * $limit, "not before it has run for the limit (session $i)");
}
my $pids = join ', ', map { $_->pid } @slow;
# Who gets how many turns is chance; all together have waited for twice as long as they ran.
is( $node->safe_psql(
		'postgres', "SELECT count(*), sum(acted_at - query_start - measured) > interval '$limit s' * $count / 2
		 FROM session_guard.event AS e JOIN pg_stat_activity AS a USING (pid)
		 WHERE pid IN ($pids) AND e.measured >= interval '$limit s'"),
	"$count|t",
	'what they have waited was taken off');

# Fast turns: another session takes samples of who runs and who waits.
my @fast = map { RawSession->connect($node) } 1 .. $count;
my $sampler = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$pids = join ', ', map { $_->pid } @fast;
$fast[ $_ - 1 ]->send_query("CALL take_turns(0.01, 'turns_${\ ($count + $_)}')") for 1 .. $count;
$sampler->send_query(
	qq{
	DO \$\$
	DECLARE
		before timestamptz := clock_timestamp();
		now timestamptz;
	BEGIN
		LOOP
			PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
			now := clock_timestamp();
			INSERT INTO sample SELECT pid,
				CASE WHEN wait_event_type IS DISTINCT FROM 'Lock' THEN now - before END,
				CASE WHEN wait_event_type = 'Lock' THEN now - before END
				FROM pg_stat_activity WHERE pid IN ($pids) AND state = 'active';
			EXIT WHEN NOT FOUND;
			before := now;
		END LOOP;
	END
	\$\$});
for my $session (@fast)
{
	$session->read_result;
	is($session->sqlstate, '57014', 'who takes very short turns is canceled');
}
$sampler->read_result;
for my $session (@fast)
{
	my ($ran, $waited) = split /\|/,
	  $node->safe_psql('postgres',
		"SELECT extract(epoch FROM sum(ran)), extract(epoch FROM coalesce(sum(waited), '0'))
		 FROM sample WHERE pid = ${\ $session->pid }");

	note("ran $ran s, waited $waited s");
	# Samples of the guard's and of ours differ by chance.
	cmp_ok($ran, '>=', 0.6 * $limit, 'not long before it has run for the limit');
}

$_->quit for @slow, @fast, $sampler;
$node->stop;
done_testing();
