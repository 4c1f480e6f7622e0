# A guard that was terminated comes back and goes on by what is stored for
# roles and databases, and by what is stored after it came back.  What is
# stored for its own role, for its own database and for all roles binds the
# sessions that it is stored for, and does not move the guard itself; nor do
# settings that nobody can store in the regular way.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $limit = 'pg_session_guard.idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for 'a', 'b';
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('postgres', "ALTER ROLE a SET $limit = '400ms'");

# Open sessions by name; who is to end does, and the others do not.
sub check_ends
{
	my ($what, $is_to_end, @whose) = @_;
	my %session = map
	{
		my ($user, $dbname) = split /@/, $_;
		$_ => RawSession->connect($node, user => $user, dbname => $dbname);
	} @whose;
	my %ends = map { $_ => 1 } @$is_to_end;

	wait_for_end($node, $session{$_}->pid) for @$is_to_end;
	my @others = grep { !$ends{$_} } sort keys %session;
	wait_until_unchanged_for($node, '500 ms', map { $session{$_}->pid } @others);
	wait_for_scan($node, 2);
	is(living($node, \%session), join(' ', @others), $what);
	$_->abandon for values %session;
	return;
}

my @all = ('a@postgres', 'a@shop', 'b@postgres', 'b@shop', "$superuser\@postgres");

replace_guard($node);
my @lines = guard_lines($node, qr/LOG:  $limit is in force for some roles or databases/);
is(scalar @lines, 2, 'the new guard says that the limit is in force');
check_ends('a new guard goes on by what is stored', [ 'a@postgres', 'a@shop' ], @all);
$node->safe_psql('postgres', "ALTER ROLE b IN DATABASE shop SET $limit = '400ms'");
check_ends('and follows what is stored later', [ 'a@postgres', 'a@shop', 'b@shop' ], @all);

# All of these are the guard's as well, when it connects.
$node->safe_psql('postgres', <<"SQL");
ALTER ROLE "$superuser" SET pg_session_guard.exempt = on;
ALTER ROLE "$superuser" SET $limit = '1h';
ALTER DATABASE postgres SET pg_session_guard.exempt = on;
ALTER DATABASE postgres SET $limit = '0';
ALTER DATABASE postgres SET pg_session_guard.cancel_grace = '1h';
SQL
$node->restart;
wait_for_guard($node);
check_ends('what is stored for its database spares who is in there, and nobody else',
	[ 'a@shop', 'b@shop' ], @all);

# All roles are exempt, but for one.
$node->safe_psql('postgres', <<"SQL");
ALTER DATABASE postgres RESET ALL;
ALTER ROLE ALL SET pg_session_guard.exempt = on;
ALTER ROLE a SET pg_session_guard.exempt = off;
SQL
replace_guard($node);
check_ends('what is stored for all roles counts for them, and not for a role that has a setting of its own',
	[ 'a@postgres', 'a@shop' ], @all);

# What only the configuration file can say is stored all the same.
$node->safe_psql('postgres', <<"SQL");
ALTER ROLE ALL RESET ALL;
SET allow_system_table_mods = on;
INSERT INTO pg_db_role_setting VALUES (0, 0,
	'{pg_session_guard.mode=off,pg_session_guard.exempt_superusers=off,pg_session_guard.spare_listeners=off,
	  pg_session_guard.naptime=1h,pg_session_guard.max_actions_per_minute=1,$limit=300ms}');
UPDATE pg_db_role_setting SET setconfig = setconfig || '{pg_session_guard.mode=off}'
	WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = '$superuser');
SQL
# The server warns every new session of these; the test does not want to know.
$ENV{PGOPTIONS} = '-c client_min_messages=error';
replace_guard($node);
check_ends('what only the file can say is not heard, whoever it is stored for',
	[ 'a@postgres', 'a@shop', 'b@postgres', 'b@shop' ], @all);

$node->stop;
done_testing();
