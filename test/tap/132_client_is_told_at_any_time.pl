# The client is told why in whatever the signal has found it at: by either
# protocol, in functions, in a failed transaction, in COPY, in a fastpath call,
# while it does nothing, and behind pgbouncer.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PgBouncer;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $sleep = 'SELECT pg_sleep(600)';
my $pg_sleep = $node->safe_psql('postgres', q{SELECT 'pg_sleep(float8)'::regprocedure::oid});

# All the time beside them.
my $innocent = RawSession->connect($node);
$innocent->send_query($sleep);

# Request the end of what a session is at, when it meets a condition; returns the
# text that its client is to read.
sub request
{
	my ($action, $session, $condition) = @_;
	my $function = $action eq 'cancel' ? 'cancel_query' : 'terminate_session';
	my $detail = qq(Ordered by role "janitor" with $function(): "spring".);

	wait_for_status($node, $session->pid, $condition);
	my $result = run_function($node, "$function(${\ $session->pid }, reason => 'spring', timeout => '0')", user => 'janitor');
	is($result->{outcome}{ $session->pid }, 'signaled', "the $action was sent");
	return $action eq 'cancel' ? canceled_text($detail) : terminated_text($detail);
}

# Request it, and expect that the client is told.
sub ok_told
{
	my ($action, $session, $condition, $name) = @_;
	my $expected = request($action, $session, $condition);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$session->read_until($action eq 'cancel' ? 'Z' : 'E');
	is($session->error_text, $expected, "$name: $action");
	return;
}

$node->safe_psql(
	'postgres', q{
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE TABLE goods (n int);
	GRANT ALL ON goods TO web;
	CREATE FUNCTION plain() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(600);
	END $$;
	CREATE FUNCTION handles_something_else() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(600);
	EXCEPTION WHEN division_by_zero OR OTHERS THEN
		NULL;
	END $$});
my $sleeps = "state = 'active' AND wait_event = 'PgSleep'";
my $reads = "state = 'active' AND wait_event = 'ClientRead'";
my %session;

# Begin something in a session that has nothing of the kind behind it.
sub begin
{
	my ($name, $work) = @_;

	$session{$name} = RawSession->connect($node) if !$session{$name} || $session{$name}->is_closed;
	$work->($session{$name});
	return $session{$name};
}

my $extended = sub {
	my ($sql) = @_;

	return sub {
		my ($session) = @_;

		$session->parse('', $sql);
		$session->bind('', '');
		$session->execute('');
	};
};

# Each way with what shows that the server is at it.
my %running = (
	'simple protocol' => sub { $_[0]->send_query($sleep) },
	'extended protocol' => sub { $extended->($sleep)->($_[0]); $_[0]->sync },
	'a function' => sub { $_[0]->send_query('SELECT plain()') },
	'fastpath' => sub { $_[0]->send_function_call($pg_sleep, '600') },
	'a transaction' => sub { $_[0]->query('ROLLBACK; BEGIN'); $_[0]->send_query($sleep) });
for my $name (sort keys %running)
{
	for my $action ('cancel', 'terminate')
	{
		my $status = $name eq 'fastpath' ? "wait_event = 'PgSleep'" : $sleeps;

		ok_told($action, begin($name, $running{$name}), $status, $name);
	}
}

# A handler for other errors makes the cancel pass by a subtransaction.  After
# half a second there the reason would be given up; a slow machine gets some tries.
for my $try (1 .. 10)
{
	my $session = begin('a handler', sub { $_[0]->send_query('SELECT handles_something_else()') });
	my $expected = request('cancel', $session, $sleeps);

	$session->read_result;
	next if $session->error_text eq canceled_text() && $try < 10;
	is($session->error_text, $expected, 'a function that handles other errors: cancel');
	last;
}
ok_told('terminate', begin('a handler', sub { $_[0]->send_query('SELECT handles_something_else()') }),
	$sleeps, 'a function that handles other errors');

# Between two messages of a pipeline.
ok_told(
	'terminate',
	begin('a pipeline', sub { $extended->('SELECT 42')->($_[0]); $_[0]->flush; $_[0]->read_until('C') }),
	$reads, 'a pipeline that pauses');

# While nothing is asked of the server, the client reads it at its next call.
my %silent = (
	'idle' => [ 'SELECT 42', 'idle' ],
	'in a transaction' => [ 'BEGIN', 'idle in transaction' ],
	'in a failed transaction' => [ 'BEGIN; SELECT 1/0', 'idle in transaction (aborted)' ]);
for my $name (sort keys %silent)
{
	my ($statement, $state) = @{ $silent{$name} };
	my $session = begin($name, sub { $_[0]->query($statement) });
	my $expected = request('terminate', $session, "state = '$state'");

	wait_for_end($node, $session->pid);
	$session->send_query('SELECT 42');
	$session->read_to_end;
	is($session->error_text, $expected, "$name: the next call says why");
}

# COPY.  The server learns of a cancel when the client goes on.
my $copy_in = sub { $_[0]->send_query('COPY goods FROM STDIN'); $_[0]->read_until('G') };
my $copy_out =
  sub { $_[0]->send_query(q{COPY (SELECT repeat('x', 100000) FROM generate_series(1, 1000)) TO STDOUT}) };
my $session = begin('COPY', $copy_in);
my $expected = request('cancel', $session, $reads);
$session->copy_data("1\n");
$session->copy_done;
$session->read_result;
is($session->error_text, $expected, 'COPY FROM STDIN: cancel');
ok_told('cancel', begin('COPY', $copy_out), "wait_event = 'ClientWrite'", 'COPY TO STDOUT');
ok_told('terminate', begin('COPY', $copy_in), $reads, 'COPY FROM STDIN');

SKIP:
{
	skip 'pgbouncer is not installed', 5 if !defined PgBouncer->program;
	my $pool = PgBouncer->start($node, ['web'], pool_mode => 'session');
	my $client = RawSession->connect($pool);
	# What a pool gives its clients is no process ID.
	my $server_pid = $client->query('SELECT pg_backend_pid()');

	$client->{pid} = $server_pid;
	$client->send_query($sleep);
	ok_told('cancel', $client, $sleeps, 'behind pgbouncer');
	is($client->query('SELECT pg_backend_pid()'), $server_pid, 'behind pgbouncer: the session goes on');
	$client->send_query($sleep);
	ok_told('terminate', $client, $sleeps, 'behind pgbouncer');
	$client->abandon;
}

wait_for_status($node, $innocent->pid, $sleeps);
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\ $innocent->pid })");
$innocent->read_result;
is($innocent->error_text, canceled_text(), 'the innocent beside them all was told nothing');
is($innocent->query('SELECT 42'), '42', 'and goes on');

$_->abandon for $innocent, values %session;
$node->stop;
done_testing();
