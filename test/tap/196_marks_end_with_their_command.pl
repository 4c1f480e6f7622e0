# What a session has said of its COPY or maintenance holds no longer than that:
# not after an error that was caught, nor after ROLLBACK TO, nor in a function
# call by fastpath that follows, nor for the next session in the place of one
# that was terminated or has crashed.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'max_connections' => 20,
	'restart_after_crash' => 'on',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => '1s');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE copied (x text);
	GRANT ALL ON copied TO web;
	CREATE SCHEMA web AUTHORIZATION web;
	SET ROLE web;
	CREATE FUNCTION web.nap(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN n; END';
	CREATE FUNCTION web.fail(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN RETURN n / (n - n); END';
	CREATE TABLE web.t AS SELECT 1 AS n;
});
my $pg_sleep = $node->safe_psql('postgres', q{SELECT 'pg_catalog.pg_sleep'::regproc::oid});

# Is a session that sleeps from now on ended by the statement limit?
sub check_bound
{
	my ($session, $what, $begin) = @_;
	$begin->($session);
	$session->read_result;
	is($session->sqlstate, '57014', "counted as any statement: $what");
	return;
}

sub sends
{
	my ($sql) = @_;

	return sub { $_[0]->send_query($sql) };
}

my $session = RawSession->connect($node);
for my $command (
	'CREATE INDEX ON web.t (web.fail(n))',
	'ALTER TABLE web.t ALTER n TYPE int8 USING web.fail(n)',
	'ALTER TABLE web.t ADD CHECK (web.fail(n) > 0)')
{
	check_bound($session, "after a caught error of $command",
		sends("DO \$\$ BEGIN BEGIN $command; EXCEPTION WHEN division_by_zero THEN NULL; END;
			PERFORM pg_sleep(600); END \$\$"));
}
$session->query('BEGIN; SAVEPOINT s');
$session->query('CREATE INDEX ON web.t (web.fail(n))');
is($session->sqlstate, '22012', 'an error of maintenance');
$session->query('ROLLBACK TO s');
check_bound($session, 'after ROLLBACK TO', sends('SELECT pg_sleep(600)'));
$session->query('ROLLBACK');
$session->query('ANALYZE web.t');
check_bound($session, 'by fastpath after ANALYZE',
	sub { $_[0]->send_function_call($pg_sleep, 600) });
check_bound($session, 'in a string after ANALYZE', sends('ANALYZE web.t; SELECT pg_sleep(600)'));

# In a pipeline the text of the last command stays, and nothing of it runs.
$session->parse('', 'ANALYZE web.t');
$session->bind('', '');
$session->execute('');
$session->parse('', 'SELECT pg_sleep(600)');
$session->bind('', '');
$session->execute('');
$session->sync;
$session->read_result;
is($session->sqlstate, '57014', 'counted as any statement: in a pipeline after ANALYZE');

# A COPY that has failed is none, either.
$session->query('BEGIN; SAVEPOINT s');
$session->send_query('COPY copied FROM STDIN');
$session->read_until('G');
$session->copy_data("too\tmany\n");
$session->copy_done;
$session->read_result;
is($session->sqlstate, '22P04', 'an error of COPY');
$session->query('ROLLBACK TO s');
set_limits($node, idle_in_transaction_session_timeout => '500ms');
$session->parse('', 'SELECT 1');
$session->bind('', '');
$session->execute('');
$session->flush;
wait_for_end($node, $session->pid);
like((guard_lines($node, qr/terminating session ${\ $session->pid } /))[0],
	qr/: idle in transaction for /, 'a pipeline that is paused after it is idle in transaction');
set_limits($node, idle_in_transaction_session_timeout => 0);
$session->abandon;

# Let two sessions be in the middle of COPY and of maintenance; their places.
sub let_two_begin
{
	my %session = map { $_ => RawSession->connect($node) } 'COPY', 'maintenance';
	my %place = map { $_ => place_of($session{$_}) } keys %session;

	set_limits($node, statement_timeout => '1h');
	$session{COPY}->send_query('COPY copied FROM STDIN');
	$session{COPY}->read_until('G');
	$session{maintenance}->send_query('CREATE INDEX ON web.t (web.nap(n))');
	wait_for_status($node, $session{COPY}->pid, "wait_event = 'ClientRead' AND state = 'active'");
	wait_for_status($node, $session{maintenance}->pid, "wait_event = 'PgSleep'");
	return (\%session, \%place);
}

sub check_places
{
	my ($place, $how) = @_;

	set_limits($node, statement_timeout => '1s', idle_in_transaction_session_timeout => '500ms');
	for my $name (sort keys %$place)
	{
		my $next = connect_to_place($node, $place->{$name});

		check_bound($next, "in the place of $name that $how", sends('SELECT pg_sleep(600)'));
		$next->query('BEGIN');
		$next->parse('', 'SELECT 1');
		$next->bind('', '');
		$next->execute('');
		$next->flush;
		wait_for_end($node, $next->pid);
		pass("and paused as any pipeline");
		$next->abandon;
	}
	set_limits($node, idle_in_transaction_session_timeout => 0);
	return;
}

my ($two, $place) = let_two_begin();
$node->safe_psql('postgres', "SELECT pg_terminate_backend(${\ $_->pid }, 10000)") for values %$two;
check_places($place, 'was terminated');
$_->abandon for values %$two;

($two, $place) = let_two_begin();
my $offset = log_size($node);
kill KILL => $two->{maintenance}->pid;
wait_until(
	sub { guard_lines($node, qr/LOG:  database system is ready to accept connections/, $offset) },
	'the server has started over');
$_->abandon for values %$two;
wait_for_guard($node);
check_places($place, 'has crashed');

$node->stop;
done_testing();
