# Behind pgbouncer, in transaction pooling, a message that arrives slowly is
# passed on as it comes: its session is not idle, whatever the client does
# outside or within a transaction.  A client that keeps its session in a
# transaction and sends nothing goes; one that is idle loses no more than a
# session of the pool, and has the next for its next statement.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PgBouncer;
use RawSession;
use Test::More;
use Upload;

plan skip_all => 'pgbouncer is not installed' if !defined PgBouncer->program;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', 'pg_session_guard.catch_up_rate' => 1000);
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $pool = PgBouncer->start($node, ['web'], pool_mode => 'transaction');

my %prepare = (
	'query' => sub { },
	'query in a transaction' => sub { shift->query('BEGIN') },
	'bind' => \&Upload::parse_statement);
my (%upload, %result, $in_transaction, $idle, $pid, $idle_pid);

# Have all of them begin, without a limit.
sub begin_all
{
	set_idle_limits($root, '0');
	for my $name (sort keys %prepare)
	{
		my $session = RawSession->connect($pool);

		$prepare{$name}->($session);
		$upload{$name} = Upload->new($session, $name =~ /^(\w+)/);
		$upload{$name}->send_piece(1000);
	}
	($in_transaction, $idle) = map { RawSession->connect($pool) } 1 .. 2;
	$in_transaction->query('BEGIN');
	$pid = $in_transaction->query('SELECT pg_backend_pid()');
	$idle_pid = $idle->query('SELECT pg_backend_pid()');
	is($root->query(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'}), '5', 'each has a session of its own');
	return;
}

sub send_pieces
{
	$_->send_piece(100) for values %upload;
	return;
}

# Where the machine did not let the test send for a while, it says nothing of the guard.
for (1 .. 10)
{
	begin_all();
	send_pieces();
	set_idle_limits($root, '2s');
	wait_until(
		sub {
			send_pieces();
			return $root->query("SELECT count(*) FILTER (WHERE pid IN ($pid, $idle_pid)) = 0
				AND bool_and(clock_timestamp() - state_change > '5 s') FROM pg_stat_activity WHERE usename = 'web'") ne 'f';
		},
		'those that send nothing are gone, and the messages were long on their way');
	$result{$_} = [ $upload{$_}->finish, $upload{$_}->session->sqlstate ] for sort keys %upload;
	last if !grep { $_->has_paused } values %upload;
	note('this try was too slow');
	$_->abandon for $in_transaction, $idle, map { $_->session } values %upload;
	wait_until(sub { $root->query(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'}) eq '0' }, 'all have gone');
}
for my $name (sort keys %upload)
{
	is($result{$name}[0], Upload->size, "$name: the message comes to its end");
	is($result{$name}[1], '', "$name: without any error");
}
$in_transaction->read_to_end;
ok($in_transaction->is_closed, 'a client that was idle in transaction has lost its connection');
is($idle->query('SELECT 42'), '42', 'a client that was idle has a new session of the pool');
isnt($idle->query('SELECT pg_backend_pid()'), $idle_pid, 'indeed');

$_->abandon for $root, $in_transaction, $idle, map { $_->session } values %upload;
$pool->stop;
$node->stop;
done_testing();
