# session_guard.session has one row for each client session and shows of it what
# pg_stat_activity and pg_blocking_pids() show: who it is, what it is at and for
# how long, what it waits for and for whom, and what it keeps vacuum from.  Who
# may not see somebody else's activity there may not see it here.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# A waiter would look up from its wait to search for a deadlock.
my $node = guard_node(
	'main',
	autovacuum => 'off',
	deadlock_timeout => '1h',
	max_prepared_transactions => 1);
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE account (id int);
	CREATE TABLE audit (id int);
	CREATE TABLE lost (id int);
	CREATE ROLE etl LOGIN;
	CREATE ROLE lead LOGIN IN ROLE web;
	CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats;
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	GRANT ALL ON account, audit, lost TO web, etl;
	CREATE DATABASE "my shop";
});

my %session = (
	idle => RawSession->connect($node, application_name => q{it's "idle"}),
	elsewhere => RawSession->connect($node, dbname => 'my shop', user => 'etl'),
	aborted => RawSession->connect($node),
	reader => RawSession->connect($node),
	snapshot => RawSession->connect($node),
	writer => RawSession->connect($node),
	both => RawSession->connect($node),
	holder => RawSession->connect($node, user => 'etl'),
	sharer => RawSession->connect($node),
	excluded => RawSession->connect($node),
	queued => RawSession->connect($node, user => 'etl'),
	orphan => RawSession->connect($node),
	busy => RawSession->connect($node, user => $superuser));
my %pid = map { $_ => $session{$_}->pid } keys %session;
my $pids = join ', ', values %pid;

$session{idle}->query('SELECT 1');
$session{aborted}->query('BEGIN');
$session{aborted}->query('SELECT 1/0');
$session{reader}->query('BEGIN');
$session{reader}->query('SELECT count(*) FROM account');
$session{snapshot}->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$session{snapshot}->query('SELECT count(*) FROM account');
$session{both}->query('BEGIN ISOLATION LEVEL REPEATABLE READ');
$session{both}->query('SELECT count(*) FROM account');
$node->safe_psql('postgres', 'INSERT INTO account VALUES (1)') for 1 .. 2;
$session{writer}->query('BEGIN; INSERT INTO account VALUES (2)');
$session{both}->query('INSERT INTO account VALUES (3)');
$node->safe_psql('postgres', 'INSERT INTO account VALUES (4)') for 1 .. 3;
$node->safe_psql('postgres', q{BEGIN; LOCK TABLE lost; PREPARE TRANSACTION 'lost'});

# Two hold the table, one wants it for itself, and another one is behind that in the queue.
$session{$_}->query('BEGIN; SELECT count(*) FROM audit') for qw(holder sharer);
$session{excluded}->send_query('BEGIN; LOCK TABLE audit');
wait_for_status($node, $pid{excluded}, "wait_event_type = 'Lock'");
$session{queued}->send_query('SELECT count(*) FROM audit');
$session{orphan}->send_query('SELECT count(*) FROM lost');
$session{busy}->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $pid{$_}, "wait_event_type = 'Lock'") for qw(queued orphan);
wait_for_status($node, $pid{busy}, "wait_event = 'PgSleep'");
wait_for_status($node, $pid{$_}, "wait_event = 'ClientRead'")
  for grep { !/^(excluded|queued|orphan|busy)$/ } keys %pid;

# Ask from psql, as a role if one is given.
sub ask
{
	my ($sql, $user) = @_;

	return $node->safe_psql('postgres', $sql, extra_params => $user ? [ '-U', $user ] : []);
}

# What is asked of sessions by name, as a hash by name.
sub by_name
{
	my ($sql, $user) = @_;
	my %value = map { split /\|/, $_, 2 } split /\n/, ask($sql, $user);

	return { map { $_ => $value{ $pid{$_} } } grep { exists $value{ $pid{$_} } } keys %pid };
}

# Do the view and pg_stat_activity say the same of all sessions, for a role?  Returns the differences.
my $shared = 'pid, datname, usename, application_name, client_addr, backend_start, state,
	wait_event_type, wait_event, query';
sub differences
{
	my ($user) = @_;

	return ask(
		"SELECT 'view', v.* FROM (SELECT $shared FROM session_guard.session WHERE pid IN ($pids)
			EXCEPT SELECT $shared FROM pg_stat_activity WHERE pid IN ($pids)) AS v
		 UNION ALL
		 SELECT 'activity', a.* FROM (SELECT $shared FROM pg_stat_activity WHERE pid IN ($pids)
			EXCEPT SELECT $shared FROM session_guard.session WHERE pid IN ($pids)) AS a", $user);
}

# Who is there.
is(ask("SELECT count(*) FROM session_guard.session WHERE pid IN ($pids)"),
	scalar(keys %pid), 'each session has one row');
is( ask(
		"SELECT string_agg(backend_type, ' ') FROM session_guard.session JOIN pg_stat_activity USING (pid)
		 WHERE backend_type <> 'client backend'"),
	'', 'nobody but client sessions is there');
is(ask('SELECT count(*), bool_and(pid = pg_backend_pid()) FROM session_guard.session WHERE is_self'),
	'1|t', 'the own session is marked, and no other');
is(differences(), '', 'names, states, waits and queries are those of pg_stat_activity');

# For how long: between what it was before and what it is after.
my $ages = <<'EOS';
	SELECT clock_timestamp() AS before \gset
	SELECT pid,
		coalesce(%1$s::text, 'none') = 'none' AS is_none,
		coalesce(%1$s BETWEEN :'before'::timestamptz - %2$s AND clock_timestamp() - %2$s, %2$s IS NULL) AS is_right
	FROM session_guard.session JOIN pg_stat_activity AS a USING (pid, datname)
	WHERE pid IN (%3$s)
EOS
my @with_transaction = sort grep { !/^(idle|elsewhere|aborted)$/ } keys %pid;
for my $age (
	[ 'state_age', 'state_change', sort keys %pid ],
	[ 'session_age', 'a.backend_start', sort keys %pid ],
	[ 'transaction_age', 'xact_start', @with_transaction ],
	[ 'query_age', "CASE WHEN a.state = 'active' THEN query_start END", qw(busy excluded orphan queued) ])
{
	my ($column, $since, @who) = @$age;
	my $seen = by_name(sprintf $ages, $column, $since, $pids);

	is(join(' ', sort grep { $seen->{$_} =~ /^f/ } keys %$seen), "@who", "$column of whom there is one");
	is(join(' ', sort grep { $seen->{$_} !~ /t$/ } keys %$seen), '', "$column is as long as it should be");
}

# For whom.
my %blocked_by = (
	excluded => "{${\ join ',', sort { $a <=> $b } @pid{qw(holder sharer)} }}",
	queued => "{$pid{excluded}}",
	orphan => '{0}');
is_deeply(by_name('SELECT pid, blocked_by FROM session_guard.session'),
	{ map { $_ => $blocked_by{$_} // '{}' } keys %pid }, 'who blocks whom');
is_deeply(
	by_name('SELECT pid, ARRAY(SELECT DISTINCT unnest(pg_blocking_pids(pid)) ORDER BY 1) FROM session_guard.session'),
	{ map { $_ => $blocked_by{$_} // '{}' } keys %pid },
	'as pg_blocking_pids() says');
my %blocks = (excluded => 1, holder => 1, sharer => 1);
is_deeply(by_name('SELECT pid, blocks FROM session_guard.session'),
	{ map { $_ => $blocks{$_} // 0 } keys %pid }, 'how many they block');
is_deeply(by_name('SELECT pid, parallel_workers FROM session_guard.session'),
	{ map { $_ => 0 } keys %pid }, 'nobody leads workers');

# What they keep vacuum from.
my $horizons = by_name('SELECT pid, horizon_age FROM session_guard.session');
is_deeply($horizons,
	by_name('SELECT pid, greatest(age(backend_xid), age(backend_xmin)) FROM pg_stat_activity'),
	'the horizon is the older of xid and xmin');
is(join(' ', map { $horizons->{$_} } qw(reader aborted idle)), '  ', 'who has neither keeps vacuum from nothing');
is(join(' ', map { $horizons->{snapshot} - $horizons->{$_} } qw(both writer)),
	'0 2', 'a snapshot is as old as it is, a writer as its first write');

# For whom it is: as in pg_stat_activity, each role sees other roles' activity or does not.
my %hidden = (
	web => [ grep { /^(elsewhere|holder|queued|busy)$/ } sort keys %pid ],
	lead => [ grep { /^(elsewhere|holder|queued|busy)$/ } sort keys %pid ],
	etl => [ grep { !/^(elsewhere|holder|queued)$/ } sort keys %pid ],
	janitor => [ sort keys %pid ],
	watcher => [],
	$superuser => []);
for my $role (sort keys %hidden)
{
	my $name = $role eq $superuser ? 'a superuser' : $role;
	my $mask = 'backend_start, client_addr, state, state_age, query_age, transaction_age, session_age,
		wait_event_type, wait_event, horizon_age, parallel_workers, memory';
	my $masked = by_name(
		"SELECT pid, true FROM session_guard.session
		 WHERE num_nonnulls($mask) = 0 AND query = '<insufficient privilege>'", $role);

	is(differences($role), '', "$name sees what pg_stat_activity shows");
	is(join(' ', sort keys %$masked), join(' ', @{ $hidden{$role} }), "nothing is told $name of the others' activity");
	is( join(' ', sort keys %{ by_name(
			q{SELECT pid, true FROM session_guard.session
			   WHERE num_nonnulls(datname, usename, application_name, is_self, blocked_by, blocks) = 6}, $role) }),
		join(' ', sort keys %pid),
		"$name sees that they are there and who blocks whom");
}

$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost'});
$_->abandon for values %session;
$node->stop('immediate');
done_testing();
