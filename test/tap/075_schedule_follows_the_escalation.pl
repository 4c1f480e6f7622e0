# session_guard.schedule follows the steps of an action: before the cancel it
# says when the statement will be canceled, and in its grace that the session
# will be terminated, and when; so it happens, not before, and by that limit.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'log_timezone' => 'UTC',
	'timezone' => 'UTC',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.cancel_grace' => '1h',
	'pg_session_guard.statement_timeout' => '1h');

my $trap = RawSession->connect($node);
my $pid = $trap->pid;
my $beside = RawSession->connect($node);

$trap->send_query(stubborn_statement());
wait_for_status($node, $pid, "wait_event = 'PgSleep'");

sub schedule
{
	my ($what) = @_;

	return $node->safe_psql('postgres', "SELECT $what FROM session_guard.schedule WHERE pid = $pid");
}

# When a line of the log was written, which has milliseconds and cuts off the rest.
sub time_of
{
	my ($action) = @_;

	return ((guard_lines($node, qr/LOG:  $action (statement of )?session $pid /))[0] // '') =~ /^(\S+ \S+) UTC/
	  ? $1
	  : die "there is no line about $action";
}

is( schedule(q{concat_ws('|', limit_name, action, since + threshold = due_at, spared)}),
	'statement_timeout|cancel|t',
	'before its time: when it will be canceled');

set_limits($node, statement_timeout => '500ms');
wait_until(sub { guard_lines($node, qr/LOG:  canceling statement of session $pid /) }, 'it is canceled');
wait_until(sub { schedule('action') eq 'terminate' }, 'the schedule has the next step');
my $canceled_at = time_of('canceling');
is( schedule(
		qq{concat_ws('|', limit_name, spared, due_at >= '$canceled_at'::timestamptz + '1 h',
			due_at < clock_timestamp() + '1 h', measured > threshold, since + threshold < '$canceled_at'::timestamptz + '1 ms')}),
	'statement_timeout|t|t|t|t',
	'in its grace: when it will be terminated');
my $due_at = schedule(q{to_char(due_at, 'YYYY-MM-DD HH24:MI:SS.US')});
wait_for_scan($node, 5);
is(schedule(q{to_char(due_at, 'YYYY-MM-DD HH24:MI:SS.US')}), $due_at, 'which does not move');
ok(is_alive($node, $pid), 'and it is still there');

# A shorter grace is counted from the same cancel.
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.cancel_grace = '30min'});
is(schedule(qq{action || (due_at = '$due_at'::timestamptz - interval '30 min')}),
	'terminatetrue', 'a shorter grace is counted from the same cancel');
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.cancel_grace = 0});
is(schedule(q{concat_ws('|', coalesce(due_at::text, 'never'), spared)}),
	'never|already acted on', 'without a grace there is no next step');

$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.cancel_grace = '2s'});
wait_for_end($node, $pid);
my $earliest = $node->safe_psql('postgres',
	qq{SELECT to_char('$due_at'::timestamptz - interval '1 h' + interval '2 s', 'YYYY-MM-DD HH24:MI:SS.US')});
cmp_ok(time_of('terminating') . '999', 'ge', $earliest, 'it is terminated, not before the end of its grace');
is(scalar guard_lines($node, qr/session $pid .*statement running for .*cancel_grace is 2 s$/), 1, 'for this statement');
is($beside->query('SELECT 42'), '42', 'the idle session beside it stays');

$_->abandon for $trap, $beside;
$node->stop;
done_testing();
