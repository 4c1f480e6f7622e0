# stop_query cancels a statement.  If the very same statement still runs after
# the grace its session is terminated; one that ends keeps it, even if it began
# another statement in the meantime.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main');

# A statement that traps the cancel, and ends by itself soon after.
my $ending = <<'SQL';
DO $$
BEGIN
	PERFORM pg_sleep(600);
EXCEPTION WHEN query_canceled THEN
	RAISE NOTICE 'trapped';
END
$$
SQL

my %session = map { $_ => RawSession->connect($node) }
  qw(obedient stubborn busy busy_in_transaction ending innocent);

# The next statement is there already when the first one ends.
$session{obedient}->send_query('SELECT pg_sleep(600)');
$session{busy}->send_query('SELECT pg_sleep(600)');
$session{busy}->send_query('SELECT pg_sleep(600)');
$session{busy_in_transaction}->query('BEGIN');
$session{busy_in_transaction}->send_query($ending);
$session{busy_in_transaction}->send_query('SELECT pg_sleep(600)');
$session{ending}->send_query($ending);
$session{stubborn}->send_query(stubborn_statement());
$session{innocent}->send_query(stubborn_statement());
wait_for_status($node, $_->pid, q{wait_event = 'PgSleep'}) for values %session;

# More than anybody here needs but the stubborn one, who would use up any grace.
my $patience = $PostgreSQL::Test::Utils::timeout_default . 's';

# Call the function; the last column tells that it did not wait for the grace to be over.
sub stop
{
	my ($name, $grace) = @_;

	return $node->safe_psql('postgres',
		"SELECT action, outcome, clock_timestamp() - now() < '$grace'
		 FROM stop_query(${\ $session{$name}->pid }, grace => '$grace')");
}

my $everybody = living($node, \%session);

is(stop('obedient', $patience), 'cancel|canceled|t', 'an ordinary statement is canceled');
$session{obedient}->read_result;
is($session{obedient}->sqlstate, '57014', 'its client is told');
is($session{obedient}->query('SELECT 42'), '42', 'and its session goes on');

is(stop('ending', $patience), 'cancel|canceled|t', 'one that traps the cancel, and ends, has ended');
$session{ending}->read_result;
is($session{ending}->error, undef, 'by itself');

for my $name (qw(busy busy_in_transaction))
{
	is(stop($name, $patience), 'cancel|canceled|t', "$name: the statement has ended");
	wait_for_status($node, $session{$name}->pid, q{wait_event = 'PgSleep'});
}
is(living($node, \%session, q{state = 'active' AND query = 'SELECT pg_sleep(600)'}),
	'busy busy_in_transaction', 'and the next one runs, unharmed');
is(living($node, \%session), $everybody, 'so far nobody has lost a session');

is(
	$node->safe_psql('postgres',
		"SELECT outcome FROM stop_query(${\ $session{stubborn}->pid }, dry_run => true)"),
	'dry run', 'a dry run does nothing');
is(scalar(guard_lines($node, qr/ession ${\ $session{stubborn}->pid } /)), 0, 'nor says so');

# The call cannot be back before the grace is over.
is(
	$node->safe_psql('postgres',
		"SELECT action, outcome, clock_timestamp() >= now() + interval '700ms'
		 FROM stop_query(${\ $session{stubborn}->pid }, grace => '700ms', reason => 'it is enough')"),
	'terminate|terminated|t', 'who goes on after the grace is terminated');
ok(!is_alive($node, $session{stubborn}->pid), 'and is gone');
$session{stubborn}->read_to_end;
is($session{stubborn}->sqlstate, '57P01', 'its client is told');

my @lines = guard_lines($node, qr/ession ${\ $session{stubborn}->pid } /);
is(scalar @lines, 2, 'the log has two lines of it');
like($lines[0], qr/LOG:  canceling statement of session .*stop_query\(\): "it is enough"$/,
	'the cancel');
like($lines[1], qr/LOG:  terminating session .*stop_query\(\): "it is enough"$/, 'the terminate');

delete $session{stubborn};
is(living($node, \%session), 'busy busy_in_transaction ending innocent obedient',
	'everybody else is there');
is(living($node, \%session, q{query LIKE 'DO%' AND state = 'active'}), 'innocent',
	'also who runs the same text and was not named');

# There is nothing to stop in a session that is idle.
is(stop('obedient', $patience), 'cancel|raced|t', 'an idle session is left alone');
is($session{obedient}->query('SELECT 42'), '42', 'and stays');

$node->stop;
done_testing();
