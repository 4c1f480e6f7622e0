# A role binds a session only as long as it is taken on: whatever gives it back, a command, the end
# of a transaction, of a savepoint or of a function, by success or failure, releases the session
# from its limits at once.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_prepared_transactions => 4);

$node->safe_psql('postgres', q{
	CREATE ROLE anon; CREATE ROLE app LOGIN NOINHERIT; CREATE ROLE owner LOGIN SUPERUSER;
	GRANT anon TO app;
	ALTER ROLE anon SET pg_session_guard.idle_session_timeout = '1s';
	ALTER ROLE anon SET pg_session_guard.transaction_timeout = '1s';
	CREATE FUNCTION as_anon() RETURNS name LANGUAGE plpgsql SET role = 'anon' AS 'BEGIN RETURN current_user; END';
	CREATE FUNCTION fail_as_anon() RETURNS int LANGUAGE plpgsql SET role = 'anon' AS 'BEGIN RETURN 1 / 0; END';
	CREATE FUNCTION catch_as_anon() RETURNS int LANGUAGE plpgsql AS $$
		BEGIN PERFORM set_config('role', 'anon', true); RETURN 1 / 0; EXCEPTION WHEN division_by_zero THEN RETURN 0; END $$;
	CREATE PROCEDURE commit_as_anon() LANGUAGE plpgsql AS $$
		BEGIN SET LOCAL ROLE anon; COMMIT; END $$});

# How each comes to have the role, and to have it no more.
my %ways = (
	reset => [ 'SET ROLE anon', 'RESET ROLE' ],
	none => [ 'SET ROLE anon', 'SET ROLE NONE' ],
	discarded => [ 'SET ROLE anon', 'DISCARD ALL' ],
	back_to_own => [ 'SET ROLE anon', 'SET ROLE app' ],
	committed => [ 'BEGIN', 'SET LOCAL ROLE anon', 'SELECT 1', 'COMMIT' ],
	rolled_back => [ 'BEGIN', 'SET ROLE anon', 'SELECT 1', 'ROLLBACK' ],
	config_rolled_back => [ 'BEGIN', q{SELECT set_config('role', 'anon', false)}, 'ROLLBACK' ],
	config_local => [ q{SELECT set_config('role', 'anon', true)} ],
	failed => [ 'BEGIN', 'SET LOCAL ROLE anon', 'SELECT 1/0', 'ROLLBACK' ],
	failed_alone => [ q{SELECT set_config('role', 'anon', true), 1/(random() > 2)::int} ],
	same_string => ['SET ROLE anon; SELECT 1; RESET ROLE'],
	failed_string => ['SET ROLE anon; SELECT 1/0'],
	function => ['SELECT as_anon()'],
	failed_function => ['SELECT fail_as_anon()'],
	caught => ['SELECT catch_as_anon()'],
	procedure => ['CALL commit_as_anon()'],
	# In a transaction, which lasts for longer than the role may have.
	savepoint => [ 'BEGIN', 'SAVEPOINT s', 'SET ROLE anon', 'ROLLBACK TO s' ],
	failed_savepoint => [ 'BEGIN', 'SAVEPOINT s', 'SET LOCAL ROLE anon', 'SELECT 1/0', 'ROLLBACK TO s' ],
	in_transaction => [ 'BEGIN', 'SET LOCAL ROLE anon', 'RESET ROLE' ],
	function_in_transaction => [ 'BEGIN', 'SELECT as_anon()' ],
);
my %session = map { $_ => RawSession->connect($node, user => 'app') } keys %ways;

for my $name (sort keys %ways)
{
	$session{$name}->query($_) for @{ $ways{$name} };
}

# Whom a superuser takes on binds neither who becomes another nor who prepares its transaction; it
# is the one whom the setting for superusers does not spare here.
$node->safe_psql('postgres', 'ALTER SYSTEM SET pg_session_guard.exempt_superusers = off');
$node->reload;
$session{authorized} = RawSession->connect($node, user => 'owner');
$session{authorized}->run('SET ROLE anon', 'SET SESSION AUTHORIZATION app');
$session{deauthorized} = RawSession->connect($node, user => 'owner');
$session{deauthorized}->run('SET ROLE anon', 'RESET SESSION AUTHORIZATION');
$session{prepared} = RawSession->connect($node, user => 'owner');
$session{prepared}->run('BEGIN', 'SET LOCAL ROLE anon', 'CREATE TEMP TABLE t ()', 'DROP TABLE t', 'RESET ROLE', 'ROLLBACK',
	'BEGIN', 'SELECT txid_current()', 'SET LOCAL ROLE anon', q{PREPARE TRANSACTION 'p'});

# Beside them, who has it still, though others have tried to take it away.
my %bound = map { $_ => RawSession->connect($node, user => 'app') } qw(kept released_savepoint again after_function);
$bound{kept}->run('SET ROLE anon', 'BEGIN', 'RESET ROLE', 'ROLLBACK');
$bound{released_savepoint}->run('BEGIN', 'SAVEPOINT s', 'SET LOCAL ROLE anon', 'RELEASE s');
$bound{again}->run('SET ROLE anon', 'RESET ROLE', 'SET ROLE anon', 'SELECT 1');
$bound{after_function}->run('SET ROLE anon', 'SELECT as_anon()');

wait_for_end($node, $_->pid) for map { $bound{$_} } sort keys %bound;
is(scalar guard_lines($node, qr/terminating session (@{[ join '|', map { $_->pid } values %bound ]}) .*\(role "anon" taken by SET ROLE\)$/),
	scalar(keys %bound), 'who has it still is ended');
wait_until_unchanged_for($node, '1500 ms', map { $_->pid } values %session);
wait_for_scan($node, 2);
is(living($node, \%session), join(' ', sort keys %session), 'who has given it back stays');
is($node->safe_psql('postgres', q{SELECT count(*) FROM session_guard.schedule WHERE source LIKE '%taken by SET ROLE%'}),
	0, 'and nothing is scheduled for it');

$session{deauthorized}->query(q{ROLLBACK PREPARED 'p'});
$_->abandon for values %session, values %bound;
$node->stop;
done_testing();
