# What the tests of drivers and poolers share: a server with two pgbouncers before it, and programs
# that tell what a client sees.
#
# A program gets three ports: of the server, and of pgbouncer in session and in transaction pooling.
# It prints one JSON object per step: its name and "result", or "error" with what the driver tells.
package ClientTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use GuardTest;
use IPC::Run;
use JSON::PP;
use PgBouncer;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(paths start_world stop_world let_end require_python python run_program
  is_result is_error is_end is_cancel stays_usable end_text detail_of hint_of);

# How a client comes to the server.
sub paths { return ('direct', 'session', 'transaction'); }

# The server and its pgbouncers, on TCP since not every driver speaks by a Unix-domain socket.
#
# "CALL let_end(pid, limit)" gives the role of that session a limit until the session has ended by
# it: so nobody ends before he is looked at, however slow the machine.  Role "runner" has a limit
# on statements all the time, "hurried" one on transactions, "neighbor" none.
sub start_world
{
	my (%settings) = @_;

	plan skip_all => 'pgbouncer is not installed' if !defined PgBouncer->program;
	my $node = guard_node(
		'main',
		'listen_addresses' => '127.0.0.1',
		'pg_session_guard.naptime' => '100ms',
		'pg_session_guard.catch_up_rate' => 1000,
		%settings);
	$node->safe_psql(
		'postgres', q{
		CREATE ROLE observer SUPERUSER LOGIN;
		CREATE ROLE idler LOGIN;
		CREATE ROLE runner LOGIN;
		CREATE ROLE hurried LOGIN;
		CREATE ROLE neighbor LOGIN;
		ALTER ROLE runner SET pg_session_guard.statement_timeout = '1s';
		ALTER ROLE hurried SET pg_session_guard.transaction_timeout = '1s';
		CREATE PROCEDURE let_end(session int, limit_name text, threshold text DEFAULT '300ms') LANGUAGE plpgsql AS $$
		DECLARE
			role text := (SELECT usename FROM pg_stat_activity WHERE pid = session);
		BEGIN
			-- Another one's limit may have ended this one, too.
			IF role IS NOT NULL THEN
				EXECUTE format('ALTER ROLE %I SET pg_session_guard.%I = %L', role, limit_name, threshold);
				COMMIT;
			END IF;
			-- Its connection is closed when its process has gone, a little later than from this view.
			WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = session)
				OR (pg_stat_file('/proc/' || session, true)).isdir LOOP
				PERFORM pg_sleep(0.02);
				COMMIT;
			END LOOP;
			IF role IS NOT NULL THEN
				EXECUTE format('ALTER ROLE %I RESET pg_session_guard.%I', role, limit_name);
			END IF;
		END
		$$});
	my $world = { direct => $node };
	for my $mode ('session', 'transaction')
	{
		$world->{$mode} = PgBouncer->start(
			$node, [ 'idler', 'runner', 'hurried', 'neighbor' ],
			pool_mode => $mode,
			listen_addr => '127.0.0.1',
			ignore_startup_parameters => 'extra_float_digits');
	}
	return $world;
}

sub stop_world
{
	my ($world) = @_;

	$world->{$_}->stop for reverse paths();
	return;
}

# Have a session ended by a limit, and wait until it has gone.
sub let_end
{
	my ($world, $pid, $limit) = @_;

	$world->{direct}->safe_psql('postgres', "CALL let_end($pid, '$limit')");
	return;
}

# The distribution's Python, whose packages another one does not find.
sub python
{
	return '/usr/bin/python3';
}

# Skip the whole test unless these modules are installed.
sub require_python
{
	for my $module (@_)
	{
		plan skip_all => "$module is not installed" if system(python(), '-c', "import $module") != 0;
	}
	return;
}

# Run one of the programs, beside which an innocent is connected; returns what it has told, by the names of the steps.
sub run_program
{
	my ($world, @command) = @_;
	my ($out, $err) = ('', '');
	my $timeout = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	my @ports = map { $world->{$_}->port } paths();

	ok(IPC::Run::run([ @command, @ports ], '<', \undef, '>', \$out, '2>', \$err, $timeout), "$command[-1] runs to its end");
	note($out, $err);
	my $facts = { map { $_->{name} => $_ } map { decode_json($_) } split /\n/, $out };
	is_result($facts, 'neighbor', 1);
	return $facts;
}

# What a step has told; an object in any case.
sub told
{
	my ($facts, $name) = @_;

	return $facts->{$name} // { error => { message => 'has not been told' } };
}

sub is_result
{
	my ($facts, $name, $expected) = @_;
	my $told = told($facts, $name);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($told->{error} ? "error: $told->{error}{message}" : $told->{result}, $expected, $name);
}

# The step has failed, and the driver tells all of this; a pattern has to match.
sub is_error
{
	my ($facts, $name, %expected) = @_;
	my $error = told($facts, $name)->{error};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $key (sort keys %expected)
	{
		my $check = ref $expected{$key} ? \&like : \&is;

		$check->($error->{$key}, $expected{$key}, "$name: $key");
	}
	return;
}

# What the guard says of the limits.
my %phrase = (
	idle_session => 'Idle',
	idle_in_transaction_session => 'Idle in transaction',
	statement => 'Statement running',
	transaction => 'In a transaction');
my %role = (idle_session => 'idler', idle_in_transaction_session => 'idler', statement => 'runner', transaction => 'hurried');
my %hint = (
	idle_session => 'Close connections that are not in use, or ask the administrator to raise the limit.',
	idle_in_transaction_session =>
	  'Commit or roll back before waiting for other work, or ask the administrator to raise the limit.',
	statement => 'Divide the work into shorter statements, or ask the administrator to raise the limit.',
	transaction => 'Divide the work into shorter transactions, or ask the administrator to raise the limit.');

# What the guard tells a client of the limit that it has met.
sub detail_of
{
	my ($limit) = @_;
	my $value = $role{$limit} eq 'idler' ? '300 ms' : '1 s';

	return qr/$phrase{$limit} for [\d.]+ m?s; pg_session_guard\.${limit}_timeout is $value \(role "$role{$limit}"\)\./;
}

sub hint_of
{
	my ($limit) = @_;

	return $hint{$limit};
}

# The same in one text, as libpq has it.
sub end_text
{
	my ($limit) = @_;

	return qr/terminating connection due to administrator command\nDETAIL:  ${\ detail_of($limit) }\n(?:Signal sent by .*\n)?HINT:  \Q$hint{$limit}\E\n/;
}

# The session has been terminated, and the driver tells why.
sub is_end
{
	my ($facts, $name, $limit, %more) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_error(
		$facts, $name,
		sqlstate => '57P01',
		message => 'terminating connection due to administrator command',
		detail => detail_of($limit),
		hint => hint_of($limit),
		%more);
}

# The statement has been canceled, and the driver tells why.
sub is_cancel
{
	my ($facts, $name, %more) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_error(
		$facts, $name,
		sqlstate => '57014',
		message => 'canceling statement due to user request',
		detail => detail_of('statement'),
		hint => hint_of('statement'),
		%more);
}

# A statement that is canceled fails its transaction, and its session goes on.
sub stays_usable
{
	my ($facts, $path) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_error($facts, "$path, statement: next query", sqlstate => '25P02');
	is_result($facts, "$path, statement: after rollback", 42);
	is_result($facts, "$path, statement: same session", 1);
	return;
}

1;
