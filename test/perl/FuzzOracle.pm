# Who may be ended by a call, and who must be: what the manual says, written down once more,
# without the extension's code.
#
# Everything is known from what pg_stat_activity showed a superuser before the call, from the
# server's own account of rights, and from the call.  What depends on the moment is "maybe".
package FuzzOracle;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(verdicts);

# The lesser of what several conditions say.
my %rank = (no => 0, maybe => 1, yes => 2);

sub least
{
	my ($least, @others) = @_;

	for (@others)
	{
		$least = $_ if $rank{$_} < $rank{$least};
	}
	return $least;
}

sub if_so
{
	my ($condition) = @_;

	return !defined $condition ? 'maybe' : $condition ? 'yes' : 'no';
}

# --- what a session is at ------------------------------------------------------

# From 18 on who authenticates is shown, too.
sub is_client
{
	my ($entry) = @_;

	return $entry->{backend_type} eq 'client backend' && defined $entry->{usename};
}

# Does a statement run?  A pipeline that its client has paused shows as active.
sub is_running
{
	my ($entry) = @_;
	my $state = $entry->{state} // '';

	return 1 if $state eq 'fastpath function call';
	return $state eq 'active'
	  && (($entry->{wait_event} // '') ne 'ClientRead' || $entry->{query} =~ /^copy /i);
}

sub waits_for_lock
{
	my ($entry) = @_;

	return ($entry->{wait_event_type} // '') eq 'Lock';
}

# Longer than so many microseconds?  Now is any moment from then on.
sub is_longer
{
	my ($since, $threshold, $now) = @_;

	return 'yes' if $threshold == 0;
	return 'no' if !defined $since || $threshold > 1e17;
	return $now - $since > $threshold ? 'yes' : 'maybe';
}

# Maintenance that waits for a lock makes nobody a culprit.
my $maintenance = qr/^(?:VACUUM|ANALYZE|CLUSTER|REINDEX|CREATE INDEX)\b/;

# Has it kept somebody waiting for longer?  It waits for nobody itself.
sub is_blocking
{
	my ($entry, $snapshot, $threshold, $include_advisory) = @_;
	my $verdict = 'no';

	return 'no' if waits_for_lock($entry);
	for my $waiter (grep { waits_for_lock($_) && is_client($_) } values %$snapshot)
	{
		next if $waiter->{query} =~ $maintenance;
		next if !grep { $_ == $entry->{pid} } split / /, $waiter->{blockers} // '';
		my $is_advisory = $waiter->{locktype} eq 'advisory';
		next if $waiter->{locktype} !~ /^(?:relation|tuple|transactionid|object)$/ && !($is_advisory && $include_advisory);
		my $since = $waiter->{wait_start};
		# Nor for longer than it has been in its transaction, or idle outside of one.
		my $busy_since = $entry->{xact_start} // $entry->{state_change} // 0;
		$since = $busy_since if $busy_since > $since;
		my $longer = is_longer($since, $threshold, $waiter->{now});
		$verdict = $longer if $rank{$longer} > $rank{$verdict};
	}
	return $verdict;
}

# --- whom a call is about ------------------------------------------------------

sub is_in
{
	my ($name, $names) = @_;

	return scalar(grep { $_ eq ($name // '') } @$names) ? 1 : 0;
}

sub passes_identity
{
	my ($filter, $entry, $patterns) = @_;
	my @conditions = 'yes';

	push @conditions, if_so(is_in($entry->{datname}, $filter->{dbname})) if $filter->{dbname};
	push @conditions, if_so(is_in($entry->{usename}, $filter->{username})) if $filter->{username};
	push @conditions, if_so($patterns->{ $entry->{pid} }{application_name} ? 1 : 0)
	  if $filter->{application_name};
	push @conditions, if_so(!is_in($entry->{datname}, $filter->{except_dbname})) if $filter->{except_dbname};
	push @conditions, if_so(!is_in($entry->{usename}, $filter->{except_username})) if $filter->{except_username};
	push @conditions, if_so($patterns->{ $entry->{pid} }{except_application_name} ? 0 : 1)
	  if $filter->{except_application_name};
	return least(@conditions);
}

sub passes_activity
{
	my ($filter, $entry) = @_;
	my @conditions = 'yes';
	my $since = $entry->{ $filter->{since} };

	# A call by fastpath has no start of its own.
	$since = $entry->{state_change} if ($entry->{state} // '') eq 'fastpath function call';
	push @conditions, if_so(scalar grep { $_ eq ($entry->{state} // '') } @{ $filter->{states} }) if $filter->{states};
	push @conditions, if_so(is_running($entry) ? 1 : 0) if $filter->{running};
	push @conditions, is_longer($since, $filter->{longer_than}, $entry->{now}) if $filter->{longer_than};
	return least(@conditions);
}

sub passes_content
{
	my ($filter, $entry, $patterns) = @_;
	my @conditions = 'yes';

	push @conditions, if_so($patterns->{ $entry->{pid} }{client_addr} ? 1 : 0) if defined $filter->{client_addr};
	push @conditions, if_so($patterns->{ $entry->{pid} }{query}) if defined $filter->{query};
	return least(@conditions);
}

sub depends_on_activity
{
	my ($call) = @_;
	my $filter = $call->{filter} // return 0;

	return $filter->{states} || $filter->{running} || $filter->{longer_than};
}

# Is the session one that the call is about?  "hidden": that depends on what its caller may
# not see.
sub selection
{
	my ($world, $call, $entry, $snapshot, $patterns) = @_;
	my $filter = $call->{filter};
	my $is_self = $entry->{pid} == $call->{caller_pid};
	my $target = $entry->{usename};

	return 'no' if !is_client($entry) || $is_self && $call->{except_self};
	my $identity = passes_identity($filter, $entry, $patterns);
	return 'no' if $identity eq 'no';
	my $blocking = defined $filter->{blocking_for} ? is_blocking($entry, $snapshot, $filter->{blocking_for}, $filter->{include_advisory}) : 'yes';
	return 'no' if $blocking eq 'no';

	my $sees = $world->{may_see}{ $call->{role} }{$target};
	my $signals = $world->{may_signal}{ $call->{role} }{$target};
	my $wants_content = defined $filter->{client_addr} || defined $filter->{query};
	my $wants_activity = depends_on_activity($call);
	return 'hidden' if $wants_content && !$sees || $wants_activity && !$sees && !$signals;

	# The caller runs the call by then; so did the observer its question.
	my $at_hand = $is_self || $entry->{is_observer} ? 'maybe' : 'yes';
	$at_hand = 'yes' if !$wants_content && !$wants_activity;
	return $at_hand if $is_self && $at_hand eq 'maybe';
	return least($identity, $blocking, $at_hand, passes_activity($filter, $entry), passes_content($filter, $entry, $patterns));
}

# The server's function that the caller needs and may not execute.
sub forbidden_function
{
	my ($world, $call) = @_;
	my $may = $world->{may_execute}{ $call->{dbname} }{ $call->{role} };
	my @needed = (
		($call->{action} ne 'terminate' ? 'pg_cancel_backend' : ()),
		($call->{action} ne 'cancel' ? 'pg_terminate_backend' : ()));

	return scalar grep { !$may->{$_} } @needed;
}

# Is a session spared for what it is at, though the call is about it?
sub is_spared
{
	my ($world, $call, $entry) = @_;

	return 1 if !$call->{one} && !$call->{include_sync_rep} && ($entry->{wait_event} // '') eq 'SyncRep';
	return $call->{condition} && !$call->{include_spared} && is_spared_by_limit($world, $call->{condition}, $entry);
}

# Would the limit of this condition spare it?  (doc/functions.md, "Whom they spare")
my $runs_maintenance = qr/^(?:VACUUM|ANALYZE|CREATE INDEX|REINDEX|CLUSTER|REPACK|REFRESH MATERIALIZED VIEW)\b/;

sub is_spared_by_limit
{
	my ($world, $condition, $entry) = @_;
	my $runs = is_running($entry);

	return 1 if $world->{superuser}{ $entry->{usename} } || $world->{is_exempt}{ $entry->{usename} };
	return 1 if $condition eq 'idle' && $world->is_listening($entry->{pid});
	return 1 if $condition =~ /^(?:long statement|blocking)$/ && $runs && $entry->{query} =~ $runs_maintenance;
	return 1 if $condition eq 'long statement' && waits_for_lock($entry);
	return 0;
}

# May it be spared since the time of a wait does not count for the limit of the condition?
sub has_waited
{
	my ($call, $entry) = @_;

	return $call->{condition} && $call->{condition} eq 'long statement' && $call->{filter}{longer_than}
	  && ($entry->{wait_event} // '') eq 'SyncRep';
}

sub may_signal
{
	my ($world, $call, $entry) = @_;

	# Processes without a role are the superusers'.
	return $world->{superuser}{ $call->{role} } if !defined $entry->{usename};
	return $world->{may_signal}{ $call->{role} }{ $entry->{usename} };
}

# What is to become of a session that a call is about.
sub fate
{
	my ($world, $call, $entry) = @_;

	return 'denied' if forbidden_function($world, $call) || !may_signal($world, $call, $entry);
	return 'raced' if $call->{one} && $call->{action} ne 'terminate' && is_client($entry) && !is_running($entry);
	return 'spared' if is_spared($world, $call, $entry);
	return 'dry run' if $call->{dry_run};
	return $call->{action};
}

# A process that the server's own functions would not find.
sub is_no_backend
{
	my ($entry) = @_;

	return $entry->{backend_type} =~ /^(?:checkpointer|background writer|walwriter|archiver|startup|walreceiver|logger|walsummarizer|slotsync worker|io worker)$/;
}

sub verdict_on_one
{
	my ($world, $call, $entry) = @_;

	return { selected => 'yes', fate => 'gone' } if !$entry || is_no_backend($entry);
	my $is_this = !defined $call->{backend_start} || $call->{backend_start} eq $entry->{backend_start};
	my $fate = fate($world, $call, $entry);
	# Who may not signal it need not learn whether it is another one.
	return { selected => 'yes', fate => 'gone', may_be_denied => $fate eq 'denied' } if !$is_this;
	my $is_self = $entry->{pid} == $call->{caller_pid};
	# The caller is at its own statement by then.
	$fate = $call->{dry_run} ? 'dry run' : $call->{action} if $is_self && $fate eq 'raced';
	return { selected => 'yes', fate => $fate };
}

# Verdicts on all processes of a snapshot, by pid: is it selected (yes, no, maybe, hidden), and
# what becomes of it then.
sub verdicts
{
	my ($world, $call, $snapshot, $patterns) = @_;
	my %verdict;

	if ($call->{one})
	{
		my $pid = $call->{pid};
		my $member = $world->{members}{$pid};

		$verdict{$pid} = verdict_on_one($world, $call, $snapshot->{$pid});
		# It has no entry yet, and no role that is known.
		$verdict{$pid} = { selected => 'yes', fate => 'authenticating' }
		  if $member && $member->{is_authenticating} && !($snapshot->{$pid} && is_client($snapshot->{$pid}));
		return \%verdict;
	}
	for my $entry (values %$snapshot)
	{
		my $selected = selection($world, $call, $entry, $snapshot, $patterns);

		$verdict{ $entry->{pid} } = { selected => $selected };
		next if $selected eq 'no' || $selected eq 'hidden';
		$verdict{ $entry->{pid} }{fate} = fate($world, $call, $entry);
		$verdict{ $entry->{pid} }{may_be_spared} = has_waited($call, $entry);
	}
	loosen($world, $call, $snapshot, \%verdict);
	return \%verdict;
}

# Who waits for somebody who is ended goes on by itself, and may then be another thing.
sub loosen
{
	my ($world, $call, $snapshot, $verdict) = @_;

	return if $call->{dry_run};
	my %is_loose = map { $_ => 1 } grep { ($verdict->{$_}{fate} // '') =~ /^(?:terminate|cancel|stop)$/ } keys %$verdict;
	my $before;
	do
	{
		$before = keys %is_loose;
		for my $entry (grep { waits_for_lock($_) } values %$snapshot)
		{
			next if $is_loose{"from $entry->{pid}"} || !grep { $is_loose{$_} || $is_loose{"from $_"} } split / /, $entry->{blockers} // '';
			$is_loose{"from $entry->{pid}"} = 1;
			my $own = $verdict->{ $entry->{pid} };
			$own->{selected} = 'maybe' if $own->{selected} eq 'yes' && depends_on_activity($call);
			$own->{may_race} = 1 if depends_on_activity($call);
			# Spared for its wait alone, it runs now, and is no longer spared if it is still found so.
			next if ($own->{fate} // '') ne 'spared';
			my $fate = fate($world, $call, { %$entry, wait_event_type => undef, wait_event => undef });
			next if $fate eq 'spared';
			$own->{fate} = $fate;
			$own->{may_be_spared} = 1;
		}
	} while (keys %is_loose > $before);
	return;
}

1;
