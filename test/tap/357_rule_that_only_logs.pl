# A rule with mode = log says once for each episode what it would do, and records that as a dry run,
# with how long the episode lasted in the end; what holds without it is in force all the time.  So
# it is with limits that measure amounts.  Enforced, it ends whom it had only named.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms', max_parallel_workers_per_gather => 0);
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my @log = (mode => 'log');

create_memory_holder($node);
$admin->run((map { "CREATE ROLE $_ LOGIN" } qw(bound eased free spared stepwise hungry old)),
	q{ALTER ROLE bound SET pg_session_guard.idle_session_timeout = '2s'},
	'ALTER ROLE spared SET pg_session_guard.exempt = on',
	'CREATE TABLE account AS SELECT 1 AS id', 'GRANT ALL ON account TO PUBLIC',
	rule('mild', @log, roles => ['eased'], idle_session_timeout => '1 h'),
	rule('not so mild', roles => ['eased'], idle_session_timeout => '300 ms'),
	rule('trial', @log, roles => [ 'bound', 'free', 'spared' ], idle_session_timeout => '300 ms', statement_timeout => '300 ms'),
	rule('first step', @log, roles => ['stepwise'], idle_session_timeout => '300 ms'),
	rule('second step', roles => ['stepwise'], idle_session_timeout => '1 s'),
	rule('memory', @log, roles => ['hungry'], max_memory => 64 * 1024 * 1024),
	rule('horizon', @log, roles => ['old'], max_horizon_age => 1000));
wait_for_reading($admin);

# What the log says of a session from a place in it, without what was measured.
sub lines_about
{
	my ($session, $offset) = @_;

	return join '; ', map { /LOG:  (would \w+|\w+ing) .*pg_session_guard\.(\w+) is ([^(]*\(.*?\))/ ? "$1: $2 $3" : () }
	  guard_lines($node, qr/LOG:  (?:would )?(?:terminat|cancel)\w* .*session ${\ $session->pid } /, $offset);
}

# The events about a session.
sub events
{
	my ($session) = @_;

	return join '; ', $admin->query(
		"SELECT concat_ws(', ', limit_name, action, outcome, source) FROM session_guard.event WHERE pid = ${\ $session->pid } ORDER BY number");
}

my %session = map { $_ => RawSession->connect($node, user => $_) } qw(bound eased free spared stepwise web);
wait_until(sub { lines_about($session{$_}) ne '' }, "$_ is written about") for qw(bound free stepwise);
wait_for_scan($node, 3);
is(lines_about($session{free}), 'would terminate: idle_session_timeout 300 ms (rule "trial")', 'the log says once what the rule would do');
is(events($session{free}), 'idle_session_timeout, log, dry run, rule "trial"', 'and so does an event');
is(join('', map { lines_about($session{$_}) } 'spared', 'web'), '', 'nobody is named who is spared, or not meant');
ok(is_alive($node, $session{free}->pid), 'who is only named stays');

# What holds without the rule.
$_->read_to_end for @session{qw(bound eased stepwise)};
is(source_told($session{bound}), 'role "bound"', 'the setting ends its session');
is(source_told($session{stepwise}), 'rule "second step"', 'and the rule that is enforced ends another');
is(lines_about($session{bound}), 'would terminate: idle_session_timeout 300 ms (rule "trial"); terminating: idle_session_timeout 2 s (role "bound")',
	'each has its line');
is(lines_about($session{stepwise}),
	'would terminate: idle_session_timeout 300 ms (rule "first step"); terminating: idle_session_timeout 1 s (rule "second step")',
	'both for two rules, too');
is(lines_about($session{eased}), 'terminating: idle_session_timeout 300 ms (rule "not so mild")', 'a milder one that only logs says nothing, and spares nobody');
wait_until(
	sub { $admin->query("SELECT measured BETWEEN '1500 ms' AND '5 s' AND outcome = 'dry run' FROM session_guard.event WHERE pid = ${\ $session{bound}->pid } AND source = 'rule \"trial\"'") eq 't' },
	'the event is completed by how long it lasted');
pass('its dry run tells how long the session was idle in the end');
like(events($session{stepwise}), qr/^idle_session_timeout, log, dry run, rule "first step"; idle_session_timeout, terminate, terminated, rule "second step"$/,
	'events say so');

# The next episode is another line, and a statement has its own.
my $before = $admin->query("SELECT measured FROM session_guard.event WHERE pid = ${\ $session{free}->pid }");
my $offset = log_size($node);
$session{free}->send_query('SELECT pg_sleep(0.9)');
wait_until(sub { lines_about($session{free}, $offset) ne '' }, 'the statement is named');
$session{free}->read_result;
is($session{free}->sqlstate, '', 'its client is not told, and it goes on to its end');
wait_until(sub { lines_about($session{free}, $offset) =~ /;/ }, 'the next episode is named');
wait_for_scan($node, 2);
is(lines_about($session{free}, $offset), 'would cancel: statement_timeout 300 ms (rule "trial"); would terminate: idle_session_timeout 300 ms (rule "trial")',
	'a statement and the next idle time are named once each');
is( $admin->query("SELECT string_agg((measured > interval '300 ms' AND (limit_name <> 'statement_timeout' OR measured < '3 s'))::text, ',')
		FROM session_guard.event WHERE pid = ${\ $session{free}->pid }"),
	'true,true,true', 'and how long each lasted is kept');

# Amounts.
$session{hungry} = RawSession->connect($node, user => 'hungry');
$session{hungry}->send_query('SELECT hold(120)');
$session{old} = RawSession->connect($node, user => 'old');
$session{old}->query('BEGIN; UPDATE account SET id = 2');
pass_transactions($node);
wait_until(sub { lines_about($session{$_}) ne '' }, "$_ is named") for 'hungry', 'old';
wait_for_scan($node, 3);
is(lines_about($session{hungry}), 'would cancel: max_memory 64 MB (rule "memory")', 'who uses too much memory is named once');
is(lines_about($session{old}), 'would terminate: max_horizon_age 1000 transactions (rule "horizon")', 'and who holds back vacuum');
is(events($session{hungry}), 'max_memory, log, dry run, rule "memory"', 'the event says so');
is(events($session{old}), 'max_horizon_age, log, dry run, rule "horizon"', 'and of the other');
is(living($node, \%session), 'free hungry old spared web', 'they stay');

# From log to enforce.
$offset = log_size($node);
$admin->run(q{UPDATE session_guard.rule SET mode = 'enforce' WHERE mode = 'log'});
$session{$_}->read_to_end for 'free', 'old';
$session{hungry}->read_until('E');
is(source_told($session{free}), 'rule "trial"', 'enforced, the rule ends whom it had named');
is(source_told($session{hungry}), 'rule "memory"', 'and cancels who uses too much');
is(source_told($session{old}), 'rule "horizon"', 'and ends who holds back vacuum');
is(lines_about($session{free}, $offset), 'terminating: idle_session_timeout 300 ms (rule "trial")', 'the log says so once');
wait_for_scan($node, 2);
is(living($node, \%session), 'hungry spared web', 'and nobody else');

$_->abandon for $admin, values %session;
$node->stop;
done_testing();
