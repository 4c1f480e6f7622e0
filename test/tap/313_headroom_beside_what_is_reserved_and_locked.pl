# connection_headroom and what the server reserves: who may use reserved connections (16) gets in as
# ever, without a wait, and others wait for an ordinary one.  Who waits for a
# locked catalog of memberships does so where the server itself does, without a timeout.  And all of it on a standby.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use FewConnections;
use GuardTest;
use RawSession;
use Test::More;

my $node = few_connections(
	'main',
	allows_streaming => 1,
	authentication_timeout => '1s',
	'pg_session_guard.headroom_min_idle' => '1h');
my $reserves = $node->safe_psql('postgres', 'SHOW server_version_num') >= 160000;
if ($reserves)
{
	$node->append_conf('postgresql.conf', "superuser_reserved_connections = 2\nreserved_connections = 1");
	$node->restart;
	wait_for_guard($node);
	$node->safe_psql('postgres', 'CREATE ROLE ops LOGIN; GRANT pg_use_reserved_connections TO ops');
}
my $admin = admin_of($node);
my $superuser = $admin->query('SELECT user');
my %session;

# All is full, and nobody has been idle for an hour.
my @all = map { "s$_" } 1 .. 6;
connect_all($node, \%session, \@all);
set_by($node, $admin, connection_headroom => 1);
like(try_to_connect($node)->error_text, refused_text(), 'a newcomer is refused');
SKIP:
{
	skip 'this server reserves connections for superusers only', 2 if !$reserves;
	$session{ops} = try_to_connect($node, user => 'ops');
	ok($session{ops}->pid, 'who may use what is reserved gets in');
	is($session{ops}->query("SELECT pg_has_role('ops', 'pg_use_reserved_connections', 'USAGE')::text || pg_has_role('ops', 'pg_monitor', 'USAGE')"),
		'truefalse', 'with the rights that it has');
	$session{ops}->quit;
	wait_until_gone($admin, $session{ops}->pid);
	delete $session{ops};
}
my $other = try_to_connect($node, user => $superuser);
ok($other->pid, 'a superuser gets in');
$other->quit;
wait_until_gone($admin, $other->pid);

# From 16 on the server asks for the memberships of whom it has no ordinary connection for.
$session{$_}->query('BEGIN') for @all;
set_by($node, $admin, headroom_min_idle => '100ms');
$session{$_}->query('COMMIT') for @all;
wait_until_idle_for($admin, '200ms', @session{@all});
$admin->query('BEGIN; LOCK pg_auth_members IN ACCESS EXCLUSIVE MODE');
my $newcomer = RawSession->open($node);
$newcomer->start_up(user => 'web');
wait_until(
	sub {
		$newcomer->read_what_came;
		return $newcomer->is_closed || $admin->query(
			"SELECT count(*) FROM pg_locks WHERE relation = 'pg_auth_members'::regclass AND NOT granted
			 AND waitstart < clock_timestamp() - interval '1500ms'") > 0;
	},
	'the newcomer waits for longer than it has for its authentication, or has been refused');
$admin->query('ROLLBACK');
$newcomer->read_until('Z');
unlike($newcomer->error_text, qr/authentication/, 'a locked catalog ends nobody by the authentication timeout');
ok(defined $newcomer->pid || $newcomer->error_text =~ refused_text(), 'the newcomer gets in, or is refused as ever');

$_->quit for values %session, $newcomer, $admin;
my $standby = standby_of($node);
$admin = admin_of($standby);
%session = ();
set_by($standby, $admin, headroom_min_idle => '1h');
for (@all)
{
	connect_all($standby, \%session, [$_]);
	$session{$_}->query('BEGIN');
}
set_by($standby, $admin, headroom_min_idle => '100ms');
for (@all)
{
	$session{$_}->query('COMMIT');
	wait_until_idle_for($admin, '1ms', $session{$_});
}
wait_until_idle_for($admin, '300ms', @session{@all});
$session{newcomer} = try_to_connect($standby);
ok($session{newcomer}->pid, 'on a standby, too, a newcomer gets in') or diag($session{newcomer}->error_text);
wait_until_gone($admin, $session{s1}->pid, $session{s2}->pid);
is(there($admin, \%session), 'newcomer s3 s4 s5 s6', 'those idle for longest go, and the others stay');

$_->quit for values %session, $admin;
$standby->stop;
$node->stop;
done_testing();
