# terminate_idle_sessions and terminate_idle_in_transaction_sessions end who has
# been so for longer than they say, in all databases or in one.  They count from
# the moment a session became idle, and spare everybody in another state.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40);

$node->safe_psql('postgres', 'CREATE ROLE dba LOGIN SUPERUSER');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

my %session = map { $_ => RawSession->connect($node, dbname => /^shop/ ? 'shop' : 'postgres') }
  qw(idle young_idle shop_idle running open young_open aborted shop_open);

# The young ones began their last statement before anybody was idle, and end it after.
my $gate = RawSession->connect($node, user => 'dba');
$gate->query('SELECT pg_advisory_lock(1)');
$session{young_open}->query('BEGIN');
$session{$_}->send_query('SELECT pg_advisory_lock_shared(1)') for qw(young_idle young_open);
wait_for_status($node, $session{$_}->pid, "wait_event = 'advisory'") for qw(young_idle young_open);

$session{$_}->query('SELECT 1') for qw(idle shop_idle);
$session{$_}->query('BEGIN') for qw(open aborted shop_open);
$session{aborted}->query('SELECT 1/0');
$session{running}->send_query('SELECT pg_sleep(600)');
wait_for_state($node, 'active', $session{running}->pid);
wait_for_state($node, 'idle in transaction (aborted)', $session{aborted}->pid);
my @old = map { $session{$_}->pid } qw(idle shop_idle open aborted shop_open running);
wait_until_unchanged_for($node, '1s', @old);
$gate->query('SELECT pg_advisory_unlock(1)');
$session{$_}->read_result for qw(young_idle young_open);
wait_for_state($node, 'idle', $session{young_idle}->pid);
wait_for_state($node, 'idle in transaction', $session{young_open}->pid);

# Whom a function would be about with a limit in the middle between the old and the young.  Who is
# young does not stay so: what was found is good only if it was found while they were.
sub would_end
{
	my ($function) = @_;
	my $young = join ', ', map { $session{$_}->pid } qw(young_idle young_open);
	my $found;

	wait_until(
		sub {
			my ($limit, $until) = split /\|/, $node->safe_psql('postgres',
				"SELECT clock_timestamp() - middle, young + (clock_timestamp() - middle)
				 FROM (SELECT min(state_change) FILTER (WHERE pid IN ($young)) AS young,
				   max(state_change) FILTER (WHERE pid IN (${\ join ', ', @old })) AS old
				   FROM pg_stat_activity) AS stamps,
				   LATERAL (SELECT old + (young - old) / 2 AS middle) AS middles");
			$found = fates($node, "$function('$limit', dry_run => true)", \%session);
			return $node->safe_psql('postgres', "SELECT clock_timestamp() < '$until'") eq 't';
		},
		'a call was done in time');
	return $found;
}

is(would_end('terminate_idle_sessions'), 'idle dry run, shop_idle dry run',
	'idle for longer than the limit is who became idle before');
is(would_end('terminate_idle_in_transaction_sessions'),
	'aborted dry run, open dry run, shop_open dry run',
	'so it is for who is idle in transaction, aborted or not');

for my $function (qw(terminate_idle_sessions terminate_idle_in_transaction_sessions))
{
	is(fates($node, "$function('1 day')", \%session), '', "$function: nobody for a day");
	is(fates($node, "$function('1 day', 'shop')", \%session), '', "$function: neither in the shop");
}
is(scalar(split / /, living($node, \%session)), 8, 'so all are there');

is(fates($node, q{terminate_idle_sessions('1 s', 'shop')}, \%session), 'shop_idle terminated',
	'idle sessions of one database are ended');
is(living($node, \%session), 'aborted idle open running shop_open young_idle young_open',
	'idle ones of another database, and those in a transaction, stay');

is(fates($node, q{terminate_idle_in_transaction_sessions('1 s', 'shop')}, \%session),
	'shop_open terminated', 'sessions idle in transaction in one database are ended');
is(living($node, \%session), 'aborted idle open running young_idle young_open',
	'those of another database stay');

is(fates($node, q{terminate_idle_in_transaction_sessions('0')}, \%session),
	'aborted terminated, open terminated, young_open terminated',
	'sessions idle in transaction are ended everywhere');
is(living($node, \%session), 'idle running young_idle',
	'who is idle outside one, and who works, stays');

is(
	fates($node, q{terminate_idle_sessions('0')}, \%session),
	'idle terminated, young_idle terminated',
	'idle sessions are ended everywhere');
is(living($node, \%session), 'running', 'who works stays');

$node->stop;
done_testing();
