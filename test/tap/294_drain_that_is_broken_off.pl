# If a drain does not come to its end, everything is as before: the database is open, and
# nobody is asked to end any longer.  So it is if it is canceled, runs into a timeout, loses
# its client, or its process is terminated or killed, and if something stays that cannot be
# ended.  A closing by close_database() outlasts it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_prepared_transactions => 2, restart_after_crash => 'on');
my $dba = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE DATABASE depot; CREATE ROLE owner LOGIN; ALTER DATABASE depot OWNER TO owner');

sub closed
{
	return $node->safe_psql('postgres', q{SELECT count(*) FROM session_guard.closed});
}

# Have a caller begin to drain while a session is in a transaction; both.
sub begin_drain
{
	my (%params) = @_;
	my $session = RawSession->connect($node, dbname => 'shop');
	my $caller = RawSession->connect($node, user => $dba);

	$session->run('BEGIN', 'SELECT 1');
	$caller->run($params{before}) if defined $params{before};
	$caller->send_query(q{SELECT outcome FROM drain_database('shop', '1 day')});
	$node->poll_query_until('postgres', 'SELECT sessions_left = 1 FROM session_guard.closed WHERE drained_by IS NOT NULL')
	  or die 'it is not drained';
	return ($session, $caller);
}

# The session goes on, and is not told of the drain if it is terminated for another reason.
sub goes_on
{
	my ($session, $how) = @_;

	$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM session_guard.closed WHERE drained_by IS NOT NULL')
	  or die 'it is still drained';
	$session->run('COMMIT', 'SELECT 1');
	is($session->query('SELECT 2'), '2', "$how: a session goes on after its transaction");
	ok(RawSession->connect($node, dbname => 'shop'), 'and others are let in');
	my $pid = $session->pid;
	wait_for_outcome($node, 'event', $pid, 'spared');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	$session->read_to_end;
	is($session->error_text, 'FATAL 57P01: terminating connection due to administrator command', 'its end has another reason then');
	return;
}

my ($session, $caller) = begin_drain();
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $caller->pid . ')');
$caller->read_until('Z');
like($caller->error->{message}, qr/canceling statement due to user request/, 'a drain is canceled');
goes_on($session, 'canceled');

($session, $caller) = begin_drain(before => q{SET statement_timeout = '2s'});
$caller->read_until('Z');
like($caller->error->{message}, qr/canceling statement due to statement timeout/, 'a drain runs into a timeout');
goes_on($session, 'timeout');

($session, $caller) = begin_drain();
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $caller->pid . ')');
goes_on($session, 'terminated');

($session, $caller) = begin_drain(before => q{SET client_connection_check_interval = '100ms'});
$caller->abandon;
goes_on($session, 'client gone');

# In a subtransaction that is rolled back.
$session = RawSession->connect($node, dbname => 'shop');
$session->run('BEGIN', 'SELECT 1');
$caller = RawSession->connect($node, user => $dba);
$caller->run(q{SET statement_timeout = '2s'});
$caller->query(<<'SQL');
DO $$
BEGIN
	PERFORM drain_database('shop', '1 day');
EXCEPTION WHEN query_canceled THEN
	NULL;
END $$
SQL
ok(!defined $caller->error, 'an error that is caught is an end, too');
goes_on($session, 'caught');

# Two drains of one session.
($session, $caller) = begin_drain();
my $other = RawSession->connect($node, user => $dba);
$other->send_query(q{SELECT outcome FROM drain_role('web', '1 day', '0')});
$node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM session_guard.closed WHERE sessions_left = 1') or die 'they are not two';
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $caller->pid . ')');
$caller->read_until('Z');
$session->query('COMMIT');
is($other->read_result, 'terminated', 'what one drain takes back the other goes on to ask');

# A closing of its own.
$node->safe_psql('postgres', q{SELECT close_database('shop')});
$caller = RawSession->connect($node, user => $dba);
my $root = RawSession->connect($node, user => $dba, dbname => 'shop');
$root->run('BEGIN', 'SELECT 1');
$caller->send_query(q{SELECT outcome FROM drain_database('shop', '1 day')});
$node->poll_query_until('postgres', 'SELECT sessions_left = 1 FROM session_guard.closed WHERE drained_by IS NOT NULL') or die;
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $caller->pid . ')');
$caller->read_until('Z');
is(closed(), 1, 'what was closed before stays closed');
is($node->psql('shop', 'SELECT 1', extra_params => [qw(-U web)]), 2, 'and lets nobody in');
$node->safe_psql('postgres', q{SELECT open_database('shop')});
$root->quit;

# What cannot be ended.
$node->safe_psql('shop', q{BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'forgotten'});
my ($status, $output, $error) = $node->psql('postgres', q{SELECT outcome FROM drain_database('shop', '1 s', '1 h')});
is($status, 0, 'a prepared transaction is no error');
like($error, qr/WARNING:  database "shop" is still in use\nDETAIL:  Still there: prepared transaction "forgotten"\./, 'but named');
like($error, qr/WARNING:  database "shop" could not be drained/, 'and that it was in vain');
is(closed(), 0, 'it is open again');
$node->safe_psql('shop', q{ROLLBACK PREPARED 'forgotten'});

# Whom the caller may not end.
$root = RawSession->connect($node, user => $dba, dbname => 'depot');
my $web = RawSession->connect($node, dbname => 'depot');
my $own = RawSession->connect($node, user => 'owner', dbname => 'depot');
($status, $output, $error) = $node->psql('postgres', q{SELECT outcome FROM drain_database('depot', '1 s')}, extra_params => [qw(-U owner)]);
like(
	$error,
	qr/ERROR:  cannot drain database "depot"\nDETAIL:  2 of its sessions may not be terminated by the caller\./,
	'an owner can end his own session only');
ok(is_alive($node, $_->pid), 'so all live') for $root, $web, $own;
is($web->query('SELECT 1'), '1', 'and work');
$_->quit for $root, $web, $own;

# Killed: the server begins anew, and knows of nothing.
($session, $caller) = begin_drain();
kill 'KILL', $caller->pid;
$session->read_to_end;
$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server does not come back';
wait_for_guard($node);
is(closed(), 0, 'killed: nothing is closed');
ok(RawSession->connect($node, dbname => 'shop'), 'and everybody is let in');

$node->stop;
done_testing();
