# What is stored for a role or a database on the primary binds the sessions of
# a hot standby, those that were connected before it too, though no limit was
# in force there; and what is taken back or exempted on the primary spares them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 'pg_session_guard.idle_session_timeout';
my $primary = guard_node('primary', allows_streaming => 1, max_connections => 30,
	'pg_session_guard.naptime' => '200ms');
$primary->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for 'a', 'b', 'c';
$primary->safe_psql('postgres', 'CREATE DATABASE shop');
my $standby = standby_of($primary);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the guard runs in recovery');

sub open_on_standby
{
	my ($user, $dbname) = split /@/, $_[0];

	return RawSession->connect($standby, user => $user, dbname => $dbname);
}

sub change_on_primary
{
	my (@changes) = @_;

	$primary->safe_psql('postgres', join '; ', 'BEGIN', @changes, 'COMMIT');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

# Is the session ended by the limit of this source?
sub check_end
{
	my ($session, $source, $what) = @_;

	wait_for_end($standby, $session->pid);
	is( scalar guard_lines($standby, qr/LOG:  terminating session ${\ $session->pid } .*timeout is \d+ ms \(\Q$source\E\)$/),
		1, $what);
	$session->abandon;
	return;
}

my ($by_role, $by_database, $innocent) = map { open_on_standby($_) } 'a@postgres', 'b@shop', 'b@postgres';
wait_until_unchanged_for($standby, '500 ms', map { $_->pid } $by_role, $by_database, $innocent);
is($standby->safe_psql('postgres', 'SELECT scans FROM session_guard.stats'), '0', 'no limit was in force on the standby');
change_on_primary("ALTER ROLE a SET $limit = '400ms'");
check_end($by_role, 'role "a"', 'a limit that is stored for a role on the primary ends a session on the standby');
wait_for_scan($standby, 2);
ok(is_alive($standby, $by_database->pid) && is_alive($standby, $innocent->pid), 'and nobody else');
change_on_primary("ALTER DATABASE shop SET $limit = '400ms'");
check_end($by_database, 'database "shop"', 'so does one for a database');

# Taken back, exempted, or off in that database: spared; and one for whom nothing was changed.
change_on_primary("ALTER ROLE c SET $limit = '400ms'");
change_on_primary(
	"ALTER ROLE a RESET $limit",
	'ALTER ROLE b SET pg_session_guard.exempt = on',
	"ALTER ROLE c IN DATABASE shop SET $limit = 0");
my %session = map { $_ => open_on_standby($_) } 'a@postgres', 'b@shop', 'c@shop', 'c@postgres';
check_end($session{'c@postgres'}, 'role "c"', 'a limit that was left alone is in force');
wait_until_unchanged_for($standby, '800 ms', map { $session{$_}->pid } 'a@postgres', 'b@shop', 'c@shop');
wait_for_scan($standby, 2);
is(living($standby, \%session), 'a@postgres b@shop c@shop', 'what was taken back or exempted on the primary spares');
ok(is_alive($standby, $innocent->pid), 'who never had a limit is still there');

$_->abandon for $innocent, values %session;
$standby->stop;
$primary->stop;
done_testing();
