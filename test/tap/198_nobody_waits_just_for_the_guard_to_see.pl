# A session that wants the guard to find it waiting, and runs in between, does not
# know when the guard reads its status: it asks the schedule what was measured of it
# and shifts its short waits until little is, and it ends all the same.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 3;
my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.statement_timeout' => "${limit}s");

# The steps are those of a guard that scans each twentieth of the limit.
my $step = $limit / 20;
$node->safe_psql(
	'postgres', qq{
	CREATE SEQUENCE waited_ms MINVALUE 0;
	GRANT ALL ON waited_ms TO web;
	CREATE PROCEDURE pretend() LANGUAGE plpgsql AS \$\$
	DECLARE
		shift float8 := 0;
		next float8;
		before float8 := 0;
		now float8;
		asked timestamptz;
		waited float8 := 0;
	BEGIN
		PERFORM set_config('lock_timeout', '30', false);
		LOOP
			next := (floor(extract(epoch FROM clock_timestamp()) / $step - shift) + 1 + shift) * $step;
			WHILE extract(epoch FROM clock_timestamp()) < next LOOP
				NULL;
			END LOOP;
			asked := clock_timestamp();
			BEGIN
				PERFORM pg_advisory_xact_lock(5);
			EXCEPTION WHEN lock_not_available THEN
				waited := waited + 1000 * extract(epoch FROM clock_timestamp() - asked);
				PERFORM setval('waited_ms', waited::bigint);
			END;
			SELECT extract(epoch FROM measured) INTO now FROM session_guard.schedule
				WHERE pid = pg_backend_pid() AND limit_name = 'statement_timeout';
			IF now - before > 0.3 * $step THEN
				shift := shift + 0.13 - floor(shift + 0.13);
			END IF;
			before := now;
		END LOOP;
	END
	\$\$;
});

my $helper = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $culprit = RawSession->connect($node);

$helper->query('SELECT pg_advisory_lock(5)');
# The server's own limit, so that the test ends if the guard is deceived.
$culprit->query('SET statement_timeout = 30000');
$culprit->send_query('CALL pretend()');
$culprit->read_result;
is($culprit->sqlstate, '57014', 'who pretends to wait is canceled');
is(scalar guard_lines($node, qr/canceling statement of session ${\ $culprit->pid } /),
	1, 'by the guard');

# What it has waited by its own account; what was its last wait may be missing.
my $ran = $node->safe_psql(
	'postgres', "SELECT extract(epoch FROM acted_at - query_start)
		- (SELECT last_value FROM waited_ms) / 1000.0
	 FROM session_guard.event JOIN pg_stat_activity USING (pid) WHERE pid = ${\ $culprit->pid }");
cmp_ok($ran, '<', 2 * $limit, 'not long after it has run for the limit');

$_->quit for $helper, $culprit;
$node->stop;
done_testing();
