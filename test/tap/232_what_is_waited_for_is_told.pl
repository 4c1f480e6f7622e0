# When terminate_blocking_sessions() finds nobody though somebody waits, it says
# what for.  Who holds an advisory lock that others wait for is a culprit only if
# the caller says so, also when it is idle; one who has let go of it is not.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', deadlock_timeout => '1h', max_prepared_transactions => 2);
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE account AS SELECT id FROM generate_series(1, 4) AS id;
	ALTER TABLE account OWNER TO web;
	CREATE TABLE maintained (id int);
	ALTER TABLE maintained OWNER TO web;
	GRANT CREATE ON SCHEMA public TO web});

my %session = map { $_ => RawSession->connect($node) }
  qw(holder keeper second busy waiter other reader prepared snapshot index);

# What a call says; the rows are to be none.
sub notice_of
{
	my ($call, %params) = @_;
	my $result = run_function($node, $call // 'terminate_blocking_sessions()', %params);

	return 'rows' if $result->{status} != 0 || %{ $result->{outcome} };
	return $result->{stderr} =~ s/^psql:\S+ //rm =~ s/\n$//r;
}

sub waits_for
{
	my ($what, @hints) = @_;

	return join "\n", 'NOTICE:  no session counts as blocking those that wait',
	  "DETAIL:  They wait for: $what.", @hints ? 'HINT:  ' . join ' ', @hints : ();
}
my $advisory_hint = 'include_advisory => true ends who holds advisory locks.';
my $prepared_hint = 'COMMIT PREPARED or ROLLBACK PREPARED ends a prepared transaction.';

is(notice_of(), '', 'while nobody waits nothing is said');

# A snapshot that CREATE INDEX CONCURRENTLY waits for, and maintenance that waits for a table.
$session{snapshot}->query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
let_wait($node, $session{index} => 'CREATE INDEX CONCURRENTLY ON account (id)');
$session{busy}->query('BEGIN; LOCK TABLE maintained IN SHARE MODE');
let_wait($node, $session{prepared} => 'VACUUM FULL maintained');
my $result = notice_of();
like($result, qr/a snapshot of session ${\ $session{snapshot}->pid }\b/, 'a snapshot');
like($result, qr/session ${\ $session{busy}->pid }, for which only maintenance waits/, 'maintenance that waits');
$node->safe_psql('postgres', 'CREATE ROLE nosy LOGIN');
like(notice_of('terminate_blocking_sessions()', user => 'nosy'),
	qr/session @{[ $session{busy}->pid ]}(?:[.]|;)/, 'of which only who may see it is told');
is( scalar(split / /, living($node, \%session)), scalar(keys %session), 'all of them live');
$session{$_}->query('COMMIT') for qw(snapshot busy);
$session{$_}->read_result for qw(prepared index);

# An advisory lock of an idle session; another that nobody waits for.
$session{holder}->query('SELECT pg_advisory_lock(1)');
$session{keeper}->query('SELECT pg_advisory_lock(2)');
let_wait($node, $session{waiter} => 'SELECT pg_advisory_lock(1)');
my $holder = $session{holder}->pid;
is(notice_of(), waits_for("an advisory lock of session $holder", $advisory_hint), 'an advisory lock');
is( notice_of(q{terminate_blocking_sessions('1 day', include_advisory => true)}),
	waits_for("session $holder, for no longer than 1 d"),
	'who has not blocked for long enough');
is( notice_of(q{terminate_blocking_sessions(include_advisory => true, except_application_name => 'raw')}),
	waits_for("session $holder, which is excepted"),
	'who is excepted');
is( notice_of('terminate_blocking_sessions()', user => 'web'),
	waits_for("an advisory lock of session $holder", $advisory_hint),
	'anybody is told');

# A prepared transaction, whose name is its own affair.
$session{prepared}->query(q{BEGIN; DELETE FROM account WHERE id = 1; PREPARE TRANSACTION 'lost "one"'});
let_wait($node, $session{other} => 'DELETE FROM account WHERE id = 1');
is( notice_of(),
	waits_for("an advisory lock of session $holder; prepared transaction \"lost \"one\"\"", $advisory_hint, $prepared_hint),
	'a prepared transaction') or diag notice_of();

$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost "one"'});
$session{other}->read_result;

# Two hold advisory locks; one lets go of it between the call and the signal.
my $dba = RawSession->connect($node, user => $superuser);
my $caller = RawSession->connect($node, user => $superuser);
let_wait($node, $session{reader} => 'SELECT pg_advisory_lock(2)');
$session{second}->query('BEGIN; SELECT pg_advisory_xact_lock(3)');
let_wait($node, $session{other} => 'SELECT pg_advisory_xact_lock(3)');
$dba->query('BEGIN; LOCK TABLE pg_db_role_setting');
$caller->send_query(
	q{SELECT string_agg(pid || ' ' || outcome, ',' ORDER BY outcome) FROM terminate_blocking_sessions(include_advisory => true)});
wait_until(
	sub {
		($dba->query("SELECT wait_event_type FROM pg_stat_get_activity(${\ $caller->pid })") // '') eq 'Lock';
	},
	'the call waits');
$session{keeper}->query('SELECT pg_advisory_unlock(2)');
$dba->query('COMMIT');
is( $caller->read_result,
	"${\ $session{keeper}->pid } raced," . join(',', map { "$_ terminated" } sort { $a <=> $b } $holder, $session{second}->pid),
	'who holds one is terminated, idle or in transaction; who has let go is not') or diag $caller->error_text;
is( living($node, \%session),
	'busy index keeper other prepared reader snapshot waiter',
	'so it is');
$session{$_}->read_result for qw(waiter reader other);
is(join('', map { $session{$_}->sqlstate } qw(waiter reader other)), '', 'their waiters get their locks');

$_->abandon for values %session;
$node->stop;
done_testing();
