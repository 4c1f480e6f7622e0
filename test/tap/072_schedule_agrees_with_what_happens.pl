# session_guard.schedule says beforehand what the guard does: a member of
# pg_monitor, in another database and with limits of its own, reads it while
# the guard is held still; then the guard is let go, and those end who were said
# to, by that limit and action, and not before their time.  The others stay.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 40,
	'log_timezone' => 'UTC',
	'timezone' => 'UTC',
	'pg_session_guard.naptime' => '1h',
	'pg_session_guard.idle_session_timeout' => '1h');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE reports LOGIN;
	CREATE ROLE backup LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
	CREATE DATABASE shop;
	CREATE DATABASE elsewhere;
	CREATE TABLE locked ();
	GRANT SELECT ON locked TO PUBLIC;
});
$node->safe_psql('elsewhere', 'CREATE EXTENSION pg_session_guard');

# Each of them with role, database, the last statement, and whether it goes on.
my @plan = (
	[ 'idle', 'web', 'postgres', 'SELECT 1' ],
	[ 'idle in shop', 'web', 'shop', 'SELECT 1' ],
	[ 'listener in shop', 'web', 'shop', 'LISTEN news' ],
	[ 'in transaction', 'app', 'postgres', 'BEGIN' ],
	[ 'in transaction in shop', 'app', 'shop', 'BEGIN' ],
	[ 'failed', 'app', 'postgres', 'BEGIN; SELECT 1/0' ],
	[ 'running', 'reports', 'postgres', 'SELECT pg_sleep(600)', 1 ],
	[ 'running in shop', 'reports', 'shop', 'SELECT pg_sleep(600)', 1 ],
	[ 'waiting', 'reports', 'postgres', 'SELECT FROM locked', 1 ],
	[ 'exempt', 'backup', 'postgres', 'BEGIN' ],
	[ 'superuser', $superuser, 'shop', 'BEGIN' ]);

my $keeper = RawSession->connect($node, user => $superuser);
$keeper->query('BEGIN; LOCK TABLE locked');
my %session = map { $_->[0] => RawSession->connect($node, user => $_->[1], dbname => $_->[2]) } @plan;
my %name = map { $session{$_}->pid => $_ } keys %session;

# Long before its next scan the guard sleeps, and holds nothing.
my $guard = wait_for_guard($node);
$node->safe_psql('elsewhere', 'ALTER ROLE watcher SET pg_session_guard.statement_timeout = 0');
wait_for_status($node, $guard, "wait_event_type = 'Extension'");
freeze_process($guard);

for my $step (@plan)
{
	my ($name, undef, undef, $statement, $goes_on) = @$step;

	$goes_on ? $session{$name}->send_query($statement) : $session{$name}->query($statement);
}
wait_for_status($node, $session{waiting}->pid, "wait_event_type = 'Lock'");
wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for 'running', 'running in shop';

$node->safe_psql(
	'elsewhere', q{
	ALTER ROLE ALL SET pg_session_guard.transaction_timeout = '30min';
	ALTER DATABASE shop SET pg_session_guard.idle_session_timeout = '2s';
	ALTER DATABASE shop SET pg_session_guard.transaction_timeout = '1500ms';
	ALTER ROLE app SET pg_session_guard.idle_in_transaction_session_timeout = '1s';
	ALTER ROLE app IN DATABASE shop SET pg_session_guard.idle_in_transaction_session_timeout = '20min';
	ALTER ROLE reports SET pg_session_guard.statement_timeout = '2s';
	ALTER ROLE reports IN DATABASE shop SET pg_session_guard.transaction_timeout = '3s';
	ALTER ROLE backup SET pg_session_guard.exempt = on;
	ALTER ROLE backup SET pg_session_guard.transaction_timeout = '500ms';
	ALTER ROLE watcher SET pg_session_guard.idle_session_timeout = '5min';
	ALTER ROLE watcher SET pg_session_guard.idle_in_transaction_session_timeout = '5min';
	ALTER DATABASE elsewhere SET pg_session_guard.statement_timeout = '5min'});

# What the watcher reads: by session, a hash for each limit that is measured.
my $watcher = RawSession->connect($node, user => 'watcher', dbname => 'elsewhere');
my %forecast;
my @read = $watcher->query(
	q{SELECT concat_ws('|', pid, limit_name, source, action,
		coalesce(to_char(due_at, 'YYYY-MM-DD HH24:MI:SS.US'), '-'), coalesce(spared, '-'),
		CASE WHEN spared ~ '^(superuser|exempt|listens)' THEN due_at IS NULL
			WHEN spared = 'waits for a lock' THEN since + threshold <= due_at
			ELSE since + threshold = due_at END, clock_timestamp() - since >= measured AND measured >= '0')
	FROM session_guard.schedule WHERE since IS NOT NULL});
is($watcher->sqlstate, '', 'the schedule can be read');
for my $row (map { [ split /\|/ ] } @read)
{
	my ($pid, $limit, $source, $action, $due_at, $spared, $adds_up, $is_measured) = @$row;
	my $name = $name{$pid} // next;

	$forecast{$name}{$limit} =
	  { source => $source, action => $action, due_at => $due_at, spared => $spared };
	is("$adds_up $is_measured", 't t', "$name, $limit: the times add up");
}
is($watcher->query(q{SELECT string_agg(concat_ws(' ', limit_name, source), ', ' ORDER BY limit_name COLLATE "C")
		FROM session_guard.schedule WHERE pid = pg_backend_pid()}),
	'idle_in_transaction_session_timeout role "watcher", idle_session_timeout role "watcher", transaction_timeout all roles',
	'the reader itself has its own limits');

# Word for word what binds whom, and who is spared.
my %expected = (
	'idle' => 'idle_session_timeout configuration file -',
	'idle in shop' => 'idle_session_timeout database "shop" -',
	'listener in shop' => 'idle_session_timeout database "shop" listens on a channel',
	'in transaction' =>
	  'idle_in_transaction_session_timeout role "app" -, transaction_timeout all roles -',
	'in transaction in shop' =>
	  'idle_in_transaction_session_timeout role "app" in database "shop" -, transaction_timeout database "shop" -',
	'failed' => 'idle_in_transaction_session_timeout role "app" -, transaction_timeout all roles -',
	'running' => 'statement_timeout role "reports" -, transaction_timeout all roles -',
	'running in shop' =>
	  'statement_timeout role "reports" -, transaction_timeout role "reports" in database "shop" -',
	'waiting' => 'statement_timeout role "reports" waits for a lock, transaction_timeout all roles waits for a lock',
	'exempt' => 'transaction_timeout role "backup" exempt by role "backup"',
	'superuser' => 'transaction_timeout database "shop" superuser');
for my $name (sort keys %expected)
{
	my $of = $forecast{$name} // {};

	is(join(', ', map { "$_ $of->{$_}{source} $of->{$_}{spared}" } sort keys %$of),
		$expected{$name}, "$name: what the schedule says");
}

# Who will end, and how: of the limits that nothing spares from, and that are
# due within a minute, the first one.
my %expected_line;
for my $name (keys %forecast)
{
	my $of = $forecast{$name};
	my $soon = $watcher->query(q{SELECT to_char(clock_timestamp() + '1 min', 'YYYY-MM-DD HH24:MI:SS.US')});
	my ($first) = sort { $of->{$a}{due_at} cmp $of->{$b}{due_at} }
	  grep { $of->{$_}{spared} eq '-' && $of->{$_}{due_at} lt $soon } keys %$of;

	$expected_line{$name} = "$of->{$first}{action} $first $of->{$first}{source}" if defined $first;
}

thaw_process($guard);

# What is done, as the log has it: the action, the limit, its source and when.
my (%line, %done_at);
sub read_log
{
	for (guard_lines($node, qr/LOG:  (terminating|canceling statement of) session \d+ /))
	{
		my ($at, $action, $pid, $limit, $source) =
		  /^(\S+ \S+) UTC .*LOG:  (terminat|cancel)\w+ .*?session (\d+) .*pg_session_guard\.(\w+) is [^(]+\((.*)\)$/
		  or die "cannot read: $_";
		my $name = $name{$pid} // $pid;

		$done_at{$name} //= $at;
		$line{$name} //= ($action eq 'cancel' ? 'cancel' : 'terminate') . " $limit $source";
	}
	return;
}

wait_until(sub { read_log(); return !grep { !defined $line{$_} } keys %expected_line },
	'all who were said to end have ended');
wait_for_scan($node, 3);
read_log();
is_deeply(\%line, \%expected_line, 'those end who were said to, as it was said, and nobody else');
for my $name (sort keys %expected_line)
{
	my ($limit) = $expected_line{$name} =~ /^\w+ (\w+)/;

	# The log has milliseconds only, and cuts off the rest.
	cmp_ok("$done_at{$name}999", 'ge', $forecast{$name}{$limit}{due_at}, "$name: not before its time");
}
is_deeply(
	[ sort keys %expected_line ],
	[ 'failed', 'idle in shop', 'in transaction', 'in transaction in shop', 'running', 'running in shop' ],
	'six of the eleven were to end');
my @stays = ('exempt', 'idle', 'listener in shop', 'running', 'running in shop', 'superuser', 'waiting');
my %canceled = map { $_ => 1 } 'running', 'running in shop';
is(living($node, { map { $_ => $session{$_} } grep { !$canceled{$_} } keys %session }),
	join(' ', grep { !$canceled{$_} } @stays),
	'the others stay');

$_->abandon for $keeper, $watcher, values %session;
$node->stop;
done_testing();
