# What is to stay closed is stored, as accept_connections, for a database, a role, a role in a database or all
# roles, where the most special place decides, or in the configuration file.  No session lifts it.
# It outlasts a restart, is dumped, and follows to a standby.  Superusers and the bypass role come in, and the
# guard's own workers are not kept out.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	allows_streaming => 1,
	autovacuum => 'off',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.idle_session_timeout' => '1h');
my $dba = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres', $_)
  for 'CREATE DATABASE shop', 'CREATE ROLE app LOGIN', 'CREATE ROLE operator LOGIN',
  'CREATE ROLE "odd "" role" LOGIN', 'CREATE DATABASE "odd "" base"';

sub refusal
{
	my ($dbname, $user, %params) = @_;

	return RawSession->refusal($params{node} // $node, dbname => $dbname, user => $user, %params);
}

# What a client reads that is refused by what is stored somewhere.
sub stored_text
{
	my ($what, $where) = @_;

	return "FATAL 57P03: $what is closed to new connections\n"
	  . "DETAIL: pg_session_guard.accept_connections is off ($where).\n"
	  . 'HINT: Ask the administrator to accept connections again.';
}

sub alter
{
	my ($whose, $value) = @_;
	my $what = defined $value ? "SET pg_session_guard.accept_connections = $value" : 'RESET pg_session_guard.accept_connections';

	$node->safe_psql('postgres', "ALTER $whose $what");
	return;
}

# Who comes into which database.
sub let_in
{
	return join ' ', map {
		my $dbname = $_;
		map { "$_\@$dbname" } grep { refusal($dbname, $_) eq '' } qw(app web);
	} qw(postgres shop);
}

# --- one place, and what it says -----------------------------------------------

my $all = 'app@postgres web@postgres app@shop web@shop';
is(let_in(), $all, 'at first all come in');
my $before = RawSession->connect($node, dbname => 'shop');
my %place = (
	'DATABASE shop' => [ 'app@postgres web@postgres', 'database "shop"', 'database "shop"' ],
	'ROLE web' => [ 'app@postgres app@shop', 'role "web"', 'role "web"' ],
	'ROLE web IN DATABASE shop' => [ 'app@postgres web@postgres app@shop', 'role "web"', 'role "web" in database "shop"' ],
	'ROLE ALL' => [ '', 'server', 'all roles' ]);
for my $whose (sort keys %place)
{
	my ($who, @text) = @{ $place{$whose} };

	alter($whose, 'off');
	is(let_in(), $who, "$whose: others come in");
	is(refusal('shop', 'web'), stored_text(@text), 'who is refused is told where that is set');
	is(refusal('shop', $dba), '', 'a superuser comes in');
	like(refusal('shop', $_->[0], parameters => { options => '-c pg_session_guard.accept_connections=on' }), $_->[1],
		"$_->[0] cannot lift it")
	  for [ web => qr/^FATAL (?:42501|57P03)/ ], [ $dba => qr/^FATAL 55P02/ ];
	alter($whose, undef);
}
is($before->query('SELECT 1'), '1', 'a session that was there before goes on');
is(let_in(), $all, 'at last all come in again');

# Names of any kind.
alter('ROLE "odd "" role" IN DATABASE "odd "" base"', 'off');
is(refusal('odd " base', 'odd " role'), stored_text('role "odd " role"', 'role "odd "" role" in database "odd "" base"'), 'an odd name');

# --- several places ----------------------------------------------------------------

alter('ROLE ALL', 'off');
alter('DATABASE shop', 'on');
is(let_in(), 'app@shop web@shop', 'a database opens what all roles close');
alter('ROLE web', 'off');
is(let_in(), 'app@shop', 'a role closes what its database opens');
alter('ROLE web IN DATABASE shop', 'on');
alter('ROLE app IN DATABASE shop', 'off');
is(let_in(), 'web@shop', 'a role in a database says the last word');
is(refusal('shop', 'app'), stored_text('role "app"', 'role "app" in database "shop"'), 'either way');
is(refusal('postgres', 'web'), stored_text('role "web"', 'role "web"'), 'in other databases the role does');

# A closing by a function adds to that, and is told first.
$node->safe_psql('postgres', q{SELECT close_role('web'), close_role('app')});
is(let_in(), '', 'what is stored as on opens nothing that a function has closed');
like(refusal('shop', 'app'), qr/^DETAIL: It was closed by role "$dba", until/m, 'which is told first');
$node->safe_psql('postgres', q{SELECT open_role(ARRAY['web', 'app'])});
is(let_in(), 'web@shop', 'and to open it leaves what is stored');

# --- where it goes -------------------------------------------------------------------

my ($dump) = run_command([ 'pg_dumpall', '-d', $node->connstr('postgres') ]);
for my $line (
	[ 'ROLE web' => 'off' ],
	[ 'ROLE app IN DATABASE shop' => 'off' ],
	[ 'DATABASE shop' => 'on' ])
{
	my ($whose, $value) = @$line;

	like($dump, qr/^ALTER $whose SET "?pg_session_guard\.accept_connections"? TO '$value';$/m, "pg_dumpall keeps it of $whose");
}

$node->restart;
is(let_in(), 'web@shop', 'all is so after a restart');
my $standby = standby_of($node);
is(refusal('shop', 'app', node => $standby), refusal('shop', 'app'), 'and on a standby');
is(refusal('shop', 'web', node => $standby), '', 'where others come in as well');
$standby->stop;
alter($_, undef) for 'ROLE ALL', 'DATABASE shop', 'ROLE web', 'ROLE web IN DATABASE shop', 'ROLE app IN DATABASE shop';

# --- the whole server -----------------------------------------------------------------

set_limits($node, accept_connections => 'off', closed_bypass_role => 'operator');
is(let_in(), '', 'the configuration file closes the server');
is(refusal('postgres', 'web'), stored_text('server', 'configuration file'), 'and is named');
is(refusal('shop', $_), '', "$_ comes in") for $dba, 'operator';
alter('ROLE web', 'on');
is(let_in(), 'web@postgres web@shop', 'a role is let in by what is stored for it');
set_limits($node, closed_bypass_role => '');
is(refusal('shop', 'operator'), stored_text('server', 'configuration file'), 'without a bypass role its members are refused');

# --- the guard's own workers -------------------------------------------------------------

my $offset = log_size($node);
alter("ROLE \"$dba\"", 'off');
alter('DATABASE postgres', 'off');
alter('ROLE ALL', 'off');
my ($old, $new) = replace_guard($node);
cmp_ok($old, '!=', $new, 'a guard comes that has to connect itself');
my $writer = wait_for_history_writer($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($writer)");
ok(wait_for_history_writer($node, $writer), 'so does a history writer');
wait_for_scan($node, 2);
is_deeply(
	[ grep { !/terminating .* due to administrator command/ } guard_lines($node, qr/ (?:WARNING|ERROR|FATAL):  | LOG:  could not/, $offset) ],
	[], 'and nobody complains');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the superuser comes in');

$node->stop;
done_testing();
