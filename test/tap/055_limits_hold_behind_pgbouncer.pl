# Behind pgbouncer, in session pooling, a server connection says DISCARD ALL
# when its client has left, and is then reused or lies idle: that lifts no
# limit.  It ends by the limit of its role, and so does the one whose client
# stays and is idle; those of a role without a limit stay.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PgBouncer;
use RawSession;
use Test::More;

plan skip_all => 'pgbouncer is not installed' if !defined PgBouncer->program;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', 'log_statement' => 'all');
my $limit = 'pg_session_guard.idle_session_timeout';

$node->safe_psql('postgres', "CREATE ROLE limited LOGIN; CREATE ROLE free LOGIN; ALTER ROLE limited SET $limit = '1h'");
my $pool = PgBouncer->start($node, [ 'limited', 'free' ],
	pool_mode => 'session', server_reset_query => 'DISCARD ALL');

# Connect as a role; returns the client and the server process behind it.
sub connect_through_pool
{
	my ($user) = @_;
	my $client = RawSession->connect($pool, user => $user);

	return ($client, scalar $client->query('SELECT pg_backend_pid()'));
}

# The clients of both roles try to lift the limit, and leave.
my %pid;
for my $user ('limited', 'free')
{
	my $client;

	($client, $pid{$user}) = connect_through_pool($user);
	$client->query("SET $limit = 0");
	is($client->sqlstate, '42501', "$user cannot lift the limit");
	$client->quit;
}
for my $user ('limited', 'free')
{
	wait_until(sub { guard_lines($node, qr/\[$pid{$user}\] .*LOG:  statement: DISCARD ALL/) },
		"the connection of $user is reset");
}
$node->safe_psql('postgres', "ALTER ROLE limited SET $limit = '1s'");
wait_for_end($node, $pid{limited});
is( scalar guard_lines($node, qr/LOG:  terminating session $pid{limited} \(user "limited".*: idle for .*timeout is 1 s \(role "limited"\)$/),
	1,
	'the connection of the limited role is ended after DISCARD ALL');
wait_until_unchanged_for($node, '1200 ms', $pid{free});
wait_for_scan($node, 2);
ok(is_alive($node, $pid{free}), 'that of the other role stays');

# The clients stay, and do nothing.
$node->safe_psql('postgres', "ALTER ROLE limited SET $limit = '1h'");
my ($idle, $idle_pid) = connect_through_pool('limited');
my ($other, $other_pid) = connect_through_pool('free');
isnt($idle_pid, $pid{limited}, 'the limited role has a connection of its own again');
is($other_pid, $pid{free}, 'and the other one that of before');
$idle->query('DISCARD ALL');
$other->query('DISCARD ALL');
$node->safe_psql('postgres', "ALTER ROLE limited SET $limit = '1s'");
wait_for_end($node, $idle_pid);
is(scalar guard_lines($node, qr/LOG:  terminating session $idle_pid .*timeout is 1 s \(role "limited"\)$/),
	1, 'whose client is idle is ended');
$idle->read_to_end;
like($idle->error->{message}, qr/administrator command|server (conn|closed)/, 'and the client is told');
wait_until_unchanged_for($node, '1200 ms', $other_pid);
wait_for_scan($node, 2);
is($other->query('SELECT pg_backend_pid()'), $other_pid, 'the client of the other role goes on');

$_->abandon for $idle, $other;
$node->stop;
done_testing();
