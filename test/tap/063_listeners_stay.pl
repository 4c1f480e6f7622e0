# Who listens on a channel is idle on purpose and stays, however the LISTEN came
# about and whatever was rolled back since; who listens no more, and who never
# did because its LISTEN was rolled back, goes as any idle session.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'max_connections' => 40, 'pg_session_guard.naptime' => '100ms');

my %listening = (
	'LISTEN before another statement' => ['LISTEN a; SELECT 1'],
	'LISTEN behind a comment' => ["/* at\nwork */ -- now\n LISTEN a", 'SELECT 1'],
	'LISTEN in a function' => [q{DO $$ BEGIN EXECUTE 'LISTEN a'; END $$}, 'SELECT 1'],
	'LISTEN in a transaction' => [ 'BEGIN', 'LISTEN a', 'SELECT 1', 'COMMIT' ],
	'LISTEN in a released savepoint' => ['BEGIN', 'SAVEPOINT s', 'SAVEPOINT t', 'LISTEN a', 'RELEASE s', 'COMMIT'],
	'LISTEN beside a rolled back savepoint' =>
	  [ 'BEGIN', 'LISTEN a', 'SAVEPOINT s', 'LISTEN b', 'ROLLBACK TO s', 'COMMIT' ],
	'rolled back UNLISTEN' => [ 'LISTEN a', 'BEGIN', 'UNLISTEN a', 'ROLLBACK' ],
	'rolled back UNLISTEN *' => [ 'LISTEN a', 'BEGIN', 'UNLISTEN *', 'SELECT 1/0', 'COMMIT' ],
	'UNLISTEN in a rolled back savepoint' =>
	  [ 'LISTEN a', 'BEGIN', 'SAVEPOINT s', 'UNLISTEN a', 'ROLLBACK TO s', 'COMMIT' ],
	'UNLISTEN * in a block that fails' => [
		'LISTEN a',
		q{DO $$ BEGIN EXECUTE 'UNLISTEN *'; RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$}
	],
	'two channels and one UNLISTEN' => [ 'LISTEN a', 'LISTEN b', 'UNLISTEN b' ],
	'UNLISTEN before LISTEN in a transaction' => [ 'LISTEN a', 'BEGIN', 'UNLISTEN *', 'LISTEN a', 'COMMIT' ],
	'DISCARD of anything but all' => [ 'LISTEN a', 'DISCARD PLANS', 'DISCARD TEMP' ]);

my %not_listening = (
	'LISTEN in a rolled back transaction' => [ 'BEGIN', 'LISTEN a', 'ROLLBACK' ],
	'LISTEN in a rolled back savepoint' =>
	  [ 'BEGIN', 'SAVEPOINT s', 'SAVEPOINT t', 'LISTEN a', 'RELEASE t', 'ROLLBACK TO s', 'COMMIT' ],
	'LISTEN in a block that fails' => [
		q{DO $$ BEGIN EXECUTE 'LISTEN a'; RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$}
	],
	'UNLISTEN of the only channel' => [ 'LISTEN a', 'UNLISTEN a' ],
	'UNLISTEN of both channels' => [ 'LISTEN a; LISTEN b', 'UNLISTEN a', 'UNLISTEN b' ],
	'UNLISTEN after LISTEN in a transaction' => [ 'BEGIN', 'LISTEN a', 'UNLISTEN a', 'COMMIT' ],
	'UNLISTEN *' => [ 'LISTEN a', 'LISTEN b', 'UNLISTEN *' ],
	'DISCARD ALL' => [ 'LISTEN a', 'DISCARD ALL' ],
	'text that only speaks of it' => [q{SELECT 'LISTEN a'}],
	'plain' => ['SELECT 1']);

# What the server itself says of the channels shows that each of them is what it is called.
sub open_by
{
	my ($name, $statements, $is_listening) = @_;
	my $session = RawSession->connect($node);

	$session->query($_) for @$statements;
	is(scalar $session->query('SELECT count(*) > 0 FROM pg_listening_channels()'),
		$is_listening, "$name: " . ($is_listening eq 't' ? 'listens' : 'does not listen'));
	return $session;
}

# Those who stay are the older ones, whose turn would come first.
my %stays = map { $_ => open_by($_, $listening{$_}, 't') } sort keys %listening;
my %goes = map { $_ => open_by($_, $not_listening{$_}, 'f') } sort keys %not_listening;

set_limits($node, idle_session_timeout => '500ms');
wait_for_end($node, $_->pid) for values %goes;
wait_until_unchanged_for($node, '1 s', map { $_->pid } values %stays);
wait_for_scan($node, 3);
is(living($node, \%stays), join(' ', sort keys %stays), 'who listens stays, and everybody else goes');

# To be told of something ends no idle time, and does no harm.
$node->safe_psql('postgres', "NOTIFY a, 'news'");
for my $name (sort keys %stays)
{
	my @messages = $stays{$name}->read_until('A');

	ok(@messages && $messages[-1][1] =~ /\0news\0$/, "$name: is told of what happens");
}
wait_for_scan($node, 3);
is(living($node, \%stays), join(' ', sort keys %stays), 'and goes on listening');

# A session that stops listening is like the others from then on.
my $last = $stays{'two channels and one UNLISTEN'};
$last->query('UNLISTEN a');
wait_for_end($node, $last->pid);
delete $stays{'two channels and one UNLISTEN'};
is(living($node, \%stays), join(' ', sort keys %stays), 'who stops listening goes, and nobody else');

$_->abandon for $last, values %stays, values %goes;
$node->stop;
done_testing();
