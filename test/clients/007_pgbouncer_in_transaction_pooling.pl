# pgbouncer in transaction pooling: who sends a query at the moment when an idle session of the pool
# ends loses the connection for somebody else's idleness, unless pgbouncer asks each session whether
# it is there; server_idle_timeout lets no limit end any.  The session that works for a client has
# its application_name, so that a rule finds it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use GuardTest;
use PgBouncer;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $world = start_world();
my $node = $world->{direct};

sub connect_as
{
	my ($pool, $user, $name) = @_;

	return RawSession->connect($pool, user => $user, parameters => { application_name => $name });
}

sub log_of
{
	my ($pool) = @_;

	return slurp_file($pool->host . '/log');
}

# Let a pgbouncer find in one moment that a client has sent a query, and that the session to serve
# it with has ended; returns the client.
sub ask_in_the_moment_of_the_end
{
	my ($pool) = @_;
	my $client = connect_as($pool, 'idler', 'web');
	my $pid = $client->query('SELECT pg_backend_pid()');
	my $process = $pool->pid;

	# It takes events in their order if it waits for them when it is stopped.
	wait_until(sub { slurp_file("/proc/$process/stat") =~ /\) S / }, 'pgbouncer waits');
	freeze_process($process);
	$client->send_query('SELECT 42');
	let_end($world, $pid, 'idle_session_timeout');
	thaw_process($process);
	$client->read_until('Z');
	return $client;
}

my ($pool, $client);

$pool = PgBouncer->start($node, ['idler'], pool_mode => 'transaction');
for (1 .. 10)
{
	$client = ask_in_the_moment_of_the_end($pool);
	last if $client->error;
	note('it has seen the end first');
	$client->abandon;
}
is($client->error && "$client->{error}{sqlstate}: $client->{error}{message}",
	'08P01: server connection closed', 'the client is told that something has happened');
ok($client->is_closed, 'and has lost its connection');
$pool->stop;

$pool = PgBouncer->start($node, ['idler'], pool_mode => 'transaction', server_check_delay => 0);
$client = ask_in_the_moment_of_the_end($pool);
is($client->error, undef, 'with server_check_delay = 0 nothing happens to it');
is($client->query('SELECT 42'), '42', 'and it goes on');
like(log_of($pool), qr/WARNING .*got packet 'E' from server when not linked\n.*closing because: \w+ server got dirty/,
	'the log tells of the end of a session that no client has');
$client->abandon;
$pool->stop;

# Sessions that pgbouncer closes sooner than the limit would end them.
$node->safe_psql('postgres', q{ALTER ROLE neighbor SET pg_session_guard.idle_session_timeout = '1min'});
$pool = PgBouncer->start($node, ['neighbor'], pool_mode => 'transaction', server_idle_timeout => 1);
$client = connect_as($pool, 'neighbor', 'web');
my $pid = $client->query('SELECT pg_backend_pid()');
wait_for_end($node, $pid);
like(log_of($pool), qr/closing because: server idle timeout/, 'pgbouncer closes the session');
is($client->query('SELECT 42'), '42', 'and the client has another one for its next query');
is(scalar guard_lines($node, qr/terminating session $pid /), 0, 'the guard has ended nobody');
$client->abandon;
$pool->stop;

# Its own limits.
for my $case ([ 'BEGIN', 'idle transaction timeout' ], [ 'SELECT pg_sleep(600)', 'query timeout' ])
{
	my ($query, $message) = @$case;

	$pool = PgBouncer->start($node, ['neighbor'], pool_mode => 'transaction', $message =~ tr/ /_/r => 1);
	$client = connect_as($pool, 'neighbor', 'web');
	$client->send_query($query);
	$client->read_to_end;
	is("$client->{error}{sqlstate}: $client->{error}{message}", "08P01: $message", "the client reads of pgbouncer's $message");
	is($client->error->{detail}, undef, 'without any detail');
	$pool->stop;
}

# Two clients by turns in one session of the server.
$node->safe_psql(
	'postgres', q{
	INSERT INTO session_guard.rule (position, name, application_name, statement_timeout)
	VALUES (10, 'reports', 'report%', '1 s')});
for my $add_host (0, 1)
{
	$pool = PgBouncer->start($node, ['neighbor'],
		pool_mode => 'transaction', default_pool_size => 1, application_name_add_host => $add_host);
	my %client = map { $_ => connect_as($pool, 'neighbor', $_) } 'report', 'web';
	my $more = $add_host ? qr/ - unix/ : qr/$/;
	my $name = "add_host $add_host";
	my %pid;

	for my $who ('report', 'web')
	{
		my $shown = $client{$who}->query("SELECT current_setting('application_name')");

		$pid{$who} = $client{$who}->query('SELECT pg_backend_pid()');
		like($shown, qr/^$who$more/, "$name: the session is called $who while it works for it");
		like($node->safe_psql('postgres', "SELECT application_name FROM pg_stat_activity WHERE pid = $pid{$who}"),
			qr/^$who$more/, "$name: and afterwards");
	}
	is($pid{report}, $pid{web}, "$name: it is the same session");
	$client{report}->send_query('SELECT pg_sleep(600)');
	$client{report}->read_until('Z');
	is($client{report}->sqlstate, '57014', "$name: the statement of report is canceled");
	like($client{report}->error->{detail}, qr/ is 1 s \(rule "reports"\)\.$/, "$name: by the rule");
	is($client{web}->query("SELECT 'long' FROM pg_sleep(1.5)"), 'long', "$name: that of web is not");
	$_->abandon for values %client;
	$pool->stop;
}

stop_world($world);
done_testing();
