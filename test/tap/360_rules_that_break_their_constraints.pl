# A row that the constraints of the table of rules forbid, and that is there all the same, is not
# understood in another way: the last rules hold, after ten seconds in which nobody is ended, since
# it could have been an exemption.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms');
my $limit = 'idle_in_transaction_session_timeout';
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$admin->run('CREATE ROLE a LOGIN', 'CREATE ROLE b LOGIN', 'CREATE ROLE set LOGIN',
	"ALTER ROLE set SET pg_session_guard.$limit = '300ms'",
	rule('ends a', roles => ['a'], $limit => '300 ms'), rule('exempts b', roles => ['b'], exempt => 'on'));
wait_for_reading($admin);
my ($innocent, $b) = map { idle_in_transaction($_) } 'web', 'b';

sub idle_in_transaction
{
	my ($user) = @_;
	my $session = RawSession->connect($node, user => $user);

	$session->run('BEGIN');
	return $session;
}

# A superuser removes a constraint, and writes what it had forbidden.
$admin->run("ALTER TABLE session_guard.rule $_")
  for 'DROP CONSTRAINT idle_session_timeout_is_0_or_100ms_to_10000d', 'DROP CONSTRAINT mode_is_enforce_or_log',
  'DROP CONSTRAINT roles_is_a_list_of_names', 'DROP CONSTRAINT client_addr_is_a_list_of_networks',
  'DROP CONSTRAINT max_memory_is_0_or_16mb_to_1pb_in_bytes', 'ALTER mode DROP NOT NULL',
  'DROP CONSTRAINT databases_is_a_list_of_names';

my @bad = (
	[ idle_session_timeout => "'50 ms'" ], [ idle_session_timeout => "'-1 s'" ], [ idle_session_timeout => "'20000 days'" ],
	[ mode => "'enforced'" ], [ mode => 'NULL' ], [ roles => "'{}'" ], [ roles => '$${a,NULL}$$' ],
	[ databases => "'{}'" ], [ client_addr => "'{}'" ], [ max_memory => 1024 ], [ max_memory => -1 ]);

# Read as if the column were not there such a row would mean everybody.
for my $each ([ idle_session_timeout => "'50 s'" ], @bad)
{
	my ($column, $value) = @$each;

	$admin->run('BEGIN', "INSERT INTO session_guard.rule (position, name, $limit, $column) VALUES (-1, 'new', '300 ms', $value)");
	my $sources = $admin->query("SELECT coalesce(string_agg(DISTINCT source, ', '), 'no rule') FROM session_guard.schedule WHERE limit_name = '$limit'");
	is($sources, grep({ $_ == $each } @bad) ? 'no rule' : 'rule "new"', "a rule with $column = $value");
	$admin->run('ROLLBACK');
}

my $offset = log_size($node);
$admin->run("INSERT INTO session_guard.rule (position, name, $limit, mode) VALUES (-1, 'bad', '300 ms', 'enforced')");
my ($a, $set) = map { idle_in_transaction($_) } 'a', 'set';
$_->read_to_end for $a, $set;
is(source_told($a), 'rule "ends a"', 'with a bad row the last rules hold');
is(scalar guard_lines($node, qr/column "mode" of rule "bad" has a value that its constraints forbid$/, $offset), 1, 'the log says once what is bad');
is($admin->query("SELECT bool_and(measured > '8 s') FROM session_guard.event WHERE pid IN (${\ $a->pid }, ${\ $set->pid })"),
	't', 'after the time in which it could have been an exemption');
ok(is_alive($node, $b->pid) && is_alive($node, $innocent->pid), 'and the innocent stay');


# Corrected, it counts at once.
$admin->run(q{UPDATE session_guard.rule SET mode = 'enforce' WHERE name = 'bad'});
$innocent->read_to_end;
is(source_told($innocent), 'rule "bad"', 'a row that is corrected counts');
ok(is_alive($node, $b->pid), 'and who is exempt stays');

$_->abandon for $admin, $b;
$node->stop;
done_testing();
