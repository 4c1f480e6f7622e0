# Random calls of the extension's functions: what SQL says, and beside it what that means
# by the manual, for the oracle.
package FuzzCalls;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use FuzzWorld;

our @EXPORT = qw(random_call known_arguments);

# The functions: what they do, whom they are limited to by what they are, and their own
# arguments in order, of which the first so many have to be given.  Those that name a
# condition spare as the limit of that condition does.  Whatever is said of a function
# elsewhere follows from this table.
my @shared = qw(timeout reason dry_run);
my @for_many = qw(include_sync_rep include_spared timeout reason dry_run except_username
  except_application_name except_dbname);
my @filters = qw(dbname username application_name client_addr state query longer_than except_self);
my %function = (
	terminate_db_sessions => { action => 'terminate', own => [qw(dbname except_self)], needs => 1 },
	terminate_user_sessions => { action => 'terminate', own => [qw(username except_self)], needs => 1 },
	terminate_all_sessions => { action => 'terminate', own => [qw(except_self)], needs => 0 },
	terminate_idle_sessions =>
	  { action => 'terminate', own => [qw(idle_for dbname)], needs => 1, condition => 'idle', states => ['idle'] },
	terminate_idle_in_transaction_sessions => {
		action => 'terminate',
		own => [qw(idle_for dbname)],
		needs => 1,
		condition => 'idle in transaction',
		states => [ 'idle in transaction', 'idle in transaction (aborted)' ]
	},
	terminate_blocking_sessions => {
		action => 'terminate',
		own => [qw(blocking_for include_advisory)],
		needs => 0,
		condition => 'blocking'
	},
	terminate_sessions => { action => 'terminate', own => \@filters, needs => 0, filtered => 1 },
	cancel_db_queries => { action => 'cancel', own => [qw(dbname)], needs => 1 },
	cancel_user_queries => { action => 'cancel', own => [qw(username)], needs => 1 },
	cancel_long_queries =>
	  { action => 'cancel', own => [qw(running_for dbname)], needs => 1, condition => 'long statement' },
	cancel_queries => { action => 'cancel', own => \@filters, needs => 0, filtered => 1 },
	terminate_session => { action => 'terminate', own => [qw(pid backend_start)], needs => 1, one => 1 },
	cancel_query => { action => 'cancel', own => [qw(pid backend_start)], needs => 1, one => 1 },
	stop_query => { action => 'stop', own => [qw(pid grace)], needs => 1, one => 1 });

# --- values ------------------------------------------------------------------

# A value is what SQL says, what it means, and the SQLSTATE of who complains of it.
sub good { return { sql => $_[0], value => $_[1] } }
sub bad { return { sql => $_[0], value => undef, bad => { $_[1] => 1 }, type => $_[2] } }

my $second = 1_000_000;
my $never = 9e18;

my @durations = (
	(map { good(@$_) }
		[ q{'0'} => 0 ], [ q{'1 us'} => 1 ], [ q{'20 ms'} => 20_000 ], [ q{'300 ms'} => 300_000 ],
		[ q{'2 s'} => 2 * $second ], [ q{interval '1 hour'} => 3600 * $second ],
		[ q{'00:00:00.000001'} => 1 ], [ q{'1 mon'} => 30 * 86400 * $second ],
		[ q{make_interval(secs => 0.05)} => 50_000 ], [ q{'178000000 years'} => $never ],
		[ q{'1 day -23:59:59'} => $second ]),
	(map { bad(@$_) }
		[ 'NULL' => '22004' ], [ q{'-1 us'} => '22023' ], [ q{'-1 s'} => '22023' ],
		[ q{'1 day -25 hours'} => '22023' ], [ q{'-178000000 years'} => '22023' ],
		[ q{'soon'} => '22007' ], [ q{''} => '22007' ]));

sub a_duration
{
	return chance(0.45) ? $durations[0] : chance(0.6) ? pick(grep { !$_->{bad} } @durations) : pick(@durations);
}

# How long to wait: for ever only if nobody is deaf.
sub a_timeout
{
	my ($world) = @_;

	return bad(@{ pick([ 'NULL', '22004' ], [ q{'-1 ms'}, '22023' ], [ q{'nonsense'}, '22007' ]) }) if chance(0.05);
	return pick(good(q{'1 hour'}, 3600 * $second), good(q{'178000000 years'}, $never))
	  if chance(0.1) && !grep { $_->{deaf} } values %{ $world->{members} };
	return weighted(
		[ 30, good(q{'0'}, 0) ],
		[ 15, good(q{'1 us'}, 1) ],
		[ 20, good(q{'20 ms'}, 20_000) ],
		[ 30, good(q{'150 ms'}, 150_000) ],
		[ 1, good(q{'2 s'}, 2 * $second) ]);
}

sub a_flag
{
	my ($probability) = @_;

	return bad('NULL', '22004') if chance(0.02);
	return chance($probability) ? good('true', 1) : good('false', 0);
}

# One or many of what a function makes; a list is an array in SQL and in Perl.
sub one_or_many
{
	my ($takes_lists, $one) = @_;

	return as_list($one->()) if !$takes_lists || chance(0.7);
	my @values = map { $one->() } 1 .. 1 + int rand 3;
	return bad('ARRAY[]::text[]', '22023', 'text[]') if chance(0.04);
	my ($wrong) = grep { $_->{bad} } @values;
	my $sql = 'ARRAY[' . join(', ', map { $_->{sql} } @values) . ']::' . pick('text[]', 'text[]', 'varchar[]');
	return {
		sql => $sql,
		type => 'text[]',
		bad => $wrong && { map { %{ $_->{bad} } } grep { $_->{bad} } @values },
		value => $wrong ? undef : [ map { $_->{value} } @values ]
	};
}

sub as_list
{
	my ($value) = @_;

	return $value->{bad} ? $value : { %$value, value => [ $value->{value} ] };
}

# The name of what exists, or not.
sub a_name
{
	my ($sqlstate, @names) = @_;

	if (chance(0.12))
	{
		my $wrong = pick('absent', '', ' ', uc $names[0], 'x' x 100, '%', "$names[0] ", q{';--});
		return bad(sql_literal($wrong), $sqlstate);
	}
	return bad('NULL', '22004') if chance(0.03);
	my $name = pick(@names);
	return good(sql_literal($name), $name);
}

sub a_pid
{
	my ($world, $caller, $snapshot, $is_stopped) = @_;
	my @pids = sort { $a <=> $b } keys %$snapshot;

	return bad('NULL', '22004') if chance(0.03);
	my $pid = weighted(
		[ 60, pick(sort { $a <=> $b } keys %{ $world->{members} }) ],
		[ 15, pick(@pids) ],
		[ $is_stopped ? 60 : 12, pick((grep { $world->{members}{$_}{deaf} } sort keys %{ $world->{members} }), $pids[-1]) ],
		[ 4, $caller->{pid} ],
		[ 3, $world->{postmaster} ],
		[ 3, pick(@{ $world->{dead} }, 0) ],
		[ 3, (grep { $world->{members}{$_}{is_authenticating} } sort keys %{ $world->{members} }), $caller->{pid} ],
		[ 5, pick(0, 1, -1, $$, 2147483647, -2147483648, -$pids[0]) ]);
	return good($pid < 0 ? "'$pid'::int" : $pid, $pid);
}

# The start of the session, a wrong one, or none that can be.
sub a_start
{
	my ($snapshot, $pid) = @_;
	my $entry = defined $pid->{value} ? $snapshot->{ $pid->{value} } : undef;
	my $start = $entry && $entry->{backend_start};

	return bad('NULL', '22004') if chance(0.05);
	return bad(q{'yesterday noon at five'}, '22007') if chance(0.05);
	return good(q{'infinity'}, 'infinity') if chance(0.05);
	$start ||= 1_700_000_000_000_000;
	$start += pick(1, -1, 1_000_000) if chance(0.3);
	return good("('epoch'::timestamptz + $start * interval '1 us')", $start);
}

sub a_pattern
{
	my ($world) = @_;

	return chance(0.15)
	  ? bad(@{ pick([ q{''}, '22023' ], [ q{E'x\\\\'}, '22025' ], [ 'NULL', '22004' ], [ q{E'%\\\\\\\\\\\\'}, '22025' ]) })
	  : do
	{
		my $pattern = pick('billing%', 'billing_1', 'billing\\_1', '%', '_%', "%'%", '%\\\\%', 'caller', '100\\%', '%ber', 'nobody', ' ');
		good(sql_literal($pattern), $pattern);
	};
}

sub a_network
{
	return chance(0.15)
	  ? bad(@{ pick([ q{'10.0.0.0/99'}, '22P02' ], [ 'NULL', '22004' ], [ q{''}, '22P02' ]) })
	  : do
	{
		my $network = pick('127.0.0.1', '127.0.0.0/8', '0.0.0.0/0', '::/0', '127.0.0.2', '10.0.0.0/8');
		good(sql_literal($network), $network);
	};
}

sub a_state
{
	return chance(0.15)
	  ? bad(@{ pick([ q{'sleeping'}, '22023' ], [ q{''}, '22023' ], [ 'NULL', '22004' ], [ q{'IDLE'}, '22023' ], [ q{'starting'}, '22023' ]) })
	  : do
	{
		my $state = pick('active', 'idle', 'idle', 'idle in transaction', 'idle in transaction (aborted)',
			'fastpath function call', 'disabled');
		good(sql_literal($state), $state);
	};
}

sub a_regex
{
	return chance(0.15)
	  ? bad(@{ pick([ q{'('}, '2201B' ], [ q{'*'}, '2201B' ], [ q{''}, '22023' ], [ 'NULL', '22004' ], [ q{'[[:nonsense:]]'}, '2201B' ]) })
	  : do
	{
		my $regex = pick('report', '^select', 'PG_SLEEP', '.', '^$', 'zq[0-9]*[02468]qz', "\xc3\xbc", 'update|insert', '^(create|refresh)', 'nothing like it');
		good(sql_literal($regex), $regex);
	};
}

sub a_reason
{
	return weighted(
		[ 50, good('NULL', undef) ],
		[ 20, good(q{'deployment 4.2'}, 1) ],
		[ 5, good(q{''}, 1) ],
		[ 5, good(q{E' \\n\\t'}, 1) ],
		[ 5, good(sql_literal("Wartung f\xc3\xbcr \"alle\"\n' \\"), 1) ],
		[ 5, good(q{E'\\x01\\x7f\\n\\rLOG:  x'}, 1) ],
		[ 3, good(q{repeat('long ', 5000)}, 1) ],
		[ 3, good(qq{repeat('\xe2\x82\xac', 400)}, 1) ]);
}

# A value for an argument of that name.
sub a_value
{
	my ($name, $world, $caller, $snapshot, $values, $type) = @_;
	my $takes_lists = $type =~ /one_or_many/;

	# NULL must never be "all".
	return bad('NULL', '22004')
	  if chance(0.04) && $name =~ /^(?:(?:except_)?(?:dbname|username|application_name)|client_addr|state|query)$/;
	return one_or_many($takes_lists, sub { a_name('3D000', $world->databases, 'postgres') })
	  if $name =~ /^(?:except_)?dbname$/;
	return one_or_many($takes_lists, sub { a_name('42704', @{ $world->{roles} }) })
	  if $name =~ /^(?:except_)?username$/;
	return one_or_many($takes_lists, sub { a_pattern($world) }) if $name =~ /^(?:except_)?application_name$/;
	return one_or_many($takes_lists, \&a_state) if $name eq 'state';
	return a_duration() if $name =~ /^(?:idle_for|running_for|blocking_for|longer_than)$/;
	return a_timeout($world) if $name eq 'timeout';
	return a_flag(0.7) if $name eq 'except_self';
	return a_flag(0.3) if $name eq 'dry_run';
	return a_flag(0.3) if $name =~ /^include_(?:sync_rep|spared|advisory)$/;
	return a_reason() if $name eq 'reason';
	return a_pid($world, $caller, $snapshot, $values->{is_stopped}) if $name eq 'pid';
	return a_start($snapshot, $values->{pid}) if $name eq 'backend_start';
	return a_network() if $name eq 'client_addr';
	return a_regex() if $name eq 'query';
	return chance(0.1)
	  ? bad(@{ pick([ 'NULL', '22004' ], [ q{'0'}, '22023' ], [ q{'-1 s'}, '22023' ]) })
	  : pick(good(q{'20 ms'}, 20_000), good(q{'200 ms'}, 200_000))
	  if $name eq 'grace';
	die "there is no value for $name";
}

# --- calls -------------------------------------------------------------------

# Whether an argument that may be left out is given.
sub is_given
{
	my ($name, $function) = @_;

	return chance(0.8) if $name =~ /^(?:timeout|dry_run)$/;
	return 1 if $name eq 'grace';
	return chance(0.12) if $name =~ /^except_(?:username|application_name|dbname)$/;
	return chance(0.2) if $function->{filtered} && $name ne 'except_self';
	return chance(0.35);
}

# The arguments, and their order: those that have to be given first, then some of the others.
sub arguments_of
{
	my ($name, $function, $world, $caller, $snapshot) = @_;
	my $type = $world->{arguments}{$name};
	my @own = grep { $type->{$_} } @{ $function->{own} };
	my @others = grep { $type->{$_} } $function->{one} ? @shared : @for_many;
	# Whose statement outlives its cancel is of interest to who stops it.
	my %value = (is_stopped => $function->{action} eq 'stop');
	my @given;

	for my $i (0 .. $#own)
	{
		next if $i >= $function->{needs} && !is_given($own[$i], $function);
		$value{ $own[$i] } = a_value($own[$i], $world, $caller, $snapshot, \%value, $type->{ $own[$i] });
		push @given, $own[$i];
	}
	for my $other (grep { is_given($_, $function) } @others)
	{
		$value{$other} = a_value($other, $world, $caller, $snapshot, \%value, $type->{$other});
		push @given, $other;
	}
	# The default of 5 s is for who can be ended.
	if (!$value{timeout} && grep { $_->{deaf} } values %{ $world->{members} })
	{
		$value{timeout} = good(q{'100 ms'}, 100_000);
		push @given, 'timeout';
	}
	return (\%value, @given);
}

# The types of the arguments, for a prepared statement.
my %type = (
	(map { $_ => 'text' } qw(dbname username application_name state query reason)),
	(map { $_ => 'interval' } qw(idle_for running_for blocking_for longer_than timeout grace)),
	(map { $_ => 'boolean' } qw(except_self dry_run include_sync_rep include_spared include_advisory)),
	(map { $_ => 'text' } qw(except_username except_application_name except_dbname)),
	client_addr => 'inet',
	pid => 'integer',
	backend_start => 'timestamptz');

# As the definition and the call of a prepared statement: the types, the arguments, the values.
sub prepared_arguments
{
	my ($value, @given) = @_;
	my $number = 0;

	return {
		types => join(', ', map { $value->{$_}{type} // $type{$_} } @given),
		arguments => join(', ', map { "\"$_\" => \$" . ++$number } @given),
		values => join(', ', map { $value->{$_}{sql} } @given)
	};
}

# As SQL: by position as far as nothing is left out, or by name from somewhere on.
sub sql_of_arguments
{
	my ($function, $value, @given) = @_;
	my @own = @{ $function->{own} };
	my $by_position = 0;
	my $most = $function->{filtered} ? 0 : int rand(@own + 1);

	$by_position++ while $by_position < $most && $by_position < @given && $given[$by_position] eq $own[$by_position];
	my @named = @given[ $by_position .. $#given ];
	@named = sort { rand() <=> 0.5 } @named if chance(0.3);
	return join ', ', (map { $value->{ $given[$_] }{sql} } 0 .. $by_position - 1),
	  map { ($_ eq 'timeout' ? '"timeout"' : $_) . " => $value->{$_}{sql}" } @named;
}

# Is an argument that SQL has one of those that are known here?
sub known_arguments
{
	my ($name) = @_;
	my $function = $function{$name} // return;

	return (@{ $function->{own} }, $function->{one} ? @shared : @for_many);
}

sub random_call
{
	my ($world, $caller, $snapshot) = @_;
	my $name = pick(sort(keys %function), 'terminate_blocking_sessions', 'stop_query');
	my $function = $function{$name};
	my ($value, @given) = arguments_of($name, $function, $world, $caller, $snapshot);
	my $call = {
		name => $name,
		action => $function->{action},
		one => $function->{one},
		dry_run => 0,
		include_sync_rep => 0,
		except_self => 1,
		timeout => 5 * $second,
		bad => { map { %{ $value->{$_}{bad} } } grep { $value->{$_}{bad} } @given },
		condition => $world->{arguments}{$name}{include_spared} ? $function->{condition} : undef,
		include_spared => 0,
		function => $world->schema_in($caller->{dbname}) . ".$name",
		arguments => sql_of_arguments($function, $value, @given),
		prepared => @given ? prepared_arguments($value, @given) : undef,
	};
	my %is_given = map { $_ => 1 } @given;

	$call->{$_} = $value->{$_}{value}
	  for grep { $is_given{$_} } qw(dry_run include_sync_rep include_spared except_self timeout pid backend_start grace);
	return $call if $function->{one};

	my %filter;
	for my $filter (
		grep { $is_given{$_} }
		qw(dbname username application_name client_addr query longer_than blocking_for
		except_username except_application_name except_dbname include_advisory))
	{
		$filter{$filter} = $value->{$filter}{value};
	}
	$filter{states} = $value->{state}{value} if $is_given{state};
	$filter{states} = $function->{states} if $function->{states};
	$filter{running} = 1 if $function->{action} eq 'cancel';
	$filter{since} = 'state_change';
	$filter{longer_than} = $value->{idle_for}{value} if $is_given{idle_for};
	@filter{qw(longer_than since)} = ($value->{running_for}{value}, 'query_start') if $is_given{running_for};
	$filter{blocking_for} = $value->{blocking_for}{value} // 0 if $name eq 'terminate_blocking_sessions';
	$call->{filter} = \%filter;

	# Without a filter, the general functions do nothing.
	my $filters = grep {
		$is_given{$_} && $_ ne 'except_self'
		  && !($_ eq 'longer_than' && !$value->{$_}{bad} && $value->{$_}{value} == 0)
	} @filters, qw(except_username except_application_name except_dbname);
	$call->{bad}{22023} = 1 if $function->{filtered} && !$filters;
	return $call;
}

1;
