# One call after the other by the function fuzzer, and whether what happened is what the
# oracle allows.
package FuzzCheck;

use strict;
use warnings FATAL => 'all';

use FuzzCalls;
use FuzzOracle;
use FuzzWorld;
use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Time::HiRes qw(time usleep);

# Ways to make a call: how often, and whether its rows are seen.
my @ways = (
	[ 45, 'plain' ], [ 8, 'transaction' ], [ 4, 'repeatable read' ], [ 12, 'prepared' ],
	[ 8, 'extended' ], [ 4, 'common table expression' ], [ 4, 'do' ], [ 3, 'select list' ],
	[ 3, 'explain analyze' ], [ 3, 'explain' ], [ 6, 'statement_timeout' ], [ 4, 'canceled' ]);
my %shows_rows = map { $_ => 1 } 'plain', 'transaction', 'repeatable read', 'prepared', 'extended',
  'common table expression', 'statement_timeout', 'canceled';

my @row_columns = qw(pid backend_start datname usename application_name client_addr state query
  action outcome note);
my $row_columns = join ', ',
  map { $_ eq 'backend_start' ? '(extract(epoch from backend_start) * 1000000)::bigint' : $_ } @row_columns;

my @views = qw(session schedule event history stats limit_stats);

sub new
{
	my ($class, $world, %params) = @_;

	return bless { world => $world, seed => $params{seed}, count => {}, killed => {}, number => 0 }, $class;
}

# Make so many calls; the first failure, or undef.
sub run
{
	my ($self, $calls) = @_;

	$self->{world}->fill;
	$self->{world}->new_log_lines;
	for my $number (1 .. $calls)
	{
		$self->{number} = $number;
		$self->{doing} = 'between two calls';
		eval { chance(0.08) ? $self->view : $self->step; 1 } or return $self->describe($@);
	}
	return;
}

# What is needed to understand a failure, and to make it happen again.
sub describe
{
	my ($self, $error) = @_;
	my $population = join '', map {
		my $entry = $self->{before}{$_};
		"    $_: " . join(', ', map { "$_=" . ($entry->{$_} // '') } grep { defined $entry->{$_} }
			  qw(backend_type usename datname application_name client_addr state wait_event blockers query)) . "\n"
	} sort { $a <=> $b } keys %{ $self->{before} // {} };
	my $rows = join '', map { my $row = $_; '    ' . join(' | ', map { $row->{$_} // '' } @row_columns) . "\n" } @{ $self->{rows} // [] };

	return "$error  PG_TEST_GUARD_FUZZ_SEED=$self->{seed}, call $self->{number}\n  $self->{doing}\n"
	  . "  rows:\n$rows  population before:\n$population  log:\n" . join('', map { "    $_\n" } @{ $self->{log} // [] });
}

sub summary
{
	my ($self) = @_;

	return join "\n", map { "$_: $self->{count}{$_}" } sort keys %{ $self->{count} };
}

sub count
{
	my ($self, $what) = @_;

	$self->{count}{$what}++;
	return;
}

sub fail
{
	die "$_[0]\n";
}

# --- one call ------------------------------------------------------------------

sub step
{
	my ($self) = @_;
	my $world = $self->{world};

	$self->renew;
	my $caller = $self->choose_caller;
	$self->{before} = $self->settle;
	my $sessions = $world->sessions;
	my $call = $self->choose_call($caller);
	my $patterns = $call->{filter} ? $self->compare($call) : {};

	$self->{rows} = [];
	$self->{log} = [];
	$self->{doing} = $self->text_of($call);
	my $verdicts = %{ $call->{bad} } || $call->{way} eq 'explain' ? {} : verdicts($world, $call, $self->{before}, $patterns);
	my @messages = $self->execute($caller, $call);
	my $after = $world->snapshot;

	$self->check_messages($call, \@messages);
	my $result = $self->check_error($call, $caller, $verdicts);
	$self->{rows} = $self->rows_of(\@messages);
	my $sees_rows = $result eq 'done' && $shows_rows{ $call->{way} } && $call->{way} ne 'explain';
	if ($sees_rows)
	{
		$self->check_selection($call, $verdicts);
		$self->check_row($call, $verdicts, $after, $_) for @{ $self->{rows} };
		$self->check_notice($call, $verdicts, \@messages);
	}
	$self->check_effects($call, $verdicts, $sessions, $result, $sees_rows);
	$self->check_log($call, $verdicts);
	$self->count("$call->{name}");
	$self->count("result: $result");
	$self->leave($caller);
	return;
}

# End some of those that are no longer what they were made to be, and make others.
sub renew
{
	my ($self) = @_;
	my $world = $self->{world};

	$world->bury(map { $_->{pid} } grep { $_->{raw}->is_closed } values %{ $world->sessions });
	my @spent = grep { $_->{did_owe} && !$_->{owes} && chance(0.4) }
	  map { $world->{members}{$_} } sort { $a <=> $b } keys %{ $world->{members} };
	$world->end_sessions(@spent) if @spent;
	$world->fill;
	return;
}

sub choose_caller
{
	my ($self) = @_;
	my $world = $self->{world};
	my $role = pick(@{ $world->{roles} }, 'root', 'janitor');

	return $world->caller_session($role, pick($world->databases_with_extension));
}

sub choose_call
{
	my ($self, $caller) = @_;
	my $world = $self->{world};
	my $call = random_call($world, $caller, $self->{before});

	$call->{way} = weighted(@ways);
	$call->{way} = 'plain' if $call->{way} eq 'prepared' && !$call->{prepared};
	$call->{role} = $caller->{role};
	if (chance(0.12))
	{
		$call->{role} = pick(grep { $world->{may_become}{ $caller->{role} }{$_} } @{ $world->{roles} });
		$call->{sets_role} = 1;
	}
	$call->{caller_pid} = $caller->{pid};
	$call->{dbname} = $caller->{dbname};
	return $call;
}

sub compare
{
	my ($self, $call) = @_;
	my %patterns = map { $_ => $call->{filter}{$_} }
	  grep { defined $call->{filter}{$_} } qw(application_name client_addr query except_application_name);

	return {} if !%patterns || %{ $call->{bad} };
	return $self->{world}->compare_patterns(%patterns);
}

sub text_of
{
	my ($self, $call) = @_;

	return "role $call->{role}" . ($call->{sets_role} ? ' (by SET ROLE)' : '') . ", database $call->{dbname}, "
	  . "session $call->{caller_pid}, $call->{way}: $call->{function}($call->{arguments})";
}

# Make the call; all that the server says.
sub execute
{
	my ($self, $caller, $call) = @_;
	my $raw = $caller->{raw};
	my $way = $call->{way};
	my $function = "$call->{function}($call->{arguments})";
	my $select = "SELECT $row_columns FROM $function";

	$raw->query('SET ROLE ' . sql_name($call->{role})) if $call->{sets_role};
	$raw->query('BEGIN') if $way eq 'transaction';
	$raw->query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT count(*) FROM pg_stat_activity')
	  if $way eq 'repeatable read';
	$raw->query("SET statement_timeout = '" . pick(1, 3, 10, 40) . "ms'") if $way eq 'statement_timeout';
	die 'the caller could not prepare: ' . $raw->error_text . "\n" if $raw->error || $raw->is_closed;

	return $self->extended($raw, $select) if $way eq 'extended';
	if ($way eq 'prepared')
	{
		my $prepared = $call->{prepared};

		$raw->query("PREPARE p ($prepared->{types}) AS SELECT $row_columns FROM $call->{function}($prepared->{arguments})");
		die 'the caller could not prepare: ' . $raw->error_text . "\n" if $raw->error;
		$raw->send_query("EXECUTE p ($prepared->{values})");
	}
	else
	{
		$raw->send_query(
			  $way eq 'do' ? "DO \$do\$ BEGIN PERFORM * FROM $function; END \$do\$"
			: $way eq 'select list' ? "SELECT $function"
			: $way eq 'explain' ? "EXPLAIN SELECT * FROM $function"
			: $way eq 'explain analyze' ? "EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM $function"
			: $way eq 'common table expression' ? "WITH called AS (SELECT * FROM $function) SELECT $row_columns FROM called"
			: $select);
	}
	if ($way eq 'canceled')
	{
		usleep(pick(0, 500, 3000, 20000));
		$self->{world}->observer->query("SELECT pg_cancel_backend($caller->{pid})");
	}
	return $raw->read_until('Z');
}

sub extended
{
	my ($self, $raw, $select) = @_;

	$raw->parse('', $select);
	$raw->bind('', '');
	$raw->execute('');
	$raw->sync;
	return $raw->read_until('Z');
}

# Make the caller a plain session again.
sub leave
{
	my ($self, $caller) = @_;
	my $raw = $caller->{raw};

	return if $raw->is_closed;
	# A cancel that came late, too.
	$raw->query($_) for 'ROLLBACK', 'RESET statement_timeout', 'RESET ROLE', 'DEALLOCATE ALL', 'RESET ROLE',
	  'RESET statement_timeout', "SELECT 5 /* $caller->{tag} */";
	return;
}

# --- what the caller is told -----------------------------------------------------

sub rows_of
{
	my ($self, $messages) = @_;
	my @rows;

	for my $row (RawSession::rows_of(@$messages))
	{
		my %row;

		@row{@row_columns} = @$row if @$row == @row_columns;
		push @rows, \%row if %row;
	}
	return \@rows;
}

sub is_text
{
	my ($bytes) = @_;

	return utf8::decode($bytes);
}

# Whatever is sent is text in the encoding of the database, and holds nothing of what the
# caller may not see.
sub check_messages
{
	my ($self, $call, $messages) = @_;
	my $world = $self->{world};
	my %tag = map { $_->{tag} => $_ } values %{ $world->sessions };
	my $wants_text = $world->has_encoding($call->{dbname});

	for my $message (@$messages)
	{
		my ($type, $body) = @$message;
		next if $type !~ /^[DEN]$/;
		my @texts = $type eq 'D' ? grep { defined } RawSession::values_in($body) : split /\0/, $body;

		for my $text (@texts)
		{
			fail("what is sent is no text in the server's encoding: " . join ' ', unpack '(H2)*', $text)
			  if $wants_text && !is_text($text);
			while ($text =~ /(zq\d+qz)/g)
			{
				my $owner = $tag{$1} // next;
				fail("the caller is shown what it may not see of session $owner->{pid}: $text")
				  if !$world->{may_see}{ $call->{role} }{ $owner->{role} };
			}
		}
	}
	return;
}

# How the call has ended: done, refused, interrupted, or by its own signal.
sub check_error
{
	my ($self, $call, $caller, $verdicts) = @_;
	my $raw = $caller->{raw};
	my $error = $raw->error;
	my $own = $verdicts->{ $caller->{pid} } // {};
	my $acts_on_self = ($own->{selected} // '') =~ /^(?:yes|maybe)$/ ? $own->{fate} : '';

	if ($raw->is_closed)
	{
		fail('the caller was terminated, which is not what it had asked for: ' . $raw->error_text)
		  if $acts_on_self !~ /^(?:terminate|stop)$/;
		return 'terminated itself';
	}
	if (!$error)
	{
		fail('there is no error, but one of ' . join(' ', sort keys %{ $call->{bad} }) . ' was expected')
		  if %{ $call->{bad} } && $call->{way} ne 'explain';
		return 'done';
	}
	fail('an error that nobody should see: ' . $raw->error_text) if $error->{sqlstate} =~ /^XX/;
	return 'refused' if $call->{bad}{ $error->{sqlstate} };
	if ($error->{sqlstate} eq '57014')
	{
		return 'canceled itself' if $acts_on_self =~ /^(?:cancel|stop)$/ && $error->{message} =~ /user request/;
		return 'interrupted' if $call->{way} =~ /^(?:statement_timeout|canceled)$/;
	}
	fail('an error that was not expected: ' . $raw->error_text);
}

sub check_selection
{
	my ($self, $call, $verdicts) = @_;
	my %seen;

	for my $row (@{ $self->{rows} })
	{
		my $verdict = $verdicts->{ $row->{pid} };

		fail("two rows for session $row->{pid}") if $seen{ $row->{pid} }++;
		fail("a row for session $row->{pid}, which the call is not about") if !$verdict || $verdict->{selected} !~ /^(?:yes|maybe)$/;
	}
	for my $pid (grep { $verdicts->{$_}{selected} eq 'yes' } keys %$verdicts)
	{
		fail("no row for session $pid") if !$seen{$pid};
	}
	return;
}

# The outcomes that each fate may have.
sub outcomes
{
	my ($call, $verdict, $is_self, $is_client, $is_deaf) = @_;
	my $fate = $verdict->{fate};
	my $waits = $call->{timeout} > 0;
	# The time of the call may be over before anybody can be waited for.
	my @unconfirmed = $is_self || !$waits ? ('signaled') : ('survived', 'signaled');
	my @moved = (
		($verdict->{may_race} || $verdict->{selected} eq 'maybe' ? 'raced' : ()),
		($verdict->{may_be_spared} ? 'spared' : ()),
		($verdict->{may_be_denied} ? 'denied' : ()));

	return ('terminated', 'signaled', 'survived', 'denied', 'gone', 'dry run', 'spared') if $fate eq 'authenticating';
	return ('terminated', @unconfirmed, @moved) if $fate eq 'terminate';
	return ($is_deaf ? () : 'canceled', $is_client ? @unconfirmed : 'signaled', @moved) if $fate eq 'cancel';
	return ($is_client && !$is_deaf ? 'canceled' : (), 'terminated', 'signaled', 'survived', @moved) if $fate eq 'stop';
	return ($fate, @moved);
}

sub check_row
{
	my ($self, $call, $verdicts, $after, $row) = @_;
	my $world = $self->{world};
	my $pid = $row->{pid};
	my $before = $self->{before}{$pid};
	my $now = $after->{$pid};
	my $verdict = $verdicts->{$pid};
	my $session = $world->sessions->{$pid};
	my $is_self = $pid == $call->{caller_pid};
	my @allowed = outcomes($call, $verdict, $is_self, $before && $before->{backend_type} eq 'client backend', $session && $session->{deaf});

	$self->count("outcome: $row->{outcome}");
	fail("session $pid is $row->{outcome}, expected: " . join ' or ', @allowed) if !grep { $_ eq $row->{outcome} } @allowed;
	my $is_there = $now && $before && $now->{backend_start} == $before->{backend_start};
	fail("session $pid is said to be terminated, and is still there") if $row->{outcome} eq 'terminated' && $is_there;
	fail("session $pid is said to be $row->{outcome}, and is no longer there")
	  if $row->{outcome} =~ /^(?:denied|spared|dry run|canceled)$/ && $before && !$is_there && !$is_self && !$session->{is_authenticating};
	fail("the statement of session $pid is said to be canceled, and still runs")
	  if $row->{outcome} eq 'canceled' && $now->{state} eq 'active' && $now->{query_start} == $before->{query_start}
	  && $now->{state_change} == $before->{state_change};
	fail("the action on session $pid is $row->{action}")
	  if $row->{action} ne $call->{action} && !($call->{action} eq 'stop' && $row->{action} =~ /^(?:cancel|terminate)$/);
	fail("the statement of session $pid goes on, and it was not terminated")
	  if $verdict->{fate} eq 'stop' && $row->{action} eq 'cancel' && $row->{outcome} ne 'canceled' && !$is_self
	  && $before->{backend_type} eq 'client backend';
	return if $verdict->{fate} =~ /^(?:gone|authenticating)$/ || !$before;

	$self->check_columns($call, $row, $before, $is_self || $before->{is_observer});
	return;
}

# What a row shows of a session is what pg_stat_activity shows the caller.
sub check_columns
{
	my ($self, $call, $row, $before, $has_moved) = @_;
	my $world = $self->{world};
	my $role = $before->{usename} // '';
	my $sees = $world->{may_see}{ $call->{role} }{$role} // $world->{reads_all}{ $call->{role} };
	my %expected = map { $_ => $before->{$_} } qw(datname usename application_name);

	%expected = (%expected, map { $_ => $before->{$_} } qw(backend_start client_addr), $has_moved ? () : qw(state query)) if $sees;
	%expected = (%expected, (map { $_ => undef } qw(backend_start client_addr state)), query => '<insufficient privilege>') if !$sees;
	# Text in another encoding is shown in another way.
	delete $expected{query} if defined $expected{query} && (!is_text($expected{query}) || ($before->{datname} // '') eq 'ascii' || $call->{dbname} eq 'ascii');
	for my $column (sort keys %expected)
	{
		my ($is, $should) = ($row->{$column} // 'NULL', $expected{$column} // 'NULL');

		fail("$column of session $row->{pid} is shown as $is instead of $should") if $is ne $should;
	}
	fail("the note on session $row->{pid} tells what it waits for: $row->{note}")
	  if !$sees && ($row->{note} // '') =~ /waits for (?!a synchronous standby)/;
	return;
}

# Who was left out since the caller may not see what it asks for is counted.
sub check_notice
{
	my ($self, $call, $verdicts, $messages) = @_;
	my $hidden = grep { $_->{selected} eq 'hidden' } values %$verdicts;
	my ($said) = map { $_->[1] =~ /left out (\d+) sessions? whose activity/ ? $1 : () } grep { $_->[0] eq 'N' } @$messages;

	$said //= 0;
	fail("$said sessions are said to be left out as hidden, not $hidden") if $said != $hidden;
	return;
}

# --- what has happened -----------------------------------------------------------

# Read what a session was sent since the last time: done, canceled, terminated or closed.
sub events_of
{
	my ($session) = @_;
	my $raw = $session->{raw};
	my @events;

	return if $session->{is_buried};
	for my $message ($raw->read_what_came)
	{
		my ($type, $body) = @$message;

		if ($type =~ /^[EN]$/)
		{
			my %field = map { (substr($_, 0, 1) => substr($_, 1)) } grep { length } split /\0/, $body;

			$session->{canceled} = 1 if $field{C} eq '57014' || $field{M} =~ /^canceling wait for synchronous/;
			$session->{detail} = $field{D} if $field{C} =~ /^(?:57014|57P01)$/;
			$session->{farewell} = "$field{C}: $field{M}" if $type eq 'E';
		}
		elsif ($type eq 'Z')
		{
			push @events, delete $session->{canceled} ? 'canceled' : 'done';
			$session->{owes} = 0;
		}
	}
	if ($raw->is_closed)
	{
		push @events, 'terminated';
		$session->{is_buried} = 1;
	}
	return @events;
}

# Who may have ended has, and who must; nobody else.
sub check_effects
{
	my ($self, $call, $verdicts, $sessions, $result, $sees_rows) = @_;
	my $world = $self->{world};
	my %row = map { $_->{pid} => $_ } @{ $self->{rows} };
	my @unsure;

	for my $pid (sort { $a <=> $b } keys %$sessions)
	{
		my $session = $sessions->{$pid};
		my $verdict = $verdicts->{$pid} // { selected => 'no', fate => '' };
		my $fate = $verdict->{fate} // '';
		my $may = $verdict->{selected} =~ /^(?:yes|maybe)$/ && $fate =~ /^(?:terminate|cancel|stop|authenticating)$/;
		my $must = $may && $verdict->{selected} eq 'yes' && !$verdict->{may_race} && !$verdict->{may_be_spared}
		  && $fate ne 'authenticating'
		  && $result =~ /^(?:done|canceled itself|terminated itself)$/ && $call->{way} ne 'explain';
		my $is_client = $self->{before}{$pid} && $self->{before}{$pid}{backend_type} eq 'client backend';

		next if $pid == $call->{caller_pid};
		if ($fate eq 'cancel' && $session->{deaf} || $fate =~ /^(?:cancel|stop)$/ && !$is_client)
		{
			$must = 0;
		}
		elsif ($sees_rows && $may && $row{$pid})
		{
			# A cancel does nothing to who authenticates.
			$must = $row{$pid}{outcome} =~ /^(?:terminated|canceled|signaled|survived)$/
			  && ($fate ne 'authenticating' || $row{$pid}{action} eq 'terminate');
			# Who has got its lock by the end of another may have been faster than its cancel.
			if ($must && $verdict->{may_race} && $fate eq 'cancel')
			{
				$must = 0;
				push @unsure, $session;
			}
		}
		elsif ($may && !$must)
		{
			push @unsure, $session;
		}
		my %wanted = map { $_ => 1 } $fate eq 'terminate' || $fate eq 'authenticating' ? 'terminated'
		  : $fate eq 'cancel' ? 'canceled' : ('canceled', 'terminated');
		my @events = $self->await($session, $must ? \%wanted : undef);

		for my $event (grep { $_ ne 'done' } @events)
		{
			fail("session $pid was $event, and should not have been: " . ($session->{farewell} // '') . ' ' . ($session->{detail} // ''))
			  if !$may || !$wanted{$event};
			$self->count("effect: $event");
			$self->{killed}{$pid} = $call->{name} if $event eq 'terminated' && $is_client;
			$self->check_reason($call, $session);
		}
	}
	$self->check_processes($call, $verdicts, $sessions);
	# What was signaled to them may come later.
	$world->end_sessions(grep { !$_->{is_buried} } @unsure) if @unsure;
	return;
}

sub await
{
	my ($self, $session, $wanted) = @_;
	my @events = events_of($session);

	return @events if !$wanted;
	wait_until(
		sub {
			push @events, events_of($session);
			return scalar grep { $wanted->{$_} } @events;
		},
		"session $session->{pid} is " . join ' or ', sort keys %$wanted);
	return @events;
}

# The client is told by whom, if it is told at all.
sub check_reason
{
	my ($self, $call, $session) = @_;
	my $detail = delete $session->{detail} // return;

	return if !$self->{world}->is_preloaded || $detail !~ /Requested by/;
	fail("session $session->{pid} is told: $detail") if $detail !~ /with \Q$call->{name}\E\(/ || $detail =~ /[^\n -~]/;
	return;
}

# Processes that are no sessions of the test.
sub check_processes
{
	my ($self, $call, $verdicts, $sessions) = @_;
	my $now = $self->{world}->snapshot;

	for my $entry (values %{ $self->{before} })
	{
		my $pid = $entry->{pid};
		my $is_there = $now->{$pid} && $now->{$pid}{backend_start} == $entry->{backend_start};

		next if $sessions->{$pid} || $is_there || $entry->{backend_type} =~ /^(?:autovacuum|parallel) worker$/;
		my $verdict = $verdicts->{$pid};
		# What a worker does with a cancel is its own affair.
		fail("process $pid ($entry->{backend_type}) is gone")
		  if !$verdict || ($verdict->{fate} // '') !~ /^(?:terminate|cancel|stop)$/;
	}
	return;
}

# The log says of nobody that it is ended who may not be, and nothing of a crash.
sub check_log
{
	my ($self, $call, $verdicts) = @_;

	$self->{log} = [ $self->{world}->new_log_lines ];
	for my $line (@{ $self->{log} })
	{
		fail("the log says: $line") if $line =~ /PANIC:|TRAP:|terminated by signal|AddressSanitizer|runtime error:|invalid memory|cache lookup failed/;
		next if $line !~ /LOG:  (terminating|canceling statement of) session (\d+)/;
		my ($action, $pid) = ($1, $2);
		my $fate = $verdicts->{$pid} && $verdicts->{$pid}{selected} =~ /^(?:yes|maybe)$/ ? $verdicts->{$pid}{fate} : '';
		fail("the log says of a session that the call is not about: $line")
		  if $fate !~ /^(?:terminate|cancel|stop|authenticating)$/;
		fail("the log tells of another action: $line")
		  if $fate eq 'terminate' && $action ne 'terminating' || $fate eq 'cancel' && $action ne 'canceling statement of';
	}
	return;
}

# Wait until everybody is what the server says it is; the snapshot of that.
sub settle
{
	my ($self) = @_;
	my $world = $self->{world};
	my $snapshot;

	wait_until(
		sub {
			my $sessions = $world->sessions;

			for my $session (values %$sessions)
			{
				my @events = grep { $_ ne 'done' } events_of($session);
				fail("session $session->{pid} was @events between two calls: " . ($session->{farewell} // '') . ' ' . ($session->{detail} // '')) if @events;
			}
			$snapshot = $world->snapshot;
			return !grep { !is_settled($_, $snapshot->{ $_->{pid} }) } values %$sessions;
		},
		'everybody is what the server says it is');
	return $snapshot;
}

sub is_settled
{
	my ($session, $entry) = @_;

	return 1 if $session->{is_authenticating} || $session->{kind} eq 'walsender' || $session->{kind} eq 'pipeline';
	return 0 if !$entry;
	return 1 if $entry->{state} eq 'disabled';
	my $is_active = $entry->{state} =~ /^(?:active|fastpath function call)$/;

	return 0 if $is_active != $session->{owes};
	$session->{did_owe} ||= $session->{owes};
	return 1 if !$is_active || $session->{kind} ne 'waiter' && $session->{kind} !~ /^waiter/;
	return ($entry->{wait_event_type} // '') eq 'Lock' && ($entry->{blockers} // '') ne '' && defined $entry->{wait_start};
}

# --- views -----------------------------------------------------------------------

# A role reads a view: as far as it may, and no more.
sub view
{
	my ($self) = @_;
	my $world = $self->{world};

	$self->renew;
	my $caller = $self->choose_caller;
	my $view = pick(@views);
	my $before = $self->{before} = $self->settle;
	my $raw = $caller->{raw};
	my $call = { role => $caller->{role}, dbname => $caller->{dbname} };

	$self->{rows} = [];
	$self->{doing} = "role $caller->{role}, database $caller->{dbname}: session_guard.$view";
	my $columns = $view eq 'session' ? "pid, usename, state, wait_event, client_addr, query, backend_start" : '*';
	$raw->query('SELECT 1');
	$raw->send_query("SELECT $columns FROM session_guard.$view");
	my @messages = $raw->read_until('Z');

	$self->check_messages($call, \@messages);
	my $may = $world->{may_select}{ $caller->{dbname} }{ $caller->{role} }{$view};
	my $error = $raw->error;
	$self->count("view $view: " . ($error ? $error->{sqlstate} : 'shown'));
	fail('an error that nobody should see: ' . $raw->error_text) if $error && $error->{sqlstate} =~ /^XX/;
	fail("the view is refused: " . $raw->error_text) if $may && $error && $world->is_preloaded;
	fail('the view is shown') if !$may && (!$error || $error->{sqlstate} ne '42501');
	if ($view eq 'session')
	{
		my %shown = map { $_->[0] => $_ } RawSession::rows_of(@messages);
		my @clients = grep { $_->{backend_type} eq 'client backend' && ($_->{state} // '') ne 'starting' } values %$before;

		for my $entry (@clients)
		{
			my $row = $shown{ $entry->{pid} } // fail("session $entry->{pid} is not shown");
			my (undef, $usename, @hidden) = @$row;
			my $sees = $world->{may_see}{ $caller->{role} }{ $entry->{usename} };
			fail("session $entry->{pid} is shown to who may not see it: " . join ', ', map { $_ // '' } @hidden)
			  if !$sees && grep { defined && $_ ne '<insufficient privilege>' } @hidden;
		}
		fail(scalar(keys %shown) . ' sessions are shown instead of ' . @clients) if keys %shown != @clients;
	}
	$self->check_log($call, {});
	$self->leave($caller);
	return;
}

# --- in the end --------------------------------------------------------------------

# What was not cleared up: events without an outcome, ends that are in no event.
sub what_is_left
{
	my ($self) = @_;
	my $world = $self->{world};
	my $observer;

	return '' if !$world->is_preloaded;
	my $open = sub {
		return scalar $world->observer->query(
			q{SELECT string_agg(DISTINCT concat_ws(' ', number, pid, action, function_name), ', ') FROM session_guard.event
			  WHERE outcome = 'signaled' AND (backend_start IS NOT NULL AND datname IS NOT NULL AND action = 'terminate')});
	};
	eval {
		wait_until(sub { !defined $open->() }, 'all events have an outcome');
		1;
	} or return 'open: ' . ($open->() // '');
	my $list = join ', ', 0, sort { $a <=> $b } keys %{ $self->{killed} };
	my $missing = $world->observer->query(
		qq{SELECT string_agg(pid::text, ', ') FROM unnest(ARRAY[$list]) AS pid WHERE pid <> 0 AND NOT EXISTS (
		   SELECT FROM session_guard.event e WHERE e.pid = pid.pid AND action = 'terminate' AND outcome IN ('terminated', 'survived'))});
	return defined $missing ? "in no event: $missing" : '';
}

1;
