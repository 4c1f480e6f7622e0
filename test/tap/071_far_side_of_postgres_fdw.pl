# The far side of postgres_fdw is a session of its own, by a role of its own: it
# is limited by what is stored for that role, and the near side by what is
# stored for its own.  Neither pulls the other down.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) eq '0')
{
	$node->stop;
	plan skip_all => 'postgres_fdw is not installed';
}

# Two near roles, each with a far role of its own; only one of each has a limit.
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', 'CREATE DATABASE far');
$node->safe_psql(
	'far', q{
	CREATE TABLE goods AS SELECT 42 AS n;
	CREATE VIEW endless AS SELECT pg_sleep(600)::text AS t;
	CREATE ROLE far_limited LOGIN;
	CREATE ROLE far_free LOGIN;
	GRANT SELECT ON goods, endless TO far_limited, far_free});
$node->safe_psql(
	'postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE ROLE to_limited LOGIN;
	CREATE ROLE to_free LOGIN;
	CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'far');
	CREATE FOREIGN TABLE goods (n int) SERVER far;
	CREATE FOREIGN TABLE endless (t text) SERVER far;
	CREATE USER MAPPING FOR to_limited SERVER far OPTIONS (user 'far_limited', password_required 'false');
	CREATE USER MAPPING FOR to_free SERVER far OPTIONS (user 'far_free', password_required 'false');
	GRANT SELECT ON goods, endless TO to_limited, to_free});

# The pid of a role's session on the far side.
sub far_pid
{
	my ($role) = @_;

	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE usename = '$role' AND datname = 'far'");
}

sub open_near
{
	my ($role) = @_;
	my $session = RawSession->connect($node, user => $role);

	$session->query('BEGIN');
	is($session->query('SELECT n FROM goods'), '42', "$role reads from the far side");
	return $session;
}

# Both sides are idle in a transaction, and only one far role may not be so for long.
my %near = map { $_ => open_near($_) } 'to_limited', 'to_free';
my %far = map { $_ => far_pid($_) } 'far_limited', 'far_free';

$node->safe_psql('postgres',
	q{ALTER ROLE far_limited SET pg_session_guard.idle_in_transaction_session_timeout = '500ms'});
wait_for_end($node, $far{far_limited});
like(
	(guard_lines($node, qr/terminating session $far{far_limited} /))[0],
	qr/\(user "far_limited", database "far", application "postgres_fdw", .*is 500 ms \(role "far_limited"\)$/,
	'the far side goes by the limit of its own role');
wait_until_unchanged_for($node, '1 s', (map { $_->pid } values %near), $far{far_free});
wait_for_scan($node, 3);
is(living($node, \%near), 'to_free to_limited', 'the near side stays');
ok(is_alive($node, $far{far_free}), 'and so does the other far side');
$near{to_limited}->query('SELECT n FROM goods');
like($near{to_limited}->sqlstate, qr/^(08006|57P01)$/, 'the near side is told that it lost its connection');
$near{to_limited}->query('ROLLBACK');
$node->safe_psql('postgres',
	'ALTER ROLE far_limited RESET pg_session_guard.idle_in_transaction_session_timeout');
is($near{to_limited}->query('SELECT n FROM goods'), '42', 'and makes a new one');
is($near{to_free}->query('SELECT n FROM goods'), '42', 'the other one goes on with its own');

# A limit of a near role ends the near side; the far side goes by itself when nobody is there.
my $offset = log_size($node);
$node->safe_psql('postgres',
	q{ALTER ROLE to_free SET pg_session_guard.idle_in_transaction_session_timeout = '500ms'});
wait_for_end($node, $near{to_free}->pid);
wait_for_end($node, $far{far_free});
is( join(' ', map { /terminating session (\d+) / } guard_lines($node, qr/LOG:  terminating session/, $offset)),
	$near{to_free}->pid,
	'a limit of the near role ends the near side alone');

# A statement runs on both sides, and only the far one is limited.
$node->safe_psql('postgres', q{ALTER ROLE far_limited SET pg_session_guard.statement_timeout = '500ms'});
$offset = log_size($node);
$near{to_limited}->query('SELECT t FROM endless');
is($near{to_limited}->sqlstate, '57014', 'a far statement over its limit is canceled');
ok(is_alive($node, $near{to_limited}->pid), 'its near side gets an error');
is( join(' ', map { /user "(\w+)"/ } guard_lines($node, qr/LOG:  canceling statement of session/, $offset)),
	'far_limited',
	'and was not meant itself');

$_->abandon for values %near;
$node->stop;
done_testing();
