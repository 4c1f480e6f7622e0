# A role can be dropped while it is connected.  Its sessions are bound by what
# binds everybody: the configuration file, the database and what is stored for
# all roles.  Whatever was stored for the role, or spared it, is gone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', 'max_connections' => 60);
my $limit = 'pg_session_guard.idle_session_timeout';

$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(leaver unlimited);
$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN SUPERUSER');
$node->safe_psql('postgres', "ALTER ROLE unlimited SET $limit = 0");
$node->safe_psql('postgres', "ALTER ROLE boss SET pg_session_guard.exempt = on");
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('postgres', "ALTER DATABASE shop SET $limit = '1h'");

my %culprit = (
	idle => RawSession->connect($node, user => 'leaver'),
	in_transaction => RawSession->connect($node, user => 'leaver'),
	unlimited => RawSession->connect($node, user => 'unlimited'),
	boss => RawSession->connect($node, user => 'boss'));
my %innocent = (
	working => RawSession->connect($node, user => 'leaver'),
	shop => RawSession->connect($node, user => 'leaver', dbname => 'shop'),
	superuser => RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT current_user')));

$culprit{in_transaction}->query('BEGIN');
$innocent{working}->send_query('SELECT pg_sleep(600)');
# The guard has seen all of them when their roles are dropped.
set_limits($node, idle_session_timeout => '1h', idle_in_transaction_session_timeout => '1h');
wait_for_scan($node);
$node->safe_psql('postgres', 'DROP ROLE leaver; DROP ROLE unlimited; DROP ROLE boss');
set_limits($node, idle_session_timeout => '600ms', idle_in_transaction_session_timeout => '600ms');
wait_for_end($node, $_->pid) for values %culprit;
wait_for_scan($node, 3);
is(living($node, \%innocent), 'shop superuser working', 'who is not over a limit stays');
is_deeply([ sort map { /terminating session (\d+) \(user "\?"/ } guard_lines($node, qr/LOG:  terminating/) ],
	[ sort map { $_->pid } values %culprit ], 'the others are ended, each once');
is(scalar guard_lines($node, qr/LOG:  terminating session .*\(configuration file\)$/), 4, 'by the configuration file');

# What is stored for all roles binds them too, and can spare them.
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(one two);
$node->safe_psql('postgres', "ALTER ROLE ALL SET pg_session_guard.exempt = on");
my %spared = map { $_ => RawSession->connect($node, user => $_) } qw(one two);
$node->safe_psql('postgres', 'DROP ROLE one; DROP ROLE two');
wait_until_unchanged_for($node, '1 s', map { $_->pid } values %spared);
wait_for_scan($node, 2);
is(living($node, \%spared), 'one two', 'who is exempt with all roles stays');
$node->safe_psql('postgres', "ALTER ROLE ALL RESET ALL");
wait_for_end($node, $_->pid) for values %spared;
is(living($node, \%innocent), 'shop superuser working', 'and nobody else is ended');

$_->abandon for values %culprit, values %innocent, values %spared;
$node->stop;
done_testing();
