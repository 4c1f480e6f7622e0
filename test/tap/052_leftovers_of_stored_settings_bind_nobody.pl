# What was stored before the library was loaded may be nonsense: such a value
# counts as not stored, so it neither ends nor spares anybody, and one line in
# the log says so.  Roles and databases that are dropped with settings stored
# for them do no harm.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $limit = 'pg_session_guard.idle_session_timeout';
my @bad = (
	[ 'too_short', 'idle_session_timeout', '50ms' ],
	[ 'negative', 'idle_session_timeout', '-1' ],
	[ 'no_number', 'idle_session_timeout', 'soon' ],
	[ 'too_long', 'idle_session_timeout', '99999999999999' ],
	[ 'no_unit', 'session_timeout', '5 parsecs' ],
	[ 'no_truth', 'exempt', 'perhaps' ],
	[ 'no_grace', 'cancel_grace', '5ms' ]);

$node->safe_psql('postgres', join '; ', (map { "CREATE ROLE $_ LOGIN" } 'dropped', 'good', 'free', map { $_->[0] } @bad),
	'ALTER ROLE free SET pg_session_guard.exempt = on');
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'shop', 'closed';

# Without the library nobody objects.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('postgres', join '; ', map { "ALTER ROLE $_->[0] SET pg_session_guard.$_->[1] = '$_->[2]'" } @bad);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_guard'\n");
my $offset = log_size($node);
$node->restart;
wait_for_guard($node);

# How often the guard has said that it ignores a value.
sub said
{
	my ($value) = @_;

	return scalar guard_lines($node, qr/LOG:  ignored the value "\Q$value->[2]\E" stored for parameter "pg_session_guard\.$value->[1]"$/,
		$offset);
}

wait_until(sub { said($bad[-1]) }, 'the guard has read what is stored');
is(said($_), 1, "$_->[1] = $_->[2] is ignored") for @bad;

# In the database "shop" there is a limit: a role with a bad one of its own is
# bound by it like others, and only who is exempt is not.
my @culprits = map { $_->[0] } @bad;
my %session = map { $_ => RawSession->connect($node, user => $_, dbname => 'shop') } 'free', @culprits;
my %elsewhere = map { $_ => RawSession->connect($node, user => $_) } @culprits;
wait_until_unchanged_for($node, '500 ms', map { $_->pid } values %session, values %elsewhere);
$node->safe_psql('postgres', "ALTER DATABASE shop SET $limit = '400ms'");
for my $role (@culprits)
{
	wait_for_end($node, $session{$role}->pid);
	is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $session{$role}->pid } .*idle_session_timeout is 400 ms \(database "shop"\)$/),
		1,
		"$role is bound by what is stored for the database");
}
wait_for_scan($node, 2);
is(living($node, \%session), 'free', 'who is exempt stays');
is(living($node, \%elsewhere), join(' ', sort @culprits), 'and so do all whom nothing but the bad values would bind');
is(said($_), 1, "$_->[1] = $_->[2] was mentioned once, though others have changed and scans gone by") for @bad;
$node->safe_psql('postgres', 'SELECT * FROM session_guard.schedule');
is(said($bad[0]), 1, 'nor does it matter who asks for the schedule');
$_->abandon for values %session, values %elsewhere;

# A role is dropped under its own session, and a database with what is stored for it.
$node->safe_psql('postgres', <<"SQL");
ALTER DATABASE shop RESET ALL;
ALTER ROLE dropped IN DATABASE closed SET $limit = '300ms';
ALTER DATABASE closed SET $limit = '300ms';
ALTER ROLE good SET $limit = '400ms';
SQL
my $busy = RawSession->connect($node, user => 'dropped');
$busy->send_query('SELECT pg_sleep(600)');
wait_for_state($node, 'active', $busy->pid);
$node->safe_psql('postgres', $_)
  for "ALTER ROLE dropped SET $limit = '400ms'", 'DROP OWNED BY dropped', 'DROP ROLE dropped', 'DROP DATABASE closed';
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_db_role_setting s
	WHERE setrole <> 0 AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.setrole)"),
	'0', 'nothing is left of the role');
my $good = RawSession->connect($node, user => 'good');
wait_for_end($node, $good->pid);
pass('the limit of another role is in force');
$node->safe_psql('postgres', "CREATE ROLE later LOGIN; ALTER ROLE later SET $limit = '300ms'");
my $later = RawSession->connect($node, user => 'later');
wait_for_end($node, $later->pid);
pass('and so is one that is stored later');
wait_for_scan($node, 2);
ok(is_alive($node, $busy->pid), 'whose role is gone stays');
is(scalar guard_lines($node, qr/LOG:  session guard started/, $offset), 1, 'the guard has not failed');

$_->abandon for $busy, $good, $later;
$node->stop;
done_testing();
