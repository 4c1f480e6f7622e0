# When the sessions of a database have been terminated, a warning names what
# still holds it: a walsender, a replication slot, a prepared transaction,
# a session that came back, the guard itself.  A database that nothing holds
# any more is warned of by nobody, nor is what holds another database.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', allows_streaming => 'logical', max_prepared_transactions => 5);
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'shop', 'quiet';

my $bystander = open_session($node, dbname => 'quiet');
my $bystander_pid = pid_of($bystander);
my $result;

# What is held by nothing but sessions.
my $session = open_session($node, dbname => 'shop');
my $pid = pid_of($session);
$result = run_function($node, "terminate_db_sessions('shop')");
is($result->{outcome}{$pid}, 'terminated', 'the only session is terminated');
is($result->{stderr}, '', 'nobody warns of a database that nothing holds');
close_sessions($session);

# What has no process, or none that is a session.  A new slot waits for prepared transactions too.
$node->safe_psql('quiet', q{SELECT pg_create_logical_replication_slot('other', 'test_decoding')});
$node->safe_psql(
	'shop', q{
	SELECT pg_create_logical_replication_slot('feed', 'test_decoding');
	SELECT pg_create_physical_replication_slot('standby');
	BEGIN; CREATE TABLE half (); PREPARE TRANSACTION 'half done';
});
my $walsender = open_session($node, dbname => 'shop', user => $superuser, replication => 'database');
my $walsender_pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'");
# ... and who comes back while the caller waits for somebody who cannot go yet.
my $stopped = open_session($node, dbname => 'shop');
my $stopped_pid = pid_of($stopped);
my $caller = open_session($node, user => $superuser);
my $caller_pid = pid_of($caller);
freeze_process($stopped_pid);
start_query($caller, "SELECT outcome FROM terminate_db_sessions('shop', timeout => '1 day') WHERE pid = $stopped_pid");
wait_for_status($node, $caller_pid, "wait_event_type = 'Extension'");
my $returned = open_session($node, dbname => 'shop');
my $returned_pid = pid_of($returned);
thaw_process($stopped_pid);
is($caller->query('SELECT 42'), "terminated\n42", 'the session that was there is terminated');
like($caller->{stderr}, qr/WARNING:  database "shop" is still in use\n/, 'a warning says that the database is in use');
my $detail = $caller->{stderr} =~ /^.*DETAIL:  (.*)$/m ? $1 : '';
my %held = map { $_ => 1 } $detail =~ /^Still there: (.*)\.$/ ? split /, /, $1 : ();
is_deeply(
	\%held,
	{ map { $_ => 1 }
		"walsender $walsender_pid", "session $returned_pid",
		'prepared transaction "half done"', 'replication slot "feed"' },
	'and names all that holds it, and nothing else');
like($caller->{stderr}, qr/HINT:  drain_database\(\) keeps new sessions out meanwhile/, 'and says how to keep sessions out');
ok(is_alive($node, $returned_pid), 'who came back lives');
is( $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $walsender_pid"),
	'1', 'and so does the walsender');
close_sessions($returned, $stopped);

# A dry run has not emptied anything.
is(run_function($node, "terminate_db_sessions('shop', dry_run => true)")->{stderr}, '', 'a dry run does not warn');

# Without sessions that came back there is no such hint.
wait_for_end($node, $returned_pid);
$result = run_function($node, "terminate_db_sessions('shop')");
like($result->{stderr}, qr/WARNING:  database "shop" is still in use/, 'the rest still holds it');
unlike($result->{stderr}, qr/HINT/, 'but nobody came back');

# The guard is connected to a database, too, but leaves it when that is needed.
my $guard_pid = wait_for_guard($node);
$result = run_function($node, "terminate_db_sessions('postgres')", dbname => 'postgres');
unlike($result->{stderr}, qr/\b$guard_pid\b/, 'the guard does not hold its own database');
is(wait_for_guard($node), $guard_pid, 'and lives');
ok(is_alive($node, $bystander_pid), 'the session in another database lives');

close_sessions($bystander, $walsender, $caller);
$node->safe_psql('shop', q{ROLLBACK PREPARED 'half done'});
$node->stop;
done_testing();
