# From 19 on the history writer, like the guard, does not keep its database from
# being renamed or dropped: it gives way and comes back, and then writes what
# has happened meanwhile.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node_without_extension('main');
if ($node->safe_psql('postgres', 'SHOW server_version_num') < 190000)
{
	$node->stop;
	plan skip_all => 'the server lets a worker give way from 19 on';
}
$node->safe_psql('postgres', 'CREATE DATABASE home');
$node->safe_psql($_, 'CREATE EXTENSION pg_session_guard') for qw(postgres home);
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'home'\n");
$node->restart;

# Terminate a session by a function, beside one that stays; returns its pid.
sub end_somebody
{
	my $session = RawSession->connect($node);
	my $pid = $session->pid;

	is(run_function($node, "terminate_session($pid)")->{outcome}{$pid}, 'terminated', 'a session is terminated');
	return $pid;
}

my $idle = RawSession->connect($node);
my $first_pid = wait_for_history_writer($node);

# Renamed: there is nowhere to write to, until there is again.
$node->safe_psql('postgres', 'ALTER DATABASE home RENAME TO elsewhere');
wait_until(sub { guard_lines($node, qr/FATAL:  database "home" does not exist/) >= 1 }, 'it misses its database');
is($node->safe_psql('postgres', 'SELECT history_pid IS NULL FROM session_guard.stats'), 't', 'its database can be renamed, and the writer is away');
my $pid = end_somebody();
$node->safe_psql('postgres', 'ALTER DATABASE elsewhere RENAME TO home');
my $second_pid = wait_for_history_writer($node, $first_pid);
isnt($second_pid, $first_pid, 'it comes back under another pid');
is(wait_for_row($pid), 'terminated', 'and writes what happened while it was away');

# Dropped: a new database of that name is as good, once it has the table.
$node->safe_psql('postgres', 'DROP DATABASE home');
$node->safe_psql('postgres', 'CREATE DATABASE home');
$node->safe_psql('home', 'CREATE EXTENSION pg_session_guard');
wait_for_history_writer($node, $second_pid);
is(wait_for_row(end_somebody()), 'terminated', 'its database can be dropped, too, and it writes to the next of that name');

is($node->safe_psql('postgres', 'SELECT events_lost, history_failures FROM session_guard.stats'), '0|0', 'nothing is lost or has failed');
is($idle->query('SELECT 42'), '42', 'who did nothing stays');
$node->stop;
done_testing();

# What the history has of a session.
sub wait_for_row
{
	my ($for_pid) = @_;

	$node->poll_query_until('home', "SELECT count(*) = 1 FROM session_guard.history WHERE pid = $for_pid")
	  or die "there is no row of session $for_pid";
	return $node->safe_psql('home', "SELECT outcome FROM session_guard.history WHERE pid = $for_pid");
}
