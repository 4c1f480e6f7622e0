# pg_upgrade with the library preloaded on both sides, and with limits that its
# own sessions would break: the guard keeps out of it, and works afterwards.  Rules
# and what watches over them are as they were.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use File::Find;
use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $settings = q(
shared_preload_libraries = 'pg_session_guard'
pg_session_guard.exempt_superusers = off
pg_session_guard.naptime = '100ms'
pg_session_guard.idle_session_timeout = '100ms'
);

my $old = PostgreSQL::Test::Cluster->new('old');
$old->init;
$old->append_conf('postgresql.conf', $settings);
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE web LOGIN; CREATE EXTENSION pg_session_guard');
wait_for_guard($old);
$old->safe_psql(
	'postgres', q{
	INSERT INTO session_guard.rule (position, name, roles, except_roles, client_addr, query, transaction_timeout, enabled)
	VALUES (1, 'one', '{web}', '{pg_monitor}', '{10.0.0.0/8,::1}', '^SELECT', '5 min', false)});
my $rules = rules($old);
$old->stop;

# The rules, and the definition of their table.
sub rules
{
	my ($node) = @_;

	return $node->safe_psql(
		'postgres', q{
		TABLE session_guard.rule;
		SELECT tgname, tgenabled FROM pg_trigger
		WHERE tgrelid = 'session_guard.rule'::regclass AND NOT tgisinternal ORDER BY tgname;
		SELECT conname, condeferrable, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE conrelid = 'session_guard.rule'::regclass ORDER BY conname});
}

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', $settings);

# pg_upgrade writes to the current directory.
chdir ${PostgreSQL::Test::Utils::tmp_check} or die "cannot change the directory: $!";
my $bindir = $new->config_data('--bindir');
command_ok(
	[
		"$bindir/pg_upgrade", '--no-sync', '--retain',
		'-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $bindir, '-B', $bindir,
		'-s', $new->host, '-p', $old->port, '-P', $new->port,
	],
	'pg_upgrade succeeds');

# The servers that it has started log into the new data directory.
my @logs;
find(sub { push @logs, $File::Find::name if /\.log$/ }, $new->data_dir . '/pg_upgrade_output.d');
my $log = join '', map { slurp_file($_) } @logs;
like($log, qr/database system is ready to accept connections/, 'their logs are kept');
unlike($log, qr/LOG:  (session guard started|terminating session)/, 'no guard has run in them');

$new->append_conf('postgresql.conf', 'pg_session_guard.exempt_superusers = on');
$new->start;
wait_for_guard($new);
is(rules($new), $rules, 'the rules are as they were');
my ($culprit, $in_transaction) = map { open_session($new) } 1 .. 2;
# Each may be ended while it does nothing, so nothing is asked of the culprit.
start_query($in_transaction, 'BEGIN; SELECT pg_sleep(600)');
$new->poll_query_until('postgres',
	q(SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'web'))
  or die 'the idle session is not ended';
is( $new->safe_psql('postgres', q(SELECT state FROM pg_stat_activity WHERE usename = 'web')),
	'active',
	'in the new cluster the guard ends who is idle, and nobody else');
like((guard_lines($new, qr/LOG:  terminating session/))[0], qr/user "web".*idle for/, 'and says so');

close_sessions($culprit, $in_transaction);
$new->stop;
done_testing();
