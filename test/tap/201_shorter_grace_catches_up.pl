# Statements that have outlived their cancel have an hour's grace, and then that
# is lowered to less than has passed: their sessions end oldest first at
# catch_up_rate, and not all at once.  Whoever runs into the shorter grace later
# on is not slowed, and a statement that was not canceled stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '200ms',
	'pg_session_guard.cancel_grace' => '1h',
	'pg_session_guard.catch_up_rate' => '2');
my $ends = qr/LOG:  terminating session (\d+) .*, canceled /;

# Each is canceled before the next begins, so that it is clear who is the oldest.
my @culprits;
for my $number (1 .. 6)
{
	my $session = RawSession->connect($node);

	$session->send_query(stubborn_statement());
	push @culprits, $session;
	wait_until(sub { guard_lines($node, qr/canceling statement of session ${\ $session->pid } /) == 1 },
		"culprit $number is canceled");
}
$node->safe_psql('postgres', 'CREATE ROLE patient LOGIN');
$node->safe_psql('postgres', "ALTER ROLE patient SET pg_session_guard.statement_timeout = '1h'");
my $patient = RawSession->connect($node, user => 'patient');
$patient->send_query('SELECT pg_sleep(600)');
wait_until_unchanged_for($node, '1 s', $culprits[-1]->pid);
is(scalar guard_lines($node, $ends), 0, 'within the grace nobody is terminated');

set_limits($node, cancel_grace => '500ms');
wait_for_end($node, $_->pid) for @culprits;
my @pids = map { /$ends/ } guard_lines($node, $ends);
is_deeply(\@pids, [ map { $_->pid } @culprits ], 'those who were past the shorter grace end oldest first');

# In the log to the millisecond, as the events have it to the microsecond.
is($node->safe_psql(
		'postgres', q{
		SELECT count(*), max(acted_at) - min(acted_at) >= interval '2.4 s'
		FROM session_guard.event WHERE action = 'terminate'}),
	'6|t', 'at two per second');

# From now on the grace is what it is for everybody.
set_limits($node, catch_up_rate => '1');
my @late = map { RawSession->connect($node) } 1 .. 4;
$_->send_query(stubborn_statement()) for @late;
wait_for_end($node, $_->pid) for @late;
my $pids = join ', ', map { $_->pid } @late;
is($node->safe_psql(
		'postgres', qq{
		SELECT count(*), bool_and(late IS NOT NULL)
		FROM session_guard.event WHERE action = 'terminate' AND pid IN ($pids)}),
	'4|t', 'whoever runs into it later is not throttled');
ok(is_alive($node, $patient->pid), 'a statement that was not canceled stays');

$_->abandon for @culprits, @late, $patient;
$node->stop('immediate');
done_testing();
