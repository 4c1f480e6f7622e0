# terminate_session and cancel_query name one process.  With backend_start they
# act only if it is still that session, so that another one with the same pid is
# not hit.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my %session = map { $_ => RawSession->connect($node) } qw(first second third);

$session{$_}->send_query('SELECT pg_sleep(600)') for qw(second third);
wait_for_status($node, $session{$_}->pid, q{wait_event = 'PgSleep'}) for qw(second third);

# When it connected, as the view shows it, later or earlier by an interval.
sub start_of
{
	my ($name, $shift) = @_;

	return $node->safe_psql('postgres',
		"SELECT backend_start + interval '${\ ($shift // 0) }' FROM session_guard.session
		 WHERE pid = ${\ $session{$name}->pid }");
}

sub call
{
	my ($function, $name, $start) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid = ${\ $session{$name}->pid }, outcome, note
		 FROM $function(${\ $session{$name}->pid }, '$start')");
}

# A pid that has been reused belongs to a session with another start.
for my $start (start_of('second', '1us'), start_of('second', '-1us'), start_of('first'), '-infinity')
{
	for my $function (qw(terminate_session cancel_query))
	{
		is(call($function, 'second', $start), 't|gone|the process ID belongs to another session now',
			"$function with the start of another session, $start");
	}
}
is(living($node, \%session), 'first second third', 'ends nobody');
is(living($node, \%session, q{state = 'active'}), 'second third', 'and cancels nothing');

# An unknown start is not "any start".
for my $function (qw(terminate_session cancel_query))
{
	my ($status, undef, $error) =
	  $node->psql('postgres', "SELECT * FROM $function(${\ $session{second}->pid }, NULL)");

	is($status, 3, "$function with NULL for a start fails");
	like($error, qr/ERROR:  argument "backend_start" must not be null/, 'and says why');
}
is(living($node, \%session, q{state = 'active'}), 'second third', 'nobody has noticed');

is(call('cancel_query', 'second', start_of('second')), 't|canceled|', 'the right start: canceled');
is(living($node, \%session, q{state = 'active'}), 'third', 'only that statement has stopped');
is(call('terminate_session', 'second', start_of('second')), 't|terminated|',
	'the right start: terminated');
is(living($node, \%session), 'first third', 'only that session is gone');

is(
	$node->safe_psql('postgres', "SELECT outcome FROM terminate_session(${\ $session{third}->pid })"),
	'terminated', 'a pid is enough');
is(living($node, \%session), 'first', 'and ends no other');

$node->stop;
done_testing();
