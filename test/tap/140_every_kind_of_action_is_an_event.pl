# Whatever the guard or a function called by name has done to a session is an
# event: who acted on whom, by which limit or for which reason, and what became
# of it.  It reads the same in every database that has the extension, and in the
# history as soon as it is settled.  Whom nobody has acted on is in neither.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	max_connections => 40,
	allows_streaming => 1,
	listen_addresses => '127.0.0.1',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.cancel_grace' => '300ms');

my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(idler slow stubborn);
$node->safe_psql('postgres', 'CREATE ROLE dba LOGIN SUPERUSER; CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
$node->safe_psql(
	'postgres', q{
	ALTER ROLE idler SET pg_session_guard.idle_in_transaction_session_timeout = '300ms';
	ALTER ROLE slow SET pg_session_guard.statement_timeout = '400ms';
	ALTER ROLE stubborn IN DATABASE shop SET pg_session_guard.statement_timeout = '500ms'});

# When sessions had connected, by their pid; the server knows only while they live.
my %backend_start;
my $asked = 'SELECT to_jsonb(backend_start) FROM pg_stat_activity WHERE pid = pg_backend_pid()';

sub connect_as
{
	my ($user, %params) = @_;
	my $session = RawSession->connect($node, user => $user, %params);

	$backend_start{ $session->pid } = $session->query($asked) =~ s/"//gr;
	return $session;
}

# What differs from run to run; the rest of an event can be told beforehand.
my @measured = qw(server_start number acted_at measured late gone_after);

# The only event of an action on a session, as soon as it has an outcome: its
# columns but for those that are NULL and those that are measured.
sub event_of
{
	my ($pid, $action, $outcome) = @_;
	my $where = "pid = $pid AND action = '$action'";

	wait_until(
		sub {
			$node->safe_psql('postgres', "SELECT string_agg(outcome, ' ') FROM session_guard.event WHERE $where")
			  eq $outcome;
		},
		"there is one event of that $action, and it is $outcome");
	return { map { split /=/, $_, 2 } split /\n/,
		$node->safe_psql('postgres',
			"SELECT key || '=' || replace(value, E'\\n', ' ') FROM session_guard.event,
				jsonb_each_text(to_jsonb(event) - '{@{[ join ',', @measured ]}}'::text[])
			 WHERE $where AND value IS NOT NULL") };
}

# Which of the measured columns of an event are there, as they must be.
sub measures_of
{
	my ($pid, $action) = @_;

	return $node->safe_psql('postgres',
		"SELECT concat_ws(' ', CASE WHEN measured >= threshold THEN 'measured' END,
			CASE WHEN late >= '0' THEN 'late' END, CASE WHEN gone_after > '0' THEN 'gone_after' END)
		 FROM session_guard.event
		 WHERE pid = $pid AND action = '$action' AND acted_at BETWEEN backend_start AND now()
			AND server_start < acted_at AND number > 0");
}

# The columns that tell of a session.
sub subject
{
	my ($pid, $user, $database, $state, $query) = @_;

	return (
		pid => $pid,
		backend_start => $backend_start{$pid},
		datname => $database,
		usename => $user,
		application_name => 'raw',
		state => $state,
		query => $query);
}

my $bystander = connect_as('web');

# The guard terminates a session, and cancels a statement.
my $idler = connect_as('idler', application_name => 'shop/till');
$idler->query('BEGIN /* the till */');
is_deeply(
	event_of($idler->pid, 'terminate', 'terminated'),
	{
		subject($idler->pid, 'idler', 'postgres', 'idle in transaction', 'BEGIN /* the till */'),
		actor => 'guard',
		application_name => 'shop/till',
		limit_name => 'idle_in_transaction_session_timeout',
		threshold => '00:00:00.3',
		source => 'role "idler"',
		action => 'terminate',
		outcome => 'terminated'
	},
	'the guard has terminated');
is(measures_of($idler->pid, 'terminate'), 'measured late gone_after', 'and measured');

my $slow = connect_as('slow', dbname => 'shop');
$slow->query('SELECT pg_sleep(600)');
is($slow->sqlstate, '57014', 'a statement is canceled');
is_deeply(
	event_of($slow->pid, 'cancel', 'canceled'),
	{
		subject($slow->pid, 'slow', 'shop', 'active', 'SELECT pg_sleep(600)'),
		actor => 'guard',
		limit_name => 'statement_timeout',
		threshold => '00:00:00.4',
		source => 'role "slow"',
		action => 'cancel',
		outcome => 'canceled'
	},
	'the guard has canceled');
is(measures_of($slow->pid, 'cancel'), 'measured late gone_after', 'and measured');
is($slow->query('SELECT 42'), '42', 'and the session lives');
$slow->quit;
wait_for_end($node, $slow->pid);

# A cancel that is not heeded, and what follows it, are two events.
my $stubborn = connect_as('stubborn', dbname => 'shop');
$stubborn->query(stubborn_statement());
my %of_stubborn = (
	subject($stubborn->pid, 'stubborn', 'shop', 'active', stubborn_statement() =~ s/\n/ /gr),
	actor => 'guard',
	limit_name => 'statement_timeout',
	threshold => '00:00:00.5',
	source => 'role "stubborn" in database "shop"');
is_deeply(
	event_of($stubborn->pid, 'cancel', 'survived'),
	{ %of_stubborn, action => 'cancel', outcome => 'survived', note => 'its session was terminated' },
	'the statement has survived its cancel');
is(measures_of($stubborn->pid, 'cancel'), 'measured late', 'which had no effect at any time');
is_deeply(
	event_of($stubborn->pid, 'terminate', 'terminated'),
	{ %of_stubborn, action => 'terminate', outcome => 'terminated' },
	'but not the end of its session');
is(measures_of($stubborn->pid, 'terminate'), 'measured late gone_after', 'which was later');

# mode = log.
set_limits($node, mode => 'log');
my $logged = connect_as('idler');
$logged->query('BEGIN');
is_deeply(
	event_of($logged->pid, 'log', 'dry run'),
	{
		subject($logged->pid, 'idler', 'postgres', 'idle in transaction', 'BEGIN'),
		actor => 'guard',
		limit_name => 'idle_in_transaction_session_timeout',
		threshold => '00:00:00.3',
		source => 'role "idler"',
		action => 'log',
		outcome => 'dry run'
	},
	'the guard would have acted');
is(measures_of($logged->pid, 'log'), 'measured', 'there is nothing to be late with');
ok(is_alive($node, $logged->pid), 'and the session lives');

# Functions called by name: by whom, which, and what for.
my $dba = connect_as('dba', dbname => 'shop');

sub by_dba
{
	my ($function, %more) = @_;

	return (actor => 'role "dba"', function_name => $function, %more);
}

my $patient = connect_as('web', dbname => 'shop');
is($dba->query("SELECT outcome FROM terminate_db_sessions('shop', reason => 'moves at \"noon\"')"),
	'terminated', 'a session is terminated by name');
is_deeply(
	event_of($patient->pid, 'terminate', 'terminated'),
	{
		subject($patient->pid, 'web', 'shop', 'idle', $asked),
		by_dba('terminate_db_sessions', filters => q{dbname => 'shop'}, reason => 'moves at "noon"'),
		action => 'terminate',
		outcome => 'terminated'
	},
	'the event tells who did it, by which function, and what for');
is(measures_of($patient->pid, 'terminate'), 'gone_after', 'no limit was measured');

# By TCP, and by somebody who acts as another one.
my $psql = open_session($node);
$psql->query('\connect - - 127.0.0.1');
my $tcp_pid = pid_of($psql);
$psql->query(q{SET application_name = 'by TCP'});
start_query($psql, 'SELECT pg_sleep(600)');
wait_for_status($node, $tcp_pid, "wait_event = 'PgSleep'");
$dba->query('GRANT web TO dba');
$dba->query('SET ROLE web');
is($dba->query("SELECT outcome FROM cancel_query($tcp_pid)"), 'canceled', 'a statement is canceled by name');
$dba->query('RESET ROLE');
my $event = event_of($tcp_pid, 'cancel', 'canceled');
is(join(', ', @$event{qw(actor function_name client_addr application_name state query)}),
	'role "web" (session user "dba"), cancel_query, 127.0.0.1, by TCP, active, SELECT pg_sleep(600);',
	'its event tells as whom, and where from');

# Nobody waits, so the guard finds out.
my $unawaited = connect_as('web');
is($dba->query("SELECT outcome FROM terminate_session(${\ $unawaited->pid }, timeout => '0')"),
	'signaled', 'who does not wait hears of the signal only');
is_deeply(
	event_of($unawaited->pid, 'terminate', 'terminated'),
	{
		subject($unawaited->pid, 'web', 'postgres', 'idle', $asked),
		by_dba('terminate_session'),
		action => 'terminate',
		outcome => 'terminated'
	},
	'its effect is noted all the same');
is(measures_of($unawaited->pid, 'terminate'), 'gone_after', 'and when it was');

# What a process that is no session does with a cancel cannot be told.
my $walsender = open_session($node, user => $superuser, replication => 'true');
my $walsender_pid =
  $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'");
$dba->query("SELECT cancel_query($walsender_pid)");
is(event_of($walsender_pid, 'cancel', 'signaled')->{function_name}, 'cancel_query', 'a walsender is signaled');

# Announced, and then the statement had ended, or the session: the callers are
# held up by a lock on the catalog in which they look up the name of the database.
my @victims = map { connect_as('web', dbname => 'shop') } 1 .. 2;
my ($holder, @callers) = map { connect_as('dba') } 1 .. 3;
my ($moving, $leaving) = map { $_->pid } @victims;
$victims[0]->send_query('SELECT pg_sleep(3600)');
wait_for_status($node, $moving, "wait_event = 'PgSleep'");
$holder->query('BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');

# Nobody can connect now; what the holder of the lock knows of a session.
sub ask_holder
{
	my ($pid, $column) = @_;

	$holder->query('SELECT pg_stat_clear_snapshot()');
	return $holder->query("SELECT coalesce((SELECT CAST($column AS text) FROM pg_stat_get_activity($pid)), '')");
}
$callers[0]->send_query("SELECT outcome FROM cancel_query($moving)");
$callers[1]->send_query("SELECT outcome FROM terminate_session($leaving, reason => 'too late')");
wait_until(sub { ask_holder($_->pid, 'wait_event') eq 'relation' }, 'the caller is held up') for @callers;
kill INT => $moving;
kill TERM => $leaving;
wait_until(sub { ask_holder($moving, 'state') eq 'idle' }, 'the statement has ended');
wait_until(sub { ask_holder($leaving, 'pid') eq '' }, 'the session has ended');
$holder->query('COMMIT');
is($callers[0]->read_result, 'raced', 'a statement that has ended is left alone');
is($callers[1]->read_result, 'gone', 'a session that has ended is gone');
is_deeply(
	event_of($moving, 'cancel', 'raced'),
	{
		subject($moving, 'web', 'shop', 'active', 'SELECT pg_sleep(3600)'),
		by_dba('cancel_query'),
		action => 'cancel',
		outcome => 'raced',
		note => 'no statement is running'
	},
	'what was announced and not done is an event too');
is_deeply(
	event_of($leaving, 'terminate', 'gone'),
	{
		subject($leaving, 'web', 'shop', 'idle', $asked),
		by_dba('terminate_session', reason => 'too late'),
		action => 'terminate',
		outcome => 'gone'
	},
	'in each case');
is(measures_of($moving, 'cancel') . measures_of($leaving, 'terminate'), '', 'that took no time');

# A dry run is announced to nobody, and the caller's own session is a session too.
$dba->query('SELECT * FROM terminate_all_sessions(dry_run => true)');
$dba->query('SELECT terminate_session(pg_backend_pid())');
is($dba->sqlstate, '57P01', 'the caller terminates itself');
is(event_of($dba->pid, 'terminate', 'terminated')->{function_name}, 'terminate_session', 'which is an event');

# All of it, from here and there.
wait_for_history($node);
my %rows = (
	here => $node->safe_psql('postgres', 'SELECT * FROM session_guard.event ORDER BY server_start, number'),
	there => $node->safe_psql('shop', 'SELECT * FROM session_guard.event ORDER BY server_start, number'),
	history => $node->safe_psql('postgres', 'SELECT * FROM session_guard.history ORDER BY server_start, number'));
is( $node->safe_psql('postgres',
		q{SELECT string_agg(what, ', ' ORDER BY what COLLATE "C")
			FROM (SELECT concat_ws(' ', action, usename, outcome) AS what FROM session_guard.event) AS events}),
	join(
		', ',
		sort "cancel $superuser signaled", 'cancel slow canceled', 'cancel stubborn survived',
		'cancel web canceled', 'cancel web raced', 'log idler dry run',
		'terminate dba terminated', 'terminate idler terminated', 'terminate stubborn terminated',
		'terminate web gone', 'terminate web terminated', 'terminate web terminated'),
	'there are no other events than these');
is($rows{there}, $rows{here}, 'another database shows the same events');
is($rows{history}, $rows{here}, 'so does the history');
is($node->safe_psql('shop', 'SELECT count(*) FROM session_guard.history'), '0', 'of the guard\'s database only');
ok(is_alive($node, $bystander->pid), 'whom nobody has acted on lives');
unlike($rows{here}, qr/\|${\ $bystander->pid }\|/, 'and is in no event');

close_sessions($psql, $walsender);
$node->stop;
done_testing();
