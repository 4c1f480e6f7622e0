# session_guard.top shows who keeps most others waiting first, then whose end is
# nearest, and who is idle last; for whom somebody waits, what comes for whom, and
# why somebody is spared; and of others no more than pg_stat_activity.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'deadlock_timeout' => '1h',
	'max_prepared_transactions' => 1,
	'pg_session_guard.idle_session_timeout' => '4h',
	'pg_session_guard.idle_in_transaction_session_timeout' => '2h',
	'pg_session_guard.statement_timeout' => '3h');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE hasty LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
	CREATE TABLE orders AS SELECT n AS id, 'open' AS state FROM generate_series(1, 9) AS n;
	CREATE TABLE shared ();
	GRANT ALL ON orders, shared TO PUBLIC});

# A session of a role, after a statement.
sub session
{
	my ($role, $statement) = @_;
	my $session = RawSession->connect($node, user => $role);

	$session->query($statement);
	return $session;
}

sub waiting
{
	my ($role, $statement) = @_;
	my $session = RawSession->connect($node, user => $role);

	let_wait($node, $session, $statement);
	return $session;
}

# Read from the view as a role, one row for each line.
sub top
{
	my ($what, $condition, $role) = @_;

	return $node->safe_psql(
		'postgres',
		"SELECT concat_ws('|', $what) FROM session_guard.top WHERE $condition",
		extra_params => [ '-U', $role // 'watcher' ]);
}

# The names of sessions by a hash of them, in the order of the view.
sub order_of
{
	my (%session) = @_;
	my %name = map { $session{$_}->pid => $_ } keys %session;

	return join ', ', map { $name{$_} // () } split /\n/, top('pid', 'true');
}

my %session = (
	idle => session('app', 'SELECT 1'),
	blocker => session('web', "BEGIN;\n\t UPDATE orders SET state = 'paid' WHERE id = 1"));
# The second waits for the first, which waits for the blocker.
$session{"waiter $_"} = waiting('app', 'UPDATE orders SET state = NULL WHERE id = 1') for 1, 2;
$session{superuser} = session($superuser, 'BEGIN');
$session{strict} = session('web', 'BEGIN');
$session{busy} = RawSession->connect($node, user => 'app');
$session{busy}->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $session{busy}->pid, "wait_event = 'PgSleep'");

is( order_of(%session),
	'blocker, waiter 1, strict, busy, waiter 2, superuser, idle',
	'who blocks most comes first, then whose end is nearest, then who is spared; who is idle is last');
is($session{blocker}->pid, (split /\n/, top('pid', 'true'))[0], 'nobody is before the blocker');

# An idle session is of interest when it has less than a minute.
$node->safe_psql('postgres', q{ALTER ROLE hasty SET pg_session_guard.idle_session_timeout = '59 s'});
$session{hasty} = session('hasty', 'SELECT 1');
is( order_of(%session),
	'blocker, waiter 1, hasty, strict, busy, waiter 2, superuser, idle',
	'an idle session whose end is near is among the first');

my $columns = q{coalesce(blocks, 0), coalesce(waits_for, '-'), activity, action, reason,
	CASE WHEN due_in BETWEEN interval '1 h 59 min' AND interval '2 h' THEN 'within 2 h'
		WHEN due_in BETWEEN interval '2 h 59 min' AND interval '3 h' THEN 'within 3 h'
		WHEN due_in BETWEEN interval '3 h 59 min' AND interval '4 h' THEN 'within 4 h'
		ELSE coalesce(due_in::text, 'never') END};
my $root = $session{blocker}->pid;
my %said = (
	blocker => '2|-|idle in xact|terminate|idle_in_transaction|within 2 h',
	'waiter 1' => "1|$root|active|spared|waits for a lock|never",
	'waiter 2' => "0|$root|active|spared|waits for a lock|never",
	superuser => '0|-|idle in xact|spared|superuser|never',
	busy => '0|-|active|cancel|statement|within 3 h',
	idle => '0|-|idle|terminate|idle|within 4 h');
is(top($columns, 'pid = ' . $session{$_}->pid), $said{$_}, "what is said of the $_") for sort keys %said;
is( top('usename, datname, query, memory ~ \'^\d+ .?B\', state_age < interval \'1 h\'', "pid = $root"),
	"web|postgres|BEGIN; UPDATE orders SET stat+|t|t",
	'the query is in one line, and cut');

# Who may not see what others do is told that they are there, and who is waited for.
is( top("$columns, num_nulls(activity, state_age, memory, due_in, action, reason), query", "pid = $_->[0]", 'app'),
	$_->[1], 'what an ordinary reader is told of others')
  for [ $root, '2|-|never|6|<insufficient privilege>' ],
  [ $session{superuser}->pid, '0|-|never|6|<insufficient privilege>' ];
is(top($columns, 'pid = ' . $session{idle}->pid, 'app'), $said{idle}, 'of sessions of its own role it sees all');

# A session that asks is of interest only while it is in the way of others.
is(top('pid', 'pid = pg_backend_pid()', $superuser), '', 'who asks is not shown');
is($session{blocker}->query('SELECT blocks FROM session_guard.top WHERE pid = pg_backend_pid()'),
	2, 'but when others wait for it');

# Many may be waited for, a prepared transaction among them.
my @holders = map { session('web', 'BEGIN; LOCK TABLE shared IN SHARE MODE') } 1 .. 3;
my $prepared = session('web', q{BEGIN; LOCK TABLE shared IN SHARE MODE; PREPARE TRANSACTION 'lost'});
my $last = waiting('app', 'BEGIN; LOCK TABLE shared');
is(top('waits_for', 'pid = ' . $last->pid), join(' ', 'prepared', (sort { $a <=> $b } map { $_->pid } @holders)[0]) . ' +2',
	'of many two are named');
$last->abandon;
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost'});

# In a deadlock nobody is at the end of a chain.
my ($one, $two) = map { session('web', "BEGIN; UPDATE orders SET state = NULL WHERE id = $_") } 2, 3;
let_wait($node, $one, 'UPDATE orders SET state = NULL WHERE id = 3');
let_wait($node, $two, 'UPDATE orders SET state = NULL WHERE id = 2');
is(top('blocks, waits_for', 'pid = ' . $one->pid), '1|' . $two->pid, 'in a deadlock each waits for the other');

# What is too long for a column ends in a sign.
my $named = RawSession->connect($node, user => 'web');
$named->query(q{SET application_name = 'billing of the shop'});
is(top('application', 'pid = ' . $named->pid), 'billing of +', 'a long name is cut');
$named->query(q{SET application_name = 'queue worker'});
is(top('application', 'pid = ' . $named->pid), 'queue worker', 'one that fits is not');

$_->abandon for values %session, @holders, $prepared, $one, $two, $named;
$node->stop;
done_testing();
