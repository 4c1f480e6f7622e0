# spare_maintenance = off: VACUUM and CREATE INDEX go like any statement, by the
# statement limit and by the transaction limit, from the reload on; for a role
# without a limit nothing changes.

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

# Tables for each role, an index that is built for as long as somebody wants,
# and enough pages for a VACUUM that pauses at each of them.
my @roles = ('of_statement', 'of_transaction', 'unlimited');
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN; CREATE SCHEMA $_ AUTHORIZATION $_") for @roles;
$node->safe_psql(
	'postgres', qq{
	SET ROLE $_;
	CREATE FUNCTION $_.hang(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM pg_catalog.pg_sleep(600); RETURN n; END';
	CREATE TABLE $_.built AS SELECT 1 AS n;
	CREATE TABLE $_.vacuumed AS SELECT n, repeat('x', 4000) AS filler FROM generate_series(1, 1200) AS n;
	ALTER TABLE $_.vacuumed ALTER filler SET STORAGE PLAIN;
	UPDATE $_.vacuumed SET filler = filler || 'x'}) for @roles;

my %build = map { $_ => RawSession->connect($node, user => $_) } @roles;
my %vacuum = map { $_ => RawSession->connect($node, user => $_) } @roles;
for my $role (@roles)
{
	$build{$role}->send_query("CREATE INDEX ON $role.built ($role.hang(n))");
	$vacuum{$role}->query(
		'SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; SET vacuum_cost_page_hit = 10000;
		 SET vacuum_cost_page_dirty = 10000; SET vacuum_cost_page_miss = 10000');
	$vacuum{$role}->send_query("VACUUM $role.vacuumed");
}
$node->poll_query_until('postgres',
	'SELECT (SELECT count(*) FROM pg_stat_progress_create_index)
		+ (SELECT count(*) FROM pg_stat_progress_vacuum) = 6')
  or die 'not all of the maintenance began';

my $plain = RawSession->connect($node, user => 'of_statement');
$plain->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $plain->pid, "wait_event = 'PgSleep'");

$node->safe_psql(
	'postgres', q{
	ALTER ROLE of_statement SET pg_session_guard.statement_timeout = '500ms';
	ALTER ROLE of_transaction SET pg_session_guard.transaction_timeout = '500ms'});
$plain->read_until('E');
is($plain->sqlstate, '57014', 'a plain statement goes');
wait_until_unchanged_for($node, '1 s', map { $_->pid } values %build, values %vacuum);
wait_for_scan($node, 3);
is(living($node, \%build, "state = 'active'"), join(' ', @roles), 'with spare_maintenance = on CREATE INDEX stays');
is(living($node, \%vacuum, "state = 'active'"), join(' ', @roles), 'and so does VACUUM');

set_limits($node, spare_maintenance => 'off');
for my $session ($build{of_statement}, $vacuum{of_statement})
{
	$session->read_until('E');
	is($session->sqlstate, '57014', 'with off it goes by the statement limit');
	like((guard_lines($node, qr/canceling statement of session ${\$session->pid} /))[0],
		qr/statement_timeout is 500 ms \(role "of_statement"\)$/, 'as the log says');
}
for my $session ($build{of_transaction}, $vacuum{of_transaction})
{
	wait_for_end($node, $session->pid);
	like((guard_lines($node, qr/terminating session ${\$session->pid} /))[0],
		qr/transaction_timeout is 500 ms \(role "of_transaction"\)$/, 'and by the transaction limit');
}
wait_for_scan($node, 3);
is(living($node, \%build, "state = 'active'"), 'unlimited', 'who has no limit stays, with CREATE INDEX');
is(living($node, \%vacuum, "state = 'active'"), 'unlimited', 'and with VACUUM');

$_->abandon for $plain, values %build, values %vacuum;
$node->stop('immediate');
done_testing();
