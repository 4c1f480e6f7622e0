# A session that is shown as idle and has a transaction open holds locks or the
# horizon, and no timeout of the server sees it: one that has Described without a
# Sync, and a listener that does not read its notifications.  It counts as in a
# transaction from the first scan that finds that transaction, and as idle in it while
# it does not stir.  An ordinary idle session, a listener who reads, and an idle
# session that serves the server's own interrupts stay.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $root = RawSession->connect($node, user => $superuser);
my $notifier = RawSession->connect($node, user => $superuser);

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

# Describe a statement whose table has changed since: it is locked to the end of
# the transaction, which has no Sync to come to its end.
sub describe
{
	my ($session, $ending) = @_;

	$session->send_message('D', "Ss\0");
	$ending eq 'sync' ? $session->sync : $session->flush;
	$session->read_until($ending eq 'sync' ? 'Z' : 'T');
	return;
}

sub connect_describer
{
	my $session = RawSession->connect($node);

	$session->parse('s', 'SELECT x FROM t');
	$session->sync;
	$session->read_result;
	return $session;
}

sub switches_of
{
	my ($session) = @_;
	my $file = '/proc/' . $session->pid . '/status';

	return -e $file && slurp_file($file) =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : undef;
}

sub is_gone
{
	my ($session) = @_;

	return $root->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $session->pid) eq '0';
}

my $idle = RawSession->connect($node);
my $serving = RawSession->connect($node);
my $reader = RawSession->connect($node);
my $proper = connect_describer();

$idle->query('SELECT 1');
$serving->query('SELECT count(*) FROM t');
$reader->query('LISTEN news');

# What all that stay do meanwhile.
sub live_on
{
	$notifier->query("NOTIFY news, 'something'");
	$reader->read_until('A');
	$root->query(q{DO $$ BEGIN FOR i IN 1 .. 5 LOOP
		CREATE TEMP TABLE catalog_change (x int); DROP TABLE catalog_change; END LOOP; END $$});
	describe($proper, 'sync');
	return;
}

for my $limit (qw(transaction_timeout idle_in_transaction_session_timeout))
{
	my $described = connect_describer();
	my $restless = connect_describer();
	my $silent = RawSession->connect($node);
	my $phrase = $limit eq 'transaction_timeout' ? 'in a transaction' : 'idle in transaction';

	$silent->query('LISTEN flood');
	$root->query('ALTER TABLE t ADD y int');
	$root->query('ALTER TABLE t DROP y');
	describe($_, 'flush') for $described, $restless;
	is($root->query('SELECT state FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE pid = ' . $described->pid
			  . " AND wait_event = 'ClientRead' AND relation = 't'::regclass AND mode = 'AccessShareLock'"),
		'idle', 'a session that is shown as idle holds a lock');
	# More than fits between server and client.
	$notifier->query(q{SELECT pg_notify('flood', n || repeat('x', 7900)) FROM generate_series(1, 1000) AS n});
	wait_until(
		sub {
			$root->query('SELECT count(*) FROM pg_stat_activity WHERE pid = ' . $silent->pid
				  . " AND state = 'idle' AND wait_event = 'ClientWrite' AND backend_xmin IS NOT NULL");
		},
		'another one holds the horizon');

	my $switches = switches_of($serving);
	my $scans = $root->query('SELECT scans FROM session_guard.stats');
	set_limits($node, $limit => '2s');
	wait_until(
		sub {
			live_on();
			describe($restless, 'flush') if !$restless->is_closed;
			return is_gone($described) && is_gone($silent)
			  && ($limit ne 'transaction_timeout' || is_gone($restless));
		},
		'the culprits are gone');
	my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
	like($lines, qr/session ${\ $described->pid } \([^\n]*\): $phrase for /, "who has Described goes as $phrase");
	like($lines, qr/session ${\ $silent->pid } \([^\n]*\): $phrase for /, "who does not read goes as $phrase");
	if ($limit eq 'transaction_timeout')
	{
		like($lines, qr/session ${\ $restless->pid } \([^\n]*\): $phrase for /, 'so does what goes on in its transaction');
	}
	else
	{
		ok(!is_gone($restless), 'what goes on in its transaction is not idle in it');
		$restless->sync;
		$restless->read_result;
		is($restless->query('SELECT 42'), '42', 'and may end it');
	}
	is($root->query("SET lock_timeout = '5s'; ALTER TABLE t ADD y int; ALTER TABLE t DROP y; SELECT 42"),
		'42', 'the table can be changed');
	# The longer the server's own interrupts went on, the surer they have been served.
	wait_until(sub { live_on(); return switches_of($serving) > $switches }, 'the interrupts are served')
	  if defined $switches;
	wait_until(
		sub {
			live_on();
			return $root->query('SELECT clock_timestamp() - state_change > \'4 s\' FROM pg_stat_activity WHERE pid = '
				  . $serving->pid) eq 't'
			  && $root->query('SELECT scans FROM session_guard.stats') > $scans + 5;
		},
		'the idle are idle for long');
	for ([ $idle, 'an idle session' ], [ $serving, 'one that serves interrupts' ], [ $reader, 'a listener who reads' ],
		[ $proper, 'one that Describes with a Sync' ])
	{
		ok(!is_gone($_->[0]), "$_->[1] stays under $limit");
	}
	$_->abandon for $described, $restless, $silent;
	set_limits($node, $limit => '0');
}
is($_->query('SELECT 42'), '42', 'and goes on') for $idle, $serving, $reader, $proper;

$_->abandon for $root, $notifier, $idle, $serving, $reader, $proper;
$node->stop;
done_testing();
