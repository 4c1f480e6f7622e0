# On a hot standby the functions and the view work as on a primary, and concern the
# sessions of that server only.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

# Nothing that is replayed may be in the way of a session of the standby.
my $primary = guard_node('primary', allows_streaming => 1, autovacuum => 'off');
$primary->safe_psql('postgres', 'CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend; CREATE DATABASE shop');
my $standby = standby_of($primary);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'a server is in recovery');

my @sessions;

# A session in a database; with a statement, running it.
sub open_in
{
	my ($node, $dbname, $statement) = @_;
	my $session = open_session($node, dbname => $dbname);
	my $pid = pid_of($session);

	push @sessions, $session;
	start_query($session, $statement) if defined $statement;
	wait_for_status($node, $pid, "wait_event = 'PgSleep'") if defined $statement;
	return $pid;
}

my $long = 'SELECT pg_sleep(3600)';
my $elsewhere_pid = open_in($primary, 'shop');
my $innocent_pid = open_in($standby, 'postgres', $long);
my $idle_pid = open_in($standby, 'shop');
my $running_pid = open_in($standby, 'shop', $long);
my $root = open_session($standby, dbname => 'shop', user => $standby->safe_psql('postgres', 'SELECT current_user'));
my $root_pid = pid_of($root);
my $result;

is( $standby->safe_psql('postgres',
		"SELECT count(*) FROM session_guard.session WHERE pid IN ($innocent_pid, $idle_pid, $running_pid)"),
	'3', 'the view shows its sessions');
$result = run_function($standby, "cancel_db_queries('shop')", user => 'janitor');
is($result->{outcome}{$running_pid}, 'canceled', 'a statement is canceled');
ok(is_alive($standby, $running_pid), 'whose session stays');
is( $standby->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE pid = $innocent_pid"),
	'active', 'that in another database goes on');

$result = run_function($standby, "terminate_db_sessions('shop', dry_run => true)", user => 'janitor');
is(join(', ', @{ $result->{outcome} }{ $idle_pid, $running_pid, $root_pid }), 'dry run, dry run, denied', 'a dry run');
ok(is_alive($standby, $idle_pid), 'ends nobody');
$result = run_function($standby, "terminate_db_sessions('shop', reason => 'maintenance')", user => 'janitor');
is($result->{status}, 0, 'what the caller may not end is no error');
is( join(', ', @{ $result->{outcome} }{ $idle_pid, $running_pid, $root_pid }),
	'terminated, terminated, denied', 'those that it may end are terminated');
ok(!is_alive($standby, $_), "session $_ is gone") for $idle_pid, $running_pid;
ok(is_alive($standby, $_), "session $_ lives") for $root_pid, $innocent_pid;
is( scalar guard_lines($standby, qr/terminating session $idle_pid .*: ordered by role "janitor" with terminate_db_sessions\(dbname => 'shop'\): "maintenance"$/),
	1, 'the log says who ordered it');
like($result->{stderr}, qr/WARNING:  database "shop" is still in use.*session $root_pid/s, 'a warning names who is left');

$result = run_function($standby, "stop_query($innocent_pid)");
is($result->{outcome}{$innocent_pid}, 'canceled', 'stop_query cancels');
ok(is_alive($standby, $innocent_pid), 'and is content with that');
$result = run_function($standby, "terminate_session($innocent_pid)");
is($result->{outcome}{$innocent_pid}, 'terminated', 'terminate_session terminates');
ok(!is_alive($standby, $innocent_pid), 'and the session is gone');
ok(is_alive($primary, $elsewhere_pid), 'the session on the primary lives');

close_sessions(@sessions, $root);
$standby->stop;
$primary->stop;
done_testing();
