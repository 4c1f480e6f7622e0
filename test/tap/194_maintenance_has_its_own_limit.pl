# Maintenance is spared from the statement and transaction limits, wherever it
# runs, and bounded by maintenance_timeout: all maintenance of one statement
# together, without its waits for locks, by a cancel and then a terminate.  Lines,
# events, statistics, schedule and the client tell of it.

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
	'max_connections' => 50,
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.cancel_grace' => '1s');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE ROLE patient LOGIN IN ROLE web;
	CREATE SCHEMA web AUTHORIZATION web;
	CREATE DATABASE shop;
	SET ROLE web;
	CREATE FUNCTION web.nap(n int, pause float8) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM pg_catalog.pg_sleep(pause); RETURN n; END';
	CREATE FUNCTION web.stubborn(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_catalog.pg_sleep(600);
			EXCEPTION WHEN query_canceled THEN
				NULL;
			END;
		END LOOP;
	END
	$$;
	CREATE TABLE web.t AS SELECT 1 AS n;
	CREATE TABLE web.other AS SELECT 1 AS n;
	CREATE TABLE web.concurrent AS SELECT 1 AS n;
	CREATE TABLE web.altered AS SELECT 1 AS n;
	CREATE TABLE web.locked AS SELECT 1 AS n;
	CREATE TABLE web.calm AS SELECT 1 AS n;
	CREATE TABLE web.short AS SELECT 1 AS n;
	CREATE INDEX ON web.short (web.nap(n, 0.1));
	CREATE TABLE web.long AS SELECT 1 AS n;
	CREATE INDEX long_index ON web.long (n);
	CREATE MATERIALIZED VIEW web.view AS SELECT web.nap(1, 600) WITH NO DATA;
	CREATE PROCEDURE web.build() LANGUAGE plpgsql AS
		'BEGIN COMMIT; CREATE INDEX in_procedure ON web.t (web.nap(n, 600)); END';
	CREATE FUNCTION web.build_in_function() RETURNS void LANGUAGE plpgsql AS
		'BEGIN CREATE INDEX in_function ON web.t (web.nap(n, 600)); END';
	RESET ROLE;
	GRANT ALL ON ALL TABLES IN SCHEMA web TO patient;
});

# The old snapshot that CREATE INDEX CONCURRENTLY waits for.
my $snapshot = RawSession->connect($node, user => $superuser);
$snapshot->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
my $locker = RawSession->connect($node, user => $superuser);
$locker->query('BEGIN; LOCK TABLE web.locked');

# Two of one name would wait for each other.
sub build
{
	my ($name) = @_;

	return "CREATE INDEX $name ON web.t (web.nap(n, 600))";
}

my %statement = (
	'plain' => build('plain'),
	'in a string' => 'SELECT 1; ' . build('in_string') . '; SELECT 2',
	'in DO' => "DO \$\$ BEGIN EXECUTE '${\ build('in_do') }'; END \$\$",
	'in a function' => 'SELECT web.build_in_function()',
	'in a procedure' => 'CALL web.build()',
	'after a caught error' =>
	  "DO \$\$ BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END; EXECUTE '${\ build('after_error') }'; END \$\$",
	'after an error of maintenance' =>
	  "DO \$\$ BEGIN BEGIN CREATE INDEX ON web.t ((1/(n-1))); EXCEPTION WHEN division_by_zero THEN NULL; END; EXECUTE '${\ build('after_own_error') }'; END \$\$",
	'REFRESH' => 'REFRESH MATERIALIZED VIEW web.view',
	'ALTER TABLE' => 'ALTER TABLE web.altered ALTER n TYPE int8 USING web.nap(n, 600)',
	'short ones' => 'DO $$ BEGIN LOOP ANALYZE web.short; END LOOP; END $$');
my %session = map { $_ => RawSession->connect($node) } keys %statement;
$session{'CONCURRENTLY'} = RawSession->connect($node);
$session{'waiting'} = RawSession->connect($node);
my $patient = RawSession->connect($node, user => 'patient');
$patient->query('SET ROLE web');
my $runs = RawSession->connect($node);
my $stubborn = RawSession->connect($node);

set_limits($node, statement_timeout => '1s', transaction_timeout => '1500ms');
$session{$_}->send_query($statement{$_}) for sort keys %statement;
$session{CONCURRENTLY}->send_query('CREATE INDEX CONCURRENTLY ON web.concurrent (n)');
$session{waiting}->send_query('ANALYZE web.calm, web.locked; SELECT 1');
$patient->send_query('CREATE INDEX ON web.other (web.nap(n, 600))');
$runs->query('SELECT web.nap(1, 600)');
is($runs->sqlstate, '57014', 'what is no maintenance goes by the statement limit');
wait_for_status($node, $_->pid, "state = 'active' AND clock_timestamp() - query_start > '4 s'")
  for values %session, $patient;
wait_for_status($node, $session{CONCURRENTLY}->pid, "wait_event = 'virtualxid'");
wait_for_status($node, $session{waiting}->pid, "wait_event = 'relation'");
pass('maintenance of any kind stays, beyond the other limits');

# The schedule says what a limit would do that is far away.
set_limits($node, maintenance_timeout => '1h');
is( $node->safe_psql(
		'postgres', "SELECT threshold, source, action, measured > '3 s', due_at > now(), spared IS NULL
		 FROM session_guard.schedule
		 WHERE pid = ${\ $session{plain}->pid } AND limit_name = 'maintenance_timeout'"),
	'01:00:00|configuration file|cancel|t|t|t',
	'the schedule shows the limit');
$stubborn->send_query('CREATE INDEX ON web.long (web.stubborn(n))');
wait_for_status($node, $stubborn->pid, "wait_event = 'PgSleep'");

# Roles and databases have theirs.
$node->safe_psql('postgres', "ALTER ROLE patient SET pg_session_guard.maintenance_timeout = '2h'");
$node->safe_psql('postgres', "ALTER DATABASE shop SET pg_session_guard.maintenance_timeout = '3h'");
is( $node->safe_psql(
		'postgres', "SELECT threshold, source FROM session_guard.schedule
		 WHERE pid = ${\ $patient->pid } AND limit_name = 'maintenance_timeout'"),
	'02:00:00|role "patient"',
	'the schedule shows the limit of a role');

my @ended = grep { $_ ne 'waiting' && $_ ne 'CONCURRENTLY' } sort keys %session;
set_limits($node, maintenance_timeout => '3s', catch_up_rate => 1000);
for my $name (@ended)
{
	$session{$name}->read_result;
	is($session{$name}->sqlstate, '57014', "maintenance over its limit goes: $name");
}
like(
	$session{plain}->error_text,
	qr/^ERROR 57014: [^\n]*\nDETAIL: Maintenance running for [^\n]*; pg_session_guard.maintenance_timeout is 3 s \(configuration file\).\nHINT: Maintain smaller parts at a time, or ask/,
	'its client is told');
like((guard_lines($node, qr/canceling statement of session ${\ $session{'short ones'}->pid } /))[0],
	qr/: maintenance running for (?:[3-9]|\d\d|\d+ min)[^,]*s, pg_session_guard.maintenance_timeout is 3 s \(configuration file\)$/,
	'the log, too');

# Whoever swallows the cancel is terminated.
wait_for_end($node, $stubborn->pid);
like((guard_lines($node, qr/terminating session ${\ $stubborn->pid } /))[0],
	qr/maintenance running for .*, canceled .* ago, pg_session_guard.cancel_grace is 1 s$/,
	'who goes on is terminated after the grace');

is($node->safe_psql('postgres',
		"SELECT count(*) > 10, count(*) FILTER (WHERE action = 'terminate') FROM session_guard.event
		 WHERE limit_name = 'maintenance_timeout'"),
	't|1', 'events name the limit');
is($node->safe_psql('postgres',
		"SELECT canceled > 9, terminated FROM session_guard.limit_stats
		 WHERE limit_name = 'maintenance_timeout'"),
	't|1', 'statistics count by it');

# Who waits is innocent, and so is what has a limit of its own that is far away.
is(living($node, { %session{'waiting', 'CONCURRENTLY'}, patient => $patient }, "state = 'active'"),
	'CONCURRENTLY patient waiting', 'waits for locks are taken off');
$node->safe_psql('postgres', 'ALTER ROLE patient RESET pg_session_guard.maintenance_timeout');
$patient->read_result;
is($patient->sqlstate, '57014', 'when the role has no limit of its own any more, it goes by that of all');

$locker->query('COMMIT');
$snapshot->query('COMMIT');
for my $name ('waiting', 'CONCURRENTLY')
{
	$session{$name}->read_result;
	is($session{$name}->sqlstate, '', "who has waited ends well: $name");
}

$_->quit for values %session, $patient, $runs, $snapshot, $locker;
$stubborn->abandon;
$node->stop;
done_testing();
