# Rules select roles by membership, as +role in pg_hba.conf does: also indirectly, and without
# inheriting anything, but superusers are not members of all.  A role counts from the moment on when
# it is created, renamed or granted, and until it is revoked or dropped, in the middle of an episode
# too; a revocation right before the deadline saves.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '300ms', 'pg_session_guard.exempt_superusers' => 'off',
	'pg_session_guard.catch_up_rate' => 100);
my $limit = 'idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $admin = RawSession->connect($node, user => $superuser);

$admin->run("ALTER ROLE $superuser SET pg_session_guard.exempt = on",
	'CREATE ROLE team', 'CREATE ROLE inner_team IN ROLE team', 'CREATE ROLE kept',
	'CREATE ROLE outsider LOGIN', 'CREATE ROLE boss LOGIN SUPERUSER', 'CREATE ROLE spared LOGIN IN ROLE team, kept',
	rule('team', roles => ['team'], except_roles => ['kept'], $limit => '250 ms'));
my %session = map { $_ => RawSession->connect($node, user => $_) } 'outsider', 'boss', 'spared';
my $everybody_else = 'boss outsider spared';

# These are made after the rule, as dynamic users are.
$admin->run('CREATE ROLE member LOGIN IN ROLE team', 'CREATE ROLE indirect LOGIN NOINHERIT IN ROLE inner_team',
	'CREATE ROLE chief LOGIN SUPERUSER IN ROLE team', 'CREATE ROLE rotating LOGIN');

sub check_end
{
	my ($what, $session, $source) = @_;

	$session->read_to_end;
	is(source_told($session), $source // 'rule "team"', "$what: bound");
	wait_for_scan($node, 1);
	is(living($node, \%session), $everybody_else, 'and nobody else');
	return;
}

sub check_stays
{
	my ($what, $session) = @_;

	wait_until_unchanged_for($node, '500 ms', $session->pid);
	wait_for_scan($node, 1);
	ok(is_alive($node, $session->pid), "$what: not bound");
	return;
}

sub login { return RawSession->connect($node, user => $_[0]); }

check_end('a member', login('member'));
check_end('an indirect one that inherits nothing', login('indirect'));
check_end('a superuser that is one', login('chief'));
$admin->run('ALTER ROLE team LOGIN');
check_end('the role itself', login('team'));

# In the middle of an episode, which has lasted for longer than the limit.
my $rotating = login('rotating');
check_stays('no member yet', $rotating);
$admin->run('GRANT inner_team TO rotating');
check_end('a member from the grant on', $rotating);
$admin->run('BEGIN', 'REVOKE inner_team FROM rotating', 'ROLLBACK');
check_end('a member as long as it was not revoked', login('rotating'));
$admin->run('GRANT kept TO rotating');
$rotating = login('rotating');
check_stays('a member of an exception', $rotating);
$admin->run('REVOKE kept FROM rotating');
check_end('a member of the exception no longer', $rotating);
$rotating = login('rotating');
$admin->run('REVOKE inner_team FROM rotating');
check_stays('a member no longer', $rotating);
$rotating->quit;

# While the guard is held up and cannot look, past the deadline.
my $guard = wait_for_guard($node);
$admin->run('GRANT team TO rotating');
$admin->run('UPDATE session_guard.rule SET idle_session_timeout = $$1500 ms$$');
my ($revoked, $granted, $dropped) = map { login($_) } 'rotating', 'member', 'indirect';
wait_until(sub { $admin->query("SELECT count(*) FROM session_guard.schedule WHERE pid IN (${\ $revoked->pid }, ${\ $granted->pid }) AND source = 'rule \"team\"' AND due_at > clock_timestamp()") eq '2' }, 'they are scheduled');
freeze_asleep($admin, $guard);
wait_until_unchanged_for($node, '1400 ms', $revoked->pid, $granted->pid, $dropped->pid);
$admin->run('REVOKE team FROM rotating', 'DROP ROLE inner_team');
thaw_process($guard);
$granted->read_to_end;
is(source_told($granted), 'rule "team"', 'who is a member still is ended at its deadline');
wait_for_scan($node, 2);
is(living($node, { revoked => $revoked, dropped => $dropped, %session }), "boss dropped outsider revoked spared",
	'whose membership was revoked right before, or hung on a role that was dropped, stays');
is(wait_for_guard($node), $guard, 'by the guard that was held up');
$_->quit for $revoked, $dropped;
$admin->run('UPDATE session_guard.rule SET idle_session_timeout = $$400 ms$$');

# Rules have names, not roles: who comes to have the name is meant.
$admin->run('ALTER ROLE team RENAME TO crew');
my $member = login('member');
check_stays('the role of the rule was renamed', $member);
$admin->run('ALTER ROLE crew RENAME TO team');
check_end('and has its name again', $member);
$member = login('member');
my $offset = log_size($node);
$admin->run('ALTER ROLE kept RENAME TO unkept');
check_stays('an exception was renamed, and spares everybody', $member);
is(scalar guard_lines($node, qr/LOG:  rule "team" does not select as it was written: role "kept" does not exist$/, $offset), 1, 'the log says so');
$admin->run('ALTER ROLE unkept RENAME TO kept');
check_end('and has its name again', $member);
$member = login('member');
$admin->run('DROP ROLE kept');
check_stays('an exception was dropped, and spares everybody', $member);
ok(is_alive($node, $session{spared}->pid), 'and whom it was made for');
$admin->run('UPDATE session_guard.rule SET except_roles = NULL');
$member->read_to_end;
$session{spared}->read_to_end;
delete $session{spared};
pass('until the rule does without it, for all');
$everybody_else = 'boss outsider';

# A role that has been dropped is a member of nothing.
$admin->run('CREATE ROLE short_lived LOGIN IN ROLE team');
my $orphan = login('short_lived');
$admin->run('DROP ROLE short_lived');
check_stays('a role that was dropped', $orphan);
$orphan->quit;

# Databases are called by name as well.
$admin->run('CREATE DATABASE shop', 'UPDATE session_guard.rule SET databases = $${shop}$$');
my $buyer = RawSession->connect($node, user => 'member', dbname => 'shop');
$buyer->read_to_end;
is(source_told($buyer), 'rule "team"', 'a database that the rule means: bound');
$admin->run('ALTER DATABASE shop RENAME TO store');
$buyer = RawSession->connect($node, user => 'member', dbname => 'store');
check_stays('the database was renamed', $buyer);
$admin->run('UPDATE session_guard.rule SET databases = $${store}$$');
check_end('and the rule says so', $buyer);

$_->abandon for $admin, values %session;
$node->stop;
done_testing();
