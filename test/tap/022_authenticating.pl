# A backend that is still authenticating is not a session yet: it stays, however
# long its client is silent.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main', authentication_timeout => '600s');

$node->safe_psql('postgres', q{
	SET password_encryption = 'md5';
	CREATE ROLE hesitant LOGIN PASSWORD 'secret';
});
my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all hesitant password\n$rules");
$node->reload;

# One says nothing, one stops in the middle of its first message, one is asked
# for its password; the last is a session.
my $silent = RawSession->open($node);
my $halting = RawSession->open($node);
my $hesitant = RawSession->open($node);
my $session = RawSession->connect($node);

my $message = $halting->startup_message;
my $half = int(length($message) / 2);
$halting->send_bytes(substr $message, 0, $half);
wait_until(
	sub {
		$hesitant->abandon;
		$hesitant = RawSession->open($node);
		$hesitant->start_up(user => 'hesitant');
		my $question = $hesitant->read_message;
		return $question && $question->[0] eq 'R' && unpack('N', $question->[1]) == 3;
	},
	'the server asks for a password');

set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	statement_timeout => '300ms',
	transaction_timeout => '300ms',
	session_timeout => '1s');
wait_for_end($node, $session->pid);
pass('a session that is idle goes');
wait_for_scan($node, 20);

# All come to be sessions, whatever awaits them then.
$silent->start_up;
$halting->send_bytes(substr $message, $half);
$hesitant->send_password('secret');
for ([ $silent, 'has sent nothing' ], [ $halting, 'has sent half a message' ],
	[ $hesitant, 'has not sent its password' ])
{
	my ($backend, $what) = @$_;

	$backend->read_until('K');
	ok($backend->pid, "a backend whose client $what can still become a session");
}

$_->abandon for $silent, $halting, $hesitant, $session;
$node->stop;
done_testing();
