# What the TAP tests share: a server with the guard in it, sessions whose end
# can be awaited, what keeps statements going, and the guard's lines in the
# server's log.
#
# Nothing in here sleeps for a fixed time: everything polls for a state.
package GuardTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  guard_node guard_node_without_extension standby_of set_limits set_idle_limits require_absent_standby
  open_session pid_of is_alive wait_for_end wait_for_scan wait_for_guard wait_for_history_writer replace_guard
  start_query wait_for_state wait_until_unchanged_for close_sessions process_exists
  wait_until wait_for_status let_wait let_snapshots_count pass_transactions create_memory_holder guard_lines log_size living fates
  place_of connect_to_place stubborn_statement create_gate begin_to_connect
  create_parallel_table create_parallel_functions parallel_workers wait_for_parallel_workers
  run_function freeze_process freeze_asleep thaw_process wait_for_outcome wait_for_history
  canceled_text terminated_text newest_version
);

# From 17 on the server's own module copies the data directory that INITDB_TEMPLATE names instead
# of running initdb for each server; before, do it in its place.
if (defined $ENV{INITDB_TEMPLATE}
	&& slurp_file($INC{'PostgreSQL/Test/Cluster.pm'}) !~ /INITDB_TEMPLATE/)
{
	my $run = \&PostgreSQL::Test::Utils::system_or_bail;

	no warnings 'redefine';
	*PostgreSQL::Test::Utils::system_or_bail = sub {
		return $run->('cp', '-RPp', $ENV{INITDB_TEMPLATE}, $_[2])
		  if "@_" eq "initdb -D $_[2] -A trust -N";
		return $run->(@_);
	};
}

# A server with the guard preloaded and further settings; started, with a role
# "web" that is no superuser.  The extension is not created, and the guard may
# not be at work yet.
sub guard_node_without_extension
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => delete $settings{allows_streaming} // 0);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_guard'\n");
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'\n") for sort keys %settings;
	$node->start;
	$node->safe_psql('postgres', 'CREATE ROLE web LOGIN');
	return $node;
}

# The same with the extension created in database postgres, and the guard at work.
sub guard_node
{
	my $node = guard_node_without_extension(@_);

	$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
	wait_for_guard($node);
	return $node;
}

# A hot standby of a server as that is now; started, with the guard at work.
sub standby_of
{
	my ($primary) = @_;
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->start;
	wait_for_guard($standby);
	return $standby;
}

# The version of the extension that the installed files make.
sub newest_version
{
	my ($node) = @_;

	return $node->safe_psql(
		'postgres', q{
		BEGIN;
		SET client_min_messages = warning;
		CREATE EXTENSION pg_session_guard;
		SELECT extversion FROM pg_extension WHERE extname = 'pg_session_guard';
		ROLLBACK});
}

# Poll until a condition holds; fail the test when it never does.
sub wait_until
{
	my ($condition, $what) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until ($condition->())
	{
		die "timed out waiting until $what" if time > $deadline;
		usleep(10_000);
	}
	return 1;
}

# Wait until a guard, or a history writer, is connected and at work, and not the one
# with that pid if one is given; returns its pid.
sub wait_for_guard
{
	return wait_for_worker('worker_pid', @_);
}

sub wait_for_history_writer
{
	return wait_for_worker('history_pid', @_);
}

sub wait_for_worker
{
	my ($column, $node, $not_this_pid) = @_;
	my $pid;

	$not_this_pid //= 0;
	wait_until(
		sub {
			$pid = $node->safe_psql('postgres',
				"SELECT $column FROM session_guard.stats WHERE $column <> $not_this_pid");
			return $pid ne '';
		},
		"there is a $column");
	return $pid;
}

# Terminate the guard and wait for the next; returns both pids.
sub replace_guard
{
	my ($node) = @_;
	my $old = wait_for_guard($node);

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
	return ($old, wait_for_guard($node, $old));
}

# Change settings by ALTER SYSTEM and a reload, and wait until the server has taken them over.
sub set_limits
{
	my ($node, %settings) = @_;

	for my $name (sort keys %settings)
	{
		$node->safe_psql('postgres', "ALTER SYSTEM SET pg_session_guard.$name = '$settings{$name}'");
	}
	$node->reload;
	for my $name (sort keys %settings)
	{
		$node->poll_query_until('postgres',
			"SELECT setting = (SELECT setting FROM pg_file_settings
			   WHERE name = 'pg_session_guard.$name' ORDER BY seqno DESC LIMIT 1)
			 OR current_setting(name) = '$settings{$name}'
			 FROM pg_settings WHERE name = 'pg_session_guard.$name'")
		  or die "setting $name was not taken over";
	}
	return;
}

# Change both limits on being idle by a session that is connected, and do not wait.
sub set_idle_limits
{
	my ($session, $value) = @_;

	$session->query("ALTER SYSTEM SET pg_session_guard.$_ = '$value'")
	  for 'idle_session_timeout', 'idle_in_transaction_session_timeout';
	$session->query('SELECT pg_reload_conf()');
	return;
}

# From here on whoever commits waits for a synchronous standby that is not there.
sub require_absent_standby
{
	my ($node) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = 'absent'");
	$node->reload;
	$node->poll_query_until('postgres',
		"SELECT setting = 'absent' FROM pg_settings WHERE name = 'synchronous_standby_names'")
	  or die 'the standby is not asked for';
	return;
}

# A psql in the background, as role web unless another is given.
sub open_session
{
	my ($node, %params) = @_;
	my $user = delete $params{user} // 'web';
	my $dbname = delete $params{dbname} // 'postgres';

	return $node->background_psql(
		$dbname,
		on_error_stop => 0,
		extra_params => [ '-U', $user ],
		%params);
}

sub pid_of
{
	my ($session) = @_;
	my $pid = $session->query('SELECT pg_backend_pid()');

	$pid =~ s/\D//g;
	return $pid;
}

# Let a session begin a statement, without waiting for its result.
sub start_query
{
	my ($session, $query) = @_;

	$session->query_until(qr/sent/, "\\echo sent\n$query;\n");
	return;
}

# Wait until other sessions see these in a state.
sub wait_for_state
{
	my ($node, $state, @pids) = @_;
	my $list = join ', ', @pids;

	$node->poll_query_until('postgres',
		"SELECT count(*) = ${\ scalar @pids } FROM pg_stat_activity WHERE pid IN ($list) AND state = '$state'")
	  or die "not all of $list came to be $state";
	return;
}

# Wait until sessions have been in their present state for longer than an
# interval; whether they are still there is for the test to say.
sub wait_until_unchanged_for
{
	my ($node, $interval, @pids) = @_;
	my $list = join ', ', @pids;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity
		 WHERE pid IN ($list) AND state_change >= clock_timestamp() - interval '$interval'")
	  or die "not all of $list stayed as they were for $interval";
	return;
}

# Be done with sessions, whether they are still connected or not.
sub close_sessions
{
	$_->{run}->kill_kill for @_;
	return;
}

# Is a process there?  The operating system tells when the server lets nobody in who could be asked.
sub process_exists
{
	my ($pid) = @_;

	return kill(0, $pid) == 1;
}

# Is a session still there, seen from another one?
sub is_alive
{
	my ($node, $pid) = @_;

	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND backend_type = 'client backend'") eq '1';
}

# Wait until a session is gone, seen from another one.
sub wait_for_end
{
	my ($node, $pid) = @_;

	return wait_until(sub { !is_alive($node, $pid) }, "session $pid is gone");
}

# Wait until what pg_stat_activity shows of a session meets a condition.
sub wait_for_status
{
	my ($node, $pid, $condition) = @_;

	return $node->poll_query_until('postgres',
		"SELECT $condition FROM pg_stat_activity WHERE pid = $pid")
	  || die "session $pid never had $condition";
}

# Let a raw session send a query that has to wait for a lock, and wait until it does.
sub let_wait
{
	my ($node, $session, $sql) = @_;

	$session->send_query($sql);
	wait_for_status($node, $session->pid, "wait_event_type = 'Lock'");
	return;
}

# Create a function hold(megabytes), which keeps so much memory until it is ended, in parallel
# workers, too.
sub create_memory_holder
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE FUNCTION hold(megabytes int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
		DECLARE parts text[];
		BEGIN
			FOR i IN 1..megabytes LOOP parts[i] = repeat(chr(64 + i % 50), 1024 * 1024); END LOOP;
			PERFORM pg_sleep(600);
			RETURN 1;
		END
		$$});
	return;
}

# Let the guard find that no transaction runs any more that is as old as the snapshots that are
# kept: the next one is, as long as it runs, and it has to be over before others count.
sub let_snapshots_count
{
	my ($node) = @_;

	$node->safe_psql('postgres', 'SELECT txid_current()');
	# The holders are read once a second.
	wait_for_scan($node, 10);
	return;
}

# Let 1600 transactions begin and end that each get an ID.
sub pass_transactions
{
	my ($node) = @_;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/transaction.sql';

	append_to_file($script, "SELECT txid_current();\n");
	$node->command_ok([ 'pgbench', '-n', '-c', 4, '-t', 400, '-f', $script, 'postgres' ], 'transactions pass');
	return;
}

# Wait until an action on a session has an outcome, in session_guard.event or the
# history; a further condition may name the action.
sub wait_for_outcome
{
	my ($node, $relation, $pid, $outcome, $condition) = @_;

	$condition //= 'true';
	return $node->poll_query_until('postgres',
		"SELECT outcome = '$outcome' FROM session_guard.$relation WHERE pid = $pid AND $condition")
	  || die "session $pid never had outcome $outcome in $relation";
}

# Wait until the guard has begun and finished another full scan.
sub wait_for_scan
{
	my ($node, $scans) = @_;

	$scans //= 1;
	my $before = $node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats');
	return $node->poll_query_until('postgres',
		"SELECT scans >= $before + $scans FROM session_guard.stats");
}

# The place of a raw session in the server, as its virtual transaction ids show it.
sub place_of
{
	my ($session) = @_;

	return scalar $session->query(
		q{SELECT split_part(virtualtransaction, '/', 1) FROM pg_locks WHERE pid = pg_backend_pid() LIMIT 1}
	);
}

# Connect until a raw session has got a certain place; a server with few
# connections gives it again soon.
sub connect_to_place
{
	my ($node, $place) = @_;
	my ($session, @others);

	# The others keep their places for a while, lest the same be given again.
	wait_until(
		sub {
			$session = RawSession->connect($node);
			return 1 if place_of($session) == $place;
			push @others, $session;
			(shift @others)->quit if @others > 3;
			return 0;
		},
		"place $place is taken again");
	$_->quit for @others;
	return $session;
}

# A statement that swallows every cancel and goes on.
sub stubborn_statement
{
	return <<'SQL';
DO $$
BEGIN
	LOOP
		BEGIN
			PERFORM pg_sleep(600);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
END
$$
SQL
}

# A function public.hold(n int), for policies and indexes, that returns n as
# soon as the gate is open.  The gate is closed while somebody has the advisory
# lock 7; returns a raw session of a superuser, who has not taken it yet.
sub create_gate
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE FUNCTION public.hold(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN
			WHILE EXISTS (SELECT FROM pg_catalog.pg_locks
				WHERE locktype = 'advisory' AND objid = 7 AND granted)
			LOOP
				PERFORM pg_catalog.pg_sleep(0.02);
			END LOOP;
			RETURN n;
		END
		$$});
	return RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
}

# A session that has come into a database, but is not ready for so many seconds yet:
# it holds a lock on the database from before the check whether it may connect.
sub begin_to_connect
{
	my ($node, $dbname, $delay) = @_;
	my $session = RawSession->open($node);

	$session->start_up(dbname => $dbname, parameters => { options => "-c post_auth_delay=$delay" });
	$node->poll_query_until('postgres',
		qq{SELECT count(*) > 0 FROM pg_locks
		  WHERE classid = 'pg_database'::regclass
		    AND objid = (SELECT oid FROM pg_database WHERE datname = '$dbname')})
	  or die 'nobody connects';
	return $session;
}

# A table "big" of 40 rows, numbered by n, that "ROLE somebody" (or "ROLE ALL")
# reads with two parallel workers, and not in the leader.
sub create_parallel_table
{
	my ($node, $whose) = @_;

	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE big (n int, filler text) WITH (parallel_workers = 2);
		ALTER TABLE big ALTER filler SET STORAGE PLAIN;
		INSERT INTO big SELECT n, repeat('x', 4000) FROM generate_series(1, 40) AS n;
		ANALYZE big;
		GRANT SELECT ON big TO PUBLIC;
		ALTER $whose SET parallel_setup_cost = 0;
		ALTER $whose SET parallel_tuple_cost = 0;
		ALTER $whose SET min_parallel_table_scan_size = 0;
		ALTER $whose SET max_parallel_workers_per_gather = 2;
		ALTER $whose SET parallel_leader_participation = off});
	return;
}

# Functions for the rows of "big".  hang() lasts for ever.  pass_gate(n) returns when
# nobody has locked the table "gate" any more: till then the first row waits for the
# lock, in the worker that has got it, and all others sleep, in the other worker.
sub create_parallel_functions
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE FUNCTION hang() RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS
			'BEGIN PERFORM pg_sleep(600); RETURN 1; END';
		CREATE TABLE gate ();
		GRANT SELECT ON gate TO PUBLIC;
		CREATE FUNCTION pass_gate(n int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
		BEGIN
			IF n = 1 THEN
				PERFORM FROM gate;
			END IF;
			WHILE EXISTS (SELECT FROM pg_locks
				WHERE relation = 'gate'::regclass AND mode = 'AccessExclusiveLock' AND granted)
			LOOP
				PERFORM pg_sleep(0.05);
			END LOOP;
			RETURN 1;
		END
		$$});
	return;
}

# The pids of the parallel workers of a session that meet a condition.
sub parallel_workers
{
	my ($node, $session, $condition) = @_;

	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity
		 WHERE leader_pid = ${\ $session->pid } AND backend_type = 'parallel worker' AND $condition ORDER BY pid");
}

# Wait until there are so many of them; returns them.
sub wait_for_parallel_workers
{
	my ($node, $session, $count, $condition) = @_;
	my @workers;

	wait_until(
		sub {
			@workers = parallel_workers($node, $session, $condition);
			return @workers == $count;
		},
		"$count parallel workers meet $condition");
	return @workers;
}

# Call a function from a session of its own, by the role that the test runs as
# unless another is given, after statements if any are; returns psql's exit
# status and messages, and what the rows say by pid.
sub run_function
{
	my ($node, $call, %params) = @_;
	my ($out, $err) = ('', '');
	my $before = $params{before} ? "$params{before};" : '';
	my @options = (-F => "\t", defined $params{user} ? (-U => $params{user}) : ());
	my $status = $node->psql(
		$params{dbname} // 'postgres',
		"$before SELECT pid, outcome, action, note FROM $call",
		stdout => \$out,
		stderr => \$err,
		extra_params => \@options);
	my %result = (status => $status, stderr => $err, outcome => {}, action => {}, note => {});

	for my $row (map { [ split /\t/, $_, 4 ] } split /\n/, $out)
	{
		my $pid = shift @$row;

		@{ $result{$_} }{$pid} = shift @$row for qw(outcome action note);
	}
	return \%result;
}

# Wait until the history has all events that are in memory, each with its
# present outcome; how much of their columns agrees is for the test to say.
sub wait_for_history
{
	my ($node) = @_;

	return wait_until(
		sub {
			$node->safe_psql(
				'postgres', q{
				SELECT count(*) FROM (
					SELECT server_start, number, outcome FROM session_guard.event
					EXCEPT
					SELECT server_start, number, outcome FROM session_guard.history) AS missing}) eq '0';
		},
		'the history has all events');
}

# What the client of a raw session reads when its statement is canceled or its
# session terminated, as error_text() shows it; with DETAIL and HINT if there are any.
sub canceled_text
{
	return text_of_end('ERROR 57014: canceling statement due to user request', @_);
}

sub terminated_text
{
	return text_of_end('FATAL 57P01: terminating connection due to administrator command', @_);
}

sub text_of_end
{
	my ($error, $detail, $hint) = @_;

	return join "\n", $error, (defined $detail ? "DETAIL: $detail" : ()),
	  (defined $hint ? "HINT: $hint" : ());
}

# Stop a process where it is, so that no signal has an effect until it is let go on.
my %frozen;

sub freeze_process
{
	my ($pid) = @_;

	kill STOP => $pid or die "could not stop process $pid: $!";
	$frozen{$pid} = 1;
	wait_until(sub { slurp_file("/proc/$pid/stat") =~ /\) T / }, "process $pid is stopped")
	  if -e "/proc/$pid/stat";
	return;
}

# The same for a worker, while it is in no transaction: it keeps no lock that somebody
# would wait for.  The raw session of a superuser looks.
sub freeze_asleep
{
	my ($session, $pid) = @_;

	return wait_until(
		sub {
			freeze_process($pid);
			return 1 if $session->query("SELECT count(*) FROM pg_locks WHERE pid = $pid") eq '0';
			thaw_process($pid);
			return 0;
		},
		"process $pid is stopped in its sleep");
}

sub thaw_process
{
	my ($pid) = @_;

	kill CONT => $pid;
	delete $frozen{$pid};
	return;
}

# A server cannot be shut down with a stopped process in it.
END
{
	kill CONT => keys %frozen if %frozen;
}

# The names of those among named sessions that are still there, seen from
# another session; a condition on pg_stat_activity may be added.
sub living
{
	my ($node, $sessions, $condition) = @_;
	my $there = join ' ', '', split(/\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
		  . (defined $condition ? " AND $condition" : ''))), '';

	return join ' ', sort grep { index($there, " ${\ $sessions->{$_}->pid } ") >= 0 } keys %$sessions;
}

# Call a function, as SQL has it; what became of the named sessions.  Others are not told of: a
# session of the test itself that has done its work may not be gone yet.
sub fates
{
	my ($node, $call, $sessions, $dbname) = @_;
	my %outcome = map { split /\|/, $_, 2 } split /\n/,
	  $node->safe_psql($dbname // 'postgres', "SELECT pid, outcome FROM $call");

	return join ', ', map { "$_ $outcome{$sessions->{$_}->pid}" }
	  sort grep { defined $outcome{$sessions->{$_}->pid} } keys %$sessions;
}

sub log_size
{
	my ($node) = @_;

	return -s $node->logfile;
}

# The lines of the server's log that match, from a position on.
sub guard_lines
{
	my ($node, $pattern, $offset) = @_;

	return grep { /$pattern/ } split /\n/, slurp_file($node->logfile, $offset // 0);
}

1;
