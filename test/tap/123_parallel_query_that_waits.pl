# While a worker of a parallel query waits for a lock, the query waits: the view
# shows it as one session that leads workers and is blocked, and
# terminate_blocking_sessions() ends who holds the lock, and not the query, though
# somebody waits for it in turn.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# A waiter would look up from its wait to search for a deadlock.
my $node = guard_node('main', deadlock_timeout => '1h');

create_parallel_table($node, 'ROLE web');

# The first row waits for the lock on the gate, in the worker that has got it; the
# others wait in the other worker for the test to say so, by an advisory lock.
$node->safe_psql(
	'postgres', q{
	CREATE TABLE gate ();
	CREATE TABLE account (id int);
	CREATE FUNCTION pass_gate(n int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
	BEGIN
		IF n = 1 THEN
			PERFORM FROM gate;
		END IF;
		WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1)
		LOOP
			PERFORM pg_sleep(0.05);
		END LOOP;
		RETURN 1;
	END
	$$;
	GRANT ALL ON gate, account TO web;
});

my %session = map { $_ => RawSession->connect($node) } qw(keeper leader waiter bystander);
my %pid = map { $_ => $session{$_}->pid } keys %session;

# What the view shows of everybody, with names in place of pids.
sub seen
{
	my %name = reverse %pid;
	my @rows = split /\n/, $node->safe_psql('postgres',
		"SELECT pid, blocked_by, blocks, parallel_workers FROM session_guard.session
		 WHERE pid IN (${\ join ', ', values %pid })");

	return join "\n", sort map { s{\d+}{$name{$&} // $&}egr } @rows;
}

$session{bystander}->query('SELECT pg_advisory_lock(1)');
$session{keeper}->query('BEGIN; LOCK TABLE gate');
$session{leader}->query('BEGIN; LOCK TABLE account');
$session{leader}->send_query('SELECT sum(pass_gate(n)) FROM big');
$session{waiter}->send_query('SELECT count(*) FROM account');
wait_for_status($node, $pid{waiter}, "wait_event_type = 'Lock'");
wait_for_parallel_workers($node, $session{leader}, 1, "wait_event_type = 'Lock'");
wait_for_parallel_workers($node, $session{leader}, 2, 'true');
is( seen(), join("\n",
		'bystander|{}|0|0', 'keeper|{}|1|0', 'leader|{keeper}|1|2', 'waiter|{leader}|0|0'),
	'a parallel query is one session that is blocked and blocks');
is( $node->safe_psql('postgres', "SELECT pg_blocking_pids($pid{waiter})"),
	"{$pid{leader}}", 'as the server says');

is( fates($node, q{terminate_blocking_sessions("timeout" => '1 min')}, \%session),
	'keeper terminated', 'who keeps a worker waiting is ended');
is(living($node, \%session), 'bystander leader waiter', 'the query is not, though it is waited for');

# Nobody but the test waits for the query now; it is over when that lets go.
$session{bystander}->query('SELECT pg_advisory_unlock(1)');
is($session{leader}->read_result, '40', 'the query comes to its end');
$session{leader}->query('COMMIT');
$session{waiter}->read_result;
is($session{waiter}->sqlstate, '', 'and so does its waiter');
is( seen(), join("\n", 'bystander|{}|0|0', 'leader|{}|0|0', 'waiter|{}|0|0'),
	'then nobody is blocked, and nobody leads workers');

$_->abandon for values %session;
$node->stop;
done_testing();
