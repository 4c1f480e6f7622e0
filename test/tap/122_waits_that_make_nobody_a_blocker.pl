# terminate_blocking_sessions() takes nobody for a culprit because of whom
# maintenance waits for, be it autovacuum or asked for by a person, nor because of
# an advisory lock; as soon as anybody else waits for it too, it is one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	fsync => 'off',
	synchronous_commit => 'off',
	autovacuum_naptime => '1s');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

# What waits for the table of that name, which each holder has locked.
my %waiting = (
	vacuum => 'VACUUM for_vacuum',
	vacuum_full => 'VACUUM (FULL) for_vacuum_full',
	analyze => '/* each night */ ANALYZE for_analyze',
	cluster => 'CLUSTER for_cluster USING for_cluster_id',
	reindex => 'REINDEX TABLE for_reindex',
	create_index => 'CREATE INDEX ON for_create_index (id)',
	create_index_concurrently => 'CREATE INDEX CONCURRENTLY ON for_create_index_concurrently (id)',
	advisory => 'SELECT pg_advisory_lock(1)',
	alter => 'ALTER TABLE for_alter ADD x int',
	read => 'SELECT count(*) FROM for_read',
	vacuum_and_read => 'VACUUM for_vacuum_and_read');
my @culprits = qw(alter read vacuum_and_read);

$node->safe_psql('postgres',
	"CREATE TABLE for_$_ (id int); CREATE INDEX for_${_}_id ON for_$_ (id); ALTER TABLE for_$_ OWNER TO web")
  for keys %waiting, 'autovacuum';

# Autovacuum waits for a lock only when a table is in danger of wraparound.
$node->safe_psql(
	'postgres', q{
	ALTER TABLE for_autovacuum SET (autovacuum_freeze_max_age = 100000);
	INSERT INTO for_autovacuum VALUES (1);
});

my %session;
for my $name (keys %waiting, 'autovacuum')
{
	$session{$name} = RawSession->connect($node);
	$session{$name}->query($name eq 'advisory' ? 'SELECT pg_advisory_lock(1)' : "BEGIN; LOCK TABLE for_$name");
	die "could not lock $name" if $session{$name}->sqlstate;
}
my %waiter = map { $_ => RawSession->connect($node, user => $superuser) } keys %waiting, 'also read';
$waiter{$_}->send_query($waiting{$_}) for keys %waiting;
$waiter{'also read'}->send_query('SELECT count(*) FROM for_vacuum_and_read');
wait_for_status($node, $_->pid, "wait_event_type = 'Lock'") for values %waiter;

$node->safe_psql('postgres',
	'DO $$ BEGIN FOR i IN 1..100100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
$node->poll_query_until('postgres',
	q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND wait_event_type = 'Lock'})
  or die 'autovacuum does not wait for the table';

my $innocents = join ' ', grep { my $name = $_; !grep { $name eq $_ } @culprits } sort keys %session;

is( fates($node, q{terminate_blocking_sessions("timeout" => '1 min')}, \%session),
	join(', ', map { "$_ terminated" } @culprits),
	'who stands in the way of ordinary statements is terminated');
is(living($node, \%session), $innocents, 'who stands in the way of maintenance, or has an advisory lock, is not');
is(living($node, \%waiter), join(' ', sort keys %waiter), 'and none of the waiters');

$waiter{$_}->read_result for @culprits, 'also read';
is(join('', map { $waiter{$_}->sqlstate } @culprits, 'also read'), '', 'those who waited for a culprit get their locks');
$session{$_}->query('COMMIT') for split ' ', $innocents;
is(join('', map { $session{$_}->sqlstate } split ' ', $innocents), '', 'who was left alone commits');

$_->abandon for values %session, values %waiter;
$node->stop('immediate');
done_testing();
