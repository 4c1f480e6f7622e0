# pg_dump by an exempt role outlasts limits that are all far shorter than it
# takes: its connections are idle in transaction, run and age as they need.  The
# same command by a role that is not exempt does not get to its end.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guard_node('main', 'max_connections' => 40, 'pg_session_guard.naptime' => '100ms');

# No row of the tables can be dumped before the gate is open.
my $keeper = create_gate($node);
$node->safe_psql(
	'postgres', q{
	CREATE TABLE first AS SELECT 4711 AS n;
	CREATE TABLE second AS SELECT 4712 AS n;
	ALTER TABLE first ENABLE ROW LEVEL SECURITY;
	ALTER TABLE second ENABLE ROW LEVEL SECURITY;
	CREATE POLICY slowly ON first USING (public.hold(n) = n);
	CREATE POLICY slowly ON second USING (public.hold(n) = n);
	CREATE ROLE backup LOGIN;
	CREATE ROLE nightly LOGIN;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup, nightly;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
});
$keeper->query('SELECT pg_advisory_lock(7)');

set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	statement_timeout => '300ms',
	transaction_timeout => '300ms',
	session_timeout => '1s');

# Begin to dump both tables at once into a folder of its own.
sub start_dump
{
	my ($role) = @_;
	my %dump = (dir => "${PostgreSQL::Test::Utils::tmp_check}/dump_$role", out => '', err => '');

	$dump{run} = IPC::Run::start(
		[
			'pg_dump', '-h', $node->host, '-p', $node->port, '-U', $role, '-d', 'postgres',
			'-Fd', '-f', $dump{dir}, '-j', '2', '--enable-row-security', '--no-sync',
			'-t', 'first', '-t', 'second' ],
		'>', \$dump{out}, '2>', \$dump{err});
	return \%dump;
}

my $dump = start_dump('backup');
wait_until(
	sub {
		$dump->{run}->pump_nb;
		return !$dump->{run}->pumpable || $node->safe_psql('postgres', q{
			SELECT count(*) FILTER (WHERE state = 'active') = 2
				AND count(*) FILTER (WHERE state = 'idle in transaction') = 1
			FROM pg_stat_activity
			WHERE usename = 'backup' AND clock_timestamp() - state_change > '2 s'
				AND clock_timestamp() - xact_start > '2 s'}) eq 't';
	},
	'the dump lasts');
ok($dump->{run}->pumpable, 'the dump outlasts all limits, in three connections') or diag $dump->{err};

my $other = start_dump('nightly');
ok(!$other->{run}->finish, 'by a role that is not exempt it fails');
like($other->{err}, qr/pg_dump: /, 'and says so');
cmp_ok(scalar guard_lines($node, qr/(terminating|canceling statement of) session \d+ \(user "nightly"/),
	'>', 0, 'because of the guard');
wait_for_scan($node, 3);

$keeper->query('SELECT pg_advisory_unlock(7)');
ok($dump->{run}->finish, 'the dump ends well') or diag $dump->{err};
is(scalar guard_lines($node, qr/session \d+ \(user "backup"/), 0, 'and the guard never meant it');

my ($out, $err) = run_command([ 'pg_restore', '-f', '-', $dump->{dir} ]);
is(join(' ', sort $out =~ /^(47\d\d)$/mg), '4711 4712', 'it has what is in both tables') or diag $err;

# Nothing but the exemption kept it.
$node->safe_psql('postgres', 'ALTER ROLE backup RESET pg_session_guard.exempt');
$keeper->query('SELECT pg_advisory_lock(7)');
PostgreSQL::Test::Utils::system_or_bail('rm', '-rf', $dump->{dir});
my $again = start_dump('backup');
ok(!$again->{run}->finish, 'without the exemption it fails like the other');

$keeper->quit;
$node->stop;
done_testing();
