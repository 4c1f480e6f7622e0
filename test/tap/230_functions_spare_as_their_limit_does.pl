# Functions that name a condition spare whom the limit of that condition spares,
# by the same settings, say why, and act on them too when told so.  Exemptions
# that come between the call and the signal count.  Who may not see what a session
# does is not told by the note.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', deadlock_timeout => '1h');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my %session;

$node->safe_psql(
	'postgres', q{
	CREATE ROLE backup LOGIN;
	CREATE ROLE late LOGIN;
	CREATE ROLE operator LOGIN IN ROLE pg_signal_backend;
	CREATE DATABASE archive;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
	ALTER DATABASE archive SET pg_session_guard.exempt = on;
	CREATE TABLE account AS SELECT id FROM generate_series(1, 4) AS id;
	CREATE TABLE indexed AS SELECT 1 AS n;
	ALTER TABLE indexed OWNER TO web;
	GRANT ALL ON account TO PUBLIC;
	GRANT CREATE ON SCHEMA public TO web});

sub connect_as
{
	my ($name, %params) = @_;

	$session{$name} = RawSession->connect($node, %params);
	return $session{$name};
}

# What became of whom, with the note where there is one.
sub fates_and_notes
{
	my ($call, %params) = @_;
	my $result = run_function($node, $call, %params);

	die $result->{stderr} if $result->{status} != 0;
	return join ', ', map {
		my $pid = $session{$_}->pid;

		"$_ $result->{outcome}{$pid}" . ($result->{note}{$pid} ? " ($result->{note}{$pid})" : '')
	} sort grep { defined $result->{outcome}{ $session{$_}->pid } } keys %session;
}

# Idle sessions.
connect_as($_) for qw(idle listener);
connect_as(backup => user => 'backup');
connect_as(archive => dbname => 'archive');
connect_as(superuser => user => $superuser);
$session{$_}->query('SELECT 1') for keys %session;
$session{listener}->query('LISTEN news');
wait_for_state($node, 'idle', map { $_->pid } values %session);
my $spared =
  'archive spared (exempt by database "archive"), backup spared (exempt by role "backup"), '
  . 'LISTENER, superuser spared (superuser)';
my $listens = 'listener spared (listens on a channel)';
my $idle_as = sub { my ($idle, $listener) = @_; return $spared =~ s/LISTENER/$idle, $listener/r };

is( fates_and_notes(q{terminate_idle_sessions('0', dry_run => true)}),
	$idle_as->('idle dry run', $listens),
	'a dry run says who would be spared, and why');
is( fates_and_notes(
		q{terminate_idle_sessions('0', dry_run => true, except_username => 'backup')}),
	$idle_as->('idle dry run', $listens) =~ s/backup spared [^,]*, //r,
	'who is excepted is not even named');
set_limits($node, exempt_superusers => 'off', spare_listeners => 'off');
is( fates_and_notes(q{terminate_idle_sessions('0', dry_run => true)}),
	$idle_as->('idle dry run', 'listener dry run') =~ s/superuser spared.*/superuser dry run/r,
	'the settings decide whom');
set_limits($node, exempt_superusers => 'on', spare_listeners => 'on');
is( fates_and_notes(q{terminate_idle_sessions('0', dry_run => true, include_spared => true)}),
	'archive dry run, backup dry run, idle dry run, listener dry run, superuser dry run',
	'all of them if the caller says so');

# By one who may signal, but not see what others do.
my $hidden = 'spared as by the limit of this condition';
is( fates_and_notes(q{terminate_idle_sessions('0', dry_run => true)}, user => 'operator'),
	$idle_as->('idle dry run', "listener spared ($hidden)") =~ s/, superuser.*//r,
	'the note tells no more than the caller may see');
is( fates_and_notes(
		q{terminate_sessions(application_name => '%', username => ARRAY['web', 'backup'], dry_run => true)}),
	'archive dry run, backup dry run, idle dry run, listener dry run',
	'a function that names no condition spares nobody');

is( fates_and_notes(q{terminate_idle_sessions('0')}),
	$idle_as->('idle terminated', $listens),
	'who is not spared is terminated');
is(living($node, \%session), 'archive backup listener superuser', 'and nobody else');

# Somebody begins to listen, and a role becomes exempt, when the call has begun already: it has
# read what is stored, has ended the oldest, and waits to know of a role that it has not met before.
# Nobody can connect meanwhile.
connect_as(idle => ());
connect_as(late => user => 'late');
connect_as('will listen' => ());
my $dba = RawSession->connect($node, user => $superuser);
my $caller = RawSession->connect($node, user => $superuser);
$session{$_}->query('SELECT 1') for 'idle', 'late', 'will listen';
wait_for_state($node, 'idle', map { $session{$_}->pid } 'idle', 'late', 'will listen');
$caller->query(q{SELECT count(*) FROM terminate_idle_sessions('0', dry_run => true, except_username => 'late')});
$dba->query('BEGIN; LOCK TABLE pg_authid');
$caller->send_query(q{SELECT string_agg(pid || ' ' || outcome, ',') FROM terminate_idle_sessions('0')});
wait_until(
	sub {
		($dba->query(
			"SELECT wait_event_type FROM pg_stat_get_activity(${\ $caller->pid })") // '') eq 'Lock';
	},
	'the call waits');
$session{idle}->read_to_end;
# Its state is set before it is ready again.
$session{'will listen'}->query('LISTEN news');
$dba->query('ALTER ROLE late SET pg_session_guard.exempt = on; COMMIT');
$caller->read_result;
is($caller->sqlstate, '', 'the call goes on');
is( living($node, \%session),
	'archive backup late listener superuser will listen',
	'whoever came to be spared stays, who is idle goes');

is( fates_and_notes(q{terminate_idle_sessions('0', include_spared => true, except_username => 'late')}),
	'archive terminated, backup terminated, listener terminated, superuser terminated, will listen terminated',
	'when told so it ends whom it spared');
is(living($node, \%session), 'late', 'but for the exception');
$session{late}->quit;
$_->abandon for map { delete $session{$_} } keys %session;

# Statements.
my $gate = create_gate($node);
$gate->query('SELECT pg_advisory_lock(7)');
$gate->query('BEGIN; LOCK TABLE account');
connect_as($_) for qw(running index waiting idle);
connect_as(backup => user => 'backup');
$session{$_}->send_query('SELECT pg_sleep(600)') for qw(running backup);
$session{index}->send_query('CREATE INDEX CONCURRENTLY held ON indexed (public.hold(n))');
$session{waiting}->send_query('SELECT count(*) FROM account');
$session{idle}->query('SELECT 1');
wait_for_status($node, $session{waiting}->pid, "wait_event_type = 'Lock'");
wait_for_state($node, 'active', map { $session{$_}->pid } qw(running index waiting backup));
wait_for_status($node, $_->pid, "wait_event = 'PgSleep'") for map { $session{$_} } qw(running backup index);
my $long = q{cancel_long_queries('0', dry_run => true)};

is( fates_and_notes($long),
	'backup spared (exempt by role "backup"), index spared (CREATE INDEX), running dry run, '
	  . 'waiting spared (waits for a lock)',
	'maintenance and lock waiters are spared from cancel_long_queries');
set_limits($node, spare_maintenance => 'off', spare_lock_waiters => 'off');
is( fates_and_notes($long),
	'backup spared (exempt by role "backup"), index dry run, running dry run, waiting dry run',
	'unless the settings say otherwise');
set_limits($node, spare_maintenance => 'on', spare_lock_waiters => 'on');
is( fates_and_notes(q{cancel_long_queries('0', reason => 'too long')}),
	'backup spared (exempt by role "backup"), index spared (CREATE INDEX), running canceled, '
	  . 'waiting spared (waits for a lock)',
	'who is not spared is canceled');
$session{running}->read_result;
is($session{running}->sqlstate, '57014', 'who runs too long is');

# A root of waits that is spared.
is( fates_and_notes('terminate_blocking_sessions()'), '', 'the lock that all wait for is a superuser\'s');
my $result = run_function($node, 'terminate_blocking_sessions()');
is_deeply(
	[ $result->{outcome}{ $gate->pid }, $result->{note}{ $gate->pid } ],
	[ 'spared', 'superuser' ],
	'who has a row that says so');
# The index waits for whoever has an older snapshot.
is(fates_and_notes(q{cancel_user_queries('backup')}), 'backup canceled', 'an exempt role can be meant by its name');
$session{backup}->read_result;
$gate->query('COMMIT; SELECT pg_advisory_unlock(7)');
$_->read_result for map { $session{$_} } qw(index waiting);
is(join('', map { $session{$_}->sqlstate } qw(index waiting)), '', 'those that were spared come to their end');
is($node->safe_psql('postgres', q{SELECT indisvalid FROM pg_index WHERE indexrelid = 'held'::regclass}),
	't', 'the index is valid');

$gate->query('SELECT pg_advisory_lock(7)');
$session{index}->send_query('CREATE INDEX ON indexed (public.hold(n))');
wait_for_status($node, $session{index}->pid, "wait_event = 'PgSleep'");
$session{idle}->query('BEGIN; DELETE FROM account WHERE id = 1');
connect_as($_) for qw(inserter deleter);
$session{inserter}->send_query('INSERT INTO indexed VALUES (2)');
$session{deleter}->send_query('DELETE FROM account WHERE id = 1');
$node->safe_psql('postgres', 'GRANT ALL ON indexed TO web');
wait_for_status($node, $session{$_}->pid, "wait_event_type = 'Lock'") for qw(inserter deleter);
is( fates_and_notes('terminate_blocking_sessions()'),
	'idle terminated, index spared (CREATE INDEX)',
	'maintenance that blocks is spared, who is idle in transaction is not');
is( fates_and_notes('terminate_blocking_sessions(include_spared => true)'),
	'index terminated', 'unless the caller says so');
$gate->query('SELECT pg_advisory_unlock(7)');
$_->read_result for map { $session{$_} } qw(inserter deleter);
is(join('', map { $session{$_}->sqlstate } qw(inserter deleter)), '', 'their waiters get their locks');

$_->abandon for values %session;
$node->stop;
done_testing();
