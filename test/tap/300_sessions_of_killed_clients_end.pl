# dead_client_timeout: a client is killed while its statement runs, or waits for a lock; by a
# Unix-domain socket, IPv4, IPv6, and an IPv4 address in one of IPv6.  Its session ends, the one
# beside it whose client lives goes on, and so do those of whoever is spared.  With mode = log
# nobody ends, and the log says once who would.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IO::Select;
use PgBouncer;
use PostgreSQL::Test::Utils;
use PsqlClient;
use RawSession;
use Socket qw(SHUT_WR);
use Test::More;

my $node = guard_node(
	'main',
	listen_addresses => '*',
	'pg_session_guard.dead_client_timeout' => '500ms',
	'pg_session_guard.naptime' => '1s',
	autovacuum => 'off');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my %host = (unix => undef, ipv4 => '127.0.0.1', ipv6 => '::1', mapped => '::ffff:127.0.0.1');
my %client;

for my $way (sort keys %host)
{
	delete $host{$way} if !PsqlClient::can_use($host{$way});
}
note 'ways to connect: ' . join ' ', sort keys %host;

sub start_client
{
	my ($name, $sql, %params) = @_;

	$client{$name} = PsqlClient->start($node, $name, $sql, %params);
	return;
}

# Wait until the statements of clients have run for longer than the limit, and were looked at since.
sub pass_timeout
{
	wait_until_unchanged_for($node, '1500 ms', map { $client{$_}->pid } @_);
	wait_for_scan($node, 3);
	return;
}

$node->safe_psql(
	'postgres', q{
	CREATE ROLE batch LOGIN;
	ALTER ROLE batch SET pg_session_guard.exempt = on;
	CREATE TABLE wanted (n int);
	GRANT ALL ON wanted TO PUBLIC;
	CREATE TABLE maintained (n int);
	ALTER TABLE maintained OWNER TO web});
my $holder = RawSession->connect($node, user => $superuser);
$holder->run('BEGIN', 'LOCK TABLE wanted, maintained');

# --- killed --------------------------------------------------------------------

for my $way (sort keys %host)
{
	start_client("${way}_$_->[0]", $_->[1], host => $host{$way})
	  for [ lives => 'SELECT pg_sleep(600)' ], [ runs => 'SELECT pg_sleep(600)' ], [ waits => 'SELECT * FROM wanted' ];
}
start_client('exempt', 'SELECT pg_sleep(600)', user => 'batch', host => $host{ipv4});
start_client('superuser', 'SELECT pg_sleep(600)', user => $superuser);
start_client('vacuum', 'VACUUM maintained');
my @living = map { "${_}_lives" } sort keys %host;
my @spared = qw(exempt superuser vacuum);
my @killed = map { ("${_}_runs", "${_}_waits") } sort keys %host;
pass_timeout(keys %client);
is(living($node, \%client), join(' ', sort @living, @killed, @spared), 'all clients live, and all sessions stay');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT spared, ', ') FROM session_guard.schedule
		WHERE limit_name = 'dead_client_timeout' AND application_name ~ '_(lives|runs|waits)$'}),
	'its client is connected',
	'the schedule says why');

$client{$_}->kill for @killed, @spared;
wait_for_end($node, $client{$_}->pid) for @killed;
pass_timeout(@living, @spared);
is(living($node, \%client), join(' ', sort @living, @spared),
	'those end whose clients are killed, but for whoever is spared');
for my $name (@killed)
{
	is( scalar guard_lines($node,
			"LOG:  terminating session ${\ $client{$name}->pid } .*: statement running for .* though its client is gone, pg_session_guard.dead_client_timeout is 500 ms \\(configuration file\\)\$"),
		1,
		"the log says of $name why");
}
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT action || ' ' || outcome, ', '), count(*), bool_and(measured > threshold)
		FROM session_guard.event WHERE limit_name = 'dead_client_timeout'}),
	'terminate terminated|' . @killed . '|t',
	'each is an event');
is( $node->safe_psql('postgres', q{SELECT string_agg(application_name || ': ' || spared, ', ' ORDER BY application_name) FROM session_guard.schedule
		WHERE limit_name = 'dead_client_timeout' AND application_name IN ('exempt', 'superuser', 'vacuum')}),
	'exempt: exempt by role "batch", superuser: superuser, vacuum: VACUUM',
	'the schedule says who is spared');
set_limits($node, spare_maintenance => 'off');
wait_for_end($node, $client{vacuum}->pid);
pass('maintenance is spared only as long as that is switched on');

# --- connections that have ended in other ways -----------------------------------

# What the session has sent is not read, and then there is no client: the connection is reset.
my %raw = map { $_ => RawSession->connect($node, host => '127.0.0.1') } qw(reset half slow);
$raw{reset}->send_query('DO $$ BEGIN RAISE NOTICE \'unread\'; PERFORM pg_sleep(600); END $$');
wait_until(sub { IO::Select->new($raw{reset}{socket})->can_read(0) }, 'there is something to read');
$raw{reset}->abandon;
wait_for_end($node, $raw{reset}->pid);
pass('a session ends whose connection was reset');

# A client that will send nothing more is taken for one that is gone.
$raw{half}->send_query('SELECT pg_sleep(600)');
shutdown $raw{half}{socket}, SHUT_WR;
$raw{half}->read_to_end;
like($raw{half}->error_text,
	qr/^FATAL 57P01: .*\nDETAIL: Statement running for .* though its client is gone; .*\nHINT: Keep the connection open in both directions/,
	'one that has only stopped sending is told why');

# Who takes nothing for long is there.
$raw{slow}->send_query(q{SELECT repeat('x', 10000) FROM generate_series(1, 3000)});
wait_for_status($node, $raw{slow}->pid, "wait_event = 'ClientWrite'");
wait_until_unchanged_for($node, '1500 ms', $raw{slow}->pid);
wait_for_scan($node, 3);
is(scalar(my @rows = $raw{slow}->read_result), 3000, 'a client that reads late gets all that it has asked for');

# --- a proxy ---------------------------------------------------------------------

# It is the client, and closes its end when that behind it has gone.
SKIP:
{
	skip 'pgbouncer is not installed', 1 if !defined PgBouncer->program;
	my $pool = PgBouncer->start($node, ['web'], pool_mode => 'session');
	my @behind = qw(behind_lives behind_dies);

	start_client($_, 'SELECT pg_sleep(600)', host => $pool->host, port => $pool->port) for @behind;
	pass_timeout(@behind);
	$client{behind_dies}->kill;
	wait_for_end($node, $client{behind_dies}->pid);
	pass_timeout('behind_lives');
	is(living($node, { map { $_ => $client{$_} } @behind }), 'behind_lives',
		'behind a proxy that session ends whose client is killed, and no other');
}

# --- mode = log ------------------------------------------------------------------

set_limits($node, mode => 'log');
start_client($_, 'SELECT pg_sleep(600)', host => $host{ipv4}) for qw(logged alive);
$client{logged}->kill;
my $line = "LOG:  session ${\ $client{logged}->pid } .*would be terminated|would terminate session ${\ $client{logged}->pid } ";
wait_until(sub { guard_lines($node, $line) }, 'the log says who would be terminated');
pass_timeout(qw(logged alive));
is(scalar guard_lines($node, $line), 1, 'once');
is(living($node, { map { $_ => $client{$_} } qw(logged alive) }), 'alive logged', 'and nobody ends');
is($node->safe_psql('postgres', "SELECT outcome FROM session_guard.event WHERE pid = ${\ $client{logged}->pid }"),
	'dry run', 'that is an event, too');
set_limits($node, mode => 'enforce');
wait_for_end($node, $client{logged}->pid);
is(living($node, { map { $_ => $client{$_} } 'alive', @living }), join(' ', sort 'alive', @living),
	'when it is enforced, the same one ends, and no other');

$_->kill for values %client;
$_->abandon for $holder, values %raw;
$node->stop;
done_testing();
