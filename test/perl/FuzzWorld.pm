# The server of the function fuzzer, and who is on it: roles with all kinds of rights,
# databases, and sessions in all kinds of states, which are made anew as they end.
#
# What is so is asked of the server by an observer, a superuser's session, and of the
# sessions' own sockets; nothing is asked of the extension.
package FuzzWorld;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Time::HiRes qw(usleep);

our @EXPORT = qw(pick chance weighted sql_literal sql_name);

# Names are bytes, as the protocol has them.
my $odd_role = q{O'Brien "ü" \\};
my $odd_database = q{odd "é' \\db};

# How the roles come by their rights.
my @roles = (
	[ root => 'SUPERUSER' ],
	[ alice => '' ],
	[ bob => '' ],
	[ carol => 'IN ROLE alice' ],
	[ dave => 'NOINHERIT IN ROLE alice' ],
	[ janitor => 'IN ROLE pg_signal_backend' ],
	[ watcher => 'IN ROLE pg_monitor' ],
	[ reader => 'IN ROLE pg_read_all_stats' ],
	[ mute => 'IN ROLE pg_signal_backend' ],
	[ meek => 'IN ROLE pg_signal_backend, alice' ],
	[ spared => '' ],
	[ $odd_role => '' ]);

# Who may not execute a function of the server's, in every database.
my %no_execute = (pg_terminate_backend => 'mute', pg_cancel_backend => 'meek');
my %signature = (
	pg_terminate_backend => 'pg_terminate_backend(integer, bigint)',
	pg_cancel_backend => 'pg_cancel_backend(integer)');

# The databases, and the schema of the extension there; "bare" does not have it.
my %schema = (shop => 'public', $odd_database => 'tools', ascii => 'public', bare => undef);
my @databases = sort keys %schema;

my @application_names = (
	'billing/3', 'billing_1', 'Billing', '', q{O'Reilly}, 'back\\slash', 'two\\\\', '100%',
	"line\nbreak", "\xc3\xbcber", 'x", client [local]): requested by role "postgres', 'a' x 63, ' ');

# --- chance ------------------------------------------------------------------

sub pick
{
	return $_[ int rand scalar @_ ];
}

sub chance
{
	my ($probability) = @_;

	return rand() < $probability;
}

# One of [weight, value] pairs.
sub weighted
{
	my $total = 0;

	$total += $_->[0] for @_;
	my $at = rand $total;
	for my $pair (@_)
	{
		return $pair->[1] if ($at -= $pair->[0]) < 0;
	}
	return $_[-1][1];
}

sub sql_literal
{
	my ($value) = @_;

	return 'NULL' if !defined $value;
	$value =~ s/(['\\])/$1$1/g;
	return $value =~ /\\/ ? "E'$value'" : "'$value'";
}

sub sql_name
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq{"$name"};
}

# --- the server --------------------------------------------------------------

sub new
{
	my ($class, $name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $self = bless {
		node => $node,
		preload => $params{preload},
		size => $params{size} // 24,
		members => {},
		callers => [],
		dead => [],
		born => 0,
		log_at => 0,
	}, $class;

	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', $_)
	  for ($params{preload} ? "shared_preload_libraries = 'pg_session_guard'" : ()),
	  'pg_session_guard.history_buffer = 16384', "listen_addresses = '127.0.0.1'",
	  'max_connections = 100', 'max_prepared_transactions = 10', 'max_wal_senders = 4',
	  "synchronous_standby_names = 'absent'", 'synchronous_commit = local',
	  "log_statement = 'none'", "log_min_error_statement = 'panic'", 'autovacuum_naptime = 1h',
	  "authentication_timeout = '10min'", 'log_disconnections = off', 'log_connections = off',
	  'fsync = off';
	$self->let_somebody_authenticate;
	$node->start;
	$self->make_roles_and_databases;
	$self->{postmaster} = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	$self->ask_for_rights;
	return $self;
}

# Whoever is "late" is asked for a password, and never sends one.
sub let_somebody_authenticate
{
	my ($self) = @_;
	my $file = $self->{node}->data_dir . '/pg_hba.conf';
	my $others = slurp_file($file);

	open my $hba, '>', $file or die "$file: $!";
	print $hba "local all late scram-sha-256\n$others";
	close $hba or die "$file: $!";
	return;
}

sub make_roles_and_databases
{
	my ($self) = @_;
	my $node = $self->{node};
	my $all = join ', ', map { sql_name($_->[0]) } @roles;

	$node->safe_psql('postgres', join '', map { "$_;\n" }
		(map { 'CREATE ROLE ' . sql_name($_->[0]) . " LOGIN $_->[1]" } @roles),
		q{CREATE ROLE late LOGIN PASSWORD 'never'},
		(map {
			'CREATE DATABASE ' . sql_name($_) . q{ TEMPLATE template0 LOCALE 'C' ENCODING }
			  . ($_ eq 'ascii' ? 'SQL_ASCII' : 'UTF8')
		} @databases));
	$node->safe_psql('postgres',
		'CREATE EXTENSION pg_session_guard; ALTER ROLE spared SET pg_session_guard.exempt = on');
	$self->{is_exempt}{spared} = 1;
	for my $dbname (@databases)
	{
		my $extension = defined $schema{$dbname}
		  ? ($schema{$dbname} ne 'public' ? "CREATE SCHEMA $schema{$dbname};\n" : '')
		  . "GRANT USAGE ON SCHEMA $schema{$dbname} TO PUBLIC;\n"
		  . "CREATE EXTENSION pg_session_guard SCHEMA $schema{$dbname};\n"
		  : '';
		my $rights = join '', map {
			my ($function, $without) = ($_, $no_execute{$_});

			"REVOKE EXECUTE ON FUNCTION $signature{$function} FROM PUBLIC;\n"
			  . join '', map { "GRANT EXECUTE ON FUNCTION $signature{$function} TO " . sql_name($_) . ";\n" }
			  grep { $_ ne $without } map { $_->[0] } @roles
		} sort keys %no_execute;

		$node->safe_psql(
			$dbname, qq{
			$extension $rights
			CREATE SCHEMA work;
			GRANT ALL ON SCHEMA work TO PUBLIC;
			CREATE FUNCTION work.slow(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
				'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN n; END';
			CREATE TABLE work.item (id int PRIMARY KEY, n int);
			INSERT INTO work.item SELECT id, 0 FROM generate_series(0, 20000) AS id;
			CREATE TABLE work.log (n int);
			GRANT ALL ON work.item, work.log TO PUBLIC;
			BEGIN;
			UPDATE work.item SET n = 1 WHERE id = 0;
			PREPARE TRANSACTION 'prepared ${\ ++$self->{born} }'});
	}
	return;
}

# Who may do what, by the server's own account.
sub ask_for_rights
{
	my ($self) = @_;
	my $observer = $self->observer;
	my $names = join ', ', map { sql_literal($_->[0]) } @roles;
	my $bootstrap = $observer->query('SELECT rolname FROM pg_roles WHERE oid = 10');

	$self->{roles} = [ map { $_->[0] } @roles ];
	$self->{bootstrap} = $bootstrap;
	# The role names all: sessions of the bootstrap superuser are there, too.
	for my $row (
		query_rows(
			$observer, qq{
		SELECT c.rolname, t.rolname, t.rolsuper, c.rolsuper,
			pg_has_role(c.oid, t.oid, 'USAGE'),
			pg_has_role(c.oid, 'pg_signal_backend', 'USAGE'),
			pg_has_role(c.oid, 'pg_read_all_stats', 'USAGE'),
			pg_has_role(c.oid, t.oid, 'MEMBER')
		FROM pg_roles c, pg_roles t
		WHERE c.rolname IN ($names) AND (t.rolname IN ($names, 'late') OR t.oid = 10)}))
	{
		my ($caller, $target, $to_superuser, $by_superuser, $inherits, $signals, $reads, $member) = @$row;
		my %is = map { $_->[0] => $_->[1] eq 't' } [ to => $to_superuser ], [ by => $by_superuser ],
		  [ inherits => $inherits ], [ signals => $signals ], [ reads => $reads ], [ member => $member ];

		$self->{superuser}{$target} = $is{to};
		$self->{may_signal}{$caller}{$target} = $is{to} ? $is{by} : $is{inherits} || $is{signals};
		$self->{may_see}{$caller}{$target} = $is{reads} || $is{inherits};
		$self->{reads_all}{$caller} = $is{reads};
		$self->{may_become}{$caller}{$target} = $is{member};
	}
	for my $dbname (grep { defined $schema{$_} } @databases)
	{
		my $session = RawSession->connect($self->{node}, user => 'root', dbname => $dbname);

		$self->ask_for_arguments($session);
		for my $row (
			query_rows(
				$session, qq{
			SELECT rolname, has_function_privilege(oid, 'pg_catalog.$signature{pg_terminate_backend}', 'EXECUTE'),
				has_function_privilege(oid, 'pg_catalog.$signature{pg_cancel_backend}', 'EXECUTE')
			FROM pg_roles WHERE rolname IN ($names)}))
		{
			$self->{may_execute}{$dbname}{ $row->[0] } =
			  { pg_terminate_backend => $row->[1] eq 't', pg_cancel_backend => $row->[2] eq 't' };
		}
		for my $row (
			query_rows(
				$session, qq{
			SELECT r.rolname, v, has_table_privilege(r.oid, 'session_guard.' || v, 'SELECT')
			FROM pg_roles r, unnest('{session,schedule,event,history,stats,limit_stats}'::text[]) v
			WHERE rolname IN ($names)}))
		{
			$self->{may_select}{$dbname}{ $row->[0] }{ $row->[1] } = $row->[2] eq 't';
		}
		$session->query("SELECT pg_terminate_backend(pg_backend_pid())");
	}
	return;
}

# What arguments the functions have, by SQL's own account.  Those that drain are not among them:
# whom they end, and when, follows from what comes later.
sub ask_for_arguments
{
	my ($self, $session) = @_;

	for my $row (
		query_rows(
			$session, q{
		SELECT proname, name, format_type(type, NULL)
		FROM pg_proc, unnest(proargnames, proargtypes::oid[]) AS argument (name, type)
		WHERE prorettype = 'session_guard.result'::regtype AND proname NOT LIKE 'drain%'}))
	{
		$self->{arguments}{ $row->[0] }{ $row->[1] } = $row->[2];
	}
	return;
}

# Who listens on a channel is known only where the library is preloaded.
sub is_listening
{
	my ($self, $pid) = @_;

	return $self->{preload} && $self->{members}{$pid} && $self->{members}{$pid}{kind} eq 'listener';
}

sub databases
{
	return @databases;
}

sub databases_with_extension
{
	return grep { defined $schema{$_} } @databases;
}

sub schema_in
{
	my ($self, $dbname) = @_;

	return $schema{$dbname};
}

sub has_encoding
{
	my ($self, $dbname) = @_;

	return $dbname ne 'ascii';
}

sub is_preloaded
{
	return $_[0]{preload};
}

sub query_rows
{
	my ($session, $sql) = @_;

	return if $session->is_closed;
	$session->send_query($sql);
	my @messages = $session->read_until('Z');
	my ($error) = grep { $_->[0] eq 'E' } @messages;

	return if $session->is_closed;
	die 'the observer failed: ' . $session->error_text . "\n$sql" if $error;
	return RawSession::rows_of(@messages);
}

# --- who is there ------------------------------------------------------------

# The session that looks; it is one of the possible victims, too.
sub observer
{
	my ($self) = @_;

	return $self->{observer}
	  if $self->{observer} && !$self->{observer}->is_closed;
	return $self->{observer} = RawSession->connect(
		$self->{node},
		user => 'root',
		dbname => 'shop',
		application_name => 'observer');
}

# What pg_stat_activity and pg_locks show a superuser, by pid; times in microseconds.
my @columns = qw(pid backend_start backend_type datname usename application_name client_addr
  state query state_change query_start xact_start wait_event_type wait_event blockers locktype
  wait_start now);

sub snapshot
{
	my ($self) = @_;
	my %snapshot;
	my $us = sub { "(extract(epoch from $_[0]) * 1000000)::bigint" };

	for (1 .. 3)
	{
		my @rows = query_rows(
			$self->observer, qq{
			SELECT a.pid, ${\ $us->('a.backend_start') }, a.backend_type, a.datname, a.usename,
				a.application_name, a.client_addr, a.state, a.query, ${\ $us->('a.state_change') },
				${\ $us->('a.query_start') }, ${\ $us->('a.xact_start') }, a.wait_event_type, a.wait_event,
				CASE WHEN a.wait_event_type = 'Lock' THEN array_to_string(pg_blocking_pids(a.pid), ' ') END,
				CASE WHEN a.wait_event_type = 'Lock' THEN (SELECT l.locktype FROM pg_locks l
					WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) END,
				CASE WHEN a.wait_event_type = 'Lock' THEN (SELECT ${\ $us->('l.waitstart') } FROM pg_locks l
					WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) END,
				${\ $us->('clock_timestamp()') }
			FROM pg_stat_activity a});

		for my $row (@rows)
		{
			my %entry;

			@entry{@columns} = @$row;
			$snapshot{ $entry{pid} } = \%entry;
		}
		last if %snapshot;
	}
	# The observer itself is idle as soon as it has been answered.
	my $self_entry = $snapshot{ $self->observer->pid };
	@$self_entry{qw(state is_observer)} = ('idle', 1) if $self_entry;
	return \%snapshot;
}

# How patterns compare with the sessions, by the server's own operators; the observer's
# query text does not hold the patterns.
sub compare_patterns
{
	my ($self, %pattern) = @_;
	my $observer = $self->observer;
	my %result;

	for my $lists (grep { ref $pattern{$_} } keys %pattern)
	{
		$pattern{$lists} = '{' . join(',', map { '"' . s/(["\\])/\\$1/gr . '"' } @{ $pattern{$lists} }) . '}';
	}
	$observer->parse('', q{SELECT pid, application_name LIKE ANY ($1::text[]), client_addr <<= $2::inet,
		CASE WHEN datname IS DISTINCT FROM 'ascii' THEN query ~* $3::text END,
		application_name LIKE ANY ($4::text[])
		FROM pg_stat_activity WHERE backend_type = 'client backend'});
	$observer->bind('', '', map { $_->[1] } map { [ $_->[0], $pattern{ $_->[0] } // $_->[1] ] } [ application_name => '{}' ],
		[ client_addr => '::' ], [ query => '.' ], [ except_application_name => '{}' ]);
	$observer->execute('');
	$observer->sync;
	my @messages = $observer->read_until('Z');
	die 'the observer failed: ' . $observer->error_text if grep { $_->[0] eq 'E' } @messages;
	for my $row (RawSession::rows_of(@messages))
	{
		my ($pid, @matches) = @$row;

		@{ $result{$pid} }{qw(application_name client_addr query except_application_name)} =
		  map { defined $_ ? $_ eq 't' : undef } @matches;
	}
	return \%result;
}

# --- members -----------------------------------------------------------------

# The kinds of sessions: how often, what they do, and what they then wait for.  Those that
# are at a statement would be at it for ever; a cancel that does nothing to it is no surprise
# from who is deaf.
my %kind = (
	idle => { weight => 6, start => sub { $_[1]->raw_query($_[0], 'SELECT 1 AS report') } },
	'idle in transaction' => {
		weight => 3,
		start => sub { $_[1]->raw_query($_[0], 'BEGIN'); $_[1]->raw_query($_[0], 'SELECT 2') }
	},
	aborted => {
		weight => 2,
		start => sub { $_[1]->raw_query($_[0], 'BEGIN'); $_[1]->raw_query($_[0], 'SELECT 1/0') }
	},
	busy => { weight => 5, waits => 'PgSleep', start => sub { $_[1]->raw_start($_[0], 'SELECT pg_sleep(600)') } },
	'busy in transaction' => {
		weight => 2,
		waits => 'PgSleep',
		start => sub { $_[1]->raw_query($_[0], 'BEGIN'); $_[1]->raw_start($_[0], 'SELECT pg_sleep(600)') }
	},
	stubborn => { weight => 1, waits => 'PgSleep', deaf => 1, start => sub { $_[1]->raw_start($_[0], stubborn_statement()) } },
	copy => { weight => 1, waits => 'ClientRead', deaf => 1, start => sub { $_[1]->raw_start($_[0], 'COPY work.log FROM STDIN') } },
	listener => { weight => 2, start => sub { $_[1]->raw_query($_[0], 'LISTEN news') } },
	'create index' => { weight => 1, waits => 'PgSleep', start => sub { start_index($_[0], $_[1], '') } },
	'create index concurrently' =>
	  { weight => 1, waits => 'PgSleep', start => sub { start_index($_[0], $_[1], 'CONCURRENTLY') } },
	refresh => { weight => 1, waits => 'PgSleep', start => \&start_refresh },
	pipeline => { weight => 1, waits => 'ClientRead', start => \&start_pipeline },
	fastpath => { weight => 1, waits => 'PgSleep', start => \&start_fastpath },
	disabled => { weight => 1, role => 'root', start => sub { $_[1]->raw_query($_[0], 'SET track_activities = off') } },
	'synchronous replication' => { weight => 1, waits => 'SyncRep', start => \&start_sync_rep },
	'row lock' => { weight => 3, start => \&start_row_lock },
	'idle holder of a table' => { weight => 1, start => \&start_table_lock },
	'advisory lock' => { weight => 1, start => \&start_advisory_lock },
	'waiter for a prepared transaction' => {
		weight => 1,
		waits => '*lock',
		start => sub { $_[1]->raw_start($_[0], 'UPDATE work.item SET n = 2 WHERE id = 0') }
	},
	walsender => { weight => 1, role => 'root', parameters => { replication => 'true' }, start => sub { } },
	authenticating => { weight => 1, role => 'late', start => sub { } });

# Make the population whole again.
sub fill
{
	my ($self) = @_;
	my @kinds = map { [ $kind{$_}{weight}, $_ ] } sort keys %kind;
	my @new;

	while (keys %{ $self->{members} } < $self->{size})
	{
		my $kind = weighted(@kinds);

		next if $kind{$kind}{weight} == 1 && grep { $_->{kind} eq $kind } values %{ $self->{members} };
		push @new, $self->open_member($kind);
	}
	$self->wait_for_waits;
	return;
}

sub open_member
{
	my ($self, $kind, %params) = @_;
	my $role = $params{role} // $kind{$kind}{role} // pick(grep { $_ ne 'late' } @{ $self->{roles} });
	my $dbname = $params{dbname} // ($kind eq 'walsender' ? 'shop' : pick(@databases));
	my $tag = sprintf 'zq%dqz', ++$self->{born};
	my $member = {
		kind => $kind,
		role => $role,
		dbname => $dbname,
		application_name => pick(@application_names),
		tag => $tag,
		waits => $kind{$kind}{waits},
		deaf => $kind{$kind}{deaf} // 0,
		is_authenticating => $kind eq 'authenticating',
		owes => 0,
	};
	my %connection = (
		user => $role,
		dbname => $dbname,
		application_name => $member->{application_name},
		(chance(0.2) && $kind ne 'authenticating' ? (host => '127.0.0.1') : ()),
		parameters => $kind{$kind}{parameters} // {});

	if ($member->{is_authenticating})
	{
		$member->{raw} = RawSession->open($self->{node});
		$member->{raw}->start_up(%connection);
		$member->{raw}->read_message;
		$member->{pid} = $self->pid_of_authenticating;
	}
	else
	{
		$member->{raw} = RawSession->connect($self->{node}, %connection);
		$member->{pid} = $member->{raw}->pid;
	}
	# A pid that is used again is not one of the dead any more.
	$self->{dead} = [ grep { $_ != $member->{pid} } @{ $self->{dead} } ];
	$self->{members}{ $member->{pid} } = $member;
	$kind{$kind}{start}->($member, $self);
	return $member;
}

# The process that is no session yet: the one that the server says is authenticating.
sub pid_of_authenticating
{
	my ($self) = @_;
	my $pid;

	wait_until(
		sub {
			for my $file (glob '/proc/[0-9]*/cmdline')
			{
				my $line = eval { slurp_file($file) } // '';
				next if $line !~ /^postgres: (?:\S+: )?late .*authentication/;
				my ($candidate) = $file =~ m{/proc/(\d+)/};
				my $stat = eval { slurp_file("/proc/$candidate/stat") } // '';
				$pid = $candidate if $stat =~ /\) \S $self->{postmaster} /;
			}
			return defined $pid;
		},
		'somebody authenticates');
	return $pid;
}

# A statement with the member's tag, to its end.
sub raw_query
{
	my ($self, $member, $sql) = @_;
	my $odd = $member->{dbname} eq 'ascii' ? "\xff\xc3" : "\xc3\xbc";

	$member->{raw}->query("$sql /* $member->{tag} $odd */");
	return;
}

# A statement that does not end by itself.
sub raw_start
{
	my ($self, $member, $sql) = @_;

	$member->{raw}->send_query("$sql /* $member->{tag} */");
	$member->{owes} = 1;
	return;
}

sub start_index
{
	my ($member, $self, $how) = @_;
	my $table = 'work.t' . ++$self->{born};

	$self->raw_query($member, "CREATE TABLE $table AS SELECT 1 AS n");
	$self->raw_start($member, "CREATE INDEX $how ON $table (work.slow(n))");
	return;
}

sub start_refresh
{
	my ($member, $self) = @_;
	my $view = 'work.v' . ++$self->{born};

	$self->raw_query($member, "CREATE MATERIALIZED VIEW $view AS SELECT work.slow(id) FROM work.item WHERE id = 1 WITH NO DATA");
	$self->raw_start($member, "REFRESH MATERIALIZED VIEW $view");
	return;
}

sub start_pipeline
{
	my ($member) = @_;

	$member->{raw}->run_in_pipeline("SELECT 3 /* $member->{tag} */");
	return;
}

sub start_fastpath
{
	my ($member, $self) = @_;

	$self->raw_query($member, 'SELECT 4');
	my $function = $member->{raw}->query(q{SELECT 'pg_sleep(float8)'::regprocedure::oid});
	$member->{raw}->send_function_call($function, '600');
	$member->{owes} = 1;
	return;
}

sub start_sync_rep
{
	my ($member, $self) = @_;

	$self->raw_query($member, 'SET synchronous_commit = on');
	$self->raw_start($member, 'INSERT INTO work.log VALUES (1)');
	return;
}

# A holder that may itself be at something, and one or two who wait for it.
sub start_row_lock
{
	my ($member, $self) = @_;
	my $id = ++$self->{born} % 20000;
	my $update = "UPDATE work.item SET n = 1 WHERE id = $id";

	$self->raw_query($member, 'BEGIN');
	$self->raw_query($member, $update);
	if (chance(0.4))
	{
		$self->raw_start($member, 'SELECT pg_sleep(600)');
		$member->{waits} = 'PgSleep';
	}
	$self->open_waiter($member, $update) for 1 .. 1 + int rand 2;
	return;
}

sub start_table_lock
{
	my ($member, $self) = @_;
	my $table = 'work.r' . ++$self->{born};

	$self->raw_query($member, "CREATE TABLE $table (n int)");
	$self->raw_query($member, "GRANT ALL ON $table TO PUBLIC");
	$self->raw_query($member, "BEGIN");
	$self->raw_query($member, "LOCK TABLE $table IN SHARE MODE");
	# Maintenance that waits makes nobody a culprit.
	$self->open_waiter($member, "CREATE INDEX CONCURRENTLY ON $table (n)", role => $member->{role}) if chance(0.3);
	$self->open_waiter($member, "INSERT INTO $table VALUES (1)") if chance(0.6);
	return;
}

sub start_advisory_lock
{
	my ($member, $self) = @_;
	my $key = ++$self->{born};

	$self->raw_query($member, "SELECT pg_advisory_lock($key)");
	$self->open_waiter($member, "SELECT pg_advisory_lock($key)");
	return;
}

sub open_waiter
{
	my ($self, $holder, $sql, %params) = @_;
	my $waiter = $self->open_member('waiter', dbname => $holder->{dbname}, %params);

	$self->raw_start($waiter, $sql);
	$waiter->{waits} = '*lock';
	return;
}
$kind{waiter} = { weight => 0, start => sub { } };

# Wait until everybody is at what it is to be at.
sub wait_for_waits
{
	my ($self) = @_;

	wait_until(
		sub {
			my $snapshot = $self->snapshot;

			for my $member (grep { $_->{waits} } values %{ $self->{members} })
			{
				my $entry = $snapshot->{ $member->{pid} } // return 0;
				my $is_there =
				  $member->{waits} eq '*lock'
				  ? ($entry->{wait_event_type} // '') eq 'Lock' && ($entry->{blockers} // '') ne ''
				  && defined $entry->{wait_start}
				  : ($entry->{wait_event} // '') eq $member->{waits};

				return 0 if !$is_there && !$member->{raw}->is_closed && !$member->{raw}->has_message;
			}
			delete $_->{waits} for values %{ $self->{members} };
			return 1;
		},
		'the sessions are at what they are to be at');
	return;
}

# End sessions that the test has no more use for, by the server's own means.
sub end_sessions
{
	my ($self, @sessions) = @_;

	for my $raw (map { $_->{raw} } @sessions)
	{
		$raw->abandon if !$raw->is_closed;
	}
	my @pids = map { $_->{pid} } @sessions;
	return if !@pids;
	my $list = join ', ', @pids;
	# Those that authenticate are not shown.  The observer may be one of them.
	wait_until(
		sub {
			$self->observer->query("SELECT pg_terminate_backend(pid) FROM unnest(ARRAY[$list]) AS pid");
			return !grep { kill(0, $_) && !is_zombie($_) } @pids;
		},
		"$list are gone");
	delete $self->{members}{$_} for @pids;
	$self->{callers} = [ grep { my $caller = $_; !grep { $_ == $caller->{pid} } @pids } @{ $self->{callers} } ];
	push @{ $self->{dead} }, @pids;
	return;
}

sub is_zombie
{
	my ($pid) = @_;
	my $stat = eval { slurp_file("/proc/$pid/stat") } // '';

	return $stat =~ /\) Z /;
}

# A session to call functions from: one of some that are kept.
sub caller_session
{
	my ($self, $role, $dbname) = @_;
	my ($known) = grep { $_->{role} eq $role && $_->{dbname} eq $dbname } @{ $self->{callers} };

	return $known if $known;
	$self->end_sessions($self->{callers}[0]) if @{ $self->{callers} } > 9;
	my $raw = RawSession->connect($self->{node}, user => $role, dbname => $dbname, application_name => 'caller');
	my $caller = { kind => 'caller', role => $role, dbname => $dbname, application_name => 'caller', raw => $raw,
		pid => $raw->pid, tag => 'zq' . ++$self->{born} . 'qz', deaf => 0, owes => 0 };

	$raw->query("SET search_path = $schema{$dbname}, public") if $schema{$dbname} ne 'public';
	$self->{dead} = [ grep { $_ != $raw->pid } @{ $self->{dead} } ];
	push @{ $self->{callers} }, $caller;
	return $caller;
}

# All sessions of the test, by pid.
sub sessions
{
	my ($self) = @_;
	my %sessions = %{ $self->{members} };

	$sessions{ $_->{pid} } = $_ for @{ $self->{callers} };
	$sessions{ $self->observer->pid } //=
	  { kind => 'observer', role => 'root', dbname => 'shop', raw => $self->observer, pid => $self->observer->pid,
		tag => 'zq0qz', deaf => 0, owes => 0 };
	return \%sessions;
}

# Whom nothing is known of any more.
sub bury
{
	my ($self, @pids) = @_;

	for my $pid (@pids)
	{
		delete $self->{members}{$pid};
		$self->{callers} = [ grep { $_->{pid} != $pid } @{ $self->{callers} } ];
		push @{ $self->{dead} }, $pid;
	}
	splice @{ $self->{dead} }, 0, -20 if @{ $self->{dead} } > 20;
	return;
}

# The lines of the server's log since the last time.
sub new_log_lines
{
	my ($self) = @_;
	my $log = slurp_file($self->{node}->logfile, $self->{log_at});

	# A line that is being written is for the next time.
	$log =~ s/[^\n]*\z//;
	$self->{log_at} += length $log;
	return split /\n/, $log;
}

1;
