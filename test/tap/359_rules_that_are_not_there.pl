# Without the extension in the workers' database there are no rules: settings alone bind, and the
# log says so.  No other table of that name counts, whoever has made it, and none in another
# database.  While the workers' database has another name there is no guard.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node_without_extension('main', 'pg_session_guard.naptime' => '150ms');
my $limit = 'idle_in_transaction_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql('postgres', $_)
  for 'CREATE DATABASE home', 'CREATE EXTENSION pg_session_guard', 'CREATE ROLE a LOGIN', 'CREATE ROLE set LOGIN',
  "ALTER ROLE set SET pg_session_guard.$limit = '200ms'",
  rule('of no account', $limit => '200 ms');
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'home'\n");
$node->restart;
wait_for_guard($node);
my $home = RawSession->connect($node, user => $superuser, dbname => 'home');
my $innocent = RawSession->connect($node);
$innocent->run('BEGIN');
my $ends_a = rule('ends a', roles => ['a'], $limit => '200 ms');

sub culprit
{
	my ($user) = @_;
	my $culprit = RawSession->connect($node, user => $user);

	$culprit->run('BEGIN');
	return $culprit;
}

# Is role a bound by a rule now?  The role with a limit of its own is, in any case.
sub check
{
	my ($what, $is_bound) = @_;
	my ($a, $set) = map { culprit($_) } 'a', 'set';

	$set->read_to_end;
	is(source_told($set), 'role "set"', "$what: settings bind");
	if ($is_bound)
	{
		$a->read_to_end;
		is(source_told($a), 'rule "ends a"', 'and so does the rule');
	}
	else
	{
		wait_until_unchanged_for($node, '400 ms', $a->pid);
		wait_for_scan($node, 2);
		ok(is_alive($node, $a->pid), 'and no rule');
	}
	ok(is_alive($node, $innocent->pid), 'the innocent stays');
	$a->abandon;
	return;
}

my $none = qr/LOG:  there are no rules any more$/;

sub check_gone
{
	my ($what, @statements) = @_;
	my $offset = log_size($node);

	$home->run(@statements);
	wait_until(sub { guard_lines($node, $none, $offset) }, 'the log says that there are no rules');
	is(scalar guard_lines($node, qr/DETAIL:  Only settings bind sessions now\.$/, $offset), 1, 'and what that means');
	check($what, 0);
	is(scalar guard_lines($node, $none, $offset), 1, 'it is said once');
	return;
}

check('a rule in another database than that of the workers', 0);
$home->run('CREATE EXTENSION pg_session_guard', $ends_a);
check('the extension is created', 1);
check_gone('the extension is dropped', 'DROP EXTENSION pg_session_guard');
$home->run('CREATE EXTENSION pg_session_guard', $ends_a);
check('it is created again', 1);
check_gone('the table is taken from the extension', 'ALTER EXTENSION pg_session_guard DROP TABLE session_guard.rule');
$home->run('ALTER EXTENSION pg_session_guard ADD TABLE session_guard.rule');
check('and given back', 1);
check_gone('another table has its name', 'BEGIN', 'ALTER TABLE session_guard.rule RENAME TO old',
	'CREATE TABLE session_guard.rule (LIKE session_guard.old INCLUDING ALL)', 'INSERT INTO session_guard.rule SELECT * FROM session_guard.old',
	'ALTER TABLE session_guard.rule OWNER TO web', 'COMMIT');
$home->run('DROP TABLE session_guard.rule', 'ALTER TABLE session_guard.old RENAME TO rule');
check('and the old one again', 1);
check_gone('another schema has its name', 'ALTER SCHEMA session_guard RENAME TO aside', 'CREATE SCHEMA session_guard AUTHORIZATION web',
	'CREATE TABLE session_guard.rule AS SELECT * FROM aside.rule');
$home->run('DROP SCHEMA session_guard CASCADE', 'ALTER SCHEMA aside RENAME TO session_guard');
check('and the old one again', 1);
check_gone('all rules are deleted', 'DELETE FROM session_guard.rule');
$home->run($ends_a);

# A guard finds its database by name.
$home->quit;
my $offset = log_size($node);
$node->safe_psql('postgres', 'ALTER DATABASE home RENAME TO away');
wait_until(sub { guard_lines($node, qr/LOG:  could not start the session guard in database "home"/, $offset) }, 'there is no guard');
my $a = culprit('a');
wait_until_unchanged_for($node, '1 s', $a->pid);
ok(is_alive($node, $a->pid), 'nobody is ended without a guard');
is( $node->safe_psql('postgres', "SELECT source FROM session_guard.schedule WHERE pid = ${\ $a->pid } AND limit_name = '$limit'"),
	'rule "ends a"', 'the schedule tells of the rules that it has read last');
$node->safe_psql('postgres', 'ALTER DATABASE away RENAME TO home');
$a->read_to_end;
is(source_told($a), 'rule "ends a"', 'when the database has its name again the rule binds');
ok(is_alive($node, $innocent->pid), 'the innocent stays');

$innocent->abandon;
$node->stop;
done_testing();
