# A change of the rules binds open sessions when it is committed, however it was made, though the
# guard was asleep with nothing to do; what is rolled back, or only prepared, binds nobody.  An
# exemption that is committed right before the deadline, or when the guard has decided already,
# saves; for whom nobody did anything is ended.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use RuleTest;
use Test::More;

# With such a naptime nothing but the commit can wake the guard within the time of this test.
my $node = guard_node('main',
	'max_prepared_transactions' => 2,
	'pg_session_guard.naptime' => '10min',
	'pg_session_guard.catch_up_rate' => 100);
my $limit = 'idle_session_timeout';
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$admin->run('CREATE ROLE a LOGIN', 'CREATE ROLE b LOGIN', 'CREATE TABLE stored (LIKE session_guard.rule)',
	"ALTER ROLE b SET pg_session_guard.$limit = '1h'");
my $innocent = RawSession->connect($node, user => 'b');
my $ends_a = rule('ends a', roles => ['a'], $limit => '200 ms');
my $off = rule('off', roles => ['a'], $limit => '0', position => 0);

# From some rules on, a change ends who has long been idle by this source; nobody else.
sub check_change
{
	my ($what, $before, $source, @change) = @_;

	$admin->run('TRUNCATE session_guard.rule', @$before);
	my $culprit = RawSession->connect($node, user => 'a');
	wait_until_unchanged_for($node, '300 ms', $culprit->pid, $innocent->pid);
	ok(is_alive($node, $culprit->pid), "$what: nobody ends before");
	if (ref $change[0])
	{
		$change[0]->();
	}
	else
	{
		$admin->run(@change);
	}
	$culprit->read_to_end;
	is(source_told($culprit), $source, "$what: ends who has long been idle");
	ok(is_alive($node, $innocent->pid), 'and nobody else');
	return;
}

my $mild = [ $off, $ends_a ];
check_change('INSERT', [], 'rule "ends a"', $ends_a);
check_change('UPDATE of a limit', [ rule('r', roles => ['a'], $limit => '1 h') ], 'rule "r"', "UPDATE session_guard.rule SET $limit = '200 ms'");
check_change('UPDATE of the position', $mild, 'rule "ends a"', q{UPDATE session_guard.rule SET position = 5 WHERE name = 'off'});
check_change('UPDATE that enables', [ rule('r', roles => ['a'], $limit => '200 ms', enabled => 'off') ], 'rule "r"', 'UPDATE session_guard.rule SET enabled = true');
check_change('UPDATE that enforces', [ rule('r', roles => ['a'], $limit => '200 ms', mode => 'log') ], 'rule "r"', q{UPDATE session_guard.rule SET mode = 'enforce'});
check_change('UPDATE that selects', [ rule('r', roles => ['web'], $limit => '200 ms') ], 'rule "r"', q{UPDATE session_guard.rule SET roles = '{a}'});
check_change('DELETE', $mild, 'rule "ends a"', q{DELETE FROM session_guard.rule WHERE name = 'off'});
check_change('COPY', [], 'rule "copied"', q{COPY session_guard.rule (position, name, roles, idle_session_timeout) FROM PROGRAM 'echo "1,copied,{a},200ms"' (FORMAT csv)});
check_change('INSERT from another table', [ $ends_a, 'DELETE FROM stored', 'INSERT INTO stored SELECT * FROM session_guard.rule', 'DELETE FROM session_guard.rule' ],
	'rule "ends a"', 'INSERT INTO session_guard.rule SELECT * FROM stored');
check_change('MERGE and a released savepoint', $mild, 'rule "ends a"', 'BEGIN', 'SAVEPOINT s',
	q{MERGE INTO session_guard.rule r USING (SELECT 0 AS position) o ON r.position = o.position WHEN MATCHED THEN DELETE}, 'RELEASE s', 'COMMIT');
check_change('a block of code', [], 'rule "ends a"', "DO \$\$ BEGIN $ends_a; END \$\$");
check_change('COMMIT PREPARED', [], 'rule "ends a"', 'BEGIN', $ends_a, q{PREPARE TRANSACTION 'change'}, q{COMMIT PREPARED 'change'});
check_change('with session_replication_role = replica', [], 'rule "ends a"', 'SET session_replication_role = replica', $ends_a, 'RESET session_replication_role');
check_change('TRUNCATE in such a session', [ $off, "ALTER ROLE a SET pg_session_guard.$limit = '200ms'" ], 'role "a"',
	'SET session_replication_role = replica', 'TRUNCATE session_guard.rule', 'RESET session_replication_role');
check_change('TRUNCATE', [$off], 'role "a"', 'TRUNCATE session_guard.rule');
$admin->run('ALTER ROLE a RESET ALL');
check_change('restore of a dump', [], 'rule "ends a"', sub {
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';

	$admin->run('CREATE DATABASE elsewhere');
	$node->safe_psql('elsewhere', "CREATE EXTENSION pg_session_guard; $ends_a");
	$node->command_ok([ 'pg_dump', '-f', $dump, '--data-only', '-t', 'session_guard.rule', 'elsewhere' ], 'a dump is made');
	$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'postgres' ], 'and restored');
});

# What does not come to be.
$admin->run('TRUNCATE session_guard.rule');
my $waiting = RawSession->connect($node, user => 'a');
$admin->run('BEGIN', $ends_a, 'ROLLBACK');
$admin->run('BEGIN', 'SAVEPOINT s', $ends_a, 'ROLLBACK TO s', 'COMMIT');
$admin->run('BEGIN', $ends_a, q{PREPARE TRANSACTION 'change'}, q{ROLLBACK PREPARED 'change'});
$admin->run('BEGIN', $ends_a, q{PREPARE TRANSACTION 'change'});
my $other = RawSession->connect($node);
wait_until_unchanged_for($node, '300 ms', $waiting->pid, $other->pid);
$admin->run(rule('ends web', roles => ['web'], $limit => '200 ms', position => 7));
$other->read_to_end;
is(source_told($other), 'rule "ends web"', 'another change ends another');
ok(is_alive($node, $waiting->pid), 'what was rolled back, or is only prepared, ends nobody');
$node->safe_psql('postgres', q{COMMIT PREPARED 'change'});
$waiting->read_to_end;
is(source_told($waiting), 'rule "ends a"', 'until it is committed, by whomsoever');

# While the guard is held up, past the deadlines of all of them, somebody changes the rules for some.
my %change = (
	exempted => rule('exempts', roles => ['exempted'], exempt => 'on'),
	switched_off => rule('switches off', roles => ['switched_off'], $limit => '0', position => -1),
	raised => rule('raises', roles => ['raised'], $limit => '1 h', position => -2),
	only_logged => q{UPDATE session_guard.rule SET mode = 'log' WHERE name = 'ends only_logged'},
	deleted => q{DELETE FROM session_guard.rule WHERE name = 'ends deleted'},
	not_enabled => q{UPDATE session_guard.rule SET enabled = false WHERE name = 'ends not_enabled'},
	excepted => q{UPDATE session_guard.rule SET except_roles = '{excepted}' WHERE name = 'ends excepted'});
my @roles = ('nobodys', sort keys %change);
my @rules = map { rule("ends $_", roles => [$_], $limit => '1 h') } @roles;
$admin->run(map { "CREATE ROLE $_ LOGIN" } @roles);
my $guard = wait_for_guard($node);

# Hold up the guard when it has planned for sessions whose deadline is ahead; returns the limit, in
# seconds, and the sessions.  Where all that takes longer than the limit, a longer one will do.
sub sessions_of_held_up_guard
{
	for (my $seconds = 1.5; $seconds < $PostgreSQL::Test::Utils::timeout_default; $seconds *= 2)
	{
		$admin->run('BEGIN', 'TRUNCATE session_guard.rule', @rules, 'COMMIT');
		my %session = map { $_ => RawSession->connect($node, user => $_) } @roles;
		my $pids = join ',', map { $_->pid } values %session;
		my $scans = $admin->query('SELECT scans FROM session_guard.stats');
		$admin->run("UPDATE session_guard.rule SET $limit = '$seconds s'");
		wait_until(sub { $admin->query("SELECT scans > $scans FROM session_guard.stats") eq 't' }, 'the guard has planned');
		freeze_asleep($admin, $guard);
		return ($seconds, %session)
		  if $admin->query("SELECT bool_and(clock_timestamp() < state_change + interval '${\ ($seconds - 0.3) } s') FROM pg_stat_activity WHERE pid IN ($pids)") eq 't';
		thaw_process($guard);
		$_->abandon for values %session;
	}
	die 'the guard could not be held up in time';
}

my ($seconds, %session) = sessions_of_held_up_guard();
wait_until_unchanged_for($node, "${\ ($seconds + 0.3) } s", map { $_->pid } values %session);
is(living($node, \%session), join(' ', sort @roles), 'all are past their deadline, and there');
$admin->run($change{$_}) for sort keys %change;
thaw_process($guard);
$session{nobodys}->read_to_end;
is(source_told($session{nobodys}), 'rule "ends nobodys"', 'for whom nobody did anything is ended');
my $last = RawSession->connect($node);
wait_until_unchanged_for($node, '300 ms', $last->pid);
$admin->run(rule('ends web', roles => ['web'], $limit => '200 ms'));
$last->read_to_end;
is(living($node, \%session), join(' ', sort keys %change), 'for whom somebody changed the rules stay');
is(wait_for_guard($node), $guard, 'by the guard that was held up');

$_->abandon for $admin, $innocent, values %session;
$node->stop;
done_testing();
