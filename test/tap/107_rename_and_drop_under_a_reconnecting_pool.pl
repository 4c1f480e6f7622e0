# A pool that connects again as soon as it is thrown out does not keep a database
# from being renamed and dropped: who closes the door first, and then terminates
# the sessions, succeeds each time.  So it is if somebody has just passed the door
# and is not in the room yet.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use POSIX ();
use RawSession;
use Test::More;

my $rounds = 5;
my $node = guard_node('main', max_connections => 40);

# Come back to a database for ever; to stay until thrown out, or to leave at once.
sub be_a_pool
{
	my ($dbname, $stays, $parent) = @_;

	while (getppid() == $parent)
	{
		my $session = RawSession->open($node);

		$session->start_up(dbname => $dbname, application_name => 'pool');
		$session->read_until('Z');
		$session->query('BEGIN');
		$session->send_query('SELECT pg_sleep(600)') if $stays && rand 2 < 1;
		$session->read_to_end if $stays && defined $session->pid;
		$session->abandon;
	}
	return;
}

sub start_pool
{
	my ($dbname) = @_;
	my $parent = $$;

	return map {
		my $stays = $_;
		my $child = fork // die "could not fork: $!";

		if ($child == 0)
		{
			srand;
			eval { be_a_pool($dbname, $stays, $parent) };
			POSIX::_exit(0);
		}
		$child;
	} 1, 1, 0, 0;
}

# What a DBA does to be rid of a database; the outcomes of its sessions.
sub remove
{
	my ($dbname, $when) = @_;
	my ($status, $output, $error) = $node->psql('postgres', <<"SQL");
ALTER DATABASE $dbname ALLOW_CONNECTIONS false;
SELECT outcome, count(*) FROM terminate_db_sessions('$dbname') GROUP BY 1 ORDER BY 1;
ALTER DATABASE $dbname RENAME TO old_$dbname;
DROP DATABASE old_$dbname;
SQL

	is($error, '', "$when: nothing to complain of");
	is($status, 0, 'the database is renamed and dropped');
	return $output;
}

my $sessions = 0;
for my $round (1 .. $rounds)
{
	my $dbname = "apps_$round";

	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	my @pool = start_pool($dbname);
	$node->poll_query_until('postgres',
		"SELECT count(*) >= 2 FROM session_guard.session WHERE datname = '$dbname'")
	  or die 'the pool has not come';

	my $output = remove($dbname, "round $round");
	like($output, qr/^(?:(?:gone|terminated)\|\d+\n?)*$/, 'all of its sessions have ended');
	$sessions += $1 while $output =~ /\|(\d+)/g;
	ok(RawSession->connect($node), 'sessions of other databases are let in all the time');
	kill 'KILL', @pool;
	waitpid $_, 0 for @pool;
}
note "$sessions sessions were ended";

# Who connects holds a lock on the database from before the check until the session is ready; here
# that takes a moment.
$node->safe_psql('postgres', 'CREATE DATABASE apps');
my $late = begin_to_connect($node, 'apps', 2);
remove('apps', 'a session is about to begin');
$late->read_until('Z');
ok(!defined $late->pid || !is_alive($node, $late->pid), 'and that session has ended');

$node->stop;
done_testing();
