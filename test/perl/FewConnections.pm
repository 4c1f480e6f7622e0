# Servers with few connections, for the tests of connection_headroom.
#
# Whoever looks needs a connection, too: a superuser's, which is made first and stays.
package FewConnections;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use GuardTest;
use RawSession;

our @EXPORT = qw(few_connections admin_of connect_all set_by there wait_until_gone wait_until_idle_for
  actions_taken try_to_connect refused_text wait_for_scans_by);

# A server with ten connections, of which three are reserved for superusers, and a guard that
# scans only when it is asked to.
sub few_connections
{
	my ($name, %settings) = @_;

	return guard_node(
		$name,
		max_connections => 10,
		superuser_reserved_connections => 3,
		autovacuum => 'off',
		'pg_session_guard.naptime' => '1h',
		'pg_session_guard.headroom_min_idle' => '100ms',
		%settings);
}

# The connection of a superuser.
sub admin_of
{
	my ($node) = @_;

	return RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
}

# Named sessions, one after the other; some by another role than web.
sub connect_all
{
	my ($node, $session, $names, %user) = @_;

	$session->{$_} = RawSession->connect($node, user => $user{$_} // 'web') for @$names;
	return;
}

# Change settings, and wait until the guard has scanned by them: that a limit has become stricter,
# one that nobody is near, is in the log only then.
my $session_timeout = 100_000;

sub set_by
{
	my ($node, $admin, %settings) = @_;
	my $in_force = 'pg_session_guard\.session_timeout is in force';
	my $before = guard_lines($node, $in_force);

	$settings{session_timeout} = --$session_timeout;
	$admin->query("ALTER SYSTEM SET pg_session_guard.$_ = '$settings{$_}'") for sort keys %settings;
	$admin->query('SELECT pg_reload_conf()');
	return wait_until(sub { guard_lines($node, $in_force) > $before }, 'the guard has scanned by new settings');
}

# The names of the sessions that are there.
sub there
{
	my ($admin, $session) = @_;
	my %pid = map { $_ => 1 } $admin->query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'");

	return join ' ', sort grep { $pid{ $session->{$_}->pid } } keys %$session;
}

sub wait_until_gone
{
	my ($admin, @pids) = @_;
	my $list = join ', ', @pids;

	return wait_until(sub { $admin->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($list)") == 0 }, "$list are gone");
}

# Wait until sessions have been idle for longer than an interval.
sub wait_until_idle_for
{
	my ($admin, $interval, @sessions) = @_;
	my $list = join ', ', map { $_->pid } @sessions;

	return wait_until(
		sub {
			$admin->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($list)
				AND state = 'idle' AND state_change < clock_timestamp() - interval '$interval'") == @sessions;
		},
		"$list are idle");
}

# How many sessions have been ended for it, or would have been.
sub actions_taken
{
	my ($admin) = @_;

	return $admin->query("SELECT count(*) FROM session_guard.event WHERE limit_name = 'connection_headroom'");
}

# Connect, or be refused; the session is there in both cases.
sub try_to_connect
{
	my ($node, %params) = @_;
	my $session = RawSession->open($node);

	$session->start_up(user => 'web', %params);
	$session->read_until('Z');
	return $session;
}

# What the server says to whom it has no connection for; from 16 on it says for whom they are.
sub refused_text
{
	return qr/^FATAL 53300: remaining connection slots are reserved for/;
}

sub wait_for_scans_by
{
	my ($admin, $scans) = @_;
	my $before = $admin->query('SELECT scans FROM session_guard.stats');

	return wait_until(sub { $admin->query('SELECT scans FROM session_guard.stats') >= $before + $scans }, "$scans more scans");
}

1;
