# Whatever waits for whatever, session_guard.session says by whom a session is
# blocked as the server does: it names the holders that pg_blocking_pids() names
# or, where no holder is in the way, those ahead in the queue, as the server
# keeps it.
#
# Sessions take random locks until several of them wait; then everything stands
# still and is compared.  PG_SESSION_GUARD_LOCK_GRAPHS says how many times,
# PG_SESSION_GUARD_SEED in which order.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $graphs = $ENV{PG_SESSION_GUARD_LOCK_GRAPHS} // 40;
my $seed = $ENV{PG_SESSION_GUARD_SEED} // 4;
srand($seed);
note("seed $seed, $graphs graphs");

# The search for a deadlock would put queues in another order, or end a wait.
my $node = guard_node(
	'main',
	autovacuum => 'off',
	deadlock_timeout => '1h',
	max_prepared_transactions => 4);
my $superuser = $node->safe_psql('postgres', 'SELECT user');
create_parallel_table($node, 'ROLE web');

my @modes = ('ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE',
	'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE');
# Of each mode those that conflict with it, by the manual's table.
my @conflicts = ([7], [ 6, 7 ], [ 4 .. 7 ], [ 3 .. 7 ], [ 2, 3, 5, 6, 7 ], [ 2 .. 7 ], [ 1 .. 7 ], [ 0 .. 7 ]);
my $conflicts = join ', ', map {
	my $mode = $_;
	map { "('${\ lock_mode($mode)}', '${\ lock_mode($_)}')" } @{ $conflicts[$mode] }
} 0 .. $#modes;

# As pg_locks calls it.
sub lock_mode
{
	return join('', map { ucfirst lc } split / /, $modes[ $_[0] ]) . 'Lock';
}

$node->safe_psql(
	'postgres', qq{
	CREATE TABLE conflict (mode text, other text);
	INSERT INTO conflict VALUES $conflicts;
	CREATE TABLE a (); CREATE TABLE b (); CREATE TABLE c ();
	CREATE TABLE item (id int PRIMARY KEY, n int);
	INSERT INTO item VALUES (1, 0), (2, 0);
	GRANT ALL ON a, b, c, item TO web;
	-- One worker of a parallel query comes to read a table.
	CREATE FUNCTION read_in_worker(n int, name text) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS \$\$
	BEGIN
		IF n = 1 THEN
			EXECUTE format('SELECT FROM %I', name);
		END IF;
		RETURN 1;
	END
	\$\$;
	-- Of each session what the view says, what the server says, and which holders the lock
	-- table shows to be in the way of what it waits for.
	CREATE FUNCTION seen(pids int[])
	RETURNS TABLE (pid int, blocked_by int[], blocks int, by_server int[], holders int[],
		waits_in_worker boolean, waits_since timestamptz)
	LANGUAGE sql AS \$\$
		WITH lock AS MATERIALIZED (
			SELECT l.*, row(locktype, database, relation, page, tuple, virtualxid, transactionid, classid,
					objid, objsubid)::text AS tag, coalesce(a.leader_pid, l.pid, 0) AS leader
			FROM pg_locks l LEFT JOIN (SELECT pid, leader_pid FROM pg_stat_activity) a USING (pid)
			WHERE NOT fastpath)
		SELECT s.pid, s.blocked_by, s.blocks,
			ARRAY(SELECT DISTINCT unnest(pg_blocking_pids(s.pid)) ORDER BY 1),
			ARRAY(SELECT DISTINCT h.leader
				FROM lock w JOIN lock h USING (tag) JOIN conflict c ON c.mode = w.mode AND c.other = h.mode
				WHERE w.leader = s.pid AND NOT w.granted AND h.granted AND h.leader <> s.pid ORDER BY 1),
			EXISTS (SELECT FROM lock l WHERE l.leader = s.pid AND l.pid <> s.pid AND NOT granted),
			(SELECT waitstart FROM lock l WHERE l.leader = s.pid AND NOT granted)
		FROM session_guard.session s WHERE s.pid = ANY (pids)
	\$\$});

my $observer = RawSession->connect($node, user => $superuser);
my @sessions = map { RawSession->connect($node) } 1 .. 10;
my $pids = 'ARRAY[' . join(', ', map { $_->pid } @sessions) . ']';
# Whose statement has not come to its end, and whose has failed.
my (%running, %failed);
my @prepared;

sub one_of
{
	return $_[ int rand @_ ];
}

# Ask as a superuser, for one column.
sub ask
{
	my ($sql) = @_;
	my @values = $observer->query($sql);

	die "$sql: " . $observer->error_text if $observer->error;
	return @values;
}

# Take in what sessions have answered by now.
sub take_answers
{
	for my $session (values %running)
	{
		$session->read_bytes if IO::Select->new($session->{socket})->can_read(0);
		while ($session->has_message)
		{
			my ($type, $body) = @{ $session->read_message };

			$failed{ $session->pid } = 1 if $type eq 'Z' && $body ne 'T';
			delete $running{ $session->pid } if $type eq 'Z';
		}
	}
	return;
}

# Wait until everybody who has not come to an end waits for a lock, by itself or by a worker.
sub settle
{
	return wait_until(
		sub {
			take_answers();
			return 1 if !%running;
			# Who is said to wait does so at least until somebody else moves.
			my %waits = map { $_ => 1 } ask(
				'SELECT coalesce(leader_pid, pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
				 WHERE NOT granted AND waitstart IS NOT NULL');
			take_answers();
			return !grep { !$waits{$_} } keys %running;
		},
		'all sessions have settled');
}

# A statement that takes a lock.  In a crowd several hold weak modes of a table before some of
# them, and others, ask for more.
sub any_statement
{
	my ($step, $is_crowd) = @_;
	my $kind = rand;

	return "LOCK TABLE a IN ${\ one_of(@modes[ 0, 1 ], $step < 5 ? () : @modes[ 0, 1, 5, 6, 7 ])} MODE"
	  if $is_crowd && ($step < 5 || $kind < 0.8);
	$kind = rand;
	my $table = one_of(qw(a a b c));

	return "LOCK TABLE $table IN ${\ one_of(@modes, @modes[ 0 .. 3 ])} MODE" if $kind < 0.65;
	return "SELECT pg_advisory_xact_lock${\ one_of('', '_shared')}(${\ one_of(1, 2)})" if $kind < 0.75;
	return 'SELECT FROM item WHERE id = '
	  . one_of(1, 2) . ' FOR '
	  . one_of('UPDATE', 'NO KEY UPDATE', 'SHARE', 'KEY SHARE')
	  if $kind < 0.88;
	return 'UPDATE item SET n = n + 1 WHERE id = ' . one_of(1, 2) if $kind < 0.93;
	return "SELECT sum(read_in_worker(n, '$table')) FROM big" if $kind < 0.97;
	push @prepared, 'p' . @prepared;
	return "PREPARE TRANSACTION '$prepared[-1]'; BEGIN" if @prepared <= 4;
	pop @prepared;
	return 'SELECT 1';
}

# Let somebody who does not wait take one more lock.
sub step
{
	my @what = @_;
	my @free = grep { !$running{ $_->pid } && !$failed{ $_->pid } } @sessions;

	return if !@free;
	my $session = one_of(@free);
	$session->send_query(any_statement(@what));
	$running{ $session->pid } = $session;
	return settle();
}

# Begin anew: nobody holds or waits.
sub clear
{
	# A worker is asked for its leader's sake, and waits for nothing when that is gone.
	ask("SELECT pg_cancel_backend(pid) FROM unnest(ARRAY[${\ join ', ', keys %running}]::int[]) AS pid");
	wait_until(sub { take_answers(); return !%running }, 'all waits have ended');
	for my $session (@sessions)
	{
		my $status = '';

		# A cancel may come late.
		until ($status eq 'T')
		{
			$session->send_query('ROLLBACK; BEGIN');
			$status = ($session->read_until('Z'))[-1][1];
		}
	}
	ask("ROLLBACK PREPARED '$_'") for ask('SELECT gid FROM pg_prepared_xacts');
	%failed = ();
	@prepared = ();
	return;
}

my @kinds = ('blocked', 'blocked by a holder', 'blocked by the queue only', 'blocked by one who came later',
	'blocked by a prepared transaction', 'waiting in a worker');
my %seen = map { $_ => 0 } @kinds;
my @wrong;
for my $graph (1 .. $graphs)
{
	clear();
	my $is_crowd = $graph % 2;
	step($_, $is_crowd) for 1 .. 20 + int rand 20;
	ask("CREATE TEMP TABLE now AS SELECT * FROM seen($pids)");
	push @wrong, map { "graph $graph: $_" } ask(
		q{SELECT to_jsonb(s)::text FROM now s
		  WHERE blocked_by <> CASE WHEN holders = '{}' THEN by_server ELSE holders END
			OR NOT blocked_by <@ by_server
			OR blocks <> (SELECT count(*) FROM now o WHERE s.pid = ANY (o.blocked_by))});
	my @counts = split / /, (ask(
			q{SELECT concat_ws(' ', count(*),
				count(*) FILTER (WHERE holders <> '{}'),
				count(*) FILTER (WHERE holders = '{}'),
				count(*) FILTER (WHERE holders = '{}' AND EXISTS (SELECT FROM now o
					WHERE o.pid = ANY (s.blocked_by) AND o.waits_since > s.waits_since)),
				count(*) FILTER (WHERE 0 = ANY (blocked_by)),
				count(*) FILTER (WHERE waits_in_worker))
			  FROM now s WHERE blocked_by <> '{}'}))[0];
	$seen{ $kinds[$_] } += $counts[$_] for 0 .. $#kinds;
	ask('DROP TABLE now');
}
note(join ', ', map { "$seen{$_} $_" } @kinds);
is(join("\n", @wrong), '', 'everybody is blocked by whom the server says');
# Chance has not left anything out.
cmp_ok($seen{$_}, '>', 0, "some were $_") for @kinds;

clear();
$_->abandon for $observer, @sessions;
$node->stop;
done_testing();
