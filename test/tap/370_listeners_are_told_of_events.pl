# With notify_events, whoever listens on channel session_guard is told of each event when its row is
# in the history: what anybody sees of a session, and what became of it, whatever it is called.  Off,
# as it is by default, nobody is told.  Notifying that fails costs no history.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use JSON::PP;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	allows_streaming => 1,
	'pg_session_guard.idle_in_transaction_session_timeout' => '200ms');
my $odd = qq{we"b\\ d\x{c3}\x{b6}};

$node->safe_psql('postgres', "CREATE ROLE \"we\"\"b\\ d\x{c3}\x{b6}\" LOGIN");
$node->safe_psql('postgres', 'CREATE TABLE news (id int); GRANT ALL ON news TO web');
wait_for_history_writer($node);

# A culprit with something to hide, until it is in the history.
sub end_culprit
{
	my ($user) = @_;
	my $culprit = RawSession->connect($node, user => $user // 'web');

	$culprit->query('BEGIN');
	$culprit->query("SELECT 'secret'");
	$culprit->read_to_end;
	wait_for_outcome($node, 'history', $culprit->pid, 'terminated');
	return $culprit->pid;
}

# The payload of the next notification.
sub next_payload
{
	my ($session) = @_;
	my ($message) = grep { $_->[0] eq 'A' } $session->read_until('A');

	return undef if !$message;
	return (split /\0/, substr($message->[1], 4))[1];
}

my $listener = RawSession->connect($node);
my $innocent = RawSession->connect($node);
$listener->query('LISTEN session_guard');
$innocent->query('SELECT 1');

end_culprit();
$node->safe_psql('postgres', q{NOTIFY session_guard, 'end'});
is(next_payload($listener), 'end', 'by default nobody is told');

set_limits($node, notify_events => 'on');
my $pid = end_culprit();
my $payload = next_payload($listener);
my $told = decode_json($payload);
is_deeply(
	{ map { $_ => $told->{$_} } qw(pid datname usename action outcome limit function) },
	{
		pid => $pid,
		datname => 'postgres',
		usename => 'web',
		action => 'terminate',
		outcome => 'terminated',
		limit => 'idle_in_transaction_session_timeout',
		function => undef
	},
	'then a listener is told who was ended, and why');
is(join(' ', sort keys %$told), 'acted_at action datname function limit node number outcome pid server_start usename',
	'and nothing that is hidden from it');
is($node->safe_psql('postgres',
		"SELECT pid FROM session_guard.history WHERE server_start = '$told->{server_start}' AND number = $told->{number}"),
	$pid, 'what it is told names the row');

$pid = end_culprit($odd);
$payload = next_payload($listener);
is($node->safe_psql('postgres', "SELECT (\$json\$$payload\$json\$::jsonb)->>'usename'"), $odd,
	'a name of any kind is told as it is');

my $asked = RawSession->connect($node);
$node->safe_psql('postgres', "SELECT * FROM terminate_session(${\ $asked->pid })");
$told = decode_json(next_payload($listener));
is("$told->{pid} $told->{function} $told->{outcome}", "${\ $asked->pid } terminate_session terminated",
	'so is what a function does');

# Somebody who notifies, too, hangs in its commit and keeps all others from notifying.
my $offset = log_size($node);
my $hanging = RawSession->connect($node);
require_absent_standby($node);
$hanging->send_query('INSERT INTO news VALUES (1); NOTIFY other');
wait_for_status($node, $hanging->pid, "wait_event = 'SyncRep'");
my @pids = map { end_culprit() } 1 .. 3;
is($node->safe_psql('postgres', "SELECT count(*) FROM session_guard.history WHERE pid IN (${\ join ',', @pids })"),
	3, 'nobody can be notified: the history goes on');
wait_until(sub { guard_lines($node, qr/WARNING:  could not notify of events: /, $offset) }, 'the log says so');
end_culprit();
is(scalar guard_lines($node, qr/could not notify of events/, $offset), 1, 'once');
is($node->safe_psql('postgres', 'SELECT events_lost FROM session_guard.stats'), 0, 'and no event is lost');

$node->safe_psql('postgres', 'SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names');
$node->reload;
$hanging->read_until('Z');
wait_until(
	sub {
		end_culprit();
		return scalar guard_lines($node, qr/LOG:  those who listen are notified of events again/, $offset);
	},
	'notifying is tried again');
is(decode_json(next_payload($listener))->{outcome}, 'terminated', 'then listeners are told again');
is($innocent->query('SELECT 42'), '42', 'who was no culprit lives');

$node->stop;
done_testing();
