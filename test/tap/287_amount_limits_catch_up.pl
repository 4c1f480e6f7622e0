# Who is over max_memory or max_horizon_age already when that comes into force ends at catch_up_rate:
# sessions that are idle, and whose memory was read before, by a higher limit, too.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.catch_up_rate' => 2,
	'pg_session_guard.max_memory' => '400MB',
	'pg_session_guard.naptime' => '200ms');

$node->safe_psql(
	'postgres', q{
	CREATE FUNCTION hoard(megabytes int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..megabytes LOOP
			EXECUTE format('PREPARE p%s_%s AS SELECT %L', megabytes, i, repeat(chr(64 + i % 50), 250000));
		END LOOP;
	END
	$$});

my @over = map { "over$_" } 1 .. 4;
my %session = map { $_ => RawSession->connect($node) } @over, 'innocent', 'late';
$session{$_}->query('SELECT hoard(40)') for @over;
my $least = $node->safe_psql('postgres',
	'SELECT min(memory) FROM session_guard.session WHERE pid IN (' . join(', ', map { $session{$_}->pid } @over) . ')');
cmp_ok($least, '>', 26 * 1024 * 1024, 'four sessions hoard memory');
wait_for_scan($node, 3);
is(living($node, \%session), join(' ', sort keys %session), 'as much as they may');

# How long it took from the first end of these sessions to the last, in ms, by the guard.
sub took
{
	my ($limit, @names) = @_;

	return $node->safe_psql(
		'postgres', "SELECT (extract(epoch FROM max(acted_at) - min(acted_at)) * 1000)::int FROM session_guard.event
		WHERE limit_name = '$limit' AND pid IN (" . join(', ', map { $session{$_}->pid } @names) . ')');
}

set_limits($node, max_memory => '24MB');
wait_until(sub { living($node, \%session) !~ /over/ }, 'all that are over it are gone');
# The first at once, the others half a second after the one before.
cmp_ok(took('max_memory', @over), '>=', 1000, 'they end at two per second');
is(living($node, \%session), 'innocent late', 'who is below it stays');
like(join("\n", guard_lines($node, 'max_memory is in force at 24 MB')),
	qr/, 4 sessions are over it now, ending 2 per second/, 'the log says so');

$session{late}->send_query('SELECT hoard(40)');
$session{late}->read_result;
is($session{late}->sqlstate, '57014', 'who passes it later is canceled');
set_limits($node, max_memory => 0);

# The horizon.
my @holding = map { "holding$_" } 1 .. 4;
$node->safe_psql('postgres', 'CREATE TABLE account AS SELECT generate_series(1, 10) AS id; GRANT ALL ON account TO PUBLIC');
$session{$_} = RawSession->connect($node) for @holding;
$session{"holding$_"}->query("BEGIN; UPDATE account SET id = id WHERE id = $_") for 1 .. 4;
pass_transactions($node);
set_limits($node, max_horizon_age => 1000);
wait_until(sub { living($node, \%session) !~ /holding/ }, 'who holds back vacuum is gone');
cmp_ok(took('max_horizon_age', @holding), '>=', 1000, 'two per second here as well');

$_->abandon for values %session;
$node->stop;
done_testing();
