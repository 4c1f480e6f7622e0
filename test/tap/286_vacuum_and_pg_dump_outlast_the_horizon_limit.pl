# max_horizon_age ends neither VACUUM, which has a snapshot and holds back nothing by it, nor pg_dump by
# an exempt role.  ANALYZE, which does hold back vacuum, is spared as maintenance, and canceled when that
# is not spared; pg_dump by a role that is not exempt does not get to its end.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'max_connections' => 40,
	autovacuum => 'off',
	deadlock_timeout => '1h',
	'pg_session_guard.max_horizon_age' => 1000,
	'pg_session_guard.spare_lock_waiters' => 'off',
	'pg_session_guard.naptime' => '200ms');

# No row of the table can be dumped before the gate is open.
my $keeper = create_gate($node);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE dumped AS SELECT 4711 AS n;
	ALTER TABLE dumped ENABLE ROW LEVEL SECURITY;
	CREATE POLICY slowly ON dumped USING (public.hold(n) = n);
	CREATE TABLE swept (id int);
	CREATE TABLE counted (id int);
	ALTER TABLE swept OWNER TO web;
	ALTER TABLE counted OWNER TO web;
	CREATE ROLE backup LOGIN;
	CREATE ROLE nightly LOGIN;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup, nightly;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
});
$keeper->query('SELECT pg_advisory_lock(7)');

# Begin to dump the table.
sub start_dump
{
	my ($role) = @_;
	my %dump = (file => PostgreSQL::Test::Utils::tempdir() . "/$role", out => '', err => '');

	$dump{run} = IPC::Run::start(
		[
			'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $role, '-d', 'postgres',
			'-f', $dump{file}, '--enable-row-security', '-t', 'dumped' ],
		'<', \undef, '>', \$dump{out}, '2>', \$dump{err});
	# It is in the policy of the table.
	wait_until(
		sub {
			$dump{run}->pump_nb;
			$dump{err} ne ''
			  or $node->safe_psql('postgres',
				"SELECT count(*) FROM pg_stat_activity WHERE usename = '$role' AND wait_event = 'PgSleep'") == 1;
		},
		"$role dumps");
	is($dump{err}, '', "$role goes on");
	return \%dump;
}

# These wait for their tables, with a snapshot.
my %session = map { $_ => RawSession->connect($node) } qw(locker vacuum analyze);
$session{locker}->query('BEGIN; LOCK TABLE swept, counted IN SHARE UPDATE EXCLUSIVE MODE');
let_wait($node, $session{vacuum} => 'VACUUM swept');
let_wait($node, $session{analyze} => 'ANALYZE counted');
my $nightly = start_dump('nightly');
let_snapshots_count($node);
pass_transactions($node);

ok(!$nightly->{run}->finish, 'pg_dump by a role that is not exempt fails');
like($nightly->{err}, qr/DETAIL:  Holding back vacuum by \d{4} transactions; pg_session_guard\.max_horizon_age is 1000/,
	'and says why');
# Its snapshot is younger than ANALYZE's.
my $backup = start_dump('backup');
let_snapshots_count($node);
pass_transactions($node);
wait_for_scan($node, 10);
is(living($node, \%session), 'analyze locker vacuum', 'VACUUM and ANALYZE stay, and who only holds a lock');
is( $node->safe_psql('postgres', "SELECT DISTINCT wait_event_type FROM pg_stat_activity
		WHERE pid IN (${\ $session{vacuum}->pid }, ${\ $session{analyze}->pid })"),
	'Lock', 'and go on');
is( $node->safe_psql('postgres', "SELECT spared FROM session_guard.schedule
		WHERE limit_name = 'max_horizon_age' AND pid = ${\ $session{analyze}->pid }"),
	'ANALYZE', 'that one as maintenance');

# Whoever wants it so has that canceled, too; VACUUM stays.
set_limits($node, spare_maintenance => 'off');
$session{analyze}->read_result;
is($session{analyze}->sqlstate, '57014', 'ANALYZE that is not spared is canceled');
wait_for_scan($node, 5);
$session{locker}->query('COMMIT');
$session{vacuum}->read_result;
is($session{vacuum}->sqlstate, '', 'VACUUM gets to its end');

$keeper->query('SELECT pg_advisory_unlock(7)');
ok($backup->{run}->finish, 'and so does pg_dump by an exempt role') or diag $backup->{err};
like(slurp_file($backup->{file}), qr/^4711$/m, 'with all that was to be dumped');
is(join(' ', sort map { /user "(\w+)"/ } guard_lines($node, qr/(terminating|canceling statement of) session \d+ \(/)),
	'nightly web', 'nobody else was ended');

$_->abandon for values %session;
$keeper->quit;
$node->stop;
done_testing();
