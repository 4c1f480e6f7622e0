# Who has committed and waits for a synchronous standby that is not there is no
# culprit, however long it takes, and the guard does not wait with it: others
# end meanwhile.  When the standby is no longer asked for, the waiters complete
# as if nothing had happened.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', allows_streaming => 1, max_connections => 30);
$node->safe_psql('postgres', 'CREATE TABLE news (id int); GRANT ALL ON news TO web');
require_absent_standby($node);

# One waits in a statement of its own, one in the COMMIT of a transaction.
my $statement = open_session($node);
my $transaction = open_session($node);
my $idle = open_session($node);
my ($statement_pid, $transaction_pid, $idle_pid) =
  map { pid_of($_) } $statement, $transaction, $idle;
$transaction->query('BEGIN');
$transaction->query('INSERT INTO news VALUES (2)');
# What the server says between here and the end of the wait is compared below.
$_->{stderr} = '' for $statement, $transaction;
my $then = "\\echo completed\n\\warn completed\n";
$statement->query_until(qr/sent/, "\\echo sent\nINSERT INTO news VALUES (1);\n$then");
$transaction->query_until(qr/sent/, "\\echo sent\nCOMMIT;\n$then");

# How many of the waiters have been waiting for that long?
sub waiting_for
{
	my ($interval) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity
		 WHERE wait_event = 'SyncRep' AND pid IN ($statement_pid, $transaction_pid)
		 AND clock_timestamp() - query_start > '$interval'");
}

wait_until(sub { waiting_for('0') == 2 }, 'both wait for the standby');
set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	statement_timeout => '500ms',
	transaction_timeout => '700ms',
	session_timeout => '1s',
	cancel_grace => '500ms');

# Three more culprits, each for another limit.
my $offset = log_size($node);
my $running = open_session($node, wait => 0);
my $in_transaction = open_session($node, wait => 0);
$running->{stdin} .= "SELECT pg_sleep(600);\n";
$in_transaction->{stdin} .= "BEGIN;\nSELECT 'here';\n";
wait_until(
	sub {
		$_->{run}->pump_nb for $running, $in_transaction;
		return guard_lines($node, qr/canceling statement of session .*: statement running/, $offset)
		  && guard_lines($node, qr/terminating session .*: idle in transaction/, $offset)
		  && !is_alive($node, $idle_pid);
	},
	'a long statement, an idle session and one idle in transaction end');
wait_until(
	sub { waiting_for('2 s') == 2 || !is_alive($node, $statement_pid) || !is_alive($node, $transaction_pid) },
	'the waiters have waited for longer than every limit');
is(waiting_for('2 s'), '2', 'waiters for the standby stay beyond every limit');
is( scalar(guard_lines($node, qr/session ($statement_pid|$transaction_pid) /)),
	0,
	'the guard says nothing of them');

# The other three limits are lifted, so that who has completed is not ended for being idle.
set_limits($node, map { $_ => '0' }
	qw(idle_session_timeout idle_in_transaction_session_timeout session_timeout));
$node->safe_psql('postgres', 'ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
for my $waiter ([ 'statement', $statement ], [ 'COMMIT', $transaction ])
{
	my ($name, $session) = @$waiter;

	wait_until(
		sub {
			$session->{run}->pump_nb;
			return $session->{stdout} =~ /completed/ && $session->{stderr} =~ /completed/;
		},
		"the waiting $name completes");
	is($session->{stderr}, "completed\n", "nobody has interrupted the waiting $name");
	$session->{$_} = '' for 'stdout', 'stderr';
	is($session->query('SELECT 42'), '42', "the session of the waiting $name goes on");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM news'), '2', 'both have committed');

$_->{run}->kill_kill for $idle, $running, $in_transaction;
$_->quit for $statement, $transaction;
$node->stop;
done_testing();
