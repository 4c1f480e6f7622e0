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
use Upload;

my $node = guard_node(
	'main',
	'max_connections' => 60,
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.catch_up_rate' => 1000);
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

# What a session is shown as before the message, whether it has a transaction then, the kind of the
# message, and what it does before.
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
	'pipeline' => [ 'active', 'in transaction', 'bind', \&Upload::parse_statement ],
	'pipeline in transaction' =>
	  [ 'active', 'in transaction', 'bind', sub { $_[0]->query('BEGIN'); Upload::parse_statement($_[0]) } ],
	'pipeline behind a statement' =>
	  [ 'active', 'in transaction', 'statement', sub { $_[0]->run_in_pipeline('INSERT INTO t VALUES (1)') } ],
	'pipeline behind a commit' => [
		'active', '',
		'statement', sub { $_[0]->run_in_pipeline('BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT') }
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

			Upload::parse_statement($session);
			$session->sync;
			$session->read_result;
			$session->send_message('D', "S\0");
			$session->flush;
			$session->read_until('T');
		}
	]);

my (%uploads, %pauses, %result);

# Have all of them begin, without a limit.
sub begin_all
{
	set_idle_limits($root, '0');
	for my $name (sort keys %case)
	{
		my ($state, $transaction, $kind_of_message, $prepare) = @{ $case{$name} };

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
			my $upload = Upload->new($session, $kind_of_message);

			$upload->send_piece(Upload->size / 2) if $kind =~ /halfway/;
			($kind eq $name ? \%uploads : \%pauses)->{$kind} = $upload;
		}
	}
	return;
}

# The first byte of a message wakes the server's process as any other does.
sub send_pieces
{
	$_->send_piece(100) for values %uploads;
	return;
}

# Send the messages in pieces until those that pause are gone, and then to their end.
sub send_all
{
	send_pieces();
	set_idle_limits($root, '2s');
	my $pids = join ', ', map { $_->session->pid } values %uploads, values %pauses;
	my $uploading = join ', ', map { $_->session->pid } values %uploads;
	wait_until(
		sub {
			send_pieces();
			return $root->query(
				"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ($pids) AND pid NOT IN ($uploading))
				   AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ($uploading)
				     AND clock_timestamp() - state_change < '6 s')") eq 't';
		},
		'those that pause are gone, and the messages were long on their way');
	for my $name (sort keys %uploads)
	{
		my $session = $uploads{$name}->session;

		$session->{error} = undef if $name =~ /error|failed/;
		$result{$name} = [ $uploads{$name}->finish, $session->sqlstate ];
		$session->query('COMMIT');
		push @{ $result{$name} }, scalar $session->query('SELECT 42');
	}
	return;
}

# Where the machine did not let the test send for a while, it says nothing of the guard.
for (1 .. 10)
{
	begin_all();
	send_all();
	last if !grep { $_->has_paused } values %uploads;
	note('this try was too slow');
}

my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
for my $name (sort keys %pauses)
{
	my $limit = $case{ $name =~ s/, (silent|halfway)$//r }[1] ? 'idle in transaction' : 'idle';
	my $pid = $pauses{$name}->session->pid;

	like($lines, qr/terminating session $pid \([^\n]*\): $limit for /, "$name: goes as $limit");
}
for my $name (sort keys %uploads)
{
	my $expected = $case{$name}[2] =~ /^(query|bind|statement)$/ ? Upload->size : undef;

	is($result{$name}[0], $expected, "$name: the message comes to its end");
	is($result{$name}[1], '', "$name: without any error");
	is($result{$name}[2], '42', "$name: the session goes on");
}

$_->abandon for $root, map { $_->session } values %uploads, values %pauses;
$node->stop;
done_testing();
