# A pipeline that has paused with no transaction open, because it has failed or
# has committed, is idle: idle_session_timeout and session_timeout end it,
# idle_in_transaction_session_timeout does not.  One that works on with short
# pauses stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', 'pg_session_guard.catch_up_rate' => 1000);
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

my @committed = ('BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT');

sub connect_failed
{
	my $session = RawSession->connect($node);

	$session->parse('', 'SELECT 1/0');
	$session->bind('', '');
	$session->execute('');
	$session->flush;
	$session->read_until('E');
	return $session;
}

sub connect_failed_in_transaction
{
	my $session = RawSession->connect($node);

	$session->query('BEGIN');
	$session->query('INSERT INTO t VALUES (1)');
	$session->parse('', 'nonsense');
	$session->flush;
	$session->read_until('E');
	return $session;
}

sub connect_committed
{
	my $session = RawSession->connect($node);

	$session->run_in_pipeline(@committed);
	return $session;
}

sub connect_in_transaction
{
	my $session = RawSession->connect($node);

	$session->run_in_pipeline(@committed[ 0, 1 ]);
	return $session;
}

# All of them are shown the same.
sub check_paused
{
	my (@sessions) = @_;
	my $pids = join ', ', map { $_->pid } @sessions;

	return wait_until(
		sub {
			$root->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)
				AND state = 'active' AND wait_event = 'ClientRead'") == @sessions;
		},
		'the pipelines are paused');
}

sub wait_until_gone
{
	my ($busy, %sessions) = @_;

	return wait_until(
		sub {
			$busy->run_in_pipeline(@committed);
			return living($node, \%sessions) eq '';
		},
		join(', ', sort keys %sessions) . ' are gone');
}

my $busy = connect_committed();
my %outside = (
	failed => connect_failed(),
	'failed in a transaction' => connect_failed_in_transaction(),
	committed => connect_committed());
my %inside = ('in transaction' => connect_in_transaction());
check_paused(values %outside, values %inside);

set_limits($node, idle_in_transaction_session_timeout => '1s');
wait_until_gone($busy, %inside);
my $pids = join ', ', map { $_->pid } values %outside;
my $scans = $root->query('SELECT scans FROM session_guard.stats');
wait_until(
	sub {
		$busy->run_in_pipeline(@committed);
		return $root->query("SELECT bool_and(clock_timestamp() - state_change > '4 s') FROM pg_stat_activity
				WHERE pid IN ($pids)") eq 't'
		  && $root->query('SELECT scans FROM session_guard.stats') > $scans + 5;
	},
	'the pauses are long');
is(living($node, \%outside), join(' ', sort keys %outside),
	'idle_in_transaction_session_timeout ends a pause in a transaction, and none outside');

# Who is paused in a transaction stands beside them again.
%inside = ('in transaction' => connect_in_transaction());
check_paused(values %inside);
set_limits($node, idle_in_transaction_session_timeout => '0', idle_session_timeout => '1500ms');
wait_until_gone($busy, %outside);
my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
like($lines, qr/session ${\ $outside{$_}->pid } \([^\n]*\): idle for .*idle_session_timeout is 1.5 s/,
	"$_: goes by idle_session_timeout")
  for sort keys %outside;
$_->read_to_end, is($_->sqlstate, '57P01', 'and is told of it') for values %outside;
wait_until(
	sub {
		$busy->run_in_pipeline(@committed);
		return $root->query('SELECT clock_timestamp() - state_change > \'3 s\' FROM pg_stat_activity WHERE pid = '
			  . $inside{'in transaction'}->pid) eq 't';
	},
	'the pause in a transaction is long');
is(living($node, \%inside), 'in transaction', 'a pause in a transaction does not');

my %old = (
	failed => connect_failed(),
	'failed in a transaction' => connect_failed_in_transaction(),
	committed => connect_committed());
check_paused(values %old);
set_limits($node, idle_session_timeout => '0', session_timeout => '1s');
wait_until_gone($busy, %old);
$lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
like($lines, qr/session ${\ $old{$_}->pid } \([^\n]*\): connected for .*session_timeout is 1 s/,
	"$_: goes by session_timeout")
  for sort keys %old;
# It works on, but between its transactions it is outside of one.
wait_for_end($node, $busy->pid);
$busy->read_to_end;
is($busy->sqlstate, '57P01', 'a pipeline that works on goes between two transactions');
is(living($node, \%inside), 'in transaction', 'and not whoever is in one');
$inside{'in transaction'}->run_in_pipeline('COMMIT');
is($inside{'in transaction'}->sqlstate, '', 'the transaction can be committed');
wait_until_gone($busy, %inside);
pass('and then it is old, and gone');

$_->abandon for $root, $busy, values %outside, values %inside, values %old;
$node->stop;
done_testing();
