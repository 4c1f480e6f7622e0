# A failed transaction shows no start.  transaction_timeout counts it from its
# failure, whatever fails in it since, or from its start if only a savepoint has
# failed.  Statements that fail again and again outside a transaction, and
# transactions that are short though each of them fails, make no long one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $node = guard_node(
	'main',
	'pg_session_guard.transaction_timeout' => '2s',
	'pg_session_guard.naptime' => '100ms');
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

# The moment by the server's clock, in seconds.
sub now
{
	return $root->query('SELECT extract(epoch FROM clock_timestamp())');
}

my $savepoint = RawSession->connect($node);
my %culprit = map { $_ => RawSession->connect($node) } 'simple', 'extended', 'silent';
my $autocommit = RawSession->connect($node);
my $short = RawSession->connect($node);
my $chained = RawSession->connect($node);
my $recovered = RawSession->connect($node);
my (%failed_at, %failed_by, $begun_at);

# The one with a savepoint is in its transaction for a while before it fails.
$begun_at = now();
$savepoint->query('BEGIN');
$savepoint->query('SAVEPOINT s');
for my $name (sort keys %culprit)
{
	my $session = $culprit{$name};

	# An earlier failure is not this one.
	$session->query('SELECT 1/0');
	$session->query('BEGIN');
}
wait_until(sub { $savepoint->query('SELECT 1'); return now() - $begun_at > 1 }, 'the transaction is not new any more');
$failed_at{savepoint} = now();
$savepoint->query('SELECT 1/0');
for my $name (sort keys %culprit)
{
	$failed_at{$name} = now();
	$culprit{$name}->query('SELECT 1/0');
	$failed_by{$name} = now();
}
is($root->query("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction (aborted)'"),
	'4', 'their transactions have failed');

sub fail_again
{
	$_->query('SELECT 1') for $culprit{simple}, $savepoint;
	if (!$culprit{extended}->is_closed)
	{
		$culprit{extended}->parse('', 'SELECT 1');
		$culprit{extended}->sync;
		$culprit{extended}->read_result;
	}
	$autocommit->query('SELECT 1/0');
	$short->query($_) for 'BEGIN', 'SELECT 1/0', 'SELECT 1', 'ROLLBACK';
	$chained->query($_) for 'BEGIN', 'SELECT 1/0', 'ROLLBACK AND CHAIN', 'SELECT 1/0', 'ROLLBACK';
	$recovered->query($_) for 'BEGIN', 'SAVEPOINT s', 'SELECT 1/0', 'ROLLBACK TO s', 'SELECT 1', 'COMMIT';
	return;
}

my $all = join ', ', map { $_->pid } values %culprit, $savepoint;
wait_until(
	sub {
		fail_again();
		return $root->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($all)") eq '0';
	},
	'the failed transactions are gone');

# How long after a moment the guard has ended a session, and from when it has counted.
sub ended_after
{
	my ($session, $moment) = @_;

	return of_event($session, "extract(epoch FROM acted_at) - $moment");
}

sub counted_from
{
	my ($session, $moment) = @_;

	return of_event($session, "extract(epoch FROM acted_at - measured) - $moment");
}

sub of_event
{
	my ($session, $expression) = @_;

	return $root->query("SELECT $expression FROM session_guard.event
		WHERE limit_name = 'transaction_timeout' AND pid = " . $session->pid);
}

for my $name (sort keys %culprit)
{
	my $after = ended_after($culprit{$name}, $failed_at{$name});

	note("$name: ended after $after s");
	cmp_ok($after, '>', 2, "$name: is not ended before 2 s after its failure");
	# What fails later does not put it off.
	cmp_ok(counted_from($culprit{$name}, $failed_by{$name}), '<', 0.5, "$name: nor long after");
}
cmp_ok(ended_after($savepoint, $begun_at), '>', 2, 'where a savepoint has failed the transaction has its 2 s');
cmp_ok(counted_from($savepoint, $failed_at{savepoint}), '<', 0, 'and no more');

$begun_at = now();
wait_until(sub { fail_again(); return now() - $begun_at > 3 }, 'the others go on');
for ([ $autocommit, 'who fails outside transactions' ], [ $short, 'who fails in short transactions' ],
	[ $chained, 'or in one chained to the next' ], [ $recovered, 'who goes back to a savepoint' ])
{
	is($_->[0]->query('SELECT 42'), '42', "$_->[1] stays");
}
is(scalar(guard_lines($node, qr/LOG:  terminating session/)), 4, 'nobody else was meant');

$_->abandon for $root, $savepoint, values %culprit, $autocommit, $short, $chained, $recovered;
$node->stop;
done_testing();
