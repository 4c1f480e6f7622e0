# Each limit can be stored for one role: its sessions end, and those of a role
# without a limit, in the same state for as long, stay.  So it is with
# cancel_grace: the statement of a hasty role that swallows its cancel is
# terminated soon, that of a patient one is not.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms');
my %threshold = (
	idle_session_timeout => '400ms',
	idle_in_transaction_session_timeout => '400ms',
	statement_timeout => '400ms',
	transaction_timeout => '400ms',
	session_timeout => '2s');

# What a session over the limit is found doing, and what the log says of it.
my %is_over = (
	idle_session_timeout => [ undef, qr/terminating session .*: idle for/ ],
	idle_in_transaction_session_timeout =>
	  [ 'BEGIN', qr/terminating session .*: idle in transaction for/ ],
	statement_timeout => [ 'SELECT pg_sleep(600)', qr/canceling statement of session .*: statement running for/ ],
	transaction_timeout =>
	  [ 'BEGIN; SELECT pg_sleep(600)', qr/terminating session .*: in a transaction for/ ],
	session_timeout => [ undef, qr/terminating session .*: connected for/ ]);

# Every role is limited in one way; "free" is not limited.
$node->safe_psql('postgres', join '; ', 'CREATE ROLE free LOGIN',
	map { ("CREATE ROLE r_$_ LOGIN", "ALTER ROLE r_$_ SET pg_session_guard.$_ = '$threshold{$_}'") }
	  sort keys %threshold);

my (%culprit, %innocent);
for my $limit (sort keys %is_over)
{
	($innocent{$limit}, $culprit{$limit}) =
	  map { RawSession->connect($node, user => $_) } 'free', "r_$limit";
	next if !defined $is_over{$limit}[0];
	$_->send_query($is_over{$limit}[0]) for $innocent{$limit}, $culprit{$limit};
}
for my $limit (sort keys %is_over)
{
	my ($pid, $other) = ($culprit{$limit}->pid, $innocent{$limit}->pid);
	my $value = $threshold{$limit} =~ s/(\d)(m?s)/$1 $2/r;
	my @lines;

	wait_until(sub { @lines = guard_lines($node, qr/LOG:  .*session $pid /) }, "$limit is enforced");
	like($lines[0], $is_over{$limit}[1], "$limit: the log says what it did");
	like($lines[0], qr/pg_session_guard\.$limit is $value \(role "r_$limit"\)/, 'and whose limit it is');
	wait_for_end($node, $pid) if $lines[0] =~ /terminating/;
	wait_until_unchanged_for($node, '600 ms', $other);
	wait_for_scan($node, 2);
	ok(is_alive($node, $other), 'who does the same by the role without a limit stays');
	is(scalar guard_lines($node, qr/LOG:  .*session $other /), 0, 'and is not touched');
}
$_->abandon for values %culprit, values %innocent;

# Both statements swallow their cancel; the roles differ in their patience.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE hasty LOGIN;
CREATE ROLE patient LOGIN;
ALTER ROLE hasty SET pg_session_guard.statement_timeout = '400ms';
ALTER ROLE patient SET pg_session_guard.statement_timeout = '400ms';
ALTER ROLE hasty SET pg_session_guard.cancel_grace = '500ms';
ALTER ROLE patient SET pg_session_guard.cancel_grace = '1h';
SQL
my ($hasty, $patient) = map { RawSession->connect($node, user => $_) } 'hasty', 'patient';
$_->send_query(stubborn_statement()) for $patient, $hasty;
for my $session ($patient, $hasty)
{
	wait_until(sub { guard_lines($node, qr/LOG:  canceling statement of session ${\ $session->pid } /) },
		'the statement is canceled');
}
wait_for_end($node, $hasty->pid);
like(
	(guard_lines($node, qr/LOG:  terminating session ${\ $hasty->pid } /))[0],
	qr/statement_timeout is 400 ms \(role "hasty"\), canceled [\d.]+ m?s ago, pg_session_guard.cancel_grace is 500 ms$/,
	'the log names the grace of the role');
wait_for_scan($node, 2);
ok(is_alive($node, $patient->pid), 'whose role has a longer grace stays');
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $patient->pid } /), 0, 'and is not terminated');
$_->abandon for $hasty, $patient;

# A grace that is shortened by now counts for a statement that has been canceled.
my $begun = log_size($node);
$node->safe_psql('postgres', q(ALTER ROLE patient SET pg_session_guard.cancel_grace = '500ms'));
wait_for_end($node, $patient->pid);
is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $patient->pid } .*cancel_grace is 500 ms$/, $begun),
	1, 'until its grace is shortened');

$node->stop;
done_testing();
