# Where a prepared transaction, or an exempt session, holds vacuum back further than sessions do, their
# end would free nothing: nobody is ended, and the log names what it is, once.  When it is gone they are
# ended.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.max_horizon_age' => 1000,
	'pg_session_guard.naptime' => '200ms',
	max_prepared_transactions => 2);

$node->safe_psql('postgres', 'CREATE TABLE account AS SELECT 1 AS id; GRANT ALL ON account TO PUBLIC');

my %session = map { $_ => RawSession->connect($node) } qw(preparer snapshot writer);
$session{preparer}->query(q{BEGIN; UPDATE account SET id = 2; PREPARE TRANSACTION 'lost'});
$session{snapshot}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM account');
$session{writer}->query('BEGIN; INSERT INTO account VALUES (3)');
pass_transactions($node);

wait_until(sub { guard_lines($node, qr/prepared transaction .* holds back vacuum by/) > 0 }, 'the log names it');
wait_for_scan($node, 10);
# Autovacuum that analyzes may be named as well, when its time has come.
is(scalar guard_lines($node, qr/prepared transaction .* holds back vacuum by/), 1, 'once');
is(living($node, \%session), 'preparer snapshot writer', 'nobody is ended');
is( $node->safe_psql(
		'postgres', q{
		SELECT DISTINCT spared FROM session_guard.schedule
		WHERE limit_name = 'max_horizon_age' AND measured_amount > threshold_amount}),
	'who will not be ended holds back vacuum as much',
	'the schedule says why');

$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost'});
wait_for_end($node, $session{writer}->pid);
wait_for_scan($node, 10);
pass_transactions($node);
wait_for_end($node, $session{snapshot}->pid);
is(living($node, \%session), 'preparer', 'when it is gone those are ended who hold it back');

$node->safe_psql('postgres', 'CREATE ROLE etl LOGIN; ALTER ROLE etl SET pg_session_guard.exempt = on');
my %next = (etl => RawSession->connect($node, user => 'etl'), map { $_ => RawSession->connect($node) } qw(writer other));
$next{$_}->query('BEGIN; INSERT INTO account VALUES (4)') for qw(etl writer other);
wait_for_scan($node, 10);
pass_transactions($node);
wait_until(sub { guard_lines($node, qr/LOG:  session ${\ $next{etl}->pid } \(user "etl".*\) holds back vacuum by/) > 0 },
	'the log names a session that is exempt');
wait_for_scan($node, 10);
is(scalar guard_lines($node, qr/LOG:  session ${\ $next{etl}->pid } .* holds back vacuum by/), 1, 'once');
is(scalar guard_lines($node, qr/(?:session|prepared transaction) .* holds back vacuum by/), 2, 'and nobody else is named');
is(living($node, \%next), 'etl other writer', 'nobody is ended');
$next{etl}->query('COMMIT');
wait_for_end($node, $next{$_}->pid) for qw(writer other);
is(living($node, \%next), 'etl', 'until it has gone');

$_->abandon for values(%session), values(%next);
$node->stop;
done_testing();
