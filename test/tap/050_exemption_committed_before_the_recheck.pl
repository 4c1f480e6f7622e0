# Four sessions are past their deadline while the guard is held up.  Before it
# rechecks, the limit of one is raised, of one reset, of one switched off and one
# is exempted: they stay, and only the fifth, for whom nobody did anything, is
# ended.  In a second round exemptions come for those that are throttled.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '1h');
my $limit = 'pg_session_guard.idle_session_timeout';
my %exemption = (
	raised => "ALTER ROLE raised SET $limit = '1h'",
	reset_to_none => "ALTER ROLE reset_to_none RESET $limit",
	switched_off => "ALTER ROLE switched_off IN DATABASE postgres SET $limit = 0",
	exempted => 'ALTER ROLE exempted SET pg_session_guard.exempt = on');
my @roles = ('nobodys', sort keys %exemption);

$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for @roles;

# Give all of them this limit, and nothing else.
sub limit_all
{
	my ($value) = @_;

	$node->safe_psql('postgres', join '; ', 'BEGIN',
		(map { ("ALTER ROLE $_ RESET ALL", "ALTER ROLE $_ IN DATABASE postgres RESET ALL",
			"ALTER ROLE $_ SET $limit = '$value'") } @roles),
		'COMMIT');
	return;
}

sub open_all
{
	return map { $_ => RawSession->connect($node, user => $_) } @roles;
}

# Hold up the guard when it has planned for sessions whose deadline is ahead; returns the limit,
# in seconds, and the sessions.  Where all that takes longer than the limit, a longer one will do.
sub sessions_of_held_up_guard
{
	my ($guard) = @_;

	for (my $seconds = 2.5; $seconds < $PostgreSQL::Test::Utils::timeout_default; $seconds *= 2)
	{
		# A change makes the guard scan, and it sleeps when the scan has been counted.
		limit_all('1h');
		my %session = open_all();
		my $before = $node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats');
		limit_all("${seconds}s");
		$node->poll_query_until('postgres', "SELECT scans > $before FROM session_guard.stats") or die 'no scan';
		$node->poll_query_until('postgres',
			"SELECT wait_event = 'Extension' OR wait_event = 'PgSessionGuardMain' FROM pg_stat_activity WHERE pid = $guard")
		  or die 'the guard does not sleep';
		freeze_process($guard);
		return ($seconds, %session)
		  if $node->safe_psql('postgres',
			"SELECT count(*) = 5 AND bool_and(clock_timestamp() < state_change + interval '${\ ($seconds - 0.5) } s') FROM pg_stat_activity
			 WHERE pid IN (" . join(', ', map { $_->pid } values %session) . ')') eq 't';
		thaw_process($guard);
		$_->abandon for values %session;
	}
	die 'the guard could not be held up in time';
}

my $guard = wait_for_guard($node);
my ($seconds, %session) = sessions_of_held_up_guard($guard);
my %pids = map { $_ => $session{$_}->pid } @roles;
wait_until_unchanged_for($node, "${\ ($seconds + 0.5) } s", values %pids);
is(living($node, \%session), join(' ', sort @roles), 'all are past their deadline, and there');
$node->safe_psql('postgres', $exemption{$_}) for sort keys %exemption;
thaw_process($guard);
wait_for_end($node, $pids{nobodys});
is(scalar guard_lines($node, qr/LOG:  terminating session $pids{nobodys} /), 1, 'for whom nobody did anything is ended');
wait_for_next_scans();
is(living($node, \%session), join(' ', sort keys %exemption), 'for whom somebody did something stay');
is(wait_for_guard($node), $guard, 'by the guard that was held up');

# A scan comes with the next change at the latest.
sub wait_for_next_scans
{
	for my $n (1 .. 2)
	{
		my $before = $node->safe_psql('postgres', 'SELECT scans FROM session_guard.stats');

		$node->safe_psql('postgres', "ALTER ROLE nobodys SET $limit = '${n}1s'");
		$node->poll_query_until('postgres', "SELECT scans > $before FROM session_guard.stats") or die 'no scan';
	}
	return;
}
$_->abandon for values %session;

# One may end in a minute, and the others are throttled, which somebody makes use of.
set_limits($node, max_actions_per_minute => 1);
limit_all('1h');
%session = open_all();
%pids = map { $_ => $session{$_}->pid } @roles;
wait_until_unchanged_for($node, '500 ms', values %pids);
my $offset = log_size($node);
limit_all('400ms');
wait_until(sub { guard_lines($node, qr/LOG:  sessions over a limit wait, oldest first$/) }, 'they are throttled');
is(living($node, \%session), join(' ', sort @roles), 'all are over the limit and wait');
$node->safe_psql('postgres', $exemption{$_}) for sort keys %exemption;
set_limits($node, max_actions_per_minute => 0);
wait_for_end($node, $pids{nobodys});
wait_for_scan($node, 2);
is(living($node, \%session), join(' ', sort keys %exemption), 'it holds for those that were throttled');
is(scalar guard_lines($node, qr/LOG:  terminating session/, $offset), 1, 'one was ended');

$_->abandon for values %session;
$node->stop;
done_testing();
