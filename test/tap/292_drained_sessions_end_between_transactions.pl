# A session that is drained ends between two transactions: an idle one at once, one that is in
# a transaction when that has ended, and one that has no pause between its transactions
# with none of them broken.  At the deadline the rest is terminated.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main', max_prepared_transactions => 2);
$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE ROLE etl LOGIN');
$node->safe_psql('shop', 'CREATE TABLE orders (n int); GRANT ALL ON orders TO PUBLIC');

my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

# Begin to drain the database in a session of its own.
sub begin_drain
{
	my ($arguments) = @_;
	my $caller = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

	$caller->send_query("SELECT pid, outcome, note FROM drain_database('shop', $arguments)");
	return $caller;
}

# What became of the sessions, by pid.
sub ends_of
{
	my ($caller) = @_;

	return { map { ($_->[0] => join ': ', grep { defined } @$_[ 1, 2 ]) } RawSession::rows_of($caller->read_until('Z')) };
}

sub wait_until_left
{
	my ($count) = @_;

	$node->poll_query_until('postgres',
		"SELECT sessions_left = $count FROM session_guard.closed WHERE datname = 'shop'")
	  or die "not $count sessions are left";
	return pass("$count sessions are left");
}

sub shop
{
	return RawSession->connect($node, dbname => 'shop', @_);
}

# Does a session end, after what it has answered?
sub ends_after
{
	my ($session, $answer, $what) = @_;

	ok((grep { $_->[0] eq 'Z' } @$answer), "$what: its client has its answer");
	ok(!defined $session->error, 'and no error');
	wait_for_end($node, $session->pid);
	$session->read_to_end;
	is($session->sqlstate, '57P01', 'then it ends');
	like($session->error->{detail}, qr/^Requested by role "\w+" with drain_database\(dbname => 'shop'\): "move"\./, 'and is told why');
	return;
}

$node->safe_psql('shop', <<'SQL');
CREATE PROCEDURE many() LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO orders VALUES (3);
	COMMIT;
	PERFORM pg_advisory_xact_lock(7);
	INSERT INTO orders VALUES (4);
END $$;
SQL
my $holder = shop();
my %session = map { ($_ => shop()) } qw(idle listening transaction failed statement procedure pipeline committed erring);
my $bystander = RawSession->connect($node);
$bystander->run('BEGIN', 'SELECT 1');
$holder->run('BEGIN', 'SELECT pg_advisory_xact_lock(7)');
$session{listening}->run('LISTEN news');
$session{transaction}->run('BEGIN', 'INSERT INTO orders VALUES (1)');
$session{failed}->query('BEGIN; SELECT 1/0');
$session{failed}->{error} = undef;
let_wait($node, $session{statement}, 'SELECT pg_advisory_xact_lock(7); INSERT INTO orders VALUES (2)');
let_wait($node, $session{procedure}, 'CALL many()');
$session{pipeline}->run_in_pipeline('INSERT INTO orders VALUES (5)', 'SELECT 1');
$session{committed}->run_in_pipeline('BEGIN', 'INSERT INTO orders VALUES (6)', 'COMMIT');
# What follows an error is skipped until the client synchronizes.
$session{erring}->parse('', 'SELECT 1/0');
$session{erring}->bind('', '');
$session{erring}->execute('');
$session{erring}->flush;
$session{erring}->read_until('E');
$session{erring}->{error} = undef;

my $caller = begin_drain(q{'1 day', '0', 'move'});
for my $name (qw(idle listening))
{
	wait_for_end($node, $session{$name}->pid);
	pass("$name: it ends at once");
}
wait_until_left(8);
is($node->psql('shop', 'SELECT 1', extra_params => [qw(-U web)]), 2, 'nobody is let in');
ok(is_alive($node, $session{$_}->pid), "$_: it goes on") for qw(transaction failed statement procedure pipeline committed erring);

$session{transaction}->run('INSERT INTO orders VALUES (7)');
$session{transaction}->send_query('COMMIT');
ends_after($session{transaction}, [ $session{transaction}->read_until('Z') ], 'transaction');
$session{failed}->send_query('ROLLBACK');
ends_after($session{failed}, [ $session{failed}->read_until('Z') ], 'failed transaction');
for my $name (qw(pipeline committed erring))
{
	$session{$name}->sync;
	ends_after($session{$name}, [ $session{$name}->read_until('Z') ], $name);
}
$holder->send_query('COMMIT');
ends_after($holder, [ $holder->read_until('Z') ], 'holder of a lock');
for my $name (qw(statement procedure))
{
	ends_after($session{$name}, [ $session{$name}->read_until('Z') ], $name);
}

is(join(',', sort values %{ ends_of($caller) }), join(',', ('terminated') x 10), 'all have ended as they were asked');
is($node->safe_psql('shop', 'SELECT array_agg(n ORDER BY n) FROM orders'), '{1,2,3,4,5,6,7}', 'nothing of theirs is lost');
is($node->safe_psql('postgres', 'SELECT count(*) FROM session_guard.closed'), 0, 'it is open again');
is($bystander->query('SELECT 1'), '1', 'a transaction in another database goes on');

# At the deadline.  Without track_activities a session cannot tell when it is idle.
$node->safe_psql('postgres', 'ALTER ROLE etl SET track_activities = off');
my $late = shop();
$late->run('BEGIN', 'INSERT INTO orders VALUES (8)');
my $untracked = shop(user => 'etl');
my $superuser = shop(user => $node->safe_psql('postgres', 'SELECT user'));
my %pid = (late => $late->pid, untracked => $untracked->pid, superuser => $superuser->pid);
my $end = ends_of(begin_drain(q{'1 s', '0', 'move'}));
is($end->{ $pid{$_} }, 'terminated: terminated at the deadline', "$_: it is terminated at the deadline")
  for qw(late untracked);
is($end->{ $pid{superuser} }, 'terminated', 'a superuser who is idle has ended before');
wait_for_outcome($node, 'event', $pid{late}, 'survived', q{outcome = 'survived'});
wait_for_outcome($node, 'event', $pid{late}, 'terminated', q{outcome = 'terminated'});
is($node->safe_psql('shop', 'SELECT count(*) FROM orders WHERE n = 8'), 0, 'what was not committed by then is rolled back');

# Transactions with no pause between them.
my $script = PostgreSQL::Test::Utils::tempdir() . "/script";
append_to_file("$script.one", "BEGIN;\nINSERT INTO orders VALUES (10);\nCOMMIT;\n");
# Several transactions in one message, the last one short.
append_to_file("$script.several",
	'BEGIN\; SELECT pg_sleep(0.02)\; INSERT INTO orders VALUES (10)\; COMMIT\; BEGIN\; SELECT 1\; COMMIT;');
for my $case ([qw(simple one)], [qw(extended one)], [qw(simple several)])
{
	my ($mode, $file) = @$case;
	my ($output, $error) = ('', '');

	$node->safe_psql('shop', 'TRUNCATE orders');
	my $bench = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-T', 600, '-M', $mode, '-f', "$script.$file", $node->connstr('shop') . ' user=web' ],
		'<', \undef, '>', \$output, '2>', \$error);

	$node->poll_query_until('shop', 'SELECT count(*) > 100 FROM orders') or die "nobody works: $error";
	$end = ends_of(begin_drain(q{'1 day', '0', 'move'}));
	is((grep { $_ eq 'terminated' } values %$end), 4, "$mode, $file: those who have no pause end, too");
	$bench->finish;
	is(() = $error =~ /aborted in command 0 /g, 4, 'each before its next transaction');
	my ($processed) = $output =~ /actually processed: (\d+)/;
	is($node->safe_psql('shop', 'SELECT count(*) FROM orders'), $processed, 'what their clients take for committed is');
}

$node->stop;
done_testing();
