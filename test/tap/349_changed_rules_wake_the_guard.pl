# Whatever changes the rules has the guard read what is stored again, once it is committed: each
# command that writes rows, TRUNCATE, COPY, a prepared transaction, logical replication.  What is rolled
# back or writes nothing does not.  Where the library is not preloaded there is nobody to be woken.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

# With such a naptime nothing else has the guard read within the time of this test.
my %settings = ('pg_session_guard.naptime' => '1h', allows_streaming => 'logical', 'max_prepared_transactions' => 2);
my $node = guard_node('main', %settings);
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $admin = RawSession->connect($node, user => $superuser);
my $rule = 'session_guard.rule (position, name, statement_timeout, enabled)';

sub last_reading
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SELECT policy_time FROM session_guard.stats');
}

sub wait_for_reading
{
	my ($what, $node, $before) = @_;

	ok($node->poll_query_until('postgres', "SELECT policy_time > '$before' FROM session_guard.stats"), "$what wakes the guard");
	return;
}

# Statements, one after the other in one session.
sub wakes
{
	my ($what, @statements) = @_;
	my $before = last_reading($node);

	$admin->run(@statements);
	return wait_for_reading($what, $node, $before);
}

# Whoever is woken has read by the time that the guard has shown itself twice.
sub wakes_not
{
	my ($what, @statements) = @_;
	my $before = last_reading($node);

	$admin->run(@statements);
	for my $time (1, 2)
	{
		my $beat = $node->safe_psql('postgres', 'SELECT last_heartbeat FROM session_guard.stats');

		$node->poll_query_until('postgres', "SELECT last_heartbeat > '$beat' FROM session_guard.stats")
		  or die 'the guard does not show itself';
	}
	is(last_reading($node), $before, "$what does not wake the guard");
	return;
}

my $insert = "INSERT INTO $rule VALUES (1, 'a', '5 s', false)";
my $update = 'UPDATE session_guard.rule SET comment = now()';

wakes('INSERT', $insert);
wakes('UPDATE', $update);
wakes('DELETE', 'DELETE FROM session_guard.rule');
wakes('INSERT with ON CONFLICT', "$insert ON CONFLICT (name) DO UPDATE SET enabled = false");
wakes('TRUNCATE', 'TRUNCATE session_guard.rule');
wakes('a block of code', qq{DO \$\$ BEGIN $insert; END \$\$});
wakes('what is done in a replica', 'SET session_replication_role = replica', $update, 'RESET session_replication_role');
wakes('TRUNCATE in a replica', 'SET session_replication_role = replica', 'TRUNCATE session_guard.rule',
	'RESET session_replication_role');
wakes('COPY', qq{COPY $rule FROM PROGRAM 'printf "2\\tb\\t5 s\\tf\\n"'});
wakes('a savepoint that is released', 'BEGIN', 'SAVEPOINT s', $update, 'RELEASE s', 'COMMIT');

wakes_not('ROLLBACK', 'BEGIN', $update, 'ROLLBACK');
wakes_not('what changes no row', "$update WHERE false");
wakes_not('what only reads', 'TABLE session_guard.rule');
wakes_not('what is prepared', 'BEGIN', $update, q{PREPARE TRANSACTION 'change'});
wakes_not('another transaction beside it', 'SELECT txid_current()');
my $before = last_reading($node);
$node->safe_psql('postgres', q{COMMIT PREPARED 'change'});
wait_for_reading('COMMIT PREPARED', $node, $before);
wakes_not('COMMIT PREPARED of anything else', 'CREATE TABLE other (a int)', 'BEGIN', 'INSERT INTO other VALUES (1)',
	q{PREPARE TRANSACTION 'other'}, q{COMMIT PREPARED 'other'});

# Rules of another server, row by row.
my $follower = guard_node('follower', %settings);
$node->safe_psql('postgres', 'CREATE PUBLICATION rules FOR TABLE session_guard.rule');
$follower->safe_psql('postgres', "CREATE SUBSCRIPTION rules CONNECTION '${\ $node->connstr } dbname=postgres' PUBLICATION rules");
$follower->wait_for_subscription_sync($node, 'rules');
for my $change (
	"INSERT INTO $rule VALUES (3, 'c', '5 s', false)",
	$update,
	q{DELETE FROM session_guard.rule WHERE name = 'c'},
	'TRUNCATE session_guard.rule')
{
	my $before = last_reading($follower);

	$admin->run($change);
	$node->wait_for_catchup('rules');
	wait_for_reading("$change on a publisher", $follower, $before);
}

# Nobody is there, and the warnings are the same.
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
my ($status, $out, $err) = $plain->psql(
	'postgres', q{
	INSERT INTO session_guard.rule (position, name, roles, statement_timeout) VALUES (1, 'a', '{nobody_at_all}', '5 s');
	UPDATE session_guard.rule SET position = 2;
	DELETE FROM session_guard.rule;
	TRUNCATE session_guard.rule});
is($status, 0, 'without the library preloaded rules are written, too');
like($err, qr/WARNING:  role "nobody_at_all" does not exist/, 'and unknown names are warned of');

$admin->abandon;
$_->stop for $plain, $follower, $node;
done_testing();
