# Settings of Patroni's dynamic configuration reach the guard of every node without a restart, but
# those that need one, of which Patroni tells; what is set in a node's own file is for that node.
# What is stored on the leader for a role or a database, and the rules, bind the sessions of a
# standby; what a function has closed on the leader is not closed there.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use GuardedCluster;
use RawSession;
use Test::More;

my $cluster = GuardedCluster->start_guarded([ 'a', 'b' ]);
my ($leader, $standby) = $cluster->nodes;

# Change something on the leader, and wait until the standby has it.
sub change
{
	my (@statements) = @_;

	$leader->safe_psql('postgres', $_) for @statements;
	$cluster->wait_for_replay('a', 'b');
	return;
}

sub setting
{
	my ($node, $name) = @_;

	return $node->safe_psql('postgres', "SELECT current_setting('pg_session_guard.$name')");
}

# Open sessions on a node, by name: user@database.
sub open_sessions
{
	my ($node, @names) = @_;

	return map { my ($user, $dbname) = split /@/; $_ => RawSession->connect($node, user => $user, dbname => $dbname) } @names;
}

change(
	'CREATE DATABASE shop', 'CREATE ROLE web LOGIN', 'CREATE ROLE job LOGIN',
	'ALTER ROLE app SET pg_session_guard.exempt = on');

# The dynamic configuration.
my %open = map { $_->name => { open_sessions($_, 'web@postgres', 'app@postgres') } } $leader, $standby;
$cluster->configure('pg_session_guard.idle_session_timeout' => '400ms', 'pg_session_guard.history_buffer' => 2048);
for my $node ($leader, $standby)
{
	my ($name, $sessions) = ($node->name, $open{ $node->name });

	wait_for_end($node, $sessions->{'web@postgres'}->pid);
	is(living($node, $sessions), 'app@postgres', "a limit of the dynamic configuration binds who was connected to $name");
	wait_until(sub { $cluster->status($name)->{pending_restart} }, "a restart of $name is pending");
	is(setting($node, 'history_buffer'), '1024', 'and what takes effect at a restart waits for it');
}
$_->abandon for map { values %$_ } values %open;
$cluster->configure('pg_session_guard.idle_session_timeout' => undef, 'pg_session_guard.history_buffer' => undef);
$cluster->wait_for_setting($_, 'pg_session_guard.idle_session_timeout', '0') for 'a', 'b';

# Off in an emergency.  A word that is not quoted is a truth value to Patroni.
for my $word (q{'off'}, 'off')
{
	my ($status) = $cluster->patronictl('edit-config', '--force', '-p', "pg_session_guard.mode=$word", 'shop');

	is($status, 0, 'patronictl changes the dynamic configuration');
	$cluster->wait_for_setting($_, 'pg_session_guard.mode', 'off') for 'a', 'b';
	pass("with $word the guard is off on every node");
	$cluster->configure('pg_session_guard.mode' => 'enforce');
	$cluster->wait_for_setting($_, 'pg_session_guard.mode', 'enforce') for 'a', 'b';
}

# For one node.
$cluster->configure_node('b', 'pg_session_guard.naptime' => '300ms');
$cluster->wait_for_setting('b', 'pg_session_guard.naptime', '300ms');
is(setting($leader, 'naptime'), '200ms', "a setting in a node's own file is for that node");

# What is stored, and rules.
my %session = open_sessions($standby, 'web@postgres', 'web@shop', 'job@shop', 'job@postgres', 'app@shop');
change("ALTER ROLE web IN DATABASE postgres SET pg_session_guard.idle_session_timeout = '400ms'");
wait_for_end($standby, $session{'web@postgres'}->pid);
is( living($standby, \%session), 'app@shop job@postgres job@shop web@shop',
	'a limit that the leader has stored for a role ends its session on the standby, and no other');
change("INSERT INTO session_guard.rule (position, name, databases, idle_session_timeout)
	VALUES (1, 'shop', '{shop}', '400 ms'), (2, 'none', '{shop}', '100 ms')");
wait_for_end($standby, $session{$_}->pid) for 'web@shop', 'job@shop';
is(living($standby, \%session), 'app@shop job@postgres', 'so does a rule, and spares who is exempt or elsewhere');
is(scalar(guard_lines($standby, qr/terminating session .*idle_session_timeout is 400 ms \(rule "shop"\)/)),
	2, 'by the rule that comes first');
is( $leader->safe_psql('postgres',
		"SELECT count(*) FROM session_guard.history WHERE usename IN ('web', 'job') AND datname = 'shop'"),
	'0', 'the leader had no part in that');

# What is closed.
$leader->safe_psql('postgres', "SELECT close_database('shop')");
is( scalar RawSession->connect($standby, user => 'app', dbname => 'shop')->query('SELECT 1'),
	'1', 'what a function has closed on the leader is open on the standby');
change('ALTER DATABASE shop SET pg_session_guard.accept_connections = off');
wait_until(sub { RawSession->refusal($standby, user => 'app', dbname => 'shop') =~ /FATAL/ }, 'the standby refuses');
pass('what is closed by a stored setting is closed there, too');

$cluster->stop;
done_testing();
