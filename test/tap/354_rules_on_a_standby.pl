# The rules of the primary bind the sessions of a hot standby, by replication and at the guard's
# next reading, and so do the roles' memberships that they select by; what exempts saves there, too.
# Sessions of other databases see the rules in the schedule.  All that goes on through a promotion.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $limit = 'idle_session_timeout';
my $primary = guard_node('primary', allows_streaming => 1, max_connections => 30,
	'pg_session_guard.naptime' => '200ms');
$primary->safe_psql('postgres', join ';', (map { "CREATE ROLE $_ LOGIN" } 'a', 'b', 'c'), 'CREATE ROLE team');
$primary->safe_psql('postgres', 'CREATE DATABASE shop');
my $standby = standby_of($primary);

sub open_on_standby
{
	my ($user, $dbname) = split /@/, $_[0];

	return RawSession->connect($standby, user => $user, dbname => $dbname);
}

sub change_on_primary
{
	$primary->safe_psql('postgres', join '; ', 'BEGIN', @_, 'COMMIT');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	return;
}

sub check_end
{
	my ($session, $source, $what) = @_;

	$session->read_to_end;
	is(source_told($session), $source, $what);
	return;
}

# What the schedule of the standby says of a session, as seen in a database.
sub scheduled_in
{
	my ($dbname, $session) = @_;

	return $standby->safe_psql($dbname, "SELECT concat_ws(' ', source, threshold, spared) FROM session_guard.schedule
		WHERE pid = ${\ $session->pid } AND limit_name = '$limit'");
}

# The view, for those who are not in the workers' database.
$primary->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
my %session = map { $_ => open_on_standby($_) } 'a@postgres', 'a@shop', 'b@shop', 'c@postgres';
change_on_primary(rule('a in shop', roles => ['a'], databases => ['shop'], $limit => '400 ms'));
check_end(delete $session{'a@shop'}, 'rule "a in shop"', 'a rule of the primary ends a session of the standby');
wait_for_scan($standby, 2);
is(living($standby, \%session), 'a@postgres b@shop c@postgres', 'and nobody else');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM session_guard.event'), '0', 'the primary has ended nobody');

change_on_primary(rule('team', roles => ['team'], $limit => '400 ms'));
wait_for_scan($standby, 2);
is(living($standby, \%session), 'a@postgres b@shop c@postgres', 'a rule for a role that has no members binds nobody');
change_on_primary('GRANT team TO a, b, c', rule('spares b', roles => ['b'], exempt => 'on'));
check_end(delete $session{$_}, 'rule "team"', "$_ has become a member, and is bound") for 'a@postgres', 'c@postgres';
wait_until_unchanged_for($standby, '800 ms', $session{'b@shop'}->pid);
is(living($standby, \%session), 'b@shop', 'whom the primary exempts stays');
is(scheduled_in($_, $session{'b@shop'}), 'rule "team" 00:00:00.4 exempt by rule "spares b"', "the schedule in $_ says so")
  for 'postgres', 'shop';
change_on_primary(q{DELETE FROM session_guard.rule WHERE name = 'spares b'});
check_end(delete $session{'b@shop'}, 'rule "team"', 'until it does so no longer');
change_on_primary('TRUNCATE session_guard.rule', rule('later', roles => ['c'], $limit => '1 h'));
$session{$_} = open_on_standby($_) for 'a@postgres', 'b@shop', 'c@postgres';
wait_until(sub { scheduled_in('shop', $session{'c@postgres'}) eq 'rule "later" 01:00:00' }, 'the guard has read that');
wait_until_unchanged_for($standby, '800 ms', map { $_->pid } values %session);
is(living($standby, \%session), 'a@postgres b@shop c@postgres', 'after a TRUNCATE they stay');

# The table cannot be read while the primary holds it locked, and the lock is replayed.
my $keeper = RawSession->connect($primary, user => $primary->safe_psql('postgres', 'SELECT user'));
my $offset = log_size($standby);
change_on_primary("UPDATE session_guard.rule SET $limit = '2 s'");
wait_until(sub { scheduled_in('shop', $session{'c@postgres'}) eq 'rule "later" 00:00:02' }, 'the guard has read that');
$session{'c@postgres'}->query('SELECT 1');
$keeper->run('BEGIN', 'LOCK TABLE session_guard.rule IN ACCESS EXCLUSIVE MODE');
# So that the lock is sent at once.
$primary->safe_psql('postgres', 'CREATE TABLE another ()');
wait_until(sub { guard_lines($standby, qr/LOG:  table "session_guard\.rule" is locked$/, $offset) }, 'the standby says that the table is locked');
check_end(delete $session{'c@postgres'}, 'rule "later"', 'while the table is locked the last rules hold');
$keeper->run('ROLLBACK');
$keeper->quit;

# Who is idle when the standby is promoted is bound by the rules afterwards, and by changes made there.
change_on_primary(rule('at last', roles => ['a'], $limit => '3 s'));
$session{'a@postgres'}->query('SELECT 1');
wait_until(sub { scheduled_in('shop', $session{'a@postgres'}) eq 'rule "at last" 00:00:03' }, 'the guard has read that');
$standby->promote;
check_end(delete $session{'a@postgres'}, 'rule "at last"', 'after the promotion the rules hold');
is(living($standby, \%session), 'b@shop', 'and others stay');
$standby->safe_psql('postgres', rule('new', roles => ['b'], $limit => '400 ms'));
check_end(delete $session{'b@shop'}, 'rule "new"', 'a rule that is made there binds');

$standby->stop;
$primary->stop;
done_testing();
