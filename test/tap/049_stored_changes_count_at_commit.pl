# ALTER ROLE and ALTER DATABASE end sessions that have long been idle at the
# moment when they are committed, though the guard was asleep with nothing to
# do; oldest first.  It does not matter who commits, a prepared transaction
# neither.  What is not committed yet or rolled back ends nobody.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# With such a naptime, nothing but the commit can wake the guard within the time of this test.
my $node = guard_node(
	'main',
	'max_prepared_transactions' => 2,
	'pg_session_guard.naptime' => '1h');
my $limit = 'pg_session_guard.idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $admin = RawSession->connect($node, user => $superuser);

$node->safe_psql('postgres', 'CREATE ROLE a LOGIN; CREATE ROLE b LOGIN; CREATE ROLE c LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

# A session that nobody should end.
my $innocent = open_idle('b@postgres');

sub open_idle
{
	my ($user, $dbname) = split /@/, $_[0];

	return RawSession->connect($node, user => $user, dbname => $dbname);
}

# A change of this kind ends the session, which was idle before it, and not the other.
sub check_change
{
	my ($what, $whose, $source, @change) = @_;
	my $culprit = open_idle($whose);

	wait_until_unchanged_for($node, '350 ms', $culprit->pid, $innocent->pid);
	my $offset = log_size($node);
	$admin->run(@change);
	wait_for_end($node, $culprit->pid);
	is( scalar guard_lines($node, qr/LOG:  terminating session ${\ $culprit->pid } .*timeout is 300 ms \(\Q$source\E\)$/, $offset),
		1,
		"$what ends who has long been idle");
	is( (guard_lines($node, qr/LOG:  pg_session_guard\.\w+ is in force/, $offset))[0] =~ s/^.*LOG:  |; \d+ (is|are) spared .*//gr,
		"$limit is in force for some roles or databases, 1 session is over it now, ending 10 per second",
		'the log says that the limit is in force');
	$culprit->abandon;
	wait_for_scan($node, 2);
	ok(is_alive($node, $innocent->pid), 'and nobody else');
	# Nothing is in force any more, and the guard sleeps again.
	$admin->run('ALTER ROLE a RESET ALL', 'ALTER DATABASE shop RESET ALL', 'ALTER ROLE a IN DATABASE shop RESET ALL');
	return;
}

check_change('ALTER ROLE', 'a@postgres', 'role "a"', "ALTER ROLE a SET $limit = '300ms'");
check_change('ALTER DATABASE', 'a@shop', 'database "shop"', "ALTER DATABASE shop SET $limit = '300ms'");
check_change('ALTER ROLE IN DATABASE', 'a@shop', 'role "a" in database "shop"',
	"ALTER ROLE a IN DATABASE shop SET $limit = '300ms'");
check_change('ALTER ROLE in a block of code', 'a@postgres', 'role "a"',
	qq(DO 'BEGIN EXECUTE \$x\$ ALTER ROLE a SET $limit = "300ms" \$x\$; END'));
check_change('ALTER ROLE in a released savepoint', 'a@postgres', 'role "a"',
	'BEGIN', 'SAVEPOINT s', "ALTER ROLE a SET $limit = '300ms'", 'RELEASE s', 'COMMIT');
check_change('COMMIT PREPARED', 'a@postgres', 'role "a"',
	'BEGIN', "ALTER ROLE a SET $limit = '300ms'", q(PREPARE TRANSACTION 'change'), q(COMMIT PREPARED 'change'));

# Several of them end oldest first, which is not the order in which they connected.
my @sessions = map { open_idle('a@postgres') } 1 .. 4;
my @order = map { $sessions[$_] } 2, 0, 3, 1;
$_->query('SELECT 1') for @order;
wait_until_unchanged_for($node, '500 ms', map { $_->pid } @sessions);
my $offset = log_size($node);
$admin->run("ALTER ROLE a SET $limit = '300ms'");
wait_for_end($node, $_->pid) for @sessions;
is_deeply(
	[ map { /terminating session (\d+)/ } guard_lines($node, qr/LOG:  terminating session/, $offset) ],
	[ map { $_->pid } @order ],
	'several end oldest first');
ok(is_alive($node, $innocent->pid), 'and nobody else');
$admin->run("ALTER ROLE a RESET $limit");

# What is rolled back or still open does not count, though the guard scans, and ends somebody.
my $waiting = open_idle('a@postgres');
$admin->run('BEGIN', "ALTER ROLE a SET $limit = '300ms'", 'ROLLBACK');
$admin->run('BEGIN', 'SAVEPOINT s', "ALTER ROLE a SET $limit = '300ms'", 'ROLLBACK TO s', 'COMMIT');
$admin->run('BEGIN', "ALTER ROLE a SET $limit = '300ms'", q(PREPARE TRANSACTION 'change'), q(ROLLBACK PREPARED 'change'));
$admin->run('BEGIN', "ALTER ROLE a SET $limit = '300ms'", q(PREPARE TRANSACTION 'change'));
my $culprit = open_idle('c@postgres');
wait_until_unchanged_for($node, '350 ms', $waiting->pid);
$admin->run("ALTER ROLE c SET $limit = '300ms'");
wait_for_end($node, $culprit->pid);
wait_for_scan($node, 3);
ok(is_alive($node, $waiting->pid), 'what was rolled back, or is only prepared, ends nobody');

# The other way round: what is prepared counts as soon as it is committed, by whomsoever.
$node->safe_psql('postgres', q(COMMIT PREPARED 'change'));
wait_for_end($node, $waiting->pid);
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $waiting->pid } .*\(role "a"\)$/), 1,
	'until another session commits what was prepared');
ok(is_alive($node, $innocent->pid), 'and nobody else');

$_->abandon for $admin, $innocent, $culprit, $waiting, @sessions;
$node->stop;
done_testing();
