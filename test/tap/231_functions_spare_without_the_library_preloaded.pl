# Where the library is not preloaded, functions that name a condition go by what
# is stored for roles and databases, by the configuration file, and by the text and
# the progress of maintenance; not by what binds the session that calls them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION pg_session_guard;
	CREATE ROLE web LOGIN;
	CREATE ROLE backup LOGIN;
	CREATE ROLE dba LOGIN SUPERUSER;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
	ALTER ROLE dba SET pg_session_guard.exempt = on;
	CREATE TABLE indexed AS SELECT 1 AS n;
	ALTER TABLE indexed OWNER TO web;
	GRANT CREATE ON SCHEMA public TO web});

my %session = map { $_ => RawSession->connect($node) } qw(idle running index);
$session{backup} = RawSession->connect($node, user => 'backup');
$session{superuser} = RawSession->connect($node, user => $superuser);
my $gate = create_gate($node);
$gate->query('SELECT pg_advisory_lock(7)');
$session{$_}->query('SELECT 1') for qw(idle backup superuser);
$session{running}->send_query('SELECT pg_sleep(600)');
$session{index}->send_query('/* each night */ CREATE INDEX held ON indexed (public.hold(n))');
wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for qw(running index);
wait_for_state($node, 'idle', map { $session{$_}->pid } qw(idle backup superuser));

# Called by a role that is exempt itself.
sub fates_for_dba
{
	my ($call) = @_;
	my $result = run_function($node, $call, user => 'dba');

	die $result->{stderr} if $result->{status} != 0;
	return join ', ', map {
		my $pid = $session{$_}->pid;

		"$_ $result->{outcome}{$pid}" . ($result->{note}{$pid} ? " ($result->{note}{$pid})" : '')
	} sort grep { defined $result->{outcome}{ $session{$_}->pid } } keys %session;
}

is( fates_for_dba(q{terminate_idle_sessions('0', dry_run => true)}),
	'backup spared (exempt by role "backup"), idle dry run, superuser spared (superuser)',
	'an exempt role and superusers are spared, whoever calls');
is( fates_for_dba(q{cancel_long_queries('0', dry_run => true)}),
	'index spared (CREATE INDEX), running dry run',
	'maintenance is spared');
# Who has made an index, and then keeps the transaction open, maintains nothing.
my ($forgetful, $waiter) = map { RawSession->connect($node) } 1 .. 2;
$node->safe_psql('postgres', 'CREATE TABLE forgotten (n int); ALTER TABLE forgotten OWNER TO web');
$forgetful->query('BEGIN');
$forgetful->query('CREATE INDEX ON forgotten (n)');
$waiter->send_query('INSERT INTO forgotten VALUES (1)');
wait_for_status($node, $waiter->pid, "wait_event_type = 'Lock'");
is(run_function($node, 'terminate_blocking_sessions()', user => 'dba')->{outcome}{ $forgetful->pid },
	'terminated', 'maintenance that is over spares nobody');
$waiter->read_result;
is($waiter->sqlstate, '', 'and its waiter gets its lock');
$_->abandon for $forgetful, $waiter;
$node->append_conf('postgresql.conf', "pg_session_guard.exempt_superusers = off\npg_session_guard.spare_maintenance = off\n");
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('pg_session_guard.exempt_superusers') = 'off'})
  or die 'the setting was not taken over';
is( fates_for_dba(q{terminate_idle_sessions('0', dry_run => true)}),
	'backup spared (exempt by role "backup"), idle dry run, superuser dry run',
	'the configuration file decides about superusers');
is( fates_for_dba(q{cancel_long_queries('0', dry_run => true)}),
	'index dry run, running dry run', 'and about maintenance');
$node->append_conf('postgresql.conf', "pg_session_guard.spare_maintenance = on\n");
$node->reload;
$node->poll_query_until('postgres', q{SELECT current_setting('pg_session_guard.spare_maintenance') = 'on'})
  or die 'the setting was not taken over';

is( fates_for_dba(q{cancel_long_queries('0')}),
	'index spared (CREATE INDEX), running canceled', 'who is not spared is canceled');
$session{running}->read_result;
is($session{running}->sqlstate, '57014', 'who runs for too long is');
$gate->query('SELECT pg_advisory_unlock(7)');
$session{index}->read_result;
is($session{index}->sqlstate, '', 'the index is made');
is( fates_for_dba(q{terminate_idle_sessions('0', include_spared => true)}),
	join(', ', map { "$_ terminated" } sort keys %session),
	'all of them go when the caller says so');

$_->abandon for values %session, $gate;
$node->stop;
done_testing();
