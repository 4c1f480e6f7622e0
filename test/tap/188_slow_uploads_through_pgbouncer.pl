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
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
plan skip_all => 'pgbouncer is not installed' if !defined $pgbouncer;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', 'pg_session_guard.catch_up_rate' => 1000);
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();

append_to_file("$folder/users", qq("web" ""\n));
append_to_file("$folder/ini", <<"INI");
[databases]
postgres = host=${\ $node->host } port=${\ $node->port }
[pgbouncer]
listen_port = $port
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
pool_mode = transaction
logfile = $folder/log
INI
my $bouncer = IPC::Run::start([ $pgbouncer, '-q', "$folder/ini" ], '<', \undef, '>', "$folder/out", '2>&1');

# Whatever becomes of the test, it is not left behind.
END
{
	local $?;
	$bouncer->kill_kill if defined $bouncer;
}

# Where a client finds it, as RawSession asks for it.
{
	package Pool;
	sub host { return $_[0]{host} }
	sub port { return $_[0]{port} }
}
my $pool = bless { host => $folder, port => $port }, 'Pool';
wait_until(sub { -S "$folder/.s.PGSQL.$port" }, 'pgbouncer accepts connections');

my $text = 'x' x 1_000_000;
my $query = "SELECT length('$text')\0";
my $body = "\0\0" . pack('n', 0) . RawSession::text_values($text) . pack('n', 0);
my %prepare = (
	'query' => sub { },
	'query in a transaction' => sub { shift->query('BEGIN') },
	'bind' => sub {
		my ($session) = @_;

		$session->parse('', 'SELECT length($1)');
		$session->flush;
		$session->read_until('1');
	});
my (%upload, %left);

for my $name (sort keys %prepare)
{
	$upload{$name} = RawSession->connect($pool);
	$prepare{$name}->($upload{$name});
	$left{$name} = $name =~ /query/
	  ? 'Q' . pack('N', 4 + length $query) . $query
	  : 'B' . pack('N', 4 + length $body) . $body . 'E' . pack('N', 9) . "\0" . pack('N', 0) . 'S' . pack('N', 4);
	$upload{$name}->send_bytes(substr $left{$name}, 0, 1000, '');
}
my $in_transaction = RawSession->connect($pool);
my $idle = RawSession->connect($pool);
$in_transaction->query('BEGIN');
my $pid = $in_transaction->query('SELECT pg_backend_pid()');
my $idle_pid = $idle->query('SELECT pg_backend_pid()');
is($root->query(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'}), '5', 'each has a session of its own');

sub send_pieces
{
	$upload{$_}->send_bytes(substr $left{$_}, 0, 100, '') for keys %upload;
	return;
}

send_pieces();
$root->query("ALTER SYSTEM SET pg_session_guard.$_ = '2s'")
  for 'idle_session_timeout', 'idle_in_transaction_session_timeout';
$root->query('SELECT pg_reload_conf()');
wait_until(
	sub {
		send_pieces();
		return $root->query("SELECT count(*) FILTER (WHERE pid IN ($pid, $idle_pid)) = 0
			AND bool_and(clock_timestamp() - state_change > '5 s') FROM pg_stat_activity WHERE usename = 'web'") ne 'f';
	},
	'those that send nothing are gone, and the messages were long on their way');
for my $name (sort keys %upload)
{
	$upload{$name}->send_bytes($left{$name});
	is($upload{$name}->read_result, '1000000', "$name: the message comes to its end");
	is($upload{$name}->sqlstate, '', "$name: without any error");
}
$in_transaction->read_to_end;
ok($in_transaction->is_closed, 'who was idle in transaction has lost his connection');
is($idle->query('SELECT 42'), '42', 'who was idle has a new session of the pool');
isnt($idle->query('SELECT pg_backend_pid()'), $idle_pid, 'indeed');

$_->abandon for $root, $in_transaction, $idle, values %upload;
$bouncer->kill_kill;
undef $bouncer;
$node->stop;
done_testing();
