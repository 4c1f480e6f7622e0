# Nothing that a session can say lifts its limit: each way is refused, or
# succeeds and changes nothing, and after each of them the session is ended.
# Those of a role without a limit, who say the same, stay.  Only who may set
# the parameter can store it for others, which GRANT SET ON PARAMETER allows.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '500ms',
	'pg_session_guard.catch_up_rate' => 1000);
my $limit = 'pg_session_guard.idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

# "limited" is an ordinary role that owns its database; "granted" may set the parameters.
$node->safe_psql('postgres', <<"SQL");
CREATE ROLE exempted LOGIN;
ALTER ROLE exempted SET pg_session_guard.exempt = on;
CREATE ROLE limited LOGIN CREATEROLE IN ROLE exempted;
CREATE ROLE granted LOGIN IN ROLE exempted;
CREATE ROLE free LOGIN IN ROLE exempted;
GRANT SET ON PARAMETER $limit, pg_session_guard.exempt TO granted, free;
GRANT CREATE ON SCHEMA public TO limited, granted, free;
ALTER ROLE limited SET $limit = '1h';
ALTER ROLE granted SET $limit = '1h';
SQL
$node->safe_psql('postgres', 'CREATE DATABASE own OWNER limited');

# What is said, and the SQLSTATE that an ordinary role and one that may set the parameter get.
my ($denied, $refused) = ('42501', '55P02');
my @ways = (
	[ "SET $limit = 0", $denied, $refused ],
	[ "SET $limit = '1h'", $denied, $refused ],
	[ 'SET pg_session_guard.exempt = on', $denied, $refused ],
	[ "BEGIN; SET LOCAL $limit = 0; COMMIT", $denied, $refused, 'ROLLBACK' ],
	[ "SELECT set_config('$limit', '0', false)", $denied, $refused ],
	[ "SELECT set_config('pg_session_guard.exempt', 'on', true)", $denied, $refused ],
	[ "UPDATE pg_settings SET setting = '0' WHERE name = '$limit'", $denied, $refused ],
	[ "CREATE FUNCTION pg_temp.lifted() RETURNS int LANGUAGE sql SET $limit = 0 AS 'SELECT 1'", $denied, $refused ],
	[
		"SET check_function_bodies = off; CREATE FUNCTION pg_temp.lifted() RETURNS int LANGUAGE sql"
		  . " SET pg_session_guard.exempt = on AS 'SELECT 1'; SELECT pg_temp.lifted()",
		$denied, $refused
	],
	[ 'RESET ALL', '', '' ],
	[ 'DISCARD ALL', '', '' ],
	[ "RESET $limit", $denied, '' ],
	[ "SET $limit TO DEFAULT", $denied, '' ],
	[ "SET LOCAL $limit TO DEFAULT", $denied, '' ],
	[ 'SET ROLE exempted', '', '' ],
	[ "SET application_name = 'exempt'", '', '' ]);

sub state_of
{
	my ($session, $sql) = @_;

	$session->query($sql);
	return $session->sqlstate;
}

my (@bound, @unbound);
for my $way (@ways)
{
	my ($sql, $for_ordinary, $for_granted, $afterwards) = @$way;
	my ($limited, $granted, $free) = map { RawSession->connect($node, user => $_) } 'limited', 'granted', 'free';

	is(state_of($limited, $sql) . '|' . state_of($granted, $sql), "$for_ordinary|$for_granted", $sql);
	state_of($free, $sql);
	if (defined $afterwards)
	{
		state_of($_, $afterwards) for $limited, $granted, $free;
	}
	push @bound, [ $limited, 'limited', $sql ], [ $granted, 'granted', $sql ];
	push @unbound, $free;
}

# Of what is stored, only who may set the parameter can change its own.
for my $sql (
	"ALTER ROLE limited SET $limit = 0",
	"ALTER ROLE limited SET pg_session_guard.exempt = on",
	"ALTER ROLE limited IN DATABASE own SET $limit = 0",
	"ALTER ROLE limited RESET $limit",
	"ALTER DATABASE own SET $limit = 0",
	"ALTER SYSTEM SET $limit = 0")
{
	my $session = RawSession->connect($node, user => 'limited', dbname => 'own');

	is(state_of($session, $sql), $denied, $sql);
	push @bound, [ $session, 'limited', $sql ];
}
my $resetting = RawSession->connect($node, user => 'limited');
is(state_of($resetting, 'ALTER ROLE limited RESET ALL'), '', 'ALTER ROLE limited RESET ALL');
push @bound, [ $resetting, 'limited', 'ALTER ROLE ... RESET ALL' ];

is( $node->safe_psql('postgres', q(SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'limited'::regrole)),
	"{$limit=1h}", 'what is stored is what was stored');

# Nobody was hurried while it said all this.  By the limit that comes now, all of them are ended.
$node->safe_psql('postgres', "ALTER ROLE $_ SET $limit = '700ms'") for 'limited', 'granted';
for my $entry (@bound)
{
	my ($session, $role, $sql) = @$entry;

	wait_for_end($node, $session->pid);
	is( scalar guard_lines($node, qr/LOG:  terminating session ${\ $session->pid } .*timeout is 700 ms \(role "$role"\)$/),
		1,
		"$role is ended after $sql");
	$session->abandon;
}
wait_until_unchanged_for($node, '900 ms', map { $_->pid } @unbound);
wait_for_scan($node, 2);
is(scalar(grep { is_alive($node, $_->pid) } @unbound), scalar @ways, 'who has no limit stays, whatever it said');
$_->abandon for @unbound;

# Neither a superuser nor anybody else can bring a value along when it connects.
for my $user ($superuser, 'granted', 'limited', 'free')
{
	my $session = RawSession->open($node);

	$session->start_up(user => $user, parameters => { options => "-c $limit=0" });
	$session->read_until('Z');
	ok($session->is_closed, 'role ' . ($user eq $superuser ? 'superuser' : $user) . ' cannot bring a value along');
	like(
		$session->error_text,
		$user eq 'limited'
		? qr/^FATAL \w+: permission denied to set parameter "$limit"/
		: qr/^FATAL \w+: limits of the session guard cannot be changed within a session\s+HINT: Set it in the configuration file/,
		'and is told why');
}

# An administrator who is no superuser stores a limit for another role, for what it was granted.
$node->safe_psql('postgres', <<"SQL");
CREATE ROLE victim LOGIN;
CREATE ROLE dba LOGIN CREATEROLE;
GRANT victim TO dba WITH ADMIN OPTION;
SQL
my ($dba, $victim, $bystander) = map { RawSession->connect($node, user => $_) } 'dba', 'victim', 'dba';
is(state_of($dba, "ALTER ROLE victim SET $limit = '300ms'"), $denied, 'without the grant it is refused');
$node->safe_psql('postgres', "GRANT SET ON PARAMETER $limit TO dba");
is(state_of($dba, 'ALTER ROLE victim SET pg_session_guard.exempt = on'), $denied, 'another parameter is not granted');
ok(is_alive($node, $victim->pid), 'nothing has come of it');
is(state_of($dba, "ALTER ROLE victim SET $limit = '300ms'"), '', 'with the grant it may');
wait_for_end($node, $victim->pid);
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $victim->pid } .*timeout is 300 ms \(role "victim"\)$/),
	1, 'and it takes effect');
wait_for_scan($node, 2);
ok(is_alive($node, $bystander->pid), 'for that role only');
$_->abandon for $dba, $victim, $bystander;

$node->stop;
done_testing();
