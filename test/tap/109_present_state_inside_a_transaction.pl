# Inside a transaction pg_stat_activity shows what it was at first sight.  The
# functions and session_guard.session show and end what is there now, so that a loop
# in a DO block can wait until a database is empty.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main');

$node->safe_psql('postgres', 'CREATE ROLE dba LOGIN SUPERUSER');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

my %session = (
	early => RawSession->connect($node, dbname => 'shop'),
	innocent => RawSession->connect($node));
my $dba = RawSession->connect($node, user => 'dba');
my $cached = q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'};
my $present = q{SELECT count(*) FROM session_guard.session WHERE datname = 'shop'};

$dba->query('BEGIN');
is($dba->query($cached), '1', 'one session is there at first sight');
is($dba->query($present), '1', 'in the view too');

# One more comes, which the transaction's snapshot of the activity does not know.
$session{late} = RawSession->connect($node, dbname => 'shop');
is($dba->query($cached), '1', 'the snapshot does not show who came later');
is($dba->query($present), '2', 'the view does');

# Nobody is awaited by the function, so the loop has to see them go; and all have to go in one statement.
my $patience = $PostgreSQL::Test::Utils::timeout_default / 2;
$dba->query(<<"SQL");
DO \$\$
DECLARE
	give_up timestamptz := clock_timestamp() + interval '$patience s';
	others int;
	rounds int := 0;
BEGIN
	LOOP
		PERFORM terminate_db_sessions('shop', timeout => '0', reason => 'round ' || rounds);
		SELECT count(*) INTO others FROM session_guard.session WHERE datname = 'shop';
		EXIT WHEN others = 0;
		rounds := rounds + 1;
		IF clock_timestamp() > give_up THEN
			RAISE EXCEPTION '% sessions are still there', others;
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
\$\$
SQL
is($dba->error, undef, 'the loop has seen the database become empty');
is(living($node, \%session), 'innocent', 'it is, and the session of another database stays');
is($dba->query($present), '0', 'the view says so too');
is($dba->query($cached), '1', 'while the snapshot still shows who was there at first');

# The function ends in the same transaction who comes now, and waits for it by itself.
$session{again} = RawSession->connect($node, dbname => 'shop');
is($dba->query(q{SELECT outcome FROM terminate_db_sessions('shop')}), 'terminated',
	'a session that has just come is found');
is(living($node, \%session), 'innocent', 'and is gone');

# What was done cannot be taken back.
$dba->query('ROLLBACK');
is(living($node, \%session), 'innocent', 'a rollback brings nobody back');

$node->stop;
done_testing();
