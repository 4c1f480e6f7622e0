# terminate_blocking_sessions(blocking_for): a blocker is ended for having been in
# somebody's way for longer, not for having a transaction that is older; so the
# one whose waiter came later stays.
#
# Whether the later one is over the threshold depends on how long the call takes.
# What may have been is tried again with new sessions.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');

$node->safe_psql('postgres', 'CREATE TABLE old (id int); CREATE TABLE young (id int); GRANT ALL ON old, young TO web');

# For how long, in seconds, a session has been waiting for a lock.
sub waiting_for
{
	my ($session) = @_;

	return $node->safe_psql('postgres',
		"SELECT extract(epoch FROM clock_timestamp() - waitstart) FROM pg_locks
		 WHERE NOT granted AND pid = ${\ $session->pid }");
}

sub let_wait_for
{
	my ($session, $table) = @_;

	$session->send_query("SELECT count(*) FROM $table");
	wait_for_status($node, $session->pid, "wait_event_type = 'Lock'");
	return;
}

# Two blockers, the waiter of one at least two seconds before that of the other.
# Returns the sessions, what became of the blockers, and whether that tells anything.
sub attempt
{
	my %session = map { $_ => RawSession->connect($node) } qw(old young waits_for_old waits_for_young);

	# By the age of their transactions it would be the other one.
	$session{$_}->query("BEGIN; LOCK TABLE $_") for qw(young old);
	let_wait_for($session{waits_for_old}, 'old');
	wait_until(sub { waiting_for($session{waits_for_old}) > 2 }, 'two seconds have passed');
	let_wait_for($session{waits_for_young}, 'young');

	my $threshold = (waiting_for($session{waits_for_old}) + waiting_for($session{waits_for_young})) / 2;
	my $fates = fates($node, "terminate_blocking_sessions('$threshold s', \"timeout\" => '0')", \%session);
	my $later = waiting_for($session{waits_for_young});

	return (\%session, $fates, $later eq '' || $later < $threshold);
}

my ($session, $fates, $is_telling);
wait_until(
	sub {
		if ($session)
		{
			diag('the machine is slow, once more');
			$_->abandon for values %$session;
		}
		($session, $fates, $is_telling) = attempt();
		return $is_telling;
	},
	'an attempt was quick enough');

is($fates, 'old signaled', 'who has been in the way for longer is ended');
wait_for_end($node, $session->{old}->pid);
is(living($node, $session), 'waits_for_old waits_for_young young', 'nobody else is');
$session->{waits_for_old}->read_result;
is($session->{waits_for_old}->sqlstate, '', 'its waiter gets the lock');

$session->{young}->query('COMMIT');
is($session->{young}->sqlstate, '', 'the other one goes on');
$session->{waits_for_young}->read_result;
is($session->{waits_for_young}->sqlstate, '', 'and so does its waiter');

$_->abandon for values %$session;
$node->stop;
done_testing();
