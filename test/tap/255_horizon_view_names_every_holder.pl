# session_guard.horizon has one row for each that keeps vacuum from cleaning up,
# whatever it is: sessions, walsenders, prepared transactions, replication slots,
# standbys; the oldest first, and nobody who holds nothing.  What pg_stat_activity
# hides from a role is hidden here.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

# A waiter would look up from its wait to search for a deadlock.
my $node = guard_node(
	'main',
	allows_streaming => 'logical',
	max_connections => 40,
	autovacuum => 'off',
	deadlock_timeout => '1h',
	max_prepared_transactions => 3);
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE account (id int);
	CREATE TABLE locked (id int);
	INSERT INTO account VALUES (1), (2);
	ALTER TABLE account OWNER TO web;
	ALTER TABLE locked OWNER TO web;
	CREATE ROLE wide LOGIN;
	CREATE ROLE stranger LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats;
	CREATE DATABASE shop});
create_parallel_table($node, 'ROLE wide');
create_parallel_functions($node);

sub connect_as
{
	my ($name, %params) = @_;

	return RawSession->connect($node, application_name => $name, %params);
}

# So many transactions come and go.
sub burn
{
	my ($count) = @_;

	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()') for 1 .. $count;
	return;
}

my %session = (
	late => connect_as('late'),
	leader => connect_as('leader', user => 'wide'),
	sender => connect_as('sender', user => $superuser, parameters => { replication => 'database' }),
	analyze => connect_as('analyze'),
	snapshot => connect_as('snapshot'),
	cursor => connect_as('cursor'),
	writer => connect_as('writer', dbname => 'shop'),
	map { $_ => connect_as($_) } qw(idle reader held failed locker vacuum));
my %pid = map { $_ => $session{$_}->pid } keys %session;
my $pids = join ', ', values %pid;

# A snapshot is as old as the oldest transaction then: these have their own age.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('decoder', 'pgoutput')});
burn(3);
$session{snapshot}->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM account');
burn(3);
$session{cursor}->run('BEGIN', 'DECLARE c CURSOR FOR SELECT * FROM account', 'FETCH 1 FROM c');
burn(3);
$session{writer}->run('BEGIN', 'SELECT pg_current_xact_id()');
burn(3);
my $preparer = connect_as('preparer');
$preparer->run('BEGIN', 'INSERT INTO account VALUES (3)', q{PREPARE TRANSACTION 'it''s lost'});
burn(3);

# These come to be as old as the writer.
$session{late}->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM account');
$session{sender}->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM account');
$session{locker}->run('BEGIN', 'LOCK TABLE locked IN SHARE MODE');
$session{analyze}->send_query('ANALYZE locked');
$session{leader}->send_query('SELECT sum(hang()) FROM big');
wait_for_parallel_workers($node, $session{leader}, 2, "wait_event = 'PgSleep'");

# And these hold nothing, though most of them are in a transaction.
$session{idle}->run('SELECT count(*) FROM account');
$session{reader}->run('BEGIN', 'SELECT count(*) FROM account');
$session{held}->run('BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT * FROM account', 'COMMIT');
$session{failed}->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM account');
$session{failed}->query('SELECT 1/0');
$session{vacuum}->send_query('VACUUM locked');
wait_for_status($node, $pid{$_}, "wait_event_type = 'Lock'") for qw(analyze vacuum);

# Ask from psql, as a role if one is given.
sub ask
{
	my ($sql, $user) = @_;

	return $node->safe_psql('postgres', $sql, extra_params => $user ? [ '-U', $user ] : []);
}

# Who they are, in the order of the rows; but for the processes that come and go.
my $mine = "(pid IN ($pids) OR kind IN ('prepared transaction', 'replication slot', 'standby'))";
my @tied = sort { $pid{$a} <=> $pid{$b} } qw(late sender analyze leader);
my %kind = (sender => 'walsender', map { $_ => 'session' } qw(snapshot cursor writer late analyze leader));
is( ask("SELECT kind, name FROM session_guard.horizon WHERE $mine"),
	join("\n",
		'replication slot|decoder',
		map({ "$kind{$_}|$_" } qw(snapshot cursor writer), @tied),
		q{prepared transaction|it's lost}),
	'each holder has one row, of those as old the one with the transaction is first');
is(ask(q{SELECT count(*) FROM session_guard.horizon WHERE kind = 'parallel worker'}),
	'0', 'parallel workers count as their leader');
is( ask("SELECT pid, xid, xmin, age FROM session_guard.horizon WHERE pid IN ($pids) ORDER BY pid"),
	ask("SELECT pid, backend_xid, backend_xmin, greatest(age(backend_xid), age(backend_xmin))
		 FROM pg_stat_activity WHERE pid IN ($pids) AND pid <> $pid{vacuum}
		   AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) ORDER BY pid"),
	'what they hold is what pg_stat_activity shows');
is( ask("SELECT pid, horizon_age FROM session_guard.session WHERE pid IN ($pids) AND horizon_age IS NOT NULL ORDER BY pid"),
	ask("SELECT pid, age FROM session_guard.horizon WHERE pid IN ($pids) AND kind = 'session' ORDER BY pid"),
	'session_guard.session says the same of sessions');
is(ask("SELECT backend_xmin IS NOT NULL FROM pg_stat_activity WHERE pid = $pid{vacuum}"),
	't', 'VACUUM has a snapshot that it holds nothing by');
is( ask("SELECT pid, backend_start, datname, usename, name, state, query
		 FROM session_guard.horizon WHERE pid IN ($pids) ORDER BY pid"),
	ask("SELECT pid, backend_start, datname, usename, application_name, state, query FROM pg_stat_activity
		 WHERE pid IN ($pids) AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) AND pid <> $pid{vacuum} ORDER BY pid"),
	'who they are and what they are at, too');
is( ask("SELECT name, transaction_age BETWEEN '0' AND clock_timestamp() - xact_start
		 FROM session_guard.horizon JOIN pg_stat_activity USING (pid)
		 WHERE pid IN ($pids) AND transaction_age IS NOT NULL ORDER BY name"),
	join("\n", map { "$_|t" } grep { $kind{$_} eq 'session' } sort keys %kind),
	'each transaction is as old as it is');
is(ask('SELECT count(*), bool_and(pid = pg_backend_pid()) FROM session_guard.horizon WHERE is_self'),
	'1|t', 'the own session is marked, and no other');
is( ask("SELECT pid, xid, xmin, catalog_xmin = (SELECT catalog_xmin FROM pg_replication_slots), age = age(catalog_xmin),
			datname, usename, state, transaction_age, query
		 FROM session_guard.horizon WHERE name = 'decoder'"),
	'|||t|t|postgres||inactive||', 'a logical slot holds catalogs');
is( ask("SELECT h.pid, h.xid = p.transaction, h.xmin, h.age = age(p.transaction), h.datname, h.usename, h.state,
			transaction_age BETWEEN '0' AND clock_timestamp() - prepared, h.query
		 FROM session_guard.horizon AS h JOIN pg_prepared_xacts AS p ON h.name = p.gid"),
	'|t||t|postgres|web||t|', 'a prepared transaction is as old as it is');

is( ask("SELECT coalesce(name, kind) || ': ' || holds_back || CASE WHEN inherited THEN ', inherited' ELSE '' END
		 FROM session_guard.horizon WHERE $mine ORDER BY name COLLATE \"C\""),
	join("\n",
		'analyze: its database, inherited', 'cursor: its database', 'decoder: catalogs', q{it's lost: its database},
		map({ "$_: its database, inherited" } qw(late leader sender)), 'snapshot: its database', 'writer: its database'),
	'where each holds back vacuum, and who only for the sake of the writer');

# A process that is not ready yet holds a snapshot already.
my $connecting = begin_to_connect($node, 'shop', 600);
is(ask(q{SELECT count(*) FROM session_guard.horizon WHERE kind = 'connecting process' AND pid IS NOT NULL}),
	'1', 'who is still connecting is there');

# For whom it is.
my $rest = 'num_nonnulls(backend_start, state, age, holds_back, inherited, xid, xmin, catalog_xmin, transaction_age) = 0';
my $hidden = "SELECT kind, name, datname, usename FROM session_guard.horizon
	WHERE pid IN ($pids) AND $rest AND query = '<insufficient privilege>' ORDER BY name";
my %shown = map { $_ => "session|$_|postgres|web" } keys %kind;
@shown{qw(leader sender writer)} = ('session|leader|postgres|wide', "process|sender|postgres|$superuser", 'session|writer|shop|web');
is(ask($hidden, 'stranger'), join("\n", map { $shown{$_} } sort keys %kind),
	'a stranger sees who is there, and nothing else');
is(ask($hidden, 'web'), join("\n", @shown{qw(leader sender)}), 'a role sees what its own sessions hold');
is(ask($hidden, $_), '', "$_ sees all") for 'watcher', $superuser;
like(ask('SELECT age IS NULL FROM session_guard.horizon', 'stranger') =~ s/\n//gr,
	qr/^f+t+$/, 'what is hidden comes last: the order does not tell it either');
is( ask("SELECT name, age = age(coalesce(xid, catalog_xmin)) FROM session_guard.horizon WHERE kind ~ 'slot|prepared'", 'stranger'),
	"decoder|t\nit's lost|t", 'slots and prepared transactions are for everybody');
ask('REVOKE EXECUTE ON FUNCTION pg_prepared_xact() FROM PUBLIC');
is(ask(q{SELECT name, usename, age = age(xid), transaction_age FROM session_guard.horizon WHERE kind = 'prepared transaction'}, 'stranger'),
	'|web|t|', 'a name that may not be read is missing, and nothing else is');
ask('GRANT EXECUTE ON FUNCTION pg_prepared_xact() TO PUBLIC');

# A parallel query can be asked, too, which cannot have subtransactions.
my $joined = q{SELECT count(n) FROM big, session_guard.horizon
	WHERE pass_gate(n) = 1 AND name = 'it''s lost'};
like(ask("EXPLAIN $joined", 'wide'), qr/Gather/, 'a query is parallel');
is(ask($joined, 'wide'), '40', 'the view is read in it');

# The process of a prepared transaction that has ended stays as it was.
my $others = RawSession->connect($node);
$others->run('BEGIN', 'INSERT INTO account VALUES (4)', q{PREPARE TRANSACTION 'second'});
$others->run(q{COMMIT PREPARED 'it''s lost'});
my $prepared = q{SELECT name, xid FROM session_guard.horizon WHERE kind = 'prepared transaction'};
my $second = ask('SELECT transaction FROM pg_prepared_xacts');
is(ask($prepared), "second|$second", 'a prepared transaction that has ended holds nothing');
ask('REVOKE EXECUTE ON FUNCTION pg_prepared_xact() FROM PUBLIC');
is(ask($prepared, 'stranger'), "|$second", 'also for whom may not read which there are');
$others->run(q{ROLLBACK PREPARED 'second'});
is(ask($prepared, 'stranger'), '', 'nor does the last one');
ask('GRANT EXECUTE ON FUNCTION pg_prepared_xact() TO PUBLIC');

# A standby says what its queries need: by a walsender, or by a slot.
my $standby = standby_of($node);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nwal_receiver_status_interval = 1s\n");
$standby->reload;
my $far = RawSession->connect($standby, application_name => 'far');
$far->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM account');
is($standby->safe_psql('postgres', q{SELECT kind, age >= 0, holds_back, inherited FROM session_guard.horizon WHERE name = 'far'}),
	'session|t|all databases|t', 'a standby has a view of its own');
my $from_standby = q{SELECT kind, name, datname, state, xmin IS NOT NULL, pid IS NOT NULL FROM session_guard.horizon
	WHERE kind = 'standby' OR name = 'for_standby'};
$node->poll_query_until('postgres', $from_standby, 'standby|standby||active|t|t') or die 'there is no feedback';
is( ask(q{SELECT pid, xmin, age, holds_back FROM session_guard.horizon WHERE kind = 'standby'}),
	ask('SELECT pid, backend_xmin, age(backend_xmin), $$all databases$$ FROM pg_stat_replication WHERE pid <> ' . $pid{sender}),
	'a standby without a slot holds what it says');
ask(q{SELECT pg_create_physical_replication_slot('for_standby', true)});
is(ask(q{SELECT count(*) FROM session_guard.horizon WHERE name = 'for_standby'}), '0', 'an empty slot holds nothing');
$standby->append_conf('postgresql.conf', "primary_slot_name = 'for_standby'\n");
$standby->reload;
$node->poll_query_until('postgres', $from_standby, 'replication slot|for_standby||active|t|t')
  or die 'the slot holds nothing';
is( ask(q{SELECT pid, xmin, age, catalog_xmin FROM session_guard.horizon WHERE name = 'for_standby'}),
	ask(q{SELECT active_pid, xmin, age(xmin), catalog_xmin FROM pg_replication_slots WHERE slot_name = 'for_standby'}),
	'one with a slot by that, and not by its walsender');
$far->abandon;
$standby->stop;
$node->poll_query_until('postgres', $from_standby, 'replication slot|for_standby||inactive|t|f')
  or die 'the slot is still used';
pass('a slot that nobody uses any more goes on holding');

# What a slot was kept for has been thrown away.
$node->append_conf('postgresql.conf', "max_slot_wal_keep_size = 1MB\n");
$node->reload;
for (1 .. 3)
{
	burn(1);
	ask('SELECT pg_switch_wal()');
}
ask('CHECKPOINT');
is(ask(q{SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'for_standby'}), 'lost', 'a slot is invalidated');
is(ask(q{SELECT count(*) FROM session_guard.horizon WHERE kind = 'replication slot'}), '0', 'and holds nothing any more');

$_->abandon for values(%session), $preparer, $connecting, $others;
$node->stop('immediate');

# Where the library is not preloaded.
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard; CREATE ROLE web LOGIN');
my $alone = RawSession->connect($plain, application_name => 'alone');
$alone->run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM pg_class');
is($plain->safe_psql('postgres', q{SELECT kind, name FROM session_guard.horizon WHERE NOT is_self AND kind = 'session'}),
	'session|alone', 'the view is there without the library preloaded, too');
$alone->abandon;
$plain->stop('immediate');
done_testing();
