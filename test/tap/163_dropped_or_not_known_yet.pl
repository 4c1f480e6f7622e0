# A role that the guard has not read is not a role that was dropped: one that
# was made a moment ago is a superuser's from its first look, and while
# pg_authid cannot be read nobody is ended by a guess.  The schedule agrees.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms', 'max_connections' => 100);
my $limit = 'pg_session_guard.idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my ($locker, $admin) = map { RawSession->connect($node, user => $superuser) } 1 .. 2;

# What the schedule says of a session and the idle limit.
sub schedule_of
{
	my ($session) = @_;

	return $node->safe_psql('postgres',
		"SELECT usename, threshold, source, spared FROM session_guard.schedule
		 WHERE pid = ${\ $session->pid } AND limit_name = 'idle_session_timeout'");
}

# By the schedule, before anything is due.
set_limits($node, idle_session_timeout => '1h');
$admin->run("CREATE ROLE $_ LOGIN") for qw(own plain);
$admin->run("ALTER ROLE own SET $limit = '2h'", 'CREATE ROLE boss LOGIN SUPERUSER');
my %session = map { $_ => RawSession->connect($node, user => $_) } qw(own plain boss);
is(schedule_of($session{own}), 'own|02:00:00|role "own"|', 'a role has its own limit');
is(schedule_of($session{boss}), 'boss|01:00:00|configuration file|superuser', 'a superuser is spared');
$admin->run("DROP ROLE $_") for qw(own plain boss);
is(schedule_of($session{$_}), '|01:00:00|configuration file|', "$_ is bound by the file when it is dropped") for sort keys %session;

# Many at once, while the guard cannot read pg_authid: it was started anew, and knows nobody.
my @dropped;
for my $i (1 .. 40)
{
	$admin->run("CREATE ROLE many$i LOGIN");
	push @dropped, RawSession->connect($node, user => "many$i");
	$admin->run("DROP ROLE many$i");
}
my $web = RawSession->connect($node);
my $guard = wait_for_guard($node);
my $offset = log_size($node);
$admin->run("ALTER SYSTEM SET $limit = '300ms'");
$locker->run('BEGIN', 'LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
kill TERM => $guard;
wait_until(sub { guard_lines($node, qr/LOG:  session guard started/, $offset) }, 'the next guard is there');
$node->reload;
wait_until(sub { guard_lines($node, qr/LOG:  $limit is in force/, $offset) }, 'with the limit');
my $scans = $admin->query('SELECT scans FROM session_guard.stats');
wait_until(sub { $admin->query('SELECT scans FROM session_guard.stats') >= $scans + 8 }, 'it scans');
is(scalar(grep { !process_exists($_->pid) } @dropped, $web, values %session), 0, 'nobody is ended whose role cannot be read');
$locker->run('COMMIT');
wait_for_end($node, $_->pid) for @dropped, $web, values %session;
ok(is_alive($node, $locker->pid) && is_alive($node, $admin->pid), 'as soon as it can be read all are ended but superusers');

# Roles that are made while the guard is busy with others that were dropped.
my (@innocent, @culprits);
for my $i (1 .. 20)
{
	$admin->run("CREATE ROLE gone$i LOGIN");
	push @culprits, RawSession->connect($node, user => "gone$i");
	$admin->run("DROP ROLE gone$i", "CREATE ROLE new$i LOGIN SUPERUSER");
	push @innocent, RawSession->connect($node, user => "new$i");
}
wait_for_end($node, $_->pid) for @culprits;
wait_until_unchanged_for($node, '500 ms', map { $_->pid } @innocent);
wait_for_scan($node, 2);
is(scalar(grep { !is_alive($node, $_->pid) } @innocent), 0, 'superusers that are new stay');

# Roles that were made after the last reading that was possible.
my $known = RawSession->connect($node);
$guard = wait_for_guard($node);
freeze_asleep($admin, $guard);
$admin->run('CREATE ROLE late_boss LOGIN SUPERUSER', 'CREATE ROLE late LOGIN');
my ($late_boss, $late) = map { RawSession->connect($node, user => $_) } qw(late_boss late);
$locker->run('BEGIN', 'LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
thaw_process($guard);
wait_until(sub { !process_exists($known->pid) }, 'who is known and over the limit is gone');
$scans = $admin->query('SELECT scans FROM session_guard.stats');
wait_until(sub { $admin->query('SELECT scans FROM session_guard.stats') >= $scans + 8 }, 'it scans');
ok(process_exists($late_boss->pid) && process_exists($late->pid), 'who cannot be known yet stays');
$locker->run('COMMIT');
wait_for_end($node, $late->pid);
ok(is_alive($node, $late_boss->pid), 'until it is known that its role is no superuser');

$_->abandon for $locker, $admin, $web, $known, $late, $late_boss, @dropped, @culprits, @innocent, values %session;
$node->stop;
done_testing();
