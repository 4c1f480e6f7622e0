# A client whose message arrives in pieces is not idle, whatever its session was
# shown as when the message began, though it be longer on its way than the limit.
# Who sends nothing in the same state goes, and so does who stops halfway.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 60,
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.catch_up_rate' => 1000);
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $size = 1_000_000;

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

# What a session does before the message, and whether it has a transaction then.
sub in_pipeline
{
	my ($session, @statements) = @_;

	for my $sql (@statements)
	{
		$session->parse('', $sql);
		$session->bind('', '');
		$session->execute('');
		$session->flush;
		$session->read_until('C');
	}
	return;
}

sub begin_statement
{
	my ($session) = @_;

	$session->parse('', 'SELECT length($1)');
	$session->flush;
	$session->read_until('1');
	return;
}

# The messages, each of about a size, and what the client is told in the end.
my $text = 'x' x $size;
my %message = (
	query => [ message('Q', "SELECT length('$text')\0"), $size ],
	rollback => [ message('Q', "ROLLBACK /* $text */\0"), undef ],
	bind => [
		message('B', "\0\0" . pack('n', 0) . RawSession::text_values($text) . pack('n', 0))
		  . message('E', "\0" . pack('N', 0))
		  . message('S', ''),
		$size
	],
	statement => [
		message('P', "\0SELECT length('$text')\0" . pack('n', 0))
		  . message('B', "\0\0" . pack('n n n', 0, 0, 0))
		  . message('E', "\0" . pack('N', 0))
		  . message('S', ''),
		$size
	],
	# The server reads on to the Sync.
	skipped => [ message('P', "\0SELECT length('$text')\0" . pack('n', 0)) . message('S', ''), undef ],
	call => [ message('F', pack('N n', 1317, 0) . RawSession::text_values($text) . pack('n', 0)), undef ]);

sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

my %case = (
	'idle' => [ 'idle', '', 'query', sub { shift->query('SELECT 1') } ],
	'idle, fastpath call' => [ 'idle', '', 'call', sub { shift->query('SELECT 1') } ],
	'idle in transaction' => [ 'idle in transaction', 'in transaction', 'query', sub { shift->query('BEGIN') } ],
	'failed transaction' => [
		'idle in transaction (aborted)',
		'in transaction',
		'rollback',
		sub { $_[0]->query($_) for 'BEGIN', 'SELECT 1/0' }
	],
	'pipeline' => [ 'active', 'in transaction', 'bind', \&begin_statement ],
	'pipeline in transaction' =>
	  [ 'active', 'in transaction', 'bind', sub { $_[0]->query('BEGIN'); begin_statement($_[0]) } ],
	'pipeline behind a statement' =>
	  [ 'active', 'in transaction', 'statement', sub { in_pipeline($_[0], 'INSERT INTO t VALUES (1)') } ],
	'pipeline behind a commit' => [
		'active', '',
		'statement', sub { in_pipeline($_[0], 'BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT') }
	],
	'pipeline behind an error' => [
		'active', '',
		'skipped',
		sub { $_[0]->parse('', 'nonsense'); $_[0]->flush; $_[0]->read_until('E') }
	],
	'idle with a transaction' => [
		'idle',
		'in transaction',
		'bind',
		sub {
			my ($session) = @_;

			begin_statement($session);
			$session->sync;
			$session->read_result;
			$session->send_message('D', "S\0");
			$session->flush;
			$session->read_until('T');
		}
	]);

my (%uploads, %pauses, %left);

for my $name (sort keys %case)
{
	my ($state, $transaction, $message, $prepare) = @{ $case{$name} };

	for my $kind ($name, "$name, silent", "$name, halfway")
	{
		my $session = RawSession->connect($node);

		$prepare->($session);
		wait_until(sub { $root->query('SELECT count(*) FROM pg_stat_activity WHERE pid = '
				  . $session->pid . " AND state = '$state' AND wait_event = 'ClientRead'") },
			"$kind is $state");
		my $has_transaction =
		  $root->query('SELECT count(*) FROM pg_locks WHERE pid = ' . $session->pid
			  . " AND locktype = 'virtualxid'") || $state =~ /aborted/;
		is($has_transaction ? 'in transaction' : '', $transaction, "$kind: $state, " . ($transaction || 'outside'))
		  if $kind eq $name;
		$pauses{$kind} = $session if $kind ne $name;
		$session->send_bytes(substr $message{$message}[0], 0, $size / 2) if $kind =~ /halfway/;
		next if $kind ne $name;
		$uploads{$name} = $session;
		$left{$name} = $message{$message}[0];
	}
}

# The first byte of a message wakes the server's process as any other does.
sub send_pieces
{
	for my $name (keys %uploads)
	{
		$uploads{$name}->send_bytes(substr $left{$name}, 0, 100, '');
	}
	return;
}

send_pieces();
for my $limit (qw(idle_session_timeout idle_in_transaction_session_timeout))
{
	$root->query("ALTER SYSTEM SET pg_session_guard.$limit = '2s'");
}
$root->query('SELECT pg_reload_conf()');
my $pids = join ', ', map { $_->pid } values %uploads, values %pauses;
my $uploading = join ', ', map { $_->pid } values %uploads;
wait_until(
	sub {
		send_pieces();
		return $root->query(
			"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ($pids) AND pid NOT IN ($uploading))
			   AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ($uploading)
			     AND clock_timestamp() - state_change < '6 s')") eq 't';
	},
	'those that pause are gone, and the messages were long on their way');

my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
for my $name (sort keys %pauses)
{
	my $limit = $case{ $name =~ s/, (silent|halfway)$//r }[1] ? 'idle in transaction' : 'idle';
	my $pid = $pauses{$name}->pid;

	like($lines, qr/terminating session $pid \([^\n]*\): $limit for /, "$name: goes as $limit");
}
for my $name (sort keys %uploads)
{
	my $session = $uploads{$name};
	my ($expected) = $message{ $case{$name}[2] }[1];

	$session->{error} = undef if $name =~ /error|failed/;
	$session->send_bytes($left{$name});
	is(scalar $session->read_result, $expected, "$name: the message comes to its end");
	is($session->sqlstate, '', "$name: without any error");
	$session->query('COMMIT');
	is($session->query('SELECT 42'), '42', "$name: the session goes on");
}

$_->abandon for $root, values %uploads, values %pauses;
$node->stop;
done_testing();
