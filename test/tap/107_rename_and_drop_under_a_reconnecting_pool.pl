# A pool that connects again as soon as it is thrown out does not keep a database
# from being renamed and dropped: who closes the door first, and then terminates
# the sessions, succeeds each time.

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

# Keep a session in a database, for ever; in some the session waits, in some it works.
sub be_a_pool
{
	my ($dbname, $parent) = @_;

	while (getppid() == $parent)
	{
		my $session = RawSession->open($node);

		$session->start_up(dbname => $dbname, application_name => 'pool');
		$session->read_until('Z');
		$session->query('SELECT pg_backend_pid()') for 1 .. rand 20;
		$session->query('BEGIN') if rand 2 < 1;
		$session->send_query('SELECT pg_sleep(600)') if rand 2 < 1;
		$session->read_to_end if defined $session->pid && rand 4 < 3;
		$session->abandon;
	}
	return;
}

sub start_pool
{
	my ($dbname) = @_;
	my $parent = $$;

	return map {
		my $child = fork // die "could not fork: $!";

		if ($child == 0)
		{
			srand $_;
			eval { be_a_pool($dbname, $parent) };
			POSIX::_exit(0);
		}
		$child;
	} 1 .. 4;
}

my $sessions = 0;
for my $round (1 .. $rounds)
{
	my $dbname = "apps_$round";

	$node->safe_psql('postgres', "CREATE DATABASE $dbname");
	my @pool = start_pool($dbname);
	$node->poll_query_until('postgres',
		"SELECT count(*) >= 3 FROM session_guard.session WHERE datname = '$dbname'")
	  or die 'the pool has not come';

	my ($status, $output, $error) = $node->psql('postgres', <<"SQL");
ALTER DATABASE $dbname ALLOW_CONNECTIONS false;
SELECT outcome, count(*) FROM terminate_db_sessions('$dbname') GROUP BY 1 ORDER BY 1;
ALTER DATABASE $dbname RENAME TO old_$dbname;
DROP DATABASE old_$dbname;
SQL

	is($status, 0, "round $round: the database is renamed and dropped");
	is($error, '', 'without a complaint');
	like($output, qr/^(?:gone\|\d+\n)?terminated\|\d+$/, 'all of its sessions were ended');
	$sessions += $1 while $output =~ /\|(\d+)/g;
	ok(RawSession->connect($node), 'sessions of other databases are let in all the time');
	kill 'KILL', @pool;
	waitpid $_, 0 for @pool;
}
note "$sessions sessions were ended";

$node->stop;
done_testing();
