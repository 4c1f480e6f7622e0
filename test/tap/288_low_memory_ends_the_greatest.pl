# min_available_memory: while the server has less memory left, who uses the most of it goes, one
# after the other, until it has enough.  Who is exempt stays, however much it uses, as do
# those whose end is not needed any more.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use MemoryShim;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

require_memory_shim();

my $megabyte = 1024 * 1024;

# A session is worth ending from 20 MB on.
my $node = node_with_memory(
	'main',
	'pg_session_guard.min_available_memory' => '200MB',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.cancel_grace' => '1h',
	autovacuum => 'off');

my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
if (slurp_file("/proc/$postmaster/maps") =~ /libasan/)
{
	$node->stop;
	plan skip_all => 'AddressSanitizer keeps what is freed';
}

create_memory_holder($node);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE backup LOGIN;
	ALTER ROLE backup SET pg_session_guard.exempt = on;
	CREATE FUNCTION hoard(megabytes int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..megabytes LOOP
			EXECUTE format('PREPARE p%s AS SELECT %L', i, repeat(chr(64 + i % 50), 250000));
		END LOOP;
	END
	$$});
my $superuser = $node->safe_psql('postgres', 'SELECT user');

my %user = (backup => 'backup', superuser => $superuser);
my %megabytes = (backup => 110, superuser => 100, greatest => 80, small => 3);
my %session = map { $_ => RawSession->connect($node, user => $user{$_} // 'web') } qw(hoarder idle), keys %megabytes;

sub all_hold
{
	$session{$_}->send_query("SELECT hold($megabytes{$_})") for @_;
	wait_for_status($node, $session{$_}->pid, "wait_event = 'PgSleep'") for @_;
	return;
}

sub memory_of
{
	return $node->safe_psql('postgres', "SELECT memory FROM session_guard.session WHERE pid = ${\ $session{$_[0]}->pid }");
}

set_memory_beside_sessions($node, 4000 * $megabyte);
all_hold(keys %megabytes);
$session{hoarder}->query('SELECT hoard(60)');
my $hoarded = memory_of('hoarder') / $megabyte;
cmp_ok($hoarded, '>', 40, 'a session hoards prepared statements');
cmp_ok($hoarded, '<', 80, 'and is not the greatest');
wait_for_scan($node, 3);
is(living($node, \%session, "state <> 'idle' OR pid = ${\ $session{hoarder}->pid } OR pid = ${\ $session{idle}->pid }"),
	join(' ', sort keys %session), 'while there is enough all stay');

# 30 MB less than there is to be left.
set_memory_beside_sessions($node, 170 * $megabyte);
$session{greatest}->read_result;
is($session{greatest}->sqlstate, '57014', 'who uses the most, and is not spared, is canceled');
like($session{greatest}->error_text,
	qr/DETAIL: Using (8|9)\d(\.\d)? MB of memory, more than any other session that could be ended for it, while the server has 1\d\d(\.\d)? MB left; pg_session_guard\.min_available_memory is 200 MB \(configuration file\)\.\nHINT: Divide the work/,
	'its client is told why');
wait_for_scan($node, 5);
is(living($node, \%session, "state <> 'idle' OR pid = ${\ $session{hoarder}->pid } OR pid = ${\ $session{idle}->pid }"),
	join(' ', sort grep { $_ ne 'greatest' } keys %session), 'all others stay: there is enough now');

# What the test takes, as something else than a session would, is held against it for a minute, by
# this guard.
replace_guard($node);
set_memory_beside_sessions($node, 185 * $megabyte);
wait_for_end($node, $session{hoarder}->pid);
$session{hoarder}->read_to_end;
like($session{hoarder}->error_text, qr/^FATAL 57P01: .*\nDETAIL: Using \d\d(\.\d)? MB of memory, more than any other/,
	'who is idle is terminated');
is(living($node, \%session, "state <> 'idle'"), 'backup small superuser', 'the others stay');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT action || ' ' || split_part(note, ' ', 1), ', ' ORDER BY action || ' ' || split_part(note, ' ', 1)),
			bool_and(measured_amount < threshold_amount AND threshold_amount = 200 * 1024 * 1024 AND measured IS NULL AND late IS NULL)
		FROM session_guard.event WHERE limit_name = 'min_available_memory'}),
	'cancel used, terminate used|t',
	'the events say how much was left');
is( $node->safe_psql(
		'postgres', "SELECT cancels_sent > 0, terminates_sent > 0 FROM session_guard.limit_stats
		 WHERE limit_name = 'min_available_memory'"),
	't|t', 'they are counted');
is( $node->safe_psql(
		'postgres', q{
		SELECT string_agg(DISTINCT spared, ', ' ORDER BY spared), bool_and(due_at IS NULL), min(threshold_amount)
		FROM session_guard.schedule WHERE limit_name = 'min_available_memory'}),
	'exempt by role "backup", superuser|t|209715200',
	'the schedule shows who is spared');

# As many go as are needed, one after the other.
my @several = map { "several$_" } 1 .. 4;
set_memory_beside_sessions($node, 4000 * $megabyte);
for my $name (@several)
{
	$session{$name} = RawSession->connect($node, user => 'web');
	$megabytes{$name} = 60;
}
all_hold(@several);
# The end of one leaves 30 MB too little, that of two enough.
set_memory_beside_sessions($node, 110 * $megabyte);
my $running = 'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', map { $session{$_}->pid } @several) . ") AND state = 'active'";
$node->poll_query_until('postgres', "SELECT ($running) <= 2") or die 'two are still there';
wait_for_scan($node, 5);
is($node->safe_psql('postgres', $running), 2, 'two of four go if that is enough');

# Something else takes what is freed.
set_memory_beside_sessions($node, 4000 * $megabyte);
for my $name ('more1', 'more2')
{
	$session{$name} = RawSession->connect($node, user => 'web');
	$megabytes{$name} = 60;
}
all_hold('more1', 'more2');
replace_guard($node);
my $offset = log_size($node);
my @four = grep { $node->safe_psql('postgres', "SELECT state FROM pg_stat_activity WHERE pid = ${\ $session{$_}->pid }") eq 'active' }
  @several, 'more1', 'more2';
$running = 'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(', ', map { $session{$_}->pid } @four) . ") AND state = 'active'";
is($node->safe_psql('postgres', $running), 4, 'four use the same');
set_memory_beside_sessions($node, 150 * $megabyte);
$node->poll_query_until('postgres', "SELECT ($running) = 3") or die 'one does not go';
set_memory_beside_sessions($node, 150 * $megabyte);
wait_until(sub { guard_lines($node, 'LOG:  the server has 1\d\d(\.\d)? MB left, and no session is ended for it', $offset) }, 'the log says that it is of no use');
wait_for_scan($node, 10);
is( scalar guard_lines($node, 'What sessions have freed was taken by something else', $offset), 1, 'once, and why');
is($node->safe_psql('postgres', $running), 3, 'three of four stay');

# Who takes it itself is stopped all the same.
$session{taker} = RawSession->connect($node, user => 'web');
$session{taker}->send_query('SELECT hold(1000)');
$session{taker}->read_result;
is($session{taker}->sqlstate, '57014', 'who grows meanwhile is canceled');
wait_for_scan($node, 5);
is($node->safe_psql('postgres', $running), 3, 'the others still stay');

$_->abandon for values %session;
$node->stop;
done_testing();
