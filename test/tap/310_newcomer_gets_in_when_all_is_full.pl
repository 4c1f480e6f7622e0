# connection_headroom: while fewer connections are free, those idle for longest go, and no more of
# them than are missing.  A newcomer that finds none free gets in.  Who listens, is exempt or a
# superuser, works or is in a transaction stays, and so does everybody where nobody has been idle for
# long enough: then the server refuses the newcomer, as ever, and at once.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use FewConnections;
use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $node = few_connections('main', max_connections => 12);
$node->safe_psql('postgres', 'CREATE ROLE backup LOGIN; ALTER ROLE backup SET pg_session_guard.exempt = on');
my $admin = admin_of($node);

my %session;
my @spared = qw(listener exempt in_transaction active);
my @idle = qw(first second third fourth);
connect_all($node, \%session, [ @spared, @idle ], exempt => 'backup');
$session{listener}->query('LISTEN news');
$session{in_transaction}->query('BEGIN');
$session{active}->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $session{active}->pid, "wait_event = 'PgSleep'");

# All nine connections that are not reserved are in use, and nobody can go.
$session{$_}->query('BEGIN') for @idle;
set_by($node, $admin, connection_headroom => 1);
is($admin->query('SELECT count(*) FROM pg_stat_activity WHERE backend_type = \'client backend\''), 9, 'all is full');
for (1 .. 3)
{
	my $newcomer = try_to_connect($node);
	like($newcomer->error_text, refused_text(), 'while all are in transactions, a newcomer is refused');
}
is(there($admin, \%session), join(' ', sort @spared, @idle), 'and nobody goes for it');

# Now these could.  Nothing has told the guard.
for (@idle)
{
	$session{$_}->query('COMMIT');
	wait_until_idle_for($admin, '1ms', $session{$_});
}
wait_until_idle_for($admin, '300ms', @session{@idle});
is(there($admin, \%session), join(' ', sort @spared, @idle), 'nobody goes before somebody needs the room');

$session{newcomer} = try_to_connect($node);
ok($session{newcomer}->pid, 'a newcomer gets in') or diag($session{newcomer}->error_text);
wait_until_gone($admin, map { $session{$_}->pid } 'first', 'second');
$session{first}->read_to_end;
like($session{first}->error_text,
	qr/^FATAL 57P01: .*\nDETAIL: Idle for [\d.]+ (m?s|min)[^;]* while 0 of 9 connections are free; pg_session_guard\.connection_headroom is 1 \(configuration file\)\.\nHINT: Connect again/,
	'who was idle for longest has made room, and is told why');

set_by($node, $admin, naptime => '100ms');
wait_for_scans_by($admin, 5);
is(there($admin, \%session), join(' ', sort @spared, 'fourth', 'newcomer', 'third'),
	'one more has for the next newcomer, and all others stay');

my $what = q{string_agg(concat_ws(' ', action, outcome, split_part(note, ' ', 1), threshold_amount, measured_amount, measured, late), ', ')};
is( $admin->query("SELECT $what FROM session_guard.event WHERE limit_name = 'connection_headroom'"),
	'terminate terminated idle 1 0, terminate terminated idle 1 0', 'these are the events');
is( $admin->query("SELECT concat_ws(' ', deadlines_met, terminates_sent, terminated) FROM session_guard.limit_stats WHERE limit_name = 'connection_headroom'"),
	'2 2 2', 'they are counted');
is( $admin->query(
		q{SELECT string_agg(DISTINCT spared, ', ' ORDER BY spared) FROM session_guard.schedule WHERE limit_name = 'connection_headroom'}),
	'exempt by role "backup", listens on a channel, superuser', 'the schedule says who is spared');
is( scalar guard_lines($node, 'LOG:  terminating session .*: idle for .* while 0 of 9 connections are free, pg_session_guard\.connection_headroom is 1'),
	2, 'so does the log');

# Nobody has been idle for an hour.
set_by($node, $admin, headroom_min_idle => '1h');
connect_all($node, \%session, ['last']);
my ($fastest, $refused) = (60, 0);
for (1 .. 10)
{
	my $begin = time;
	$refused++ if try_to_connect($node)->error_text =~ refused_text();
	my $took = time - $begin;
	$fastest = $took if $took < $fastest;
}
is($refused, 10, 'while nobody has been idle for long enough, newcomers are refused');
cmp_ok($fastest, '<', 0.45, 'at once');
wait_for_scans_by($admin, 3);
is(there($admin, \%session), join(' ', sort @spared, 'fourth', 'last', 'newcomer', 'third'), 'nobody goes for it');

# The guard knows when the first of them will have been.
set_by($node, $admin, naptime => '1h', headroom_min_idle => '100ms');
wait_until_gone($admin, $session{third}->pid);
$session{$_}->query('BEGIN') for 'fourth', 'newcomer', 'last';
connect_all($node, \%session, ['youngest']);
wait_until_gone($admin, $session{youngest}->pid);
is(there($admin, \%session), join(' ', sort @spared, 'fourth', 'last', 'newcomer'),
	'where all others are in transactions, who has come last goes when it has been idle for long enough');

$_->abandon for values %session;
$admin->quit;
$node->stop;
done_testing();
