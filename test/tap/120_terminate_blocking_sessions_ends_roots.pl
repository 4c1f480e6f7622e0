# terminate_blocking_sessions() ends what is at the root of lock waits, be it idle
# or busy, and whatever others wait for: a table, a row, or a place in the queue
# for a row.  What waits itself is a victim, however many wait for it; what holds
# locks that nobody wants stays.  A prepared transaction at the root cannot be
# ended, and nobody is in its place.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# A waiter would look up from its wait to search for a deadlock.
my $node = guard_node('main', deadlock_timeout => '1h', max_prepared_transactions => 2);

$node->safe_psql(
	'postgres', q{
	CREATE TABLE account AS SELECT id, 100 AS amount FROM generate_series(1, 4) AS id;
	CREATE TABLE audit (id int);
	GRANT ALL ON account, audit TO web;
});

my %session = map { $_ => RawSession->connect($node) }
  qw(idle busy first_in_row second_in_row third_in_row middle leaf keeper bystander);

# For the lock on a row, the first waits for its transaction, the others for the first.
$session{idle}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 1');
let_wait($node, $session{$_}, 'UPDATE account SET amount = amount - 1 WHERE id = 1')
  for qw(first_in_row second_in_row third_in_row);

# The busy one is waited for by a session that is waited for itself.
$session{busy}->send_query('LOCK TABLE audit; SELECT pg_sleep(600)');
wait_for_status($node, $session{busy}->pid, "wait_event = 'PgSleep'");
$session{middle}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 2');
let_wait($node, $session{middle} => 'INSERT INTO audit VALUES (2)');
let_wait($node, $session{leaf} => 'UPDATE account SET amount = amount - 1 WHERE id = 2');

# Nobody waits for this one.
$session{keeper}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 3');

my $everybody = join ' ', sort keys %session;

is(fates($node, "terminate_blocking_sessions('1 day')", \%session), '', 'nobody has blocked for a day');
is( fates($node, 'terminate_blocking_sessions(dry_run => true)', \%session),
	'busy dry run, idle dry run',
	'a dry run names the roots');
is(living($node, \%session), $everybody, 'and everybody lives');

is( fates($node, q{terminate_blocking_sessions("timeout" => '1 min')}, \%session),
	'busy terminated, idle terminated',
	'the roots are terminated');
is( living($node, \%session),
	'bystander first_in_row keeper leaf middle second_in_row third_in_row',
	'nobody else is');
$session{$_}->read_to_end for qw(idle busy);
is_deeply([ map { $session{$_}->sqlstate } qw(idle busy) ], [ ('57P01') x 2 ], 'they are told so');

$session{$_}->read_result for qw(first_in_row second_in_row third_in_row middle);
is_deeply([ map { $session{$_}->sqlstate } qw(first_in_row second_in_row third_in_row middle) ],
	[ ('') x 4 ], 'what waited for them gets its lock');
is($node->safe_psql('postgres', 'SELECT amount FROM account WHERE id = 1'),
	97, 'each of the queue for a row, one after the other');

# Now that it waits for nobody, the one in the middle is a root like any other.
is( fates($node, 'terminate_blocking_sessions(dry_run => true)', \%session),
	'middle dry run', 'who is blocked no longer, and blocks, is next');
$session{middle}->query('COMMIT');
$session{leaf}->read_result;
is($session{leaf}->sqlstate, '', 'what waited for the victim gets its lock too');
is(fates($node, q{terminate_blocking_sessions("timeout" => '1 min')}, \%session), '', 'when nobody waits nobody is ended');

# A prepared transaction, and beside it a session, each with somebody in between.
$session{idle} = RawSession->connect($node);
$session{bystander}->query(q{BEGIN; UPDATE account SET amount = 0 WHERE id = 4; PREPARE TRANSACTION 'lost'});
$session{idle}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 1');
$session{first_in_row}->query('BEGIN; UPDATE account SET amount = 0 WHERE id = 2');
let_wait($node, $session{first_in_row} => 'UPDATE account SET amount = 1 WHERE id = 4');
let_wait($node, $session{second_in_row} => 'UPDATE account SET amount = 1 WHERE id = 2');
let_wait($node, $session{third_in_row} => 'UPDATE account SET amount = 1 WHERE id = 1');
is( $node->safe_psql(
		'postgres',
		"SELECT blocked_by FROM session_guard.session WHERE pid = ${\ $session{first_in_row}->pid }"),
	'{0}',
	'the view shows a prepared transaction as 0');
is( fates($node, q{terminate_blocking_sessions("timeout" => '1 min')}, \%session),
	'idle terminated', 'nobody is ended in place of a prepared transaction');
is( living($node, \%session),
	'bystander first_in_row keeper leaf middle second_in_row third_in_row',
	'not even who waits for it and is waited for');
$session{third_in_row}->read_result;
is($session{third_in_row}->sqlstate, '', 'what waited for the session gets its lock');

$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost'});
$session{first_in_row}->read_result;
$session{first_in_row}->query('COMMIT');
$session{second_in_row}->read_result;
is_deeply([ map { $session{$_}->sqlstate } qw(first_in_row second_in_row) ],
	[ ('') x 2 ], 'when it is rolled back, its waiters get theirs');

$session{idle}->abandon;
$_->quit for map { $session{$_} } qw(first_in_row second_in_row third_in_row middle leaf keeper bystander);
$node->stop;
done_testing();
