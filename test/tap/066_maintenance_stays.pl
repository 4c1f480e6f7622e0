# Maintenance commands outlast the statement and the transaction limit: VACUUM,
# ANALYZE, CREATE INDEX, CREATE INDEX CONCURRENTLY, REINDEX and CLUSTER.  An
# ordinary statement that runs the very same function goes, and so does COPY TO
# STDOUT, whose client reads on and on.  Maintenance that still waits for its
# table stays, too, and a pipeline that was paused when its CREATE INDEX was done
# goes by the transaction limit.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'autovacuum' => 'off',
	'pg_session_guard.naptime' => '100ms');

# Index expressions that are not computed while the gate is closed.
my $keeper = create_gate($node);
$node->safe_psql(
	'postgres', q{
	CREATE SCHEMA web AUTHORIZATION web;
	SET ROLE web;
	CREATE TABLE web.built AS SELECT 1 AS n;
	CREATE TABLE web.concurrent AS SELECT 1 AS n;
	CREATE TABLE web.analyzed AS SELECT 1 AS n;
	CREATE INDEX ON web.analyzed (public.hold(n));
	CREATE TABLE web.reindexed AS SELECT 1 AS n;
	CREATE INDEX ON web.reindexed (public.hold(n));
	CREATE TABLE web.clustered AS SELECT 1 AS n;
	CREATE INDEX clustered_n ON web.clustered (n);
	CREATE INDEX ON web.clustered (public.hold(n));
	CREATE TABLE web.locked AS SELECT 1 AS n;
	CREATE TABLE web.gap AS SELECT 1 AS n;
	CREATE TABLE web.paused AS SELECT 1 AS n;
	CREATE TABLE web.vacuumed AS SELECT n, repeat('x', 4000) AS filler FROM generate_series(1, 1200) AS n;
	ALTER TABLE web.vacuumed ALTER filler SET STORAGE PLAIN;
	UPDATE web.vacuumed SET filler = filler || 'x';
});

$keeper->query('SELECT pg_advisory_lock(7)');
$keeper->query('BEGIN; LOCK TABLE web.locked');

my %statement = (
	'CREATE INDEX' => 'CREATE INDEX ON web.built (public.hold(n))',
	'CREATE INDEX CONCURRENTLY' => 'CREATE INDEX CONCURRENTLY ON web.concurrent (public.hold(n))',
	'ANALYZE' => 'ANALYZE web.analyzed',
	'REINDEX' => 'REINDEX TABLE web.reindexed',
	'CLUSTER' => 'CLUSTER web.clustered USING clustered_n',
	'VACUUM' => 'VACUUM web.vacuumed',
	'waiting CREATE INDEX' => 'CREATE INDEX ON web.locked (n)',
	'waiting VACUUM' => '/* nightly */ VACUUM web.gap, web.locked');
my %progress = (
	'ANALYZE' => 'analyze',
	'CLUSTER' => 'cluster',
	'VACUUM' => 'vacuum');

# They are under way before there is any limit, so that they are the oldest when there is one.
my %stays = map { $_ => RawSession->connect($node) } sort keys %statement;
# Each page takes 0.4 s, and there are hundreds of them.
$stays{VACUUM}->query(
	'SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; SET vacuum_cost_page_hit = 10000;
	 SET vacuum_cost_page_dirty = 10000; SET vacuum_cost_page_miss = 10000');
for my $name (sort keys %statement)
{
	if ($name =~ /^waiting/)
	{
		$stays{$name}->send_query($statement{$name});
		wait_for_status($node, $stays{$name}->pid, "wait_event_type = 'Lock'");
		next;
	}
	my $view = 'pg_stat_progress_' . ($progress{$name} // 'create_index');

	$stays{$name}->send_query($statement{$name});
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM $view WHERE pid = ${\$stays{$name}->pid}")
	  or die "$name did not begin";
}

my %goes = map { $_ => RawSession->connect($node) } 'SELECT', 'COPY', 'idle', 'paused';
$goes{SELECT}->send_query('SELECT public.hold(1)');
$goes{COPY}->send_query(
	q{COPY (SELECT repeat('x', 100), pg_sleep(0.01) FROM generate_series(1, 3000)) TO STDOUT});
$goes{idle}->query('BEGIN');
$goes{paused}->query('BEGIN');
$goes{paused}->parse('', 'CREATE INDEX ON web.paused (n)');
$goes{paused}->bind('', '');
$goes{paused}->execute('');
$goes{paused}->flush;
wait_for_status($node, $goes{paused}->pid, "state = 'active' AND wait_event = 'ClientRead'");

set_limits($node, statement_timeout => '500ms', transaction_timeout => '1s');

for my $name ('SELECT', 'COPY')
{
	$goes{$name}->read_until('Z');
	is($goes{$name}->sqlstate, '57014', "$name over the statement limit goes");
	is(scalar guard_lines($node, qr/LOG:  canceling statement of session ${\$goes{$name}->pid} /),
		1, "$name: by the guard");
}
for my $name ('idle', 'paused')
{
	wait_for_end($node, $goes{$name}->pid);
	like((guard_lines($node, qr/terminating session ${\$goes{$name}->pid} /))[0],
		qr/: in a transaction for /, "a transaction over its limit goes: $name");
}

wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '2 s'") for values %stays;
wait_for_scan($node, 5);
is(living($node, \%stays, "state = 'active'"),
	join(' ', sort keys %stays), 'maintenance over both limits goes on');

# When the limits are far away again the gate is opened, and all of it ends well.
set_limits($node, statement_timeout => '1h', transaction_timeout => '1h');
wait_for_scan($node, 2);
$keeper->query('COMMIT; SELECT pg_advisory_unlock(7)');
for my $name (grep { $_ ne 'VACUUM' } sort keys %stays)
{
	$stays{$name}->read_result;
	is($stays{$name}->sqlstate, '', "$name ends well");
}
is( $node->safe_psql('postgres', 'SELECT count(*) FROM pg_index WHERE indisvalid
		AND indrelid IN (\'web.built\'::regclass, \'web.concurrent\'::regclass)'),
	'2',
	'and its indexes are there');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(${\$stays{VACUUM}->pid})");
$stays{VACUUM}->read_result;

my $pids = join '|', map { $_->pid } values %stays;
is(scalar guard_lines($node, qr/(terminating|canceling statement of) session ($pids) /),
	0, 'the guard meant none of them');

$_->quit for $keeper, values %stays;
$_->abandon for values %goes;
$node->stop;
done_testing();
